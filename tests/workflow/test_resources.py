"""What a pretrained policy's jobs ask for where there is no GPU: what the machine has, and they compute
with the threads that they get.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from experiments.spec.experiment_file import load_experiment
from experiments.workflow.resources import LocalMachine, local_machine, needs

ROOT = Path(__file__).parents[2]
LAPTOP = LocalMachine(cores=2, mem_mb=16_000, gpus=0)
SERVER = LocalMachine(cores=64, mem_mb=512_000, gpus=8)
PRETRAINED = [load_experiment(name) for name in ("smollm2", "qwen3_0_6b_one_gpu")]


@pytest.mark.parametrize("experiment", PRETRAINED, ids=lambda experiment: experiment.name)
def test_a_machine_is_asked_for_what_it_has(experiment: object) -> None:
    asked = needs(experiment, machine=LAPTOP)  # pyright: ignore[reportArgumentType]
    for need in asked.values():
        assert need.gpu == 0
        assert need.threads <= LAPTOP.cores
        assert need.mem_mb <= LAPTOP.mem_mb
    assert asked["train"].computing_threads(2) == 2
    on_gpus = needs(experiment, machine=SERVER)["train"]  # pyright: ignore[reportArgumentType]
    assert (on_gpus.gpu, on_gpus.threads, on_gpus.mem_mb) == (1, 8, 64_000)
    assert on_gpus.computing_threads(8) == 1, "the GPU computes"


def test_jobs_that_are_sent_elsewhere_are_not_judged_by_this_machine() -> None:
    sent = needs(load_experiment("smollm2"), machine=None)["train"]
    assert (sent.gpu, sent.threads, sent.mem_mb) == (1, 8, 64_000)
    assert local_machine(["all", "--cores", "1", "--executor", "slurm", "--jobs", "2"], {}) is None
    here = local_machine(["all", "--cores", "1"], {"CUDA_VISIBLE_DEVICES": ""})
    assert here is not None
    assert (here.gpus, here.cores > 0, here.mem_mb > 0) == (0, True, True)


def test_processes_share_the_threads_of_their_job() -> None:
    need = needs(load_experiment("smollm2"), 0, processes=4, machine=LocalMachine(8, 32_000, 0))
    assert need["train"].threads == 8
    assert need["train"].computing_threads(8) == 2
    assert need["train"].computing_threads(3) == 1, "--cores 3 gives fewer"


def test_a_policy_made_here_computes_with_one_thread() -> None:
    assert needs(load_experiment("smoke"))["train"].computing_threads(4) == 1


def test_a_training_job_computes_with_the_threads_that_it_was_given(tmp_path: Path) -> None:
    """The command that Snakemake would run: 8 threads are asked for, the machine's are given."""
    target = tmp_path / "smollm2" / "none" / "seed-1" / "checksums.json"
    options = ["--dry-run", "--printshellcmds", "--cores", "2"]
    done = subprocess.run(
        [
            *(sys.executable, "-m", "snakemake", str(target), *options),
            *("--config", "experiment=smollm2", f"results={tmp_path}"),
        ],
        cwd=ROOT,
        env=os.environ | {"CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    threads = min(2, len(os.sched_getaffinity(0)))
    assert f"OMP_NUM_THREADS={threads} MKL_NUM_THREADS={threads}" in done.stdout + done.stderr
    assert "devices --gpus 0 --" in done.stdout + done.stderr
