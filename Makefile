# `make` lists the targets. They run in $(VENV), which is created from requirements.lock as needed.

# The first supported Python that is found. To use another one: make test PYTHON=python3.12
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11 python3.10; do \
	$$python -c 'import sys; sys.exit(not (3, 10) <= sys.version_info < (3, 14))' 2>/dev/null \
	&& { echo $$python; break; }; done)
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# For DuckLake: DuckDB's extensions are packages for an older DuckDB than the locked one.
SCALE_VENV ?= .venv-scale

# The folder of the sandbox's DuckDB file. Your own help desk is loaded into the configured file.
DATA ?= data
# The port of the Dagster UI in `make dev`.
PORT ?= 3000
SANDBOX := mkdir -p $(DATA) && PATH="$(abspath $(BIN)):$$PATH" DESTINATION_TYPE=duckdb \
	DESTINATION__DUCKDB__CREDENTIALS="$(abspath $(DATA))/sandbox.duckdb" \
	$(BIN)/python -m helpdesk_assets.sandbox --port 0

# All processes share one Dagster instance, so that its pool limits DuckDB to one writer at a time.
export DAGSTER_HOME ?= $(CURDIR)/.dagster
# Hide pip's notices about new versions of pip.
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help demo demo-lake dev test test-all test-oldest test-next test-wheel test-real test-scale test-ui churn fuzz kills bench bench-scale bench-against lint format lock pictures clean

help:  ## List the targets.
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

demo: $(READY)  ## Load tickets from a local sandbox into DuckDB with Dagster, and print the result.
	@$(SANDBOX) -- $(BIN)/python -m helpdesk_assets.sandbox.demo

LAKE := DESTINATION__DUCKLAKE__CREDENTIALS
demo-lake: $(SCALE_VENV)/.ready  ## The same with DuckLake: catalog and data files are in the folder DATA.
	@mkdir -p $(DATA) && PATH="$(abspath $(SCALE_VENV)/bin):$$PATH" DESTINATION_TYPE=ducklake \
		$(LAKE)__CATALOG="sqlite:///$(abspath $(DATA))/sandbox.sqlite" \
		$(LAKE)__STORAGE__BUCKET_URL="$(abspath $(DATA))/sandbox.files" \
		$(SCALE_VENV)/bin/python -m helpdesk_assets.sandbox --port 0 -- \
		$(SCALE_VENV)/bin/python -m helpdesk_assets.sandbox.demo

dev: $(READY)  ## Start a local sandbox and the Dagster UI; Ctrl-C stops both.
	@$(SANDBOX) -- $(BIN)/dg dev --port $(PORT)

test: $(READY)  ## Run the tests in their short form, in up to four processes.
	$(BIN)/python -m pytest -n auto --maxprocesses 4

test-all: test  ## Run the tests, and then their long forms.
	$(BIN)/python -m pytest -n auto --maxprocesses 4 -m long

# The help desks from PyPI are installed in a separate environment, because they need packages that
# this project does not. Request Tracker is Debian's package; on other systems, install version 5.0 in
# the same place. The package requires a mail program and a tool to set up its database. Unless the
# machine has others, the ones installed here start no service and create no database. No package is
# removed.
REAL := helpdesk_assets_tests/real
TRACKER := test -x /usr/share/request-tracker5/libexec/rt-server || \
	{ command -v apt-get >/dev/null && apt-get update -qq && \
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-remove --no-install-recommends \
	request-tracker5 rt5-db-sqlite rt5-standalone \
	$$(command -v sendmail >/dev/null || echo msmtp-mta) \
	$$(test -d /usr/share/dbconfig-common || echo dbconfig-no-thanks) >/dev/null; } || \
	{ echo "Request Tracker 5 is needed: on Debian 12 or newer, as root, apt-get install \
	request-tracker5 rt5-db-sqlite rt5-standalone" >&2; exit 1; }
test-real: $(READY) .venv-real/.ready  ## Run the tests against real help desks, which it installs.
	@$(TRACKER)
	$(BIN)/python -m pytest -m real $(REAL)

.venv-real/.ready: $(REAL)/requirements.lock | $(READY)
	$(BIN)/python -m venv --clear .venv-real
	.venv-real/bin/python -m pip install --quiet --require-hashes -r $(REAL)/requirements.lock
	@touch $@

# A separate environment: DuckDB's extensions are packages only for an older DuckDB than the locked
# one. The tests start the servers themselves.
SCALE := helpdesk_assets_tests/scale
SCALE_EXTRAS := $(addprefix --extra ,app celery ducklake k8s postgres reports sandbox slack test)
IMAGE_EXTRAS := $(addprefix --extra ,app celery ducklake k8s postgres slack)
test-scale: $(SCALE_VENV)/.ready  ## Run the tests on DuckLake, PostgreSQL and Celery, which it installs.
	$(SCALE_VENV)/bin/python -m pytest -m scale $(SCALE)

$(SCALE_VENV)/.ready: $(SCALE)/requirements.lock pyproject.toml setup.cfg | $(READY)
	$(BIN)/python -m venv --clear $(SCALE_VENV)
	$(SCALE_VENV)/bin/python -m pip install --quiet --no-deps --require-hashes -r $(SCALE)/requirements.lock
	$(SCALE_VENV)/bin/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

# Debian's package. On other systems, install Chromium and add it to PATH.
CHROMIUM := command -v chromium >/dev/null || \
	{ apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium; }
test-ui: $(READY)  ## Run the tests in a real browser.
	@$(CHROMIUM)
	$(BIN)/python -m pytest -m ui helpdesk_assets_tests/ui

# The core tests, which test-oldest and test-next run in separate environments. For all tests:
# TESTS=helpdesk_assets_tests
TESTS ?= $(addprefix helpdesk_assets_tests/,tables profiles paging load resources assets checks cli \
	location/test_alerts.py location/test_desks.py)
XDIST := -n auto --maxprocesses 4

# Without the extra app, which requires a newer pydantic and requests than the core. The tools of
# the tests are the newest.
test-oldest: $(READY)  ## Run the core tests with the oldest packages that pyproject.toml allows.
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python .venv-oldest
	$(BIN)/uv pip compile --quiet --resolution lowest-direct --python .venv-oldest/bin/python \
		--extra reports --extra sandbox --extra slack --no-header \
		--output-file .venv-oldest/oldest.txt pyproject.toml
	$(BIN)/uv pip install --quiet --python .venv-oldest/bin/python \
		--constraint .venv-oldest/oldest.txt --editable '.[reports,sandbox,slack,test]' pip
	$(BIN)/uv pip freeze --python .venv-oldest/bin/python | \
		grep -E '^(dagster|dlt|duckdb|pyarrow|pydantic|requests|urllib3)'
	.venv-oldest/bin/python -m pytest $(XDIST) $(TESTS)

# The newest versions, as `make lock` would pin them, without the retired dagster-embedded-elt: its
# requirement is overridden by one that no Python version meets.
test-next: $(READY)  ## Run the core tests with the newest packages, without dagster-embedded-elt.
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python .venv-next
	echo "dagster-embedded-elt ; python_version < '3'" > .venv-next/overrides.txt
	$(BIN)/uv pip install --quiet --python .venv-next/bin/python \
		--overrides .venv-next/overrides.txt --editable '.[dev]' pip
	$(BIN)/uv pip freeze --python .venv-next/bin/python | grep -E '^(dagster|dlt|duckdb)'
	@touch .venv-next/.ready
	.venv-next/bin/python -m pytest $(XDIST) $(TESTS)

test-wheel: $(READY)  ## Install the wheel with the oldest and the newest Dagster, and run a sync.
	$(BIN)/python -m pytest -m registry helpdesk_assets_tests/project/test_packaging.py

KILLS ?= 50
kills: $(READY)  ## Kill KILLS syncs at random moments, and check that the next one recovers.
	$(BIN)/python -m helpdesk_assets_tests.load.kills --trials $(KILLS)

TRIALS ?= 100
churn: $(READY)  ## Read a changing help desk TRIALS times, with this project and with plain dlt.
	$(BIN)/python -m helpdesk_assets_tests.paging.churn --trials $(TRIALS)

MINUTES ?= 10
fuzz: $(READY)  ## Feed random input to the parsers for MINUTES.
	$(BIN)/python -m helpdesk_assets_tests.transport.fuzz --minutes $(MINUTES)

ROWS ?= 100000
# Sling is for Linux on x86-64 only; elsewhere, its rows are omitted.
BENCH := helpdesk_assets_tests/bench
SLING := test "$$(uname -sm)" != "Linux x86_64" || $(MAKE) --no-print-directory .venv-sling/.ready
bench: $(READY)  ## Compare speed and memory with plain dlt, for ROWS tickets; ARGS="--write docs" updates the docs.
	@$(SLING)
	$(BIN)/python -m helpdesk_assets_tests.bench --rows $(ROWS) $(ARGS)

# DuckLake takes part if `make test-scale` has installed its environment.
bench-scale: $(READY)  ## Merge up to 10 million tickets, into a file and DuckLake, and load parts; ROWS=1000000 shortens it.
	$$(test -f $(SCALE_VENV)/.ready && echo $(SCALE_VENV)/bin || echo $(BIN))/python \
		-m helpdesk_assets_tests.bench.scale $(if $(filter-out file,$(origin ROWS)),--rows $(ROWS)) $(ARGS)

TICKETS ?= 1000000
bench-models: $(READY)  ## Build all models of TICKETS tickets with ten comments each; print time and memory.
	$(BIN)/python -m helpdesk_assets_tests.bench.models --tickets $(TICKETS)

COMMIT ?= HEAD~1
bench-against: $(READY)  ## Compare speed and memory with another COMMIT, for ROWS tickets.
	$(BIN)/python -m helpdesk_assets_tests.bench.against --rows $(ROWS) $(COMMIT)

ROUNDS ?= 5
bench-jobs: $(READY)  ## Compare whole processes with an empty job, plain dlt and Sling, for ROWS tickets.
	@$(SLING)
	$(BIN)/python -m helpdesk_assets_tests.bench.whole --rows $(ROWS) --repetitions $(ROUNDS)

.venv-sling/.ready: $(BENCH)/requirements.lock | $(READY)
	$(BIN)/python -m venv --clear .venv-sling
	.venv-sling/bin/python -m pip install --quiet --no-deps --require-hashes -r $(BENCH)/requirements.lock
	@touch $@

lint: $(READY)  ## Check style, imports and types.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/mypy

format: $(READY)  ## Format the code.
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock: $(READY)  ## Update requirements.lock.
	$(BIN)/uv pip compile pyproject.toml --extra dev --universal --generate-hashes \
		--python-version 3.10 --no-strip-extras --upgrade --quiet --custom-compile-command "make lock" \
		--output-file requirements.lock
	$(BIN)/uv pip compile $(REAL)/requirements.in --universal --generate-hashes \
		--python-version 3.10 --upgrade --quiet --custom-compile-command "make lock" \
		--output-file $(REAL)/requirements.lock
	$(BIN)/uv pip compile pyproject.toml $(SCALE)/requirements.in $(SCALE_EXTRAS) --universal \
		--generate-hashes --python-version 3.10 --no-strip-extras --upgrade --quiet \
		--custom-compile-command "make lock" --output-file $(SCALE)/requirements.lock
	$(BIN)/uv pip compile pyproject.toml deploy/requirements.in $(IMAGE_EXTRAS) --universal \
		--constraints $(SCALE)/requirements.lock --generate-hashes --python-version 3.11 \
		--no-strip-extras --upgrade --quiet --custom-compile-command "make lock" \
		--output-file deploy/requirements.lock
	$(BIN)/uv pip compile $(BENCH)/requirements.in --generate-hashes --python-version 3.10 --upgrade \
		--quiet --python-platform linux --custom-compile-command "make lock" \
		--output-file $(BENCH)/requirements.lock

pictures: test-ui  ## Update the README's pictures.
	cd pictures && cp lineage.png tickets.png plot.png red-run.png page-light.png page-dark.png page-phone.png ../docs/

clean:  ## Remove the environments, the sandbox's data and Dagster's run history.
	rm -rf .venv .venv-next .venv-oldest .venv-real $(SCALE_VENV) .venv-sling $(DATA) pictures build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache
	find .dagster -mindepth 1 ! -name dagster.yaml -delete

# pip compiles only what it copies. Where Python is told not to write what it compiles, each process
# would compile the modules of this folder again.
$(READY): requirements.lock pyproject.toml setup.cfg
	@test -n "$(PYTHON)" || { echo "Python 3.10 to 3.13 is needed and was not found; install one, \
	or name it: make PYTHON=/path/to/python3.12" >&2; exit 1; }
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --no-deps --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@$(BIN)/python -m compileall -q helpdesk_assets helpdesk_assets_tests
	@touch $@
