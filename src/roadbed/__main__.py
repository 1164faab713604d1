"""``python -m roadbed``."""

from roadbed.cli.main import run

run()
