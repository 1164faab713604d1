"""Assistants that ask for a person: an MCP server, and commands of chat programs.

They submit tasks and read receipts as their person may, and never give an answer that is not
released: one that was not automatic and that no person has checked yet.
"""
