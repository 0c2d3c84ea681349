"""How runs are launched: the command, the shipped configurations as accelerate reads them, and what
is refused.
"""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from accelerate.commands.config.config_args import load_config_from_file
from accelerate.commands.launch import _validate_launch_command, launch_command_parser
from accelerate.utils import DistributedType

from eval.files.errors import BadInput
from experiments.spec.experiment_file import load_experiment
from experiments.training.update.micro_batches import batch
from experiments.workflow.launcher import (
    LAUNCH_FOLDER,
    ONE,
    THREADS,
    launcher,
    prepare_launches,
    processes,
    retries,
)

ROOT = Path(__file__).parents[2]
CONFIGURATIONS = sorted(LAUNCH_FOLDER.glob("*.yaml"))


def test_one_process_needs_no_launcher() -> None:
    assert (
        launcher({})
        == launcher({"gpus": 1})
        == launcher({"gpus": 0})
        == launcher({"processes": 1})
        == ONE
    )


def test_several_are_launched_by_accelerate() -> None:
    assert launcher({"gpus": 4, "launch": "fsdp2"}) == (
        f"accelerate launch --config_file {LAUNCH_FOLDER / 'fsdp2.yaml'} --num_processes 4"
        " --main_process_port 0 -m"
    )
    assert "ddp.yaml --num_processes 2 " in launcher({"processes": 2, "gpus": 0})


def test_a_configuration_of_ones_own(tmp_path: Path) -> None:
    own = tmp_path / "my own.yaml"
    own.write_text((LAUNCH_FOLDER / "ddp.yaml").read_text())
    assert f"--config_file '{own}' " in launcher({"gpus": 2, "launch": str(own)})


@pytest.mark.parametrize("count", ["two", 0, -1, 1.5, True])
def test_numbers_that_are_none_are_refused(count: Any) -> None:
    with pytest.raises(BadInput, match="whole number"):
        processes({"processes": count})


@pytest.mark.parametrize("count", ["x", -1, 1.5, True, None])
def test_retries_that_are_no_number_are_refused(count: Any) -> None:
    with pytest.raises(BadInput, match=f"retries={count}: give a whole number"):
        retries({"retries": count})
    assert [retries({}), retries({"retries": 0})] == [3, 0]


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("experiment=5", "there is no experiment '5'"),
        ("retries=x", "--config retries=x: give"),
        ("results=5", ""),
    ],
)
def test_the_pipeline_says_what_is_wrong_with_its_settings(
    setting: str, said: str, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "snakemake", "-n", "problems", "-s", str(ROOT / "Snakefile")]
    command += [
        "-d",
        str(tmp_path),
        "--config",
        *([] if "experiment" in setting else ["experiment=smoke"]),
        setting,
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert (done.returncode != 0) == bool(said), done.stderr
    assert (f"error: {said}" in done.stderr) == bool(said)
    assert "Traceback" not in done.stderr


def test_processes_that_share_a_gpu_are_refused() -> None:
    assert processes({"processes": 2, "gpus": 2}) == processes({"processes": 2, "gpus": 0}) == 2
    with pytest.raises(BadInput, match="processes=4 gpus=2: each process has a GPU of its own"):
        processes({"processes": 4, "gpus": 2})


def test_an_unknown_configuration_lists_the_known_ones() -> None:
    with pytest.raises(BadInput, match="launch=fsdp3: choose one of ddp, fsdp2, zero3"):
        launcher({"gpus": 2, "launch": "fsdp3"})


@pytest.mark.parametrize("path", CONFIGURATIONS, ids=lambda p: p.stem)
def test_accelerate_reads_the_shipped_configurations(path: Path) -> None:
    """As `accelerate launch` does it: what a key means, and that the command line's numbers win."""
    kind = {
        "ddp": DistributedType.MULTI_GPU,
        "fsdp2": DistributedType.FSDP,
        "zero3": DistributedType.DEEPSPEED,
    }
    assert load_config_from_file(str(path)).distributed_type == kind[path.stem]
    command = [
        "--config_file",
        str(path),
        "--num_processes",
        "3",
        "--main_process_port",
        "0",
        "-m",
        "module",
    ]
    arguments, _, _ = _validate_launch_command(launch_command_parser().parse_args(command))
    assert (arguments.num_processes, arguments.main_process_port, arguments.mixed_precision) == (
        3,
        0,
        "no",
    )
    assert arguments.multi_gpu is (path.stem == "ddp")
    assert arguments.use_fsdp is (path.stem == "fsdp2")
    assert arguments.use_deepspeed is (path.stem == "zero3")
    content = yaml.safe_load(path.read_text())
    for block, prefix in (("fsdp_config", ""), ("deepspeed_config", "")):
        for key, value in content.get(block, {}).items():
            assert getattr(arguments, prefix + key) == value, key


def test_a_launcher_waits_longer_than_the_lead_of_the_profile(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("TORCH_ELASTIC_SHUTDOWN_TIMEOUT", raising=False)
    prepare_launches()
    profile = yaml.safe_load((ROOT / "profiles" / "slurm" / "config.yaml").read_text())
    lead = int(profile["set-resources"]["train"]["slurm_extra"].rpartition("@")[2].strip("'"))
    assert int(os.environ["TORCH_ELASTIC_SHUTDOWN_TIMEOUT"]) == 3600 > lead
    monkeypatch.setenv("TORCH_ELASTIC_SHUTDOWN_TIMEOUT", "90")
    prepare_launches()
    assert os.environ["TORCH_ELASTIC_SHUTDOWN_TIMEOUT"] == "90", "one's own stays"


def test_the_numbers_of_processes_that_are_shown_divide_the_batches_of_the_gpu_experiments() -> (
    None
):
    shown = {
        int(count)
        for count in re.findall(r"--num_processes (\d+)", (ROOT / "docs" / "scale.md").read_text())
    }
    assert shown == {2, 8}
    for name in ("qwen3_0_6b_one_gpu", "qwen3_4b", "qwen3_8b"):
        for count in shown:
            batch(load_experiment(name).training, count)  # raises where it does not


def test_the_number_of_processes_changes_no_run() -> None:
    """The rule's launcher and threads are outside its params, so that Snakemake finds nothing to do
    again.
    """
    rule = (
        (ROOT / "experiments" / "rules" / "policies.smk").read_text().rpartition("rule train:")[2]
    )
    params = rule.partition("params:")[2].partition("shell:")[0]
    assert "launcher" not in params
    assert "processes" not in params.lower()
    assert "{resources.launcher} experiments.train" in rule


def test_snakemake_launches_a_run_on_two_processes(tmp_path: Path) -> None:
    """A dry run: the command as it would be given."""
    command = [
        sys.executable,
        "-m",
        "snakemake",
        "-n",
        "-p",
        "--config",
        "experiment=smoke",
        "processes=2",
        "launch=fsdp2",
    ]
    target = "results/smoke/aer/seed-1/run.json"
    done = subprocess.run(
        [
            *command,
            "--snakefile",
            str(ROOT / "Snakefile"),
            "--directory",
            str(tmp_path),
            "--cores",
            "2",
            target,
        ],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0, said[-2000:]
    assert (
        "experiments/launch/fsdp2.yaml --num_processes 2 --main_process_port 0 -m"
        " experiments.train --spec" in said
    )
    # Or each process would start as many threads as Snakemake has set aside for all of them.
    assert all(f" {name}=1 " in said for name in THREADS)
