# demo: the main job on the toy tissue. test: the whole suite. venv: everything, also over demo's .venv.
# One stamp per set of extras: `make demo` makes a light .venv, `make venv` completes the same one.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
LIGHT := $(VENV)/.stamp-light
FULL := $(VENV)/.stamp-full

.PHONY: demo venv test coverage test-slow chaos lint bench clean

demo: $(LIGHT)
	$(BIN)/spatialrag demo --out demo

venv: $(FULL)

test: $(FULL)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --durations=15

# Apart from the tests: tracing every line slows those that train networks.
coverage: $(FULL)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --cov --cov-report=term

test-slow: $(FULL)
	$(BIN)/python -m pytest -m slow

# An hour: processes that change, read and use banks, caches and experiments at once, and are killed.
chaos: $(FULL)
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/chaos.py --rounds 500

lint: $(FULL)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(FULL)
	$(BIN)/python benchmarks/solvers.py

clean:
	rm -rf $(VENV) demo .pytest_cache .ruff_cache .coverage

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(LIGHT): pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) --editable .
	touch $@

$(FULL): pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) --editable '.[all,bench,dev]'
	touch $(LIGHT) $@
