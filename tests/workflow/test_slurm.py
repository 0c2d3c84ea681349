"""The Slurm profile on a real Slurm of one node: `make test-slurm`. Skipped, with the reason, where
there can be none.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from experiments.spec.experiment_file import load_experiment
from tests.workflow.slurm_cluster import ask, lacking, private_slurm, wait_until

pytestmark = [pytest.mark.slurm, pytest.mark.skipif(lacking() is not None, reason=str(lacking()))]

ROOT = Path(__file__).parents[2]
Environment = dict[str, str]

ONE_RULE = """
rule train:
    output: "result"
    benchmark: "benchmark.tsv"
    resources: gpu=2, mem_mb=500, runtime=10
    shell: "exec python -m experiments.workflow.devices --gpus {resources.gpu} -- python job.py > log 2>&1"
"""
WRITES_ITS_DEVICES = """
import os
with open("started", "a") as file: print(os.environ["CUDA_VISIBLE_DEVICES"], file=file)
open("result", "w").close()
"""
ENDS_AT_SIGTERM = """
import os, pathlib, signal
def save(*_):
    pathlib.Path("checkpoint").touch()
    os._exit(75)
if pathlib.Path("checkpoint").exists():
    pathlib.Path("result").touch()
else:
    signal.signal(signal.SIGTERM, save)
    pathlib.Path("ready").touch()
    while True: signal.pause()
"""


@pytest.fixture(scope="module")
def slurm() -> Iterator[Environment]:
    with private_slurm(cpus=4, mem_mb=32_000, gpus=2) as environment:
        yield environment | {
            "PATH": f"{environment['PATH']}{os.pathsep}{Path(sys.executable).parent}",
            "PYTHONPATH": str(ROOT),
            "ENTROPY_CONTROL_TRACKING": "off",
        }


def command(snakefile: Path, folder: Path, *more: str) -> list[str]:
    line = [
        sys.executable,
        "-m",
        "snakemake",
        "-s",
        str(snakefile),
        "--directory",
        str(folder),
        *more,
    ]
    line += ["--workflow-profile", str(ROOT / "profiles" / "slurm"), "--latency-wait", "10"]
    return [
        *line,
        "--slurm-status-command",
        "squeue",
        "--slurm-init-seconds-before-status-checks",
        "2",
    ]


def through(environment: Environment, line: list[str], folder: Path) -> str:
    """Runs Snakemake, and gives what it said."""
    done = subprocess.run(
        line,
        cwd=folder,
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:]
    return done.stdout


def one_rule(folder: Path, job: str) -> list[str]:
    """A workflow of one rule named train, which asks for two GPUs and runs `job`."""
    (folder / "Snakefile").write_text(ONE_RULE)
    (folder / "job.py").write_text(job)
    return command(folder / "Snakefile", folder)


def test_a_job_with_two_gpus_is_started_once_and_sees_both(
    slurm: Environment, tmp_path: Path
) -> None:
    through(slurm, one_rule(tmp_path, WRITES_ITS_DEVICES), tmp_path)
    assert (tmp_path / "started").read_text() == "0,1\n"


def test_sigterm_reaches_the_run_which_goes_on_when_it_is_sent_again(
    slurm: Environment, tmp_path: Path
) -> None:
    """As before a time limit, where the profile asks Slurm for the signal: to the steps of the job,
    not to its shell.
    """
    log = (tmp_path / "snakemake.log").open("w+")
    line = one_rule(tmp_path, ENDS_AT_SIGTERM)
    with (
        log,
        subprocess.Popen(
            line, cwd=tmp_path, env=slurm, stdout=log, stderr=subprocess.STDOUT
        ) as snakemake,
    ):
        wait_until((tmp_path / "ready").exists, tmp_path)
        said = ask(slurm, "squeue", "--noheader", "--states=RUNNING", "--format=%i")
        assert said.isdigit()
        ask(slurm, "scancel", "--signal=TERM", said)
        assert snakemake.wait(300) == 0, (tmp_path / "snakemake.log").read_text()[-4000:]
    assert (tmp_path / "checkpoint").exists()
    assert (tmp_path / "result").exists()
    state = ask(slurm, "squeue", "--noheader", "--states=all", "--format=%T", f"--jobs={said}")
    assert state == "FAILED"  # the first job's own exit code, not Slurm's doing


def test_the_whole_graph_goes_through_slurm(slurm: Environment, tmp_path: Path) -> None:
    """The smoke experiment with one seed, so that it takes minutes: every rule that is not local is
    a job of Slurm's.
    """
    content = load_experiment("smoke").model_dump(mode="json") | {"seeds": [1]}
    (tmp_path / "smoke.yaml").write_text(yaml.safe_dump(content))
    before = ask(slurm, "squeue", "--noheader", "--states=all", "--format=%i").splitlines()
    line = command(
        ROOT / "Snakefile", tmp_path, "all", "--config", f"experiment={tmp_path / 'smoke.yaml'}"
    )
    said = through(slurm, line, tmp_path)
    table = said.partition("Job stats:")[2].partition("\n\n")[0]
    jobs = {name: int(count) for name, count in re.findall(r"^(\w+) +(\d+)$", table, re.MULTILINE)}
    remote = jobs["total"] - sum(jobs.get(name, 0) for name in ("all", "problems", "tracked"))
    states = ask(slurm, "squeue", "--noheader", "--states=all", "--format=%i %T").splitlines()
    assert [state.split()[1] for state in states if state.split()[0] not in before] == [
        "COMPLETED"
    ] * remote
    assert (tmp_path / "results" / "smoke" / "report.html").exists()
    for arm in load_experiment("smoke").arms:
        assert (tmp_path / "results" / "smoke" / arm / "seed-1" / "run.json").exists()
