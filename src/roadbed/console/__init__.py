"""The console: pages for people; one module per noun, the same nouns as in ``api`` and ``cli``.

It may know every stage through the running app, and owns no table. The server renders pages; the
script adds keys and live updates.
"""
