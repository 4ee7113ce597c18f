# Every target makes the virtual environment and installs what it needs, so each may be the first command you type.
#
#   make demo                      fetch a data set, train, measure, serve a page          (ARGS="--no-serve" ends before the page)
#   make test                      run the tests                                           (ARGS="tests/core -x" for some of them)
#   make lint | types | docs       style and layers | type check | build the documentation into site/
#   make bench                     run the benchmarks
#   make clean                     remove the virtual environment and what was built
#
# Choices: PYTHON=python3.12 for another Python (3.11 or newer); PIP_ARGS="--extra-index-url ADDRESS" to take torch from an
# index of smaller CPU-only builds; VENV=DIR for another place.

VENV ?= .venv
ARGS ?=
PIP_ARGS ?=

# The first of these that is new enough. Evaluated only where it is used.
PYTHON ?= $(firstword $(foreach p,python3 python3.14 python3.13 python3.12 python3.11,\
	$(shell $(p) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $(p))))

BIN := $(VENV)/bin
# A test uses one thread, so there is a process for each core; the tests of one file stay together, as they share what they set up.
TEST_PROCESSES ?= --numprocesses auto --dist loadfile
# On a terminal pip shows its downloads; in a log it speaks of errors alone.
INSTALL = $(BIN)/python -m pip install --disable-pip-version-check $(if $(MAKE_TERMOUT),,--quiet) $(PIP_ARGS) -c constraints.txt

.PHONY: help demo test lint types bench docs clean
.DEFAULT_GOAL := help

help:
	@sed '/^$$/q; s/^# \{0,1\}//' Makefile

demo: $(VENV)/.installed-serve
	@$(BIN)/penchant demo $(ARGS)

test: $(VENV)/.installed-dev
	@$(BIN)/python -m pytest -q $(TEST_PROCESSES) $(ARGS)

lint: $(VENV)/.installed-dev
	@echo "ruff check";      $(BIN)/ruff check .
	@echo "ruff format";     $(BIN)/ruff format --check .
	@echo "import layers";   $(BIN)/lint-imports

types: $(VENV)/.installed-dev
	@echo "pyright";         $(BIN)/pyright

bench: $(VENV)/.installed-dev
	@set -e; if test -f benchmarks/__main__.py; then $(BIN)/python -m benchmarks $(ARGS); \
	else for file in benchmarks/[a-z]*.py; do echo "$$file"; $(BIN)/python "$$file" $(ARGS); done; fi

docs: $(VENV)/.installed-dev
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict
	@echo "The documentation is in site/index.html"

clean:
	rm -rf $(VENV) build dist site .pytest_cache .ruff_cache .hypothesis .import_linter_cache

# ── Installation: repeated only when the requirements, the pins or the version changed ─────────────────────────────────

$(VENV)/.made:
	@test -n "$(PYTHON)" || { echo "No Python 3.11 or newer was found; install one, or name it: make PYTHON=/path/to/python"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "PYTHON=$(PYTHON): Penchant needs Python 3.11 or newer; name another: make PYTHON=/path/to/python"; exit 1; }
	@echo "Making the virtual environment $(VENV) with $(PYTHON)"
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "$(PYTHON) cannot make one; on Debian and Ubuntu: apt-get install python3-venv"; exit 1; }
	@touch $@

$(VENV)/.installed-serve: pyproject.toml constraints.txt penchant/__init__.py | $(VENV)/.made
	@echo "Installing Penchant and what it stands on (some minutes the first time)"
	@$(INSTALL) -e ".[serve]"
	@touch $@

$(VENV)/.installed-dev: pyproject.toml constraints.txt penchant/__init__.py | $(VENV)/.made
	@echo "Installing Penchant with its tests and tools (some minutes the first time)"
	@$(INSTALL) -e ".[serve,dev]"
	@touch $@ $(VENV)/.installed-serve
