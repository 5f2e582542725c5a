# `make demo` and `make test` set up all they need.
.DEFAULT_GOAL := help
SHELL := /bin/bash

VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= python3
UV := $(shell command -v uv 2>/dev/null)
# uv does not read pip's own variable for a folder of local wheels.
export UV_FIND_LINKS ?= $(PIP_FIND_LINKS)
export OMP_WAIT_POLICY ?= PASSIVE
DEMO := build/demo.dsv3
TYPING := build/typing

.PHONY: help env demo test lint types floors unit test-all clean

help: ## List the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

env: $(VENV)/.ready ## Create the environment

$(VENV)/.ready: pyproject.toml constraints.txt
ifneq ($(UV),)
	$(UV) venv --quiet --allow-existing --python $(PYTHON) $(VENV)
	$(UV) pip install --quiet --python $(BIN)/python -c constraints.txt -e '.[all,cpu]' --group dev
else
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade 'pip>=25.1'
	$(BIN)/pip install --quiet -c constraints.txt -e '.[all,cpu]' --group dev
endif
	@touch $@

demo: env ## Index sample_data/ and search it
	$(BIN)/dsv3 index sample_data/catalogue.jsonl --into $(DEMO)
	$(BIN)/dsv3 search "wireless mouse" --in $(DEMO) -k 5
	$(BIN)/dsv3 search "warm jacket for hiking" --in $(DEMO) -k 5 --where "price < 200"

test: env lint types floors unit ## Lint, types, floors and the quick tests

lint: env
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

# mypy needs a folder named dsv3; the repository's root is that package, whatever it is called.
types: env
	@mkdir -p $(TYPING)/dsv3
	@for part in __init__.py __main__.py closing.py errors.py files.py progress.py threads.py py.typed cli encoder eval indexer retriever; do \
		ln -sfn $(CURDIR)/$$part $(TYPING)/dsv3/$$part; done
	MYPYPATH=$(TYPING) $(BIN)/mypy -p dsv3
	MYPYPATH=$(TYPING) $(BIN)/mypy tests benchmarks examples

floors: env
	$(BIN)/lint-imports

# Tests of several processes fork, which only a process is fit for that has loaded little else.
FORKING := tests/encoder/training/processes

unit: env
	$(BIN)/pytest -n 2 -q --ignore=$(FORKING)
	$(BIN)/pytest -q $(FORKING)

test-all: env lint types floors ## All tests, slow and real-data ones too
	$(BIN)/pytest -n 2 -q -m 'not gpu' --ignore=$(FORKING)
	$(BIN)/pytest -q -m 'not gpu' $(FORKING)

clean: ## Remove what was built
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
