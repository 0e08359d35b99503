# `make` alone lists the targets. Everything runs in $(VENV), made when needed from requirements.lock.

# The first of these that runs and is of a supported version; or say it: make test PYTHON=python3.12
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11 python3.10; do \
	$$python -c 'import sys; sys.exit(not (3, 10) <= sys.version_info < (3, 14))' 2>/dev/null \
	&& { echo $$python; break; }; done)
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

# Where the sandbox's tickets land; your own help desk's go where you say.
DATA ?= data
# Where `make dev` serves the Dagster UI.
PORT ?= 3000
SANDBOX := mkdir -p $(DATA) && PATH="$(abspath $(BIN)):$$PATH" \
	DESTINATION__DUCKDB__CREDENTIALS="$(abspath $(DATA))/sandbox.duckdb" \
	$(BIN)/python -m helpdesk_assets.sandbox --port 0

# One Dagster instance for all processes, so that its pool keeps DuckDB at one writer.
export DAGSTER_HOME ?= $(CURDIR)/.dagster
# pip's own notices are not this project's.
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help demo dev test test-next test-real test-ui churn kills bench lint format lock pictures clean

help:  ## List the targets.
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

demo: $(READY)  ## Load a sandbox's tickets into DuckDB through Dagster, and show what landed.
	@$(SANDBOX) -- $(BIN)/python -m helpdesk_assets.sandbox.demo

dev: $(READY)  ## Start a sandbox and the Dagster UI; Ctrl-C ends both.
	@$(SANDBOX) -- $(BIN)/dagster dev --port $(PORT)

test: $(READY)  ## Run the tests, as many at a time as there are cores, up to four.
	$(BIN)/python -m pytest -n auto --maxprocesses 4

# In an environment of its own: it is made for Django, and this project is not.
REAL := helpdesk_assets_tests/real
test-real: $(READY) .venv-real/.ready  ## Run the tests with django-helpdesk, a help desk that is none of ours.
	$(BIN)/python -m pytest -m real $(REAL)

.venv-real/.ready: $(REAL)/requirements.lock | $(READY)
	$(BIN)/python -m venv --clear .venv-real
	.venv-real/bin/python -m pip install --quiet --require-hashes -r $(REAL)/requirements.lock
	@touch $@

# Debian's; where that is not what is installed with, have a chromium in PATH.
CHROMIUM := command -v chromium >/dev/null || \
	{ apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium; }
test-ui: $(READY)  ## Run the tests in a real browser.
	@$(CHROMIUM)
	$(BIN)/python -m pytest -m ui helpdesk_assets_tests/ui

# What the lock file would become tomorrow, and without the retired package: its requirement is
# overridden by one that no Python meets.
test-next:  ## Run the tests against the newest dagster and dlt, without dagster-embedded-elt.
	@$(MAKE) --no-print-directory $(READY)
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python .venv-next
	echo "dagster-embedded-elt ; python_version < '3'" > .venv-next/overrides.txt
	$(BIN)/uv pip install --quiet --python .venv-next --overrides .venv-next/overrides.txt \
		--editable '.[dev]' pip
	$(BIN)/uv pip freeze --python .venv-next | grep -E '^(dagster|dlt|duckdb)'
	@touch .venv-next/.ready
	.venv-next/bin/python -m pytest -n auto --maxprocesses 4

KILLS ?= 50
kills: $(READY)  ## Kill KILLS syncs at random moments, and see that the next one mends it.
	$(BIN)/python -m helpdesk_assets_tests.load.kills --trials $(KILLS)

TRIALS ?= 100
churn: $(READY)  ## Read a desk that changes while it is read, TRIALS times: ours and plain dlt.
	$(BIN)/python -m helpdesk_assets_tests.paging.churn --trials $(TRIALS)

ROWS ?= 100000
bench: $(READY)  ## Measure this project beside plain dlt, with ROWS tickets; ARGS="--write docs" keeps it.
	$(BIN)/python -m helpdesk_assets_tests.bench --rows $(ROWS) $(ARGS)

lint: $(READY)  ## Check style and types.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(READY)  ## Put the code into shape.
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock: $(READY)  ## Resolve the dependencies anew into requirements.lock.
	$(BIN)/uv pip compile pyproject.toml --extra dev --universal --generate-hashes \
		--python-version 3.10 --no-strip-extras --upgrade --quiet --custom-compile-command "make lock" \
		--output-file requirements.lock
	$(BIN)/uv pip compile $(REAL)/requirements.in --universal --generate-hashes \
		--python-version 3.10 --upgrade --quiet --custom-compile-command "make lock" \
		--output-file $(REAL)/requirements.lock

pictures: test-ui  ## Take the README's pictures anew.
	cd pictures && cp lineage.png tickets.png plot.png red-run.png ../docs/

clean:  ## Remove the environments, the sandbox's data and what Dagster kept of its runs.
	rm -rf .venv .venv-next .venv-real $(DATA) pictures build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache
	find .dagster -mindepth 1 ! -name dagster.yaml -delete

$(READY): requirements.lock pyproject.toml setup.cfg
	@test -n "$(PYTHON)" || { echo "Python 3.10 to 3.13 is needed and was not found; install one, \
	or name it: make PYTHON=/path/to/python3.12" >&2; exit 1; }
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --no-deps --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@
