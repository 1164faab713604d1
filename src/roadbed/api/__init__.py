"""The HTTP API: one module per noun, the same nouns as in ``cli`` and ``console``.

It may know every stage through the running app, and owns no table. It turns requests into calls of
services, and errors into problem documents.
"""
