# Every target does its own set-up; all that is needed is Python >= 3.11 with venv, make and git.
.DEFAULT_GOAL := help
.PHONY: help demo test bench faults check lint browser-deps clean
SHELL := /bin/bash
NAME ?= decisions
KILLS ?= 1000
VENV := .venv
BIN := $(VENV)/bin
comma := ,
PIP := $(BIN)/python -m pip install -qq --disable-pip-version-check

# The first Python that has $(1) and is new enough.
first = $(firstword $(foreach each,python3.13 python3.12 python3.11 python3,$(shell \
    $(each) -c 'import $(1); sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && echo $(each))))
PYTHON ?= $(or $(call first,ensurepip$(comma)sys$(comma)venv),$(call first,sys))

help: ## this list
	@grep -hE '^[a-z]+:.*## ' $(firstword $(MAKEFILE_LIST)) | \
	    sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 16

demo: $(VENV)/.base ## play a stream of inquiries, then keep serving (ARGS="--data clinc150")
	@$(BIN)/roadbed demo $(ARGS)

test: lint browser-deps ## everything CI runs: style, types, layers, tests, coverage
	@$(BIN)/python -m pytest -q -n 2 --dist loadgroup --cov --cov-report=term $(ARGS)
	@$(BIN)/coverage report --include='src/roadbed/risk/*,src/roadbed/decisions/*' --fail-under=100

check: test ## the same as test

lint: $(VENV)/.dev ## style, formatting, types, layers; takes seconds
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/lint-imports --no-logo

bench: $(VENV)/.bench ## one benchmark: make bench NAME=decisions ARGS="..."
	@test -f benchmarks/$(NAME).py || { \
	    echo "There is no benchmark $(NAME). NAME= one of:" $(basename $(notdir $(wildcard benchmarks/*.py))); \
	    exit 1; }
	@$(BIN)/python benchmarks/$(NAME).py $(ARGS)

faults: $(VENV)/.dev ## kill server, worker and database under load: make faults KILLS=10000
	@$(BIN)/python -m tests.faults.harness --kills $(KILLS) $(ARGS)

clean: ## remove the virtual environment and caches; data in .roadbed stays
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis \
	    .coverage .coverage.* htmlcov build dist src/*.egg-info

has_chromium = command -v chromium || command -v chromium-browser || command -v google-chrome

browser-deps:
	@{ $(has_chromium); } >/dev/null || { \
	    if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	        echo "Installing chromium for the browser tests"; \
	        apt-get update -qq >/dev/null 2>&1 && DEBIAN_FRONTEND=noninteractive \
	            apt-get install -y -qq --no-install-recommends chromium >/dev/null 2>&1; \
	    fi; true; }
	@{ $(has_chromium); } >/dev/null || \
	    echo "NO CHROMIUM: THE BROWSER TESTS WILL BE SKIPPED. Install it: sudo apt-get install chromium"

$(BIN)/python:
	@test -n "$(PYTHON)" || { \
	    echo "Python 3.11 or newer is needed: sudo apt-get install python3 python3-venv"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	    echo "$(PYTHON) is older than 3.11: make PYTHON=python3.11 ..."; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { \
	    echo "Python's venv module is missing: sudo apt-get install python3-venv"; exit 1; }
	@$(PYTHON) -m venv --clear $(VENV) || { rm -rf $(VENV); exit 1; }

$(VENV)/.base: requirements/build.txt requirements/base.txt pyproject.toml | $(BIN)/python
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
	@echo "Installing what the benchmarks compare with"
	@$(PIP) --require-hashes -r requirements/bench.txt
	@touch $@
