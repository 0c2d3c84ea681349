"""What Snakemake's options do to a study, each through the real Snakefile at miniature size."""

import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from types import SimpleNamespace

import pytest

from experiments.workflow.forcing import start_anew
from tests.workflow.test_pipeline import copied

STUDY = Path(__file__).with_name("mini.yaml")
RUN = Path("results/mini/none/seed-1")


def call(checkout: Path, *arguments: str) -> tuple[int, str]:
    """Exit code and all output of snakemake on the study."""
    command = [sys.executable, "-m", "snakemake", *arguments, "--config", f"experiment={STUDY}"]
    done = subprocess.run(
        command,
        cwd=checkout,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    return done.returncode, done.stdout


def date(path: Path) -> int:
    return path.stat().st_mtime_ns


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the checkout in which the study has been run up to its training run."""
    copy = copied(tmp_path_factory.mktemp("forcing"))
    code, said = call(copy, "all", "--until", "train")
    assert code == 0, said
    assert re.search(
        r"\d of \d train none seed 1: .*, rollout 2/2 reward \S+ entropy \S+$", said, re.MULTILINE
    )
    assert "Select jobs" not in said
    assert (copy / RUN / "run.json").exists()
    # --until is obeyed: nothing is scored. The samples come from the process that trains.
    assert (copy / RUN / "eval" / "arithmetic_test.sampled").exists()
    assert not (copy / RUN / "eval" / "arithmetic_test.scored").exists()
    return copy


def test_forced_steps_are_done_again_and_no_others(checkout: Path) -> None:
    base = checkout / "results/mini/base/policy/model.safetensors"
    policy = checkout / RUN / "policy" / "model.safetensors"
    kept, before = date(base), date(policy)
    assert call(checkout, "all", "--until", "train", "--forcerun", "train")[0] == 0
    assert date(policy) > before
    assert date(base) == kept
    before, mark = date(policy), checkout / RUN / "checksums.json"
    assert call(checkout, "--force", str(mark.relative_to(checkout)))[0] == 0
    assert date(policy) > before


def test_a_dry_run_with_force_deletes_nothing(checkout: Path) -> None:
    before = date(checkout / RUN / "checksums.json")
    assert call(checkout, "all", "-n", "--forceall")[0] == 0
    assert date(checkout / RUN / "checksums.json") == before


def test_touch_and_incomplete(checkout: Path) -> None:
    before = (checkout / RUN / "train.jsonl").read_bytes()
    assert call(checkout, "train_all_is_no_rule")[0] != 0
    mark = str(RUN / "checksums.json")
    assert call(checkout, "--touch", mark)[0] == 0
    code, said = call(checkout, mark, "--rerun-incomplete")
    assert (code, "Nothing to be done" in said) == (0, True)
    assert (checkout / RUN / "train.jsonl").read_bytes() == before


def test_a_refusal_is_said_once_and_not_retried(checkout: Path) -> None:
    """The run has ended with a fault before: it refuses to train again."""
    (checkout / RUN / "fault").mkdir()
    (checkout / RUN / "fault" / "fault.json").write_text("{}")
    mark = str(RUN / "checksums.json")
    code, said = call(checkout, mark, "--forcerun", "train", "--keep-going")
    assert code != 0
    assert said.count("its fault.json is damaged: delete this folder to resume the run") == 1
    assert "log: results/mini/logs/none_1_train.log" in said
    assert "Trying to restart" not in said
    (checkout / RUN / "fault" / "fault.json").unlink()
    assert call(checkout, mark)[0] == 0


def test_archive_has_the_rules_and_needs_conda(checkout: Path) -> None:
    """Snakemake packs the packages of the rules' `conda:` environment as well."""
    for command in (
        ["git", "init", "-q"],
        ["git", "add", "Snakefile", "profiles", "methods", "experiments", "eval", "analysis"],
    ):
        subprocess.run(command, cwd=checkout, check=True)
    code, said = call(checkout, str(RUN / "checksums.json"), "--archive", "study.tar.gz")
    if shutil.which("conda") is None:
        assert code != 0
        assert "conda" in said
        return
    assert code == 0, said
    with tarfile.open(checkout / "study.tar.gz") as archive:
        names = set(archive.getnames())
    assert {"Snakefile", "experiments/rules/policies.smk", "experiments/train.py"} <= names


def test_touch_deletes_nothing(checkout: Path) -> None:
    names = [path for path in (checkout / "results").rglob("*") if path.is_file()]
    kept = {path for path in names if ".snakemake" not in path.parts}
    assert call(checkout, "--touch", "--forceall", "all", "--until", "train")[0] == 0
    assert {path for path in kept if not path.exists()} == set()


def test_a_job_that_is_killed_while_it_samples_keeps_its_policy(checkout: Path) -> None:
    """Snakemake then deletes the job's outputs, its mark among them."""
    policy, base = (checkout / RUN / "policy", checkout / "results/mini/base/policy")
    before = [date(each / "model.safetensors") for each in (policy, base)]
    marks = [checkout / RUN / "checksums.json", base / "checksums.json"]
    content = [mark.read_bytes() for mark in marks]
    for path in (*marks, checkout / RUN / "run.json"):
        path.unlink()
    code, said = call(checkout, "all", "--until", "train")
    assert code == 0, said
    assert [date(each / "model.safetensors") for each in (policy, base)] == before
    assert [mark.read_bytes() for mark in marks] == content
    assert (checkout / RUN / "run.json").is_file()


def test_force_means_the_rules_of_a_battery_too(tmp_path: Path) -> None:
    mark = tmp_path / "checksums.json"
    for rule, stays in (("hot_train", False), ("hot_tables", True)):
        mark.touch()
        start_anew([SimpleNamespace(rule=SimpleNamespace(name=rule), output=[str(mark)])])
        assert mark.exists() == stays
