# Set-up, the embedded run and the tests, on a fresh machine with Python 3.11 or newer. No activation needed:
# everything lives in .venv, which is made once and again whenever the dependencies change.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
OUT := runs/quick-textbook

# threads that wait must not spin: on cores shared with other jobs an epoch took 5 to 88 s instead of 2
export OMP_WAIT_POLICY ?= PASSIVE

.PHONY: help install run test lint docs clean

help:
	@echo "make run    environment, install, the whole strategy on the embedded data; says where the report lies"
	@echo "make test   environment, install, ruff, mypy, pytest"
	@echo "make lint   environment, install, ruff, mypy"
	@echo "make docs   environment, install, the documents as a site; says where it lies"
	@echo "make clean  removes the environment, caches of tools, the site, and $(OUT)"

install: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "topofuse needs Python 3.11 or newer, this is " + sys.version.split()[0] + "; try: make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet -c constraints.txt setuptools
	$(BIN)/python -m pip install --quiet --no-build-isolation -c constraints.txt -e '.[dev]'
	@touch $@

# A second call continues what was interrupted, and reads back what is finished; where the source changed since the
# run was begun, it begins anew: a run of other features, data or settings cannot be continued.
run: $(STAMP)
	@if [ -f $(OUT)/config.json ] && [ -n "$$(find src/topofuse -type f ! -name '*.pyc' -newer $(OUT)/config.json)" ]; then \
		echo "the source changed since $(OUT) was begun: beginning anew"; rm -rf $(OUT); fi
	$(BIN)/topofuse run --preset quick --out $(OUT) --resume
	@echo "report: $(CURDIR)/$(OUT)/report.html"

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: $(STAMP)
	$(BIN)/sphinx-build -q -W --keep-going docs build/docs
	@echo "site: $(CURDIR)/build/docs/index.html"

test: lint
	$(BIN)/python -m pytest

clean:
	rm -rf $(VENV) $(OUT) build/docs .pytest_cache .ruff_cache .mypy_cache .hypothesis
