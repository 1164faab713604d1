#!/bin/sh
# Makes the lock files again: exact versions with hashes, no addresses.
#   requirements/compile.sh                              keep what still fits
#   requirements/compile.sh --upgrade                    newest of everything
#   requirements/compile.sh --upgrade-package fastapi    newest of one
set -eu
cd "$(dirname "$0")/.."

# Only the registry's own files count: a local index would put hashes in that exist nowhere else.
# A mirror of the registry may be named in PIP_INDEX_URL.
unset PIP_FIND_LINKS PIP_EXTRA_INDEX_URL
export PIP_CONFIG_FILE=/dev/null

.venv/bin/python -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || {
    echo "Lock with Python 3.11, the oldest supported: make clean && make .venv/.dev PYTHON=python3.11" >&2
    exit 1
}

# Extras are stripped: what is installed is what has a line (`pip install --no-deps`), and to that it
# makes no difference which extra asked for a line. tests/architecture/test_locks.py looks whether
# every extra has all its lines.
lock() {
    source=$1 out=$2
    shift 2
    .venv/bin/pip-compile "$source" --quiet --generate-hashes --allow-unsafe --strip-extras \
        --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-header \
        --no-annotate "$@" --output-file "requirements/$out.txt"
}

# Each lock is held to the ones before it, so that all of them fit into one environment.
lock requirements/build.in build "$@"
lock pyproject.toml base --constraint requirements/build.txt "$@"
lock pyproject.toml llm --extra llm --constraint requirements/build.txt \
    --constraint requirements/base.txt "$@"
lock pyproject.toml embed --extra embed --constraint requirements/build.txt \
    --constraint requirements/base.txt "$@"
lock pyproject.toml mcp --extra mcp --constraint requirements/build.txt \
    --constraint requirements/base.txt "$@"
lock pyproject.toml dev --extra dev --extra llm --extra embed --extra mcp --constraint requirements/build.txt \
    --constraint requirements/llm.txt --constraint requirements/base.txt "$@"
lock pyproject.toml bench --extra bench --constraint requirements/build.txt \
    --constraint requirements/dev.txt --constraint requirements/base.txt "$@"

# By these a test tells a lock that was edited by hand.
cd requirements
sha256sum *.txt >locks.sha256
