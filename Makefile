# Two commands do all the set-up: `make run` and `make test`. `make help` lists the rest.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUN ?=

.DEFAULT_GOAL := help
.PHONY: help run test check format sim bench docs lock cover clean

help: ## list these words
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(VENV)/.installed: requirements.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

$(VENV)/.developing: $(VENV)/.installed requirements-dev.lock
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements-dev.lock
	@touch $@

run: $(VENV)/.installed ## install and start the server on its own file, in ./data
	$(BIN)/molva serve --data data $(RUN)

test: $(VENV)/.developing ## install what the tests need and run them all
	@PATH="$$PATH:/usr/sbin:/sbin" command -v ip >/dev/null || apt-get install -y -qq iproute2 || \
	  { echo 'The tests of the LAN need the command ip: install the package iproute2.' >&2; exit 1; }
	$(BIN)/python -m pytest -n 2 --dist loadfile $(RUN)

check: $(VENV)/.developing ## format, lint, types, the house test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest tests/test_house.py tests/test_docs.py

format: $(VENV)/.developing ## lay the code out
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

sim: $(VENV)/.developing ## simulate: SEED=n replays one, SEEDS=n runs so many, from FROM=n
	$(BIN)/python -m molva.sim $(if $(SEED),--seed $(SEED)) $(if $(SEEDS),--seeds $(SEEDS)) $(if $(FROM),--from $(FROM)) $(RUN)

bench: $(VENV)/.developing ## measure beside a C floor (Linux, a C compiler)
	$(BIN)/python -m bench $(RUN)

cover: $(VENV)/.developing ## branch coverage of the pure floors
	$(BIN)/coverage run -m pytest tests/terms tests/core tests/wire
	$(BIN)/coverage report --include 'src/molva/terms/*,src/molva/core/*,src/molva/wire/*'

docs: $(VENV)/.developing ## write docs/protocol.md anew from the code
	$(BIN)/python -m tools.protocol > docs/protocol.md

lock: ## pin the dependencies anew (needs uv)
	uv pip compile --quiet --universal --generate-hashes --no-header --no-annotate \
	  --python-version 3.11 pyproject.toml -o requirements.lock
	uv pip compile --quiet --universal --generate-hashes --no-header --no-annotate \
	  --python-version 3.11 --extra dev pyproject.toml -o requirements-dev.lock

clean: ## remove what was installed and made
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis
