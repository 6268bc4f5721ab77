# Set-up, the embedded run and the tests, on a fresh machine with Python 3.11 or newer. No activation needed:
# everything lives in .venv, which is made once and again whenever the dependencies change.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
OUT := runs/quick-textbook
PYTEST_OPTIONS ?=
# one process per core; the tests of a file stay together, as they share what is slow to make
PARALLEL := -n logical --maxprocesses 8 --dist loadfile

# threads that wait must not spin: on cores shared with other jobs an epoch took 5 to 88 s instead of 2
export OMP_WAIT_POLICY ?= PASSIVE

.PHONY: help install run test quick coverage confirm lint format docs wheel clean

help:
	@echo "Every target first makes the environment in $(VENV), where it is not there yet."
	@echo "make run       the whole strategy on the embedded data; says where the report lies"
	@echo "make test      what a change must pass: make lint, then every test"
	@echo "make quick     the tests that need neither a browser nor the documents, and are fast"
	@echo "make coverage  every test, and which lines none of them runs"
	@echo "make confirm   installs GPAW (a compiler, BLAS and libxc: docs/confirm.md), and its tests: real calculations"
	@echo "make lint      ruff, codespell, deptry, mypy"
	@echo "make format    ruff mends what it can, and formats"
	@echo "make docs      the documents as a site; says where it lies"
	@echo "make wheel     the wheel in dist/, tried in an empty environment"
	@echo "make clean     removes the environment, caches of tools, the site, the wheel, and $(OUT)"

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
	$(BIN)/codespell
	$(BIN)/deptry src
	$(BIN)/mypy

format: $(STAMP)
	$(BIN)/ruff check --fix-only --exit-zero .
	$(BIN)/ruff format .

docs: $(STAMP)
	$(BIN)/sphinx-build -q -W --keep-going docs build/docs
	@echo "site: $(CURDIR)/build/docs/index.html"

test: lint
	$(BIN)/python -m pytest $(PYTEST_OPTIONS)

quick: $(STAMP)
	$(BIN)/python -m pytest $(PARALLEL) -m "not slow and not browser and not docs" $(PYTEST_OPTIONS)

coverage: $(STAMP)
	$(BIN)/python -m pytest --cov --cov-report=term-missing:skip-covered --cov-report=xml:build/coverage.xml

confirm: $(STAMP)
	$(BIN)/python -m pip install --quiet --no-build-isolation -c constraints.txt -e '.[dft]'
	$(BIN)/python -m pytest tests/confirm $(PYTEST_OPTIONS)

# build/lib of an earlier wheel goes first: files that were deleted since would be in the new one too
wheel: $(STAMP)
	rm -rf dist build/lib build/bdist.* build/empty
	$(BIN)/python -m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir dist .
	$(PYTHON) -m venv build/empty
	build/empty/bin/python -m pip install --quiet -c constraints.txt dist/topofuse-*.whl
	cd build/empty && env -u PYTHONPATH bin/python -W error -c 'import topofuse; assert "build/empty" in topofuse.__file__'
	build/empty/bin/python -c 'from importlib.util import find_spec as there; assert not (there("torch") or there("pymatgen")), "not needed"'
	@cd build/empty && for model in full fast; do \
		env -u PYTHONPATH bin/topofuse predict ../../docs/examples/Bi2Se3.vasp --model $$model > $$model.csv && \
		grep -q ',ok,,Bi2Se3,166,5,ti,' $$model.csv || { cat $$model.csv; echo "$$model: Bi2Se3 should be ti"; exit 1; }; done
	@echo "wheel: $(CURDIR)/$$(ls dist/*.whl)"

clean:
	rm -rf $(VENV) $(OUT) build dist .coverage .pytest_cache .ruff_cache .mypy_cache .hypothesis
