# `make demo` and `make test` do all their own set-up. `make help` lists the rest.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Values of this machine that would break the engines and the tests that start them.
unexport AWS_CA_BUNDLE TF_CLI_CONFIG_FILE
# Set in many images. The tests start hundreds of processes, each of which would compile every library anew (2 s).
unexport PYTHONDONTWRITEBYTECODE

# Tests that start processes. What failed is run once more, one test at a time.
define spread
$(BIN)/python -m pytest -n 5 -m "$(1)" --dist loadfile --no-loadscope-reorder $(TEST_FLAGS) \
  || { echo "What failed is run once more, one test at a time: many wait for real processes, and a machine may be busy."; \
       $(BIN)/python -m pytest -m "$(1)" --last-failed --last-failed-no-failures none; }
endef

.DEFAULT_GOAL := help
.PHONY: help demo test test-all parts models check fix docs screenshots soak vendor lock clean

help: ## List what can be made
	@grep -hE '^[a-z-]+%?:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

demo: $(VENV)/.run ## Set everything up, then run the demo: a local cloud, a team, two environments
	@$(BIN)/butai demo $(DEMO_FLAGS)

test: $(VENV)/.dev ## Set everything up, then run the checks and the tests
	@$(MAKE) --no-print-directory -j3 check parts models
	$(call spread,not model and not again)

test-all: test ## The same, then rules with ten times the examples, and the long stories on the other database and at full length
	$(BIN)/python -m pytest -n 2 -m model tests/rooms --hypothesis-profile=long
	$(call spread,again)

parts: $(VENV)/.dev # What tests need besides Python's packages; it waits for the network, so that checks fit beside it
	$(BIN)/python -m tools.test_setup

models: $(VENV)/.dev # Pure rules, and that nearly all of them are tried. Types and lint, one process each, fit beside them
	$(BIN)/python -m pytest -n 2 -m model tests/rooms --cov --cov-report=
	$(BIN)/python -m tools.model_coverage

check: $(VENV)/.dev ## Lint and types, without the tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

fix: $(VENV)/.dev ## Correct what ruff can correct
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(VENV)/.dev ## Write docs/reference from the code
	$(BIN)/python -m tools.reference

screenshots: $(VENV)/.dev ## Make the pictures of the README from a running demo
	$(BIN)/python -m tools.test_setup
	$(BIN)/python -m tools.screenshots

bench-deploys bench-inventory: $(VENV)/.peers

bench-%: $(VENV)/.dev ## Measure: bench-create, bench-runs, bench-logs, bench-engine, bench-prepared, bench-deploys, bench-inventory
	PYTHONPATH=tests $(BIN)/python -m benchmarks.$*

soak: $(VENV)/.dev ## Play the whole fault matrix on both databases and 200 faults at random; count lies (SOAK_SEED, SOAK_FAULTS, SOAK_MINUTES)
	PYTHONPATH=tests $(BIN)/python -m kill.matrix.soak

vendor: $(VENV)/.dev ## Fetch the browser's libraries again from npm, checked by hash
	$(BIN)/python -m tools.vendor

lock: $(VENV)/.run ## Pin the dependencies anew
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate pyproject.toml --group build -o requirements/run.lock
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate pyproject.toml --group build --group dev -o requirements/dev.lock
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate requirements/peers.in -o requirements/peers.lock

$(VENV)/.peers: $(VENV)/.dev requirements/peers.lock
	@$(BIN)/uv venv -q --clear --python $(BIN)/python $(VENV)/peers
	@$(BIN)/uv pip install -q --python $(VENV)/peers/bin/python --require-hashes -r requirements/peers.lock
	@touch $@

clean: ## Remove what was made here
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage*

$(VENV)/bin/uv: requirements/bootstrap.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Butai needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version). Say which with PYTHON=..."; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { echo "Python's venv module does not work: on Debian and Ubuntu, apt-get install python3-venv"; exit 1; }
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/bootstrap.lock
	@touch $@

$(VENV)/.run: $(VENV)/bin/uv requirements/run.lock pyproject.toml
	@$(BIN)/uv pip install -q --python $(BIN)/python --require-hashes -r requirements/run.lock
	@$(BIN)/uv pip install -q --python $(BIN)/python --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: $(VENV)/.run requirements/dev.lock
	@$(BIN)/uv pip install -q --python $(BIN)/python --require-hashes -r requirements/dev.lock
	@touch $@
