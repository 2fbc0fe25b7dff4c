# make run    install, compile, show what it does (demo)   make test   everything that proves it
# make lint   ruff and mypy    make lab   prepare the real peers    make bench   benchmarks
# make soak   the lab at full length                       make clean  as after the clone
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SOURCES := $(shell find sipfront probes config -type f ! -name '*.pyc' ! -name '*.so' 2>/dev/null) pyproject.toml setup.py

HOT := $(shell find sipfront -name '*.pxd')

.DEFAULT_GOAL := help
.PHONY: help run test lab bench soak lint clean compiled

help:
	@sed -n '1,3s/^# //p' Makefile

# What the code and its tests depend on. Made again whenever pyproject.toml says something else.
$(VENV)/.dependencies: pyproject.toml .ci/prepare
	@PYTHON=$(PYTHON) .ci/prepare run
	@.ci/step "a virtual environment in $(VENV)" $(PYTHON) -m venv $(VENV)
	@.ci/step "its pip" $(BIN)/python -m pip install --upgrade pip
	@rm -rf build/lib* build/bdist*
	@SIPFRONT_PURE=1 .ci/step "what the code and its tests depend on" \
	  $(BIN)/python -m pip install '.[test,dev,lab,bench]'
	@touch $@

# The front itself, compiled when there is a compiler. Made again whenever a source is newer.
$(VENV)/.installed: $(VENV)/.dependencies $(SOURCES)
	@rm -rf build/lib* build/bdist*  # setuptools would install from there what no longer exists
	@.ci/step "sipfront itself, compiled where there is a compiler" \
	  $(BIN)/python -m pip install --no-deps --force-reinstall .
	@if [ "$(SIPFRONT_PURE)" != 1 ] && [ -n "$(HOT)" ] && \
	  [ -z "$$(find $(VENV)/lib -path '*/sipfront/*.so' | head -n 1)" ]; then \
	  echo "The hot path is NOT compiled: slower, otherwise equal. 'pip install -v .' says why."; fi
	@touch $@

# The compiled build in a folder of its own, for the tests that want exactly that one.
build/compiled/.made: $(VENV)/.dependencies $(SOURCES)
	@rm -rf build/compiled build/lib* build/bdist*
	@SIPFRONT_COMPILED=1 .ci/step "sipfront compiled, in build/compiled" \
	  $(BIN)/python -m pip install --no-deps --target build/compiled .
	@touch $@

run: $(VENV)/.installed
	$(BIN)/sipfront demo

test: $(VENV)/.dependencies
	@PYTHON=$(PYTHON) .ci/prepare test
	@.ci/test

soak: $(VENV)/.dependencies
	@PYTHON=$(PYTHON) .ci/prepare test
	@SIPFRONT_LENGTH=full .ci/test

# The fast tests once more, on the compiled hot path.
compiled: build/compiled/.made
	PYTHONPATH=$(CURDIR)/build/compiled:$(CURDIR) PYTHONSAFEPATH=1 SIPFRONT_BUILD=compiled \
	  $(BIN)/python -m pytest tests --ignore=tests/lab -m "not soak" --timeout=60

lab: $(VENV)/.dependencies
	@PYTHON=$(PYTHON) .ci/prepare test
	PYTHONPATH=$(CURDIR) $(BIN)/python tests/lab/prepare.py

# FULL=1: all lengths and all peers.
bench: $(VENV)/.installed build/compiled/.made
	@PYTHON=$(PYTHON) .ci/prepare test
	@PYTHONPATH=$(CURDIR) $(BIN)/python tests/lab/prepare.py
	PYTHONPATH=$(CURDIR) $(BIN)/python -m bench $(if $(FULL),--full)

lint: $(VENV)/.dependencies
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

clean:
	rm -rf $(VENV) build dist results .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
	find sipfront probes \( -name '*.so' -o -name '*.c' \) -delete
