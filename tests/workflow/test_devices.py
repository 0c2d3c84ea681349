"""Jobs side by side on one machine each get GPUs of their own. A stand-in for nvidia-smi says what
there is.
"""

import os
import signal
import subprocess
import sys
from argparse import Namespace
from collections.abc import Callable, Iterator
from pathlib import Path
from select import select

import pytest

from eval.files.errors import BadInput
from eval.sample import make_engine
from eval.sampling.engine_interface import Sampling
from eval.sampling.gpus import check_gpus
from experiments.workflow.devices import LocalDevice, attempt, choose, visible_devices

ROOT = Path(__file__).parents[2]
HOLD = "import os, sys; print(os.environ['CUDA_VISIBLE_DEVICES'], flush=True); sys.stdin.read()"
Job = subprocess.Popen[str]
Start = Callable[..., Job]


def machine(folder: Path, gpus: int, script: str | None = None) -> dict[str, str]:
    """An environment in which nvidia-smi lists so many GPUs, and locks have a folder of their
    own.
    """
    listing = "".join(f"echo '{index}, GPU-{index}{index}'\n" for index in range(gpus))
    (folder / "bin").mkdir()
    (folder / "bin" / "nvidia-smi").write_text(
        f"#!/bin/sh\n{listing if script is None else script}\n"
    )
    (folder / "bin" / "nvidia-smi").chmod(0o755)
    unwanted = ("CUDA_VISIBLE_DEVICES", "SLURM_JOB_ID")
    inherited = {name: value for name, value in os.environ.items() if name not in unwanted}
    path = f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
    return {**inherited, "PATH": path, "TMPDIR": str(folder), "PYTHONPATH": str(ROOT)}


def command(gpus: int, *rest: str) -> list[str]:
    return [sys.executable, "-m", "experiments.workflow.devices", "--gpus", str(gpus), "--", *rest]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts jobs on a machine with two GPUs. A job says its devices, then goes on until its input
    is closed.
    """
    environment, jobs = machine(tmp_path, 2), list[Job]()

    def begin(gpus: int, **more: str) -> Job:
        holder, pipe = command(gpus, sys.executable, "-c", HOLD), subprocess.PIPE
        jobs.append(
            subprocess.Popen(holder, env=environment | more, text=True, stdin=pipe, stdout=pipe)
        )
        return jobs[-1]

    yield begin
    for job in jobs:
        job.kill()
        job.communicate()


def says(*jobs: Job) -> tuple[Job, str]:
    """The first of the jobs that has devices, and which."""
    outputs = {job.stdout: job for job in jobs if job.stdout}
    ready, _, _ = select(list(outputs), [], [], 60)
    assert ready, "no job got a device"
    return outputs[ready[0]], ready[0].readline().strip()


def test_no_two_jobs_share_a_device(start: Start) -> None:
    waiting, running, order = [start(1) for _ in range(5)], dict[Job, str](), list[str]()
    while waiting:
        job, device = says(*waiting)
        waiting.remove(job)
        assert device in {"0", "1"} - set(running.values())
        running[job] = device
        order.append(device)
        if len(running) == 2:
            ended = next(iter(running))
            ended.communicate()  # closes its input
            del running[ended]
    assert len(order) == 5
    assert set(order) == {"0", "1"}


def test_a_killed_job_frees_its_device_at_once(start: Start) -> None:
    first = start(2)
    assert says(first)[1] == "0,1"
    second = start(2)
    first.send_signal(signal.SIGKILL)
    assert says(second)[1] == "0,1"


def test_two_jobs_that_want_everything_take_turns(start: Start) -> None:
    jobs = [start(2), start(2), start(2)]
    for _ in range(3):
        job, found = says(*jobs)
        assert found == "0,1"
        jobs.remove(job)
        job.communicate()


def test_a_device_is_the_same_by_number_and_by_uuid(start: Start) -> None:
    assert says(start(1, CUDA_VISIBLE_DEVICES="1"))[1] == "1"
    waits = start(1, CUDA_VISIBLE_DEVICES="GPU-11")
    other = start(1)
    job, device = says(waits, other)
    assert (job, device) == (other, "0")


def test_the_command_takes_the_place_of_the_wrapper(start: Start) -> None:
    """A signal to the job reaches the command itself, and its exit code is the job's."""
    job = start(1)
    says(job)
    job.send_signal(signal.SIGTERM)
    assert job.wait(60) == -signal.SIGTERM


def chosen(count: int, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> str | None:
    monkeypatch.setattr("tempfile.tempdir", environment["TMPDIR"])
    return choose(count, environment)


def test_zero_hides_every_device(tmp_path: Path) -> None:
    environment = machine(tmp_path, 2, "exit 1")  # is not asked
    assert choose(0, environment) == ""
    done = subprocess.run(
        command(0, "sh", "-c", "echo [$CUDA_VISIBLE_DEVICES]"), env=environment, capture_output=True
    )
    assert done.stdout == b"[]\n"


def test_where_there_is_none_nothing_changes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    environment = machine(tmp_path, 2)
    assert choose(1, environment | {"CUDA_VISIBLE_DEVICES": ""}) is None
    (tmp_path / "bin" / "nvidia-smi").unlink()
    assert choose(1, {"PATH": str(tmp_path / "bin")}) is None
    assert "asks for 1 GPUs, this machine has none" in capsys.readouterr().err


def test_a_batch_job_keeps_the_devices_that_it_was_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = machine(tmp_path, 4) | {"SLURM_JOB_ID": "7", "CUDA_VISIBLE_DEVICES": "1,3"}
    assert chosen(2, given, monkeypatch) is None
    assert chosen(1, given, monkeypatch) == "1"  # several jobs share the allocation


def test_more_than_there_are_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(
        BadInput, match=r"needs 3 GPUs and may use 2 \(0,1\): set --config gpus=2 or less"
    ):
        chosen(3, machine(tmp_path, 2), monkeypatch)


def test_a_broken_driver_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BadInput, match="nvidia-smi: Failed to initialize NVML: fix the driver"):
        chosen(1, machine(tmp_path, 0, "echo Failed to initialize NVML; exit 9"), monkeypatch)


def test_a_failed_attempt_holds_nothing(tmp_path: Path) -> None:
    there = [LocalDevice("0", "a"), LocalDevice("1", "b")]
    held = attempt(there[:1], 1, tmp_path)
    assert held is not None
    assert attempt(there, 2, tmp_path) is None
    assert attempt(there, 1, tmp_path) is not None  # b is free again
    os.close(held[there[0]])
    assert attempt(there, 1, tmp_path) is not None


def test_the_list_of_the_machine(tmp_path: Path) -> None:
    environment = machine(tmp_path, 2)
    assert visible_devices(environment) == [LocalDevice("0", "GPU-00"), LocalDevice("1", "GPU-11")]
    mine = environment | {"CUDA_VISIBLE_DEVICES": "1, MIG-x"}
    assert visible_devices(mine) == [LocalDevice("1", "GPU-11"), LocalDevice("MIG-x", "MIG-x")]


def test_a_command_that_is_not_there_is_one_message(tmp_path: Path) -> None:
    done = subprocess.run(
        command(0, "nowhere"), env=machine(tmp_path, 0), capture_output=True, text=True
    )
    assert (done.returncode, done.stderr.splitlines()[-1][:15]) == (2, "error: nowhere:")


SNAKEFILE = """
rule all:
    input: expand("{i}.done", i=range(6))

rule job:
    output: touch("{i}.done")
    resources: gpu=config.get("gpus", 1)
    shell: "exec python -m experiments.workflow.devices --gpus {resources.gpu} -- python job.py"
"""
JOB = """
import os
device = os.environ["CUDA_VISIBLE_DEVICES"]
os.mkdir(f"on-{device}")  # fails where another job is on it
with open("seen", "a") as file: file.write(str(len([n for n in os.listdir() if n.startswith("on-")])))
os.rmdir(f"on-{device}")
"""


@pytest.mark.parametrize("limit", [1, 2])
def test_snakemake_limits_how_many_jobs_have_gpus(tmp_path: Path, limit: int) -> None:
    (tmp_path / "Snakefile").write_text(SNAKEFILE)
    (tmp_path / "job.py").write_text(JOB)
    line = [
        sys.executable,
        "-m",
        "snakemake",
        "--cores",
        "6",
        "--resources",
        f"gpu={limit}",
        "--config",
    ]
    environment = machine(tmp_path, 3)
    environment["PATH"] = os.pathsep.join(
        [str(tmp_path / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]]
    )
    done, again = (
        subprocess.run(
            [*line, *more],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        for more in (["gpus=1"], ["gpus=2", "-n"])
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert "Nothing to be done" in again.stdout + again.stderr, (
        "another number of GPUs is the same run"
    )
    seen = [int(digit) for digit in (tmp_path / "seen").read_text()]
    assert len(seen) == 6
    assert max(seen) <= limit


def test_gpus_that_torch_cannot_use_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A build of torch without CUDA: the job would go on for days on the CPU."""
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    for unused in ("", "-1"):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", unused)
        check_gpus()
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,3")
    with pytest.raises(
        BadInput, match=r"gives this process GPUs \(0,3\), and PyTorch .* sees none"
    ):
        check_gpus()
    with pytest.raises(BadInput, match="sees none"):
        make_engine(Namespace(threads=1), Sampling(1.0, 1.0, 1), None, "auto")


def test_training_on_gpus_that_torch_cannot_use_is_refused(tmp_path: Path) -> None:
    job = [
        sys.executable,
        "-m",
        "experiments.train",
        "--spec",
        str(tmp_path / "spec.yaml"),
        "--arm",
        "x",
        "--seed",
        "1",
    ]
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "99", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(job, env=environment, capture_output=True, text=True, check=False)
    assert done.stderr.startswith("error: CUDA_VISIBLE_DEVICES gives this process GPUs (99)"), (
        done.stderr
    )


@pytest.mark.parametrize(("names", "seen"), [("-1", []), ("0,-1,1", ["0"]), (" 1 , 0", ["1", "0"])])
def test_an_invalid_name_ends_the_list_of_devices(
    tmp_path: Path, names: str, seen: list[str]
) -> None:
    environment = machine(tmp_path, 2) | {"CUDA_VISIBLE_DEVICES": names}
    assert [each.name for each in visible_devices(environment)] == seen
