# fabricd: everything a person or CI does with the source tree. `make` alone lists the targets.
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.ready
PROTOS := fabricd/northbound/v1/fabricd.proto fabricd/gnmi_extensions/gnmi_extensions.proto
UV := $(or $(wildcard $(BIN)/uv),uv)
COMPILE := $(UV) pip compile pyproject.toml --generate-hashes --no-emit-index-url --no-annotate --no-header \
  --python-version 3.11 --quiet --upgrade

.DEFAULT_GOAL := help
.PHONY: help setup demo run test test-fast conformance fuzz campaign kinds lint format bench wheel proto proto-check bindings bindings-check lock clean

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

setup: $(STAMP) ## Debian packages if missing, then .venv with the locked dependencies

$(STAMP): requirements-dev.lock pyproject.toml .ci/packages
	@PYTHON=$(PYTHON) bash .ci/packages
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

demo: setup ## the whole story in under a minute, on six simulated switches
	@$(BIN)/python config/demo/demo.py

run: setup ## the demo fabric and daemon, left running to play with
	@$(BIN)/python config/demo/demo.py --keep

test: setup ## all tests
	$(BIN)/python -m pytest -n 2 --dist worksteal

test-fast: setup ## all but the slow ones
	$(BIN)/python -m pytest -n 2 --dist worksteal -m 'not slow'

# Other people's clients have an environment of their own: they want other versions than fabricd does.
CLIENTS := build/conformance

$(CLIENTS)/.ready: tests/conformance/requirements.lock
	$(PYTHON) -m venv $(CLIENTS)
	$(CLIENTS)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

conformance: setup $(CLIENTS)/.ready ## independent clients against the simulated switches, as a table
	@$(BIN)/python tests/conformance/run.py $(CLIENTS)/bin/python

SECONDS ?= 60
SEED ?= 0
fuzz: setup ## every decoder of foreign bytes, coverage-guided, for SECONDS in all
	@$(BIN)/python tests/fuzz/run.py $(SECONDS) $(SEED)

CASES ?= 300
campaign: setup ## faults of every kind at every request, CASES with and without a net, from SEED on
	@$(BIN)/python tests/campaign/run.py $(CASES) $(SEED)

kinds: setup ## every example fabric on every kind of switch, fifty sweeps each (takes a quarter of an hour)
	@$(BIN)/python tests/kinds/run.py

lint: setup proto-check bindings-check ## ruff, mypy --strict, the import contract, generated code is current
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	MYPYPATH=tests/benchmarks:tests/end_to_end:tests/unit $(BIN)/mypy --follow-imports silent tests/benchmarks tests/kinds
	$(BIN)/lint-imports

format: setup ## what ruff can mend by itself
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: setup ## the speed tables
	@set -e; for each in tests/benchmarks/bench_*.py; do echo "== $$each"; $(BIN)/python $$each; done

wheel: setup ## the installable package, in dist/ (docs/install.md)
	@rm -rf dist
	$(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation --wheel-dir dist .
	@ls dist/*.whl

proto: setup ## generate the Python code of the protocol definitions
	$(BIN)/python -m grpc_tools.protoc -I. --python_out=. --grpc_python_out=. --pyi_out=. $(PROTOS)
	@rm -f fabricd/gnmi_extensions/*_pb2_grpc.py  # messages only

proto-check: setup
	@rm -rf build/proto && mkdir -p build/proto
	@$(BIN)/python -m grpc_tools.protoc -I. --python_out=build/proto --grpc_python_out=build/proto \
	  --pyi_out=build/proto $(PROTOS)
	@rm -f build/proto/fabricd/gnmi_extensions/*_pb2_grpc.py
	@cd build/proto && for each in $$(find fabricd -type f); do \
	  cmp $$each ../../$$each || { echo "run 'make proto'"; exit 1; }; done

BINDINGS = $(BIN)/pyang --plugindir "$$($(BIN)/python -c 'import pyangbind; print(pyangbind.__path__[0] + "/plugin")')" \
  -f pybind -p yang/fabricd yang/fabricd/fabricd-fabric.yang

bindings: setup ## generate the Python bindings of the fabric model (fabricd/sdk)
	$(BINDINGS) -o fabricd/sdk/bindings.py

bindings-check: setup
	@mkdir -p build && $(BINDINGS) -o build/bindings.py
	@cmp build/bindings.py fabricd/sdk/bindings.py || { echo "run 'make bindings'"; exit 1; }

lock: ## renew both lock files within the bounds of pyproject.toml (needs uv: `.venv/bin/pip install uv`)
	$(COMPILE) --output-file requirements.lock
	$(COMPILE) --all-extras --constraint requirements.lock --output-file requirements-dev.lock
	$(subst pyproject.toml,tests/conformance/requirements.in,$(COMPILE)) --output-file tests/conformance/requirements.lock

clean: ## what was built, and .venv
	rm -rf .venv build dist run .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
