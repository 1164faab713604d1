"""The demo: a client, a reviewer and a picture of what happens, all through the HTTP API."""
