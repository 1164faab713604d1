#!/bin/sh
# Makes the lock files again: exact versions with hashes, no addresses.
set -eu
cd "$(dirname "$0")/.."
lock() {
    out=$1
    shift
    pip-compile pyproject.toml --quiet --generate-hashes --allow-unsafe --strip-extras \
        --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-header \
        --no-annotate "$@" --output-file "requirements/$out.txt"
}
lock base
lock dev --extra dev --constraint requirements/base.txt
lock bench --extra bench --constraint requirements/base.txt
pip-compile requirements/build.in --quiet --generate-hashes --allow-unsafe --no-header --no-annotate \
    --no-emit-index-url --no-emit-find-links --no-emit-trusted-host -o requirements/build.txt
