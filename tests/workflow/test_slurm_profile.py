"""What the Slurm profile asks of the cluster, through Snakemake's own executor, with stand-ins for
Slurm's commands.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from eval.files.marks import CHECKSUMS, Parts, known_parts, write_mark
from experiments.spec.experiment_file import load_experiment
from experiments.spec.resolved import write_spec
from experiments.workflow.launcher import retries
from experiments.workflow.layout import StudyLayout
from experiments.workflow.resources import needs
from experiments.workflow.steps import steps

ROOT = Path(__file__).parents[2]
RUN = "results/qwen3_4b/none/seed-1/run.json"
LEFT = [
    RUN,
    "results/qwen3_4b/none/seed-1/checksums.json",
    "results/qwen3_4b/benchmarks/none_1_train.tsv",
]

# Notes how it was called. The first job fails, as one does that has met its time limit; the second
# leaves the result.
SBATCH = """\
import json, pathlib, sys
calls = pathlib.Path("calls.jsonl")
with calls.open("a") as file: file.write(json.dumps(sys.argv[1:]) + "\\n")
job = len(calls.read_text().splitlines())
with open("states", "a") as file: file.write(f"{job}|{'COMPLETED' if job == 2 else 'TIMEOUT'}\\n")
if job == 2:
    for path in map(pathlib.Path, %s): path.parent.mkdir(parents=True, exist_ok=True); path.touch()
print(job)
"""
STATES = (
    "import pathlib; print(*(path.read_text() for path in pathlib.Path().glob('states')), end='')"
)
COMMANDS = {
    "sbatch": SBATCH % LEFT,
    "squeue": STATES,
    "sacct": STATES,
    "scancel": "",
    "sinfo": "",
    "scontrol": "",
}


@pytest.fixture(scope="module")
def calls(tmp_path_factory: pytest.TempPathFactory) -> list[list[str]]:
    """Every call of sbatch while one run of qwen3_4b on four GPUs goes through the profile."""
    folder = tmp_path_factory.mktemp("cluster")
    for name, source in COMMANDS.items():
        path = folder / "bin" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!{sys.executable}\n{source}\n")
        path.chmod(0o755)
    upstream(folder)
    profile = folder / "profile" / "config.yaml"
    profile.parent.mkdir()
    text = (ROOT / "profiles" / "slurm" / "config.yaml").read_text()
    profile.write_text(text.replace("# slurm_partition: gpu", "slurm_partition: gpu"))
    line = [
        sys.executable,
        "-m",
        "snakemake",
        RUN,
        "-s",
        str(ROOT / "Snakefile"),
        "--directory",
        str(folder),
    ]
    line += [
        "--workflow-profile",
        str(profile.parent),
        "--allowed-rules",
        "train",
        "--latency-wait",
        "5",
        "--no-hooks",
    ]
    line += [
        "--slurm-init-seconds-before-status-checks",
        "1",
        "--config",
        "experiment=qwen3_4b",
        "gpus=4",
        "launch=fsdp2",
    ]
    path = os.pathsep.join(
        [str(folder / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]]
    )
    environment = {
        **os.environ,
        "PATH": path,
        "PYTHONPATH": str(ROOT),
        "ENTROPY_CONTROL_TRACKING": "off",
    }
    done = subprocess.run(
        line, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
    return [json.loads(line) for line in (folder / "calls.jsonl").read_text().splitlines()]


def upstream(folder: Path) -> None:
    """What a training run of qwen3_4b reads, as files that are there."""
    layout = StudyLayout(load_experiment("qwen3_4b"), folder / "results")
    for name in (*layout.base_inputs(), f"{layout.root}/problems/train.jsonl"):
        path = Path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{}")
    write_spec(layout.experiment, layout.spec)
    # As their jobs mark them: steps that left no file but what is there.
    problems = layout.root / "problems"
    write_mark(problems / CHECKSUMS, [problems / "train.jsonl"], parts_of(layout, "problems"))
    write_mark(layout.root / "base" / "policy" / CHECKSUMS, [], parts_of(layout, "base/policy"))


def parts_of(layout: StudyLayout, folder: str) -> Parts:
    mark = layout.root / folder / CHECKSUMS
    return next(known_parts(step.parts) for step in steps(layout) if step.mark == mark)


def test_a_run_asks_for_what_it_needs(calls: list[list[str]]) -> None:
    asked = set(calls[0])
    assert {
        "--gpus=4",
        "--cpus-per-task=32",
        "--nodes=1",
        "--requeue",
        "--signal=TERM@600",
    } <= asked
    assert calls[0][calls[0].index("--mem") + 1] == "256000"
    assert calls[0][calls[0].index("-t") + 1] == "1440"
    assert calls[0][calls[0].index("-p") + 1] == "gpu"


def test_it_is_started_once_and_not_once_for_each_gpu(calls: list[list[str]]) -> None:
    assert not [
        option
        for option in calls[0]
        if re.match("--ntasks|--ntasks-per-gpu|--gres|--gpus-per", option)
    ]
    wrapped = next(option for option in calls[0] if option.startswith("--wrap="))
    assert "--target-jobs 'train:arm=none,seed=1'" in wrapped


def test_jobs_start_no_follower_of_their_own(calls: list[list[str]]) -> None:
    """MLflow's store is written where Snakemake runs, never from a node: hooks are off in what is
    sent.
    """
    wrapped = next(option for option in calls[0] if option.startswith("--wrap="))
    assert " --no-hooks " in wrapped
    snakefile = (ROOT / "Snakefile").read_text()
    local = snakefile.partition("localrules:")[2].partition("\n\n")[0]
    assert {"problems", "tracked"} <= set(re.findall(r"\w+", local))


def test_a_job_that_met_its_time_limit_is_sent_again(calls: list[list[str]]) -> None:
    assert len(calls) == 2
    options = [
        [option for option in call if re.match("--(gpus|cpus|signal|nodes)", option)]
        for call in calls
    ]
    assert options[0] == options[1]


def test_the_number_of_gpus_is_no_setting_of_a_run() -> None:
    experiment = load_experiment("qwen3_4b")
    assert [needs(experiment, gpus)["train"].gpu for gpus in (None, 0, 1, 8)] == [1, 0, 1, 8]


def test_every_process_of_a_pretrained_policy_has_a_gpu_of_its_own() -> None:
    on_gpus, on_cpu = (
        needs(load_experiment("qwen3_4b"), gpus, processes=2)["train"] for gpus in (None, 0)
    )
    assert (on_gpus.gpu, on_gpus.threads, on_gpus.mem_mb) == (2, 16, 128_000)
    assert (on_cpu.gpu, on_cpu.threads, on_cpu.mem_mb) == (0, 16, 128_000)


def test_a_policy_made_here_asks_for_no_gpu() -> None:
    for name in ("arithmetic", "smoke", "maths_mini"):
        assert {need.gpu for need in needs(load_experiment(name)).values()} == {0}
    asked = {rule: need.gpu for rule, need in needs(load_experiment("smoke"), 2).items()}
    assert asked == {"base_policy": 1, "train": 2, "sample": 1, "score": 0}


def test_the_page_says_how_often_a_run_is_sent_again() -> None:
    """A rule's own retries win over the profile's."""
    assert retries({}) == 3
    assert "retries: STUDY.retries" in (ROOT / "experiments" / "rules" / "policies.smk").read_text()
    page = " ".join((ROOT / "docs" / "cluster.md").read_text().split())
    assert (
        "submits the job again, up to three times (`--config retries=N`; `retries: 5` of the profile"
        " is for" in page
    )


def test_the_profile_names_rules_that_there_are() -> None:
    profile = yaml.safe_load((ROOT / "profiles" / "slurm" / "config.yaml").read_text())
    rules = re.findall(
        r"^ *(?:use )?rule (\w+)",
        "".join(p.read_text() for p in (ROOT / "experiments" / "rules").iterdir()),
        re.M,
    )
    assert set(profile["set-resources"]) <= set(rules)
    assert not {"tasks", "tasks_per_gpu"} & set(yaml.safe_dump(profile).replace(":", " ").split())
