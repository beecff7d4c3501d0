# The two commands a newcomer needs: make run, make test. Windows: see the README's plain pip lines.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
ARGS ?=

.PHONY: run test test-gpu check bench format clean

run: $(VENV)/.core ## start the server and print the address to open
	$(BIN)/puppetcam serve $(ARGS)

test: $(VENV)/.test ## every hermetic test; what is skipped says why
	$(BIN)/python -m pytest $(ARGS)

test-gpu: $(VENV)/.test ## the tests that need an NVIDIA GPU
	$(BIN)/python -m pytest -m gpu $(ARGS)

check: $(VENV)/.test ## style, types, tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy engines realtime export tests
	$(BIN)/python -m pytest $(ARGS)

bench: $(VENV)/.core ## speed of this machine, stage by stage
	$(BIN)/puppetcam bench $(ARGS)

format: $(VENV)/.test
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.core: pyproject.toml | $(VENV)/bin/python
	@echo "installing into $(VENV): some minutes the first time"
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

$(VENV)/.gpu-rtx: $(VENV)/.test ## TensorRT for RTX: 96 MB; compiles engines without a card
	$(BIN)/python -m pip install --quiet --editable '.[gpu-rtx]'
	touch $@

$(VENV)/.test: pyproject.toml | $(VENV)/bin/python
	@echo "installing into $(VENV): some minutes the first time"
	$(BIN)/python -m pip install --quiet --editable '.[test]'
	touch $@ $(VENV)/.core
