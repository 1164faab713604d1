"""The demo: clients, reviewers and a receiver that use a server through the HTTP API.

It may know every other package, and nothing imports it but the command line. It owns no table.
"""
