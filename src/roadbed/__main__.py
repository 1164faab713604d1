"""``python -m roadbed``, and the command ``roadbed``."""

import sys

INTERRUPTED = 130  # the exit code of a program that Ctrl-C ended


def main() -> None:
    """Run the command line. Ctrl-C while it is imported ends it without a traceback."""
    try:
        from roadbed.cli.main import run
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    run()


if __name__ == "__main__":
    main()
