"""The command line: one module per noun, the same nouns as in ``api`` and ``console``.

It may know every stage through the running app, and owns no table. A verb imports its services when
it runs, so that ``--help`` is quick.
"""
