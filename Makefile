PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
HIPSEG := $(BIN)/hipseg
DEMO := demo
JOBS ?= 2
PYTEST_OPTIONS ?=

.PHONY: help setup demo test lowest lint format clean
.DEFAULT_GOAL := help

help: ## List what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

setup: $(VENV)/.ready ## Make .venv with everything, at the tested versions

$(VENV)/.ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev,notebooks]'
	@touch $@

demo: setup ## Run the main job end to end on a small phantom cohort, in demo/
	rm -rf $(DEMO)
	$(HIPSEG) phantom out=$(DEMO)/films preset=standard subjects=60 seed=1
	$(HIPSEG) preprocess input=$(DEMO)/films store=$(DEMO)/hips.h5
	$(HIPSEG) split store=$(DEMO)/hips.h5 out=$(DEMO)/split.csv 'ratios=[0.7,0.1,0.2]'
	$(HIPSEG) train experiment=demo data.store=$(DEMO)/hips.h5 data.split=$(DEMO)/split.csv out=$(DEMO)/run
	$(HIPSEG) report 'runs=[$(DEMO)/run]' out=$(DEMO)/report.html
	@echo "store    $(DEMO)/hips.h5"
	@echo "run      $(DEMO)/run"
	@echo "figures  $(DEMO)/run/figures/hips.png mjsw.png curves.png"

test: setup ## Run the tests
	$(BIN)/python -m pytest -n $(JOBS) $(PYTEST_OPTIONS)

lowest: ## Run the tests and an audit with the lowest versions that pyproject.toml allows, in .venv-lowest
	$(PYTHON) -m venv .venv-lowest
	.venv-lowest/bin/python -m pip install --quiet uv
	.venv-lowest/bin/uv pip install --python .venv-lowest/bin/python --resolution lowest-direct \
		--editable '.[dev,notebooks]' 'pip-audit>=2.9' $(LOWEST_OPTIONS)
	.venv-lowest/bin/pip-audit --skip-editable --local
	.venv-lowest/bin/python -m pytest -n $(JOBS) $(PYTEST_OPTIONS)

lint: setup ## Check style, types and spelling
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/codespell hipseg conf docs experiments tests README.md CHANGELOG.md

format: setup ## Put the code in its form
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean: ## Remove the demo's results and caches; the environment stays
	rm -rf $(DEMO) .pytest_cache .mypy_cache .ruff_cache
