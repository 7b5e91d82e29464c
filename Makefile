# Opstwin. `make` or `make help` lists what can be done.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help demo up test kube-up kube-down check conformance bench evals missing lock clean

VENV := .venv
BIN := $(VENV)/bin
CORE := $(VENV)/.core-ready
DEV := $(VENV)/.dev-ready
UV ?= uv
# More words for pytest, such as PYTEST_ARGS="--req S1.7"
PYTEST_ARGS ?=
# Two workers more than cores, four at most: many tests wait for servers.
WORKERS ?= -n $(shell n=$$(($$(nproc) + 2)); echo $$((n > 4 ? 4 : n))) --dist loadfile --no-loadscope-reorder

# Bytecode makes the command line start quickly, so it is always written.
unexport PYTHONDONTWRITEBYTECODE
export PIP_DISABLE_PIP_VERSION_CHECK := 1

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(CORE) ## Set up, then show the main job on the local Docker Engine or the simulator
	@$(BIN)/opstwin demo

up: $(CORE) ## Set up, then start the hub
	@$(BIN)/opstwin up

test: $(DEV) ## Set up what the tests need (PostgreSQL, Docker Engine), then run them all
	@tests/with-bed $(BIN)/python -m tests.once_more $(WORKERS) $(PYTEST_ARGS)

kube-up: ## Start the real Kubernetes 1.20 that tests use (built once, kept in OPSTWIN_KUBE_CACHE), print its kubeconfig
	@tests/e2e/kube/up.sh

kube-down: ## Stop it
	@tests/e2e/kube/down.sh

check: $(DEV) ## Lint, format, types, import contracts, architecture
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q tests/test_architecture.py

conformance: $(DEV) ## Run the official MCP suite against the hub's HTTP stack (npm brings it, with Node 22)
	@npm --prefix tests/conformance install --no-package-lock --no-audit --no-fund --silent
	@OPSTWIN_CONFORMANCE=required $(BIN)/python -m pytest -q tests/conformance

bench: $(DEV) ## Measure, and print one JSON
	@$(BIN)/python -m benchmarks

evals: $(DEV) ## Measure what the number of examples does to drafts, without a model (docs/evals.md)
	@$(BIN)/python -m opstwin.evals run shots --brain template

missing: $(DEV) ## List the promised ids that no test proves
	@$(BIN)/python -m pytest --req-missing -q

LOCK := $(UV) pip compile pyproject.toml --quiet --universal --python-version 3.11 --generate-hashes \
	--no-annotate --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" \
	--group build --extra postgres --extra kubernetes --extra agent

lock: ## Resolve pyproject.toml anew into the two lock files (needs uv; UPGRADE=--upgrade for newer versions)
	@command -v $(UV) >/dev/null || { echo "make lock needs uv: install it (pip install uv) or name it (make lock UV=/path/to/uv)" >&2; exit 1; }
	$(LOCK) $(UPGRADE) --output-file requirements.lock
	$(LOCK) $(UPGRADE) --extra chroma --extra dev --constraints requirements.lock --output-file requirements-dev.lock

clean: ## Remove the virtual environment, caches and build results
	rm -rf $(VENV) build dist .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache .schemathesis
	find . -name __pycache__ -type d -not -path './web/node_modules/*' -prune -exec rm -rf {} +

$(BIN)/pip:
	@for python in $${PYTHON:-} python3.11 python3.12 python3.13 python3; do \
	  if "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then \
	    "$$python" -c 'import ensurepip' >/dev/null 2>&1 || { \
	      echo "$$python cannot make virtual environments: apt-get install python3-venv" >&2; exit 1; }; \
	    echo "Making $(VENV) with $$("$$python" --version)" >&2; \
	    exec "$$python" -m venv $(VENV); \
	  fi; \
	done; \
	echo "Opstwin needs Python 3.11 or newer (apt-get install python3 python3-venv, or make PYTHON=/path/to/python3.11)" >&2; \
	exit 1

# $(call install,LOCK): the locked packages, then this package on top of them, compiled.
define install
	@echo "Installing $(1)" >&2
	@$(BIN)/pip install --quiet --require-hashes -r $(1)
	@$(BIN)/pip install --quiet --no-deps --no-build-isolation --editable .
	@$(BIN)/python -m compileall -q opstwin
endef

$(CORE): requirements.lock pyproject.toml | $(BIN)/pip
	$(call install,requirements.lock)
	@touch $@

$(DEV): requirements-dev.lock pyproject.toml | $(BIN)/pip
	$(call install,requirements-dev.lock)
	@touch $(CORE) $@
