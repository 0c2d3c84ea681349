"""The whole graph at miniature size through the real Snakefile, in a copy of the checkout."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pytest

from experiments.tracking.store_address import SWITCH

ROOT = Path(__file__).parents[2]
PARTS = ("Snakefile", "profiles", "methods", "experiments", "eval", "analysis")


def snakemake(
    checkout: Path, *arguments: str, check: bool = True, tracking: str = "off", **environment: str
) -> subprocess.CompletedProcess[str]:
    """Runs snakemake there on the smoke experiment; output and errors together.

    `tracking`: on = MLflow shows the study.
    """
    command = [sys.executable, "-m", "snakemake", *arguments, "--config", "experiment=smoke"]
    done = subprocess.run(
        command,
        cwd=checkout,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
        env=os.environ | {SWITCH: tracking} | environment,
    )
    assert not check or done.returncode == 0, done.stdout[-3000:]
    return done


def planned(checkout: Path, target: str = "all") -> dict[str, int]:
    """Rule → number of jobs that a run would start now."""
    table = (
        snakemake(checkout, target, "-n").stdout.rpartition("Job stats:")[2].partition("\n\n")[0]
    )
    counts = {
        name: int(count) for name, count in re.findall(r"^(\w+) +(\d+)$", table, re.MULTILINE)
    }
    return {name: count for name, count in counts.items() if name not in ("all", "total")}


@contextmanager
def edited(file: Path, change: Callable[[str], str]) -> Iterator[None]:
    """A file with other content, and as it was afterwards, its time included."""
    before, times = file.read_text(), file.stat()
    after = change(before)
    assert after != before
    file.write_text(after)
    yield
    file.write_text(before)
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))


def copied(copy: Path) -> Path:
    """The folder, with what a checkout needs to run."""
    copy.mkdir(exist_ok=True)
    for part in PARTS:
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(source, copy / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, copy / part)
    return copy


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the checkout in which the smoke experiment has been run, in an environment like that
    of many container images.
    """
    copy = copied(tmp_path_factory.mktemp("pipeline"))
    snakemake(copy, "all", tracking="on", PYTHONDONTWRITEBYTECODE="1")
    return copy


def results(checkout: Path) -> Path:
    return checkout / "results" / "smoke"


def test_every_promised_file_is_there(checkout: Path) -> None:
    root = results(checkout)
    for arm in ("none", "clip_higher", "aer"):
        for seed in (1, 2):
            run = root / arm / f"seed-{seed}"
            rows = [json.loads(line) for line in (run / "train.jsonl").read_text().splitlines()]
            assert [row["rollout"] for row in rows] == [0, 1, 2]
            record = json.loads((run / "run.json").read_text())
            assert (record["status"], record["arm"], record["seed"]) == ("finished", arm, seed)
            assert record["tokens_generated"] == rows[-1]["tokens_generated"] > 0
            assert (run / "policy" / "model.safetensors").exists()
            assert json.loads((run / "method_state.json").read_text())["state"] == rows[-1]["state"]
            counts = pd.read_csv(run / "eval" / "arithmetic_test.counts.csv")
            assert counts["n"].tolist() == [4] * 10
    for table in ("main", "comparisons", "budget", "diagnostics"):
        for ending in ("csv", "md", "tex"):
            assert (root / "tables" / f"{table}.{ending}").stat().st_size > 0
    for figure in ("entropy", "length", "reward", "pass_at_k", "levels", "controller"):
        for ending in ("png", "pdf", "csv", "json"):
            assert (root / "figures" / f"{figure}.{ending}").stat().st_size > 0
    assert (root / "report.html").exists()
    assert (root / "mlflow.logged").read_text() == "logged\n"


def test_jobs_keep_what_python_compiles(checkout: Path) -> None:
    """Or each of them would compile torch and TRL again."""
    assert list((checkout / "experiments" / "training").rglob("*.pyc"))


def test_arms_of_a_seed_see_the_same_first_rollout(checkout: Path) -> None:
    """Same policy, same prompts, same draws: until a method acts, its arm is the reference arm."""
    for seed in (1, 2):
        first = [
            json.loads(
                (results(checkout) / arm / f"seed-{seed}" / "train.jsonl")
                .read_text()
                .splitlines()[0]
            )
            for arm in ("none", "clip_higher", "aer")
        ]
        for key in ("entropy", "reward", "length_mean", "levels"):
            assert first[0][key] == first[1][key] == first[2][key]


def test_a_second_run_has_nothing_to_do(checkout: Path) -> None:
    assert "Nothing to be done" in snakemake(checkout, "all").stdout


def test_a_lost_spec_is_written_again_where_nothing_is_to_be_done(checkout: Path) -> None:
    spec = results(checkout) / "spec.yaml"
    before = spec.read_bytes()
    spec.unlink()
    snakemake(checkout, "all", "-n")
    assert not spec.exists()
    said = snakemake(checkout, "all").stdout
    assert "Nothing to be done" in said
    assert "spec.yaml: was missing or could not be read: it is written again" in said
    assert spec.read_bytes() == before


def test_a_finished_run_that_has_lost_its_policy_is_refused_by_name(checkout: Path) -> None:
    policy = results(checkout) / "none" / "seed-1" / "policy"
    aside = policy.rename(policy.with_name("aside"))
    done = snakemake(checkout, "all", check=False)
    aside.rename(policy)
    assert done.returncode != 0
    assert (
        "Put back a whole copy of results/smoke/none/seed-1, or delete it to train this run again"
        in done.stdout
    )
    assert "Traceback" not in done.stdout


def test_editing_a_method_concerns_its_arms_only(checkout: Path) -> None:
    with edited(checkout / "methods" / "aer.py", lambda text: text + "\nCHANGED = True\n"):
        jobs = planned(checkout)
    assert jobs["train"] == jobs["sample"] == jobs["score"] == 2
    assert "base_policy" not in jobs


def test_an_edit_is_seen_whatever_its_date(checkout: Path) -> None:
    """As after a clock was set back: what was made before looks newer than the edit."""
    method = checkout / "methods" / "aer.py"
    with edited(method, lambda text: text + "\nCHANGED = True\n"):
        os.utime(method, (0, 0))
        jobs = planned(checkout)
    assert jobs["train"] == jobs["sample"] == jobs["score"] == 2
    assert "base_policy" not in jobs


def test_editing_an_analysis_never_trains(checkout: Path) -> None:
    with edited(
        checkout / "analysis" / "tables" / "scores.py", lambda text: text + "\nCHANGED = True\n"
    ):
        jobs = planned(checkout)
    assert "tables" in jobs
    assert not {"train", "sample", "score", "base_policy"} & set(jobs)


def test_changing_an_arm_in_the_experiment_concerns_that_arm_only(checkout: Path) -> None:
    with edited(
        checkout / "experiments" / "smoke.yaml", lambda text: text.replace("eta: 0.1", "eta: 0.2")
    ):
        jobs = planned(checkout)
    assert jobs["train"] == jobs["sample"] == 2
    assert "base_policy" not in jobs


def test_the_code_that_makes_the_problems_concerns_them(checkout: Path) -> None:
    with edited(
        checkout / "eval" / "questions" / "contamination.py",
        lambda text: text + "\nCHANGED = True\n",
    ):
        jobs = planned(checkout)
    assert jobs["problems"] == 1
    assert "base_policy" not in jobs


def test_what_is_made_again_equal_costs_no_training(checkout: Path, tmp_path: Path) -> None:
    """In a fresh clone at another place, to which the results were copied; a small file of the base
    policy is damaged.
    """
    clone = copied(tmp_path / "clone")
    shutil.copytree(results(checkout), results(clone))
    for file in (
        file for part in ("methods", "experiments", "eval") for file in (clone / part).rglob("*.py")
    ):
        file.touch()
    with (clone / "eval" / "questions" / "contamination.py").open("a") as source:
        source.write("SAME_PROBLEMS = True\n")
    accuracy = results(clone) / "base" / "policy" / "accuracy.json"
    said = accuracy.read_text()
    accuracy.write_text("{")
    dear = [*results(clone).rglob("model.safetensors"), *results(clone).rglob("*.samples.jsonl")]
    before = {file: file.stat().st_mtime_ns for file in dear}
    snakemake(clone, "all")
    assert {file: file.stat().st_mtime_ns for file in dear} == before
    assert accuracy.read_text() == said
    assert "Nothing to be done" in snakemake(clone, "all").stdout


def test_lint_graph_and_report(checkout: Path) -> None:
    assert "Congratulations" in snakemake(checkout, "--lint").stdout
    assert "digraph" in snakemake(checkout, "all", "--rulegraph").stdout
    snakemake(checkout, "all", "--report", "report.zip")
    assert (checkout / "report.zip").stat().st_size > 0


def test_tables_are_made_when_an_arm_fails(checkout: Path) -> None:
    """One run cannot write its log: the others' tables are made, say what is missing, and the exit
    code is not 0.
    """
    root = results(checkout)
    shutil.rmtree(root / "clip_higher" / "seed-1")
    (root / "clip_higher" / "seed-1" / "train.jsonl").mkdir(parents=True)
    for table in (root / "tables").iterdir():
        table.unlink()
    done = snakemake(checkout, "all", check=False)
    assert done.returncode != 0
    assert r"(clip\_higher, seed 1)" in (root / "tables" / "main.md").read_text()
    assert "seed 1" in (root / "report.html").read_text()
    assert len(pd.read_csv(root / "tables" / "main.csv")) > 0


def test_a_bad_experiment_is_one_message_and_nothing_is_written(
    checkout: Path, tmp_path: Path
) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text(
        (checkout / "experiments" / "smoke.yaml").read_text().replace("eta: 0.1", "eta: -1")
    )
    before = sorted((checkout / "results").iterdir())
    command = [sys.executable, "-m", "snakemake", "all", "--config", f"experiment={bad}"]
    done = subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    said = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert said == [
        f"error: {bad}: arms.aer.method.eta: Input should be greater than or equal to 0, not -1"
    ]
    assert "Traceback" not in done.stderr
    assert sorted((checkout / "results").iterdir()) == before
