# Every target does its own set-up; all that is needed is Python >= 3.11 with venv, make and git.
.DEFAULT_GOAL := help
.PHONY: help demo test bench check lint browser clean
SHELL := /bin/bash
NAME ?= decisions
VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= $(firstword $(foreach each,python3 python3.13 python3.12 python3.11,$(shell \
    $(each) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $(each))))
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

help: ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 16

demo: $(VENV)/.base ## play a stream of inquiries, then keep serving (ARGS="--data clinc150")
	@$(BIN)/roadbed demo $(ARGS)

test: lint browser ## everything CI runs
	@COVERAGE_PROCESS_START=$(CURDIR)/pyproject.toml $(BIN)/python -m pytest -n 2 --dist loadgroup \
	    --cov --cov-report= -q $(ARGS)
	@$(BIN)/coverage report --fail-under=95
	@$(BIN)/coverage report --include='src/roadbed/risk/*,src/roadbed/decisions/*' --fail-under=100

lint: $(VENV)/.dev ## formatting, types, layers
	@$(BIN)/ruff check src tests benchmarks
	@$(BIN)/ruff format --check --quiet src tests benchmarks
	@$(BIN)/mypy
	@$(BIN)/lint-imports

check: test ## the same as test

bench: $(VENV)/.bench ## one benchmark: make bench NAME=decisions
	@$(BIN)/python benchmarks/$(NAME).py $(ARGS)

browser: $(VENV)/.dev
	@command -v chromium >/dev/null || { \
	    if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	        echo "Installing chromium for the browser tests"; \
	        apt-get update -qq >/dev/null && apt-get install -y -qq --no-install-recommends chromium \
	            >/dev/null 2>&1; \
	    fi; }; \
	command -v chromium >/dev/null || \
	    echo "NO CHROMIUM: browser tests will be skipped. Install it: sudo apt-get install chromium"

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed: sudo apt-get install python3"; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { \
	    echo "Python's venv module is missing: sudo apt-get install python3-venv"; exit 1; }
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.base: requirements/base.txt pyproject.toml | $(VENV)/bin/python
	@echo "Installing Roadbed into $(VENV) (once, about a minute)"
	@$(PIP) --require-hashes -r requirements/build.txt
	@$(PIP) --require-hashes -r requirements/base.txt
	@$(PIP) --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: requirements/dev.txt $(VENV)/.base
	@echo "Installing what the tests need"
	@$(PIP) --require-hashes -r requirements/dev.txt
	@touch $@

$(VENV)/.bench: requirements/bench.txt $(VENV)/.base
	@$(PIP) --require-hashes -r requirements/bench.txt
	@touch $@

clean: ## remove the virtual environment and caches
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .coverage*
