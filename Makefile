# `make demo` shows fervid at work, `make test` proves it; `make check` is for those who change it.
#
# `make test` installs torch, which on Linux brings gigabytes of CUDA. Without a GPU, take the small build:
#     PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu make test

PYTHON ?= $(shell for one in 11 12 13 14; do command -v python3.$$one && exit; done; command -v python3 || echo python3)
VENV ?= .venv
CONSTRAINTS ?= constraints.txt
BIN = $(VENV)/bin

.PHONY: demo test check clean

demo: $(VENV)/.installed
	$(BIN)/fervid run configs/demo.yaml
	@echo "The annotated video is out/demo.mp4, the emotions of each face in each frame are in out/demo.csv."

test: $(VENV)/.installed-dev
	$(BIN)/python -m pytest

check: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	MYPYPATH=lab $(BIN)/mypy lab/*.py

clean:
	rm -rf $(VENV) .src build *.egg-info .pytest_cache .ruff_cache .mypy_cache
	find pipeline stages models configs tests benchmarks docs -name __pycache__ -prune -exec rm -rf {} +

$(VENV)/.installed: setup.cfg $(CONSTRAINTS) | $(BIN)/python .src/fervid
	$(BIN)/python -m pip install --quiet --constraint $(CONSTRAINTS) --editable .
	$(BIN)/fervid models fetch detector
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --constraint $(CONSTRAINTS) --editable ".[dev]"
	@touch $@

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))' 2>/dev/null \
	|| { echo "fervid runs on Python 3.11 to 3.14; install one and say which: make demo PYTHON=python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null \
	|| { echo "$(PYTHON) cannot make environments; install its venv module: sudo apt-get install python3-venv" >&2; exit 1; }
	@echo "Making $(VENV) and installing into it; the first time, this takes some minutes."
	$(PYTHON) -m venv $(VENV)

# Type checkers and editors find the names fervid.* through these links.
.src/fervid:
	@mkdir -p .src/fervid
	@ln -s ../../pipeline ../../stages ../../models ../../configs ../../pipeline/public/__init__.py \
		../../pipeline/public/py.typed .src/fervid
