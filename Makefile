# Two targets: `make train` (the demonstration) and `make test`. Both need only Python 3.11 or newer and make.
PYTHON ?= python3
BIN = .venv/bin

.PHONY: train test test-full test-oldest lint clean

train: .venv/installed data/signs
	$(BIN)/keras-resnet train --data data/signs --recipe signs-quick --out runs/demo --resume

test: .venv/installed-dev
	$(BIN)/python -m pytest -m "not full"

test-full: .venv/installed-dev
	$(BIN)/python -m pytest

# Takes python3.11: the oldest Python and the oldest versions that setup.cfg allows, without JAX and PyTorch.
test-oldest: .venv-oldest/installed
	.venv-oldest/bin/python -m pytest -m "not full"

lint: .venv/installed-dev
	$(BIN)/ruff check .
	$(BIN)/mypy

clean:
	rm -rf .venv .venv-oldest runs data/signs

data/signs: | .venv/installed
	$(BIN)/keras-resnet data synthetic $@

.venv/installed: setup.cfg setup.py
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	touch $@

.venv/installed-dev: .venv/installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $@

.venv-oldest/installed: setup.cfg setup.py tests/oldest.txt
	python3.11 -m venv .venv-oldest
	.venv-oldest/bin/python -m pip install --quiet --disable-pip-version-check \
		--constraint tests/oldest.txt --editable '.[safetensors,heif]' pytest tf_keras
	touch $@
