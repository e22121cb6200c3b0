# demo: the main job on the toy tissue. test: the whole suite; test-package: the tests of one folder, in
# seconds (make test-package PACKAGE=solvers). venv: everything, also over demo's .venv.
# One stamp per set of extras: `make demo` makes a light .venv, `make venv` completes the same one.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# A thread per process: the tests' arrays are small, and two processes share two cores. Numba is told
# too: the first loop it runs in parallel (scanpy has some) sets the threads of OpenMP, torch's
# included, to its own number, and networks then train many times slower.
PYTEST := OMP_NUM_THREADS=1 NUMBA_NUM_THREADS=1 $(BIN)/python -m pytest
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
LIGHT := $(VENV)/.stamp-light
FULL := $(VENV)/.stamp-full

.PHONY: demo venv test test-package coverage test-slow chaos fuzz lint bench clean

demo: $(LIGHT)
	$(BIN)/spatialrag demo --out demo

venv: $(FULL)

test: $(FULL)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(PYTEST) -n 2 --dist loadscope --durations=15

test-package: $(FULL)
	$(PYTEST) tests/$(PACKAGE)

# Apart from the tests: tracing every line slows those that train networks.
coverage: $(FULL)
	$(PYTEST) -n 2 --dist loadscope --cov --cov-report=term

test-slow: $(FULL)
	$(BIN)/python -m pytest -m slow

# An hour: processes that change, read and use banks, caches and experiments at once, and are killed.
chaos: $(FULL)
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/chaos.py --rounds 500

# The attacks of tests/attacks with fresh seeds, for as long as they are given.
MINUTES ?= 60
fuzz: $(FULL)
	OMP_NUM_THREADS=1 NUMBA_NUM_THREADS=1 $(BIN)/python benchmarks/fuzz.py --minutes $(MINUTES)

# Pylint looks for code that is written twice (8 lines); it takes some minutes, and CI has ten.
lint: $(FULL)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/mypy
	$(BIN)/pylint src/spatialrag

bench: $(FULL)
	$(BIN)/python benchmarks/solvers.py

clean:
	rm -rf $(VENV) demo .pytest_cache .ruff_cache .mypy_cache .coverage

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(LIGHT): pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) --editable .
	touch $@

$(FULL): pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) --editable '.[all,bench,dev]'
	touch $(LIGHT) $@
