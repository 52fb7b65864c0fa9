# `make demo` and `make test` work alone on a fresh clone: each makes .venv and installs what it needs.

PYTHON ?= python3
PIP_ARGS ?=
VENV := .venv
BIN := $(VENV)/bin
INPUT ?=
SECONDS ?= 60
MINUTES ?= 15

.PHONY: bench demo test check format fuzz soak quality screenshots clean

demo: $(VENV)/.installed
	$(BIN)/esc-tui demo $(if $(INPUT),--input "$(INPUT)")

test: $(VENV)/.installed-test
	$(BIN)/python -m pytest

check: $(VENV)/.installed-test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.installed-test
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# Coverage-guided fuzzing of the protocol, the bitstream and the .esc file, SECONDS each.
fuzz: $(VENV)/.installed-fuzz
	$(BIN)/python -m tests.fuzz --seconds $(SECONDS)

# Streams over a failing network for MINUTES; tells what was lost, and which threads, files, sockets or memory leaked.
soak: $(VENV)/.installed-test
	$(BIN)/python -m tests.soak --minutes $(MINUTES)

# Figures of the model (MODEL=folder; default: the bundled one) on the sample and on recordings in DATA.
quality: $(VENV)/.installed-metrics
	$(BIN)/python -m codec.evaluation --data esc_tui/samples $(if $(DATA),--data "$(DATA)") $(if $(MODEL),--model "$(MODEL)") --json quality.json

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "esc-tui needs Python 3.11 or later, and '$(PYTHON)' is older: try 'make PYTHON=python3.12 $(MAKECMDGOALS)'" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
		echo "'$(PYTHON)' cannot make virtual environments: on Debian and Ubuntu, apt install python3-venv" >&2; exit 1; }

$(VENV)/.installed: $(BIN)/python pyproject.toml
	@echo "installing esc-tui and what it needs into $(VENV): torch is large, this takes some minutes"
	$(BIN)/python -m pip install --quiet $(PIP_ARGS) --editable .
	@touch $@

$(VENV)/.installed-test: $(BIN)/python pyproject.toml
	@echo "installing esc-tui and what it and its tests need into $(VENV): torch is large, this takes some minutes"
	$(BIN)/python -m pip install --quiet $(PIP_ARGS) --editable '.[test]'
	@touch $@ $(VENV)/.installed

$(VENV)/.installed-fuzz: $(VENV)/.installed-test
	$(BIN)/python -m pip install --quiet $(PIP_ARGS) --editable '.[test,fuzz]'
	@touch $@

$(VENV)/.installed-metrics: $(BIN)/python pyproject.toml
	$(BIN)/python -m pip install --quiet $(PIP_ARGS) --editable '.[metrics]'
	@touch $@

bench: $(VENV)/.installed-test
	$(BIN)/python -m tests.bench $(if $(JSON),--json "$(JSON)")

screenshots: $(VENV)/.installed
	$(BIN)/python docs/screenshots.py

clean:
	rm -rf $(VENV) .fuzz build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache
