# make all    from a fresh clone: environment, default experiment, tables and figures
# make test   linters, types and tests
# One environment, .venv, made on first use; a second call does not install again.

PYTHON ?= python3
EXPERIMENT ?= arithmetic
BIN := .venv/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)

# Which build of torch. A Linux machine without an NVIDIA driver takes PyTorch's CPU build, unless the machine's own pip
# settings name another place to look; every other machine takes what the package index has. Override: make TORCH_INDEX=…
CPU_INDEX := https://download.pytorch.org/whl/cpu
TORCH_INDEX ?= $(if $(or $(shell command -v nvidia-smi),$(filter-out Linux,$(shell uname -s)),$(PIP_FIND_LINKS)),,$(CPU_INDEX))
TORCH := "torch==2.13.*"

.PHONY: all test check smoke ui clean
.DELETE_ON_ERROR:

all: .venv/installed
	snakemake all --config experiment=$(EXPERIMENT)
	@echo "results/$(notdir $(basename $(EXPERIMENT)))/report.html"

smoke: .venv/installed
	snakemake all --config experiment=smoke

test: .venv/installed-test
	ruff check .
	ruff format --check .
	snakefmt --check Snakefile experiments/rules
	basedpyright --level error
	pytest

.venv/python:
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed: make PYTHON=python3.11") if sys.version_info < (3, 11) else 0'
	$(PYTHON) -m venv .venv
	touch $@

.venv/torch: .venv/python
	pip install $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX) --timeout 15 --retries 1 $(TORCH) || pip install,) $(TORCH)
	touch $@

.venv/installed: .venv/torch pyproject.toml
	pip install -e .
	touch $@

.venv/installed-test: .venv/installed
	pip install -e '.[test]'
	touch $@

clean:
	rm -rf results .snakemake
