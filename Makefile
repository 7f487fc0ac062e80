# Two commands do everything on a fresh machine with Python 3.11 or newer: `make demo` and `make test`.

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
DEMO   ?= demo
ARGS   ?=
WORKERS ?= 3
SECONDS ?= 60
SEED    ?= 0

.PHONY: help demo test check format lint types contracts bench bench-costs bench-screens screenshots soak clean

help:                   ## what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

# The environment is made anew whenever pyproject.toml is newer than it.
$(VENV)/installed: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Offramp needs Python 3.11 or newer: make PYTHON=/path/to/python3.11 …" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || \
	  { echo "Python's venv module is missing: apt-get install python3-venv (or your system's name for it)" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

demo: $(VENV)/installed ## a sample database, and the application opened on it
	$(BIN)/offramp --demo $(DEMO)

test: $(VENV)/installed ## the whole test suite, in three processes (WORKERS=4; ARGS="-k word" for some of it)
	$(BIN)/python -m pytest --numprocesses=$(WORKERS) --dist=loadfile --no-loadscope-reorder --reruns=2 $(ARGS)

check: format lint types contracts test ## everything that must hold before a change lands

format: $(VENV)/installed ## is the code formatted?
	$(BIN)/ruff format --check .

lint: $(VENV)/installed ## ruff
	$(BIN)/ruff check .

types: $(VENV)/installed ## mypy, strict
	$(BIN)/mypy

contracts: $(VENV)/installed ## which room may import which
	$(BIN)/lint-imports

bench: $(VENV)/installed ## speeds beside peers on this machine (ARGS="--rows 1000000")
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[bench]'
	$(BIN)/python -m tests.benchmarks $(ARGS)

bench-costs: $(VENV)/installed ## what checksum, fsync, progress, each encoding and compression cost, each alone
	$(BIN)/python -m tests.benchmarks.bench_costs $(ARGS)

bench-screens: $(VENV)/installed ## how quick the screens are on a real terminal
	$(BIN)/python -m tests.benchmarks.bench_screens $(ARGS)

soak: $(VENV)/installed ## random exports under random kills, compared with their source (SECONDS=600 SEED=…)
	$(BIN)/python -m tests.faults.soak --seconds $(SECONDS) --seed $(SEED) $(ARGS)

screenshots: $(VENV)/installed ## pictures of the screens, into screenshots/ (ARGS=--check: are they still true?)
	$(BIN)/python -m tests.tui.screenshots $(ARGS)

clean: ## remove the environment, caches and the demo
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache build dist *.egg-info $(DEMO)
