"""The governed path of one task: decide, route, settle."""
