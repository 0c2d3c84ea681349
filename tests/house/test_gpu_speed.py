"""tests/speed/gpu.py: every part in miniature on the CPU, its arithmetic by hand, and what it does
when a part goes wrong.
"""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.speed import gpu
from tests.speed.gpu_tables import compare

Row = dict[str, Any]
ROOT = Path(__file__).parents[2]


def script(out: Path, *options: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "tests.speed.gpu", "--out", str(out), *options]
    return subprocess.run(
        command, capture_output=True, text=True, env=os.environ | environment, cwd=ROOT
    )


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Row]:
    """(folder, results.json) of all parts as toys."""
    out = tmp_path_factory.mktemp("gpu")
    done = script(out, "--toy", "--minutes", "60")
    assert done.returncode == 0, done.stderr
    return out, json.loads((out / "results.json").read_text())


def test_every_part_finishes_and_the_page_has_its_numbers(toy: tuple[Path, Row]) -> None:
    out, results = toy
    statuses = {name: part["status"] for name, part in results["parts"].items()}
    logs = "".join((out / f"{name}.log").read_text()[-2000:] for name in statuses)
    assert statuses == dict.fromkeys(("steps", "parity", "grpo"), "finished"), logs
    page = (out / "results.md").read_text()
    assert "Toy sizes on the CPU" in page
    for row in compare(results["parts"]["steps"]["rows"]):
        assert f"| {row['ours_s']:.3g} | {row['stock_s']:.3g} | {row['time_ratio']:.3g} |" in page


def test_steps_are_timed_for_both_trainers_in_turns(toy: tuple[Path, Row]) -> None:
    rows = toy[1]["parts"]["steps"]["rows"]
    assert [row["trainer"] for row in rows] == ["ours", "stock", "stock", "ours"] * 2
    assert {(row["length"], row["entropy_term"]) for row in rows} == {(32, False), (32, True)}
    assert all(len(row["seconds"]) == 2 and min(row["seconds"]) > 0 for row in rows)
    # two layers of width 32: embeddings, q k v o, three of the MLP, two norms over a head and two
    # over the width; a norm
    layer = 2 * 32 * 32 + 2 * 32 * 16 + 3 * 32 * 64 + 2 * 16 + 2 * 32
    assert {row["parameters"] for row in rows} == {256 * 32 + 2 * layer + 32}


def test_parity_reports_the_difference_that_it_found(toy: tuple[Path, Row]) -> None:
    (row,) = toy[1]["parts"]["parity"]["rows"]
    assert (row["result"], row["difference"]) == ("passed", 0.0)


def test_grpo_leaves_a_curve_per_arm_and_the_figure(toy: tuple[Path, Row]) -> None:
    out, results = toy
    (run,) = results["parts"]["grpo"]["rows"]
    assert run["arm"] == "aer"
    assert len(run["entropy"]) == 3
    assert min(run["entropy"]) > 0
    assert (out / "entropy.png").stat().st_size > 0
    assert (
        out / "results" / gpu.NAME / "aer" / "seed-1" / "eval" / "arithmetic_test.counts.csv"
    ).exists()


def turn(trainer: str, term: bool, seconds: list[float], peaks: list[int]) -> Row:
    cell = {"policy": "p", "length": 8, "entropy_term": term, "trainer": trainer}
    return cell | {"seconds": seconds, "peak_bytes": peaks}


def test_medians_and_ratios_by_hand() -> None:
    gib = 2**30
    rows = [
        turn("ours", False, [2.0, 4.0], [gib, 3 * gib]),
        turn("stock", False, [1.0, 1.0], [gib, 2 * gib]),
        turn("stock", False, [2.0, 2.0], [gib, gib]),
        turn("ours", False, [3.0, 9.0], [gib, gib]),
        turn("ours", True, [7.0], []),
        {
            "policy": "p",
            "length": 8,
            "entropy_term": True,
            "trainer": "stock",
            "error": "out of memory",
        },
    ]
    without, with_term = compare(rows)
    assert (without["ours_s"], without["stock_s"]) == (3.5, 1.5)  # of 2 3 4 9 and 1 1 2 2
    assert without["time_ratio"] == pytest.approx(7 / 3)
    assert without["pair_ratios"] == [3.0, 3.0]
    assert (without["ours_gib"], without["stock_gib"], without["memory_ratio"]) == (3.0, 2.0, 1.5)
    assert (without["term_ratio"], with_term["term_ratio"]) == (None, 2.0)
    assert (with_term["time_ratio"], with_term["ours_gib"], with_term["fault"]) == (
        None,
        None,
        "out of memory",
    )


def test_a_part_that_fails_says_so(tmp_path: Path) -> None:
    job = gpu.Job(tmp_path, toy=True)
    assert (
        job.run("part", [sys.executable, "-c", "print('why'); exit(3)"], 60)
        == "failed with exit code 3, see part.log"
    )
    assert (tmp_path / "part.log").read_text() == "why\n"


def test_a_part_is_stopped_with_all_that_it_started(monkeypatch: pytest.MonkeyPatch) -> None:
    """A shell that ignores the interrupt, and its child, which holds the pipe open as long as it
    lives.
    """
    monkeypatch.setattr(gpu, "GRACE_S", 0.0)
    command = ["bash", "-c", "trap '' INT; tail -f /dev/null & echo started; wait"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True)
    assert process.stdout is not None
    assert process.stdout.readline() == b"started\n"
    gpu.stop(process)
    assert process.returncode == -signal.SIGKILL
    assert process.communicate(timeout=60) == (b"", None)


def test_results_are_kept_when_there_was_no_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gpu, "GRACE_S", 0.0)
    gpu.run(gpu.Job(tmp_path, toy=True), ["steps", "parity"], minutes=0.0)
    results = json.loads((tmp_path / "results.json").read_text())
    assert [part["status"] for part in results["parts"].values()] == ["stopped after 0 s"] * 2
    assert "0 of 0 passed" in (tmp_path / "results.md").read_text()


def test_without_a_gpu_it_says_what_to_do(tmp_path: Path) -> None:
    done = script(tmp_path / "out", PATH="")
    assert done.returncode == 2
    assert (
        done.stderr
        == "error: nvidia-smi finds no GPU here: run it where there is one, or with --toy\n"
    )
    assert not (tmp_path / "out").exists()
