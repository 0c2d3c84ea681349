"""A study whose arms stop at looks, through the real Snakefile with invented verdicts."""

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from tests.support.stand_ins import replace_steps
from tests.workflow.test_pipeline import copied, edited, planned, results, snakemake

TABLES = "results/smoke/tables/checksums.json"


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the checkout in which the study has run up to its tables."""
    copy = copied(tmp_path_factory.mktemp("looks"))
    replace_steps(copy)
    file = copy / "experiments" / "smoke.yaml"
    file.write_text(file.read_text().replace("seeds: [1, 2]", "seeds: {looks: [2, 3]}"))
    snakemake(copy, TABLES, "--cores", "2")
    return copy


def seeds_trained(checkout: Path) -> dict[str, list[str]]:
    """Arm → its runs."""
    found: dict[str, list[str]] = {}
    for path in sorted(results(checkout).glob("*/seed-*/run.json")):
        found.setdefault(path.parts[-3], []).append(path.parent.name)
    return found


def test_the_arm_that_is_decided_gets_no_third_seed(checkout: Path) -> None:
    two, three = ["seed-1", "seed-2"], ["seed-1", "seed-2", "seed-3"]
    assert seeds_trained(checkout) == {"aer": three, "clip_higher": two, "none": three}
    first, last = (
        json.loads((results(checkout) / "looks" / f"{seeds}.json").read_text()) for seeds in (2, 3)
    )
    assert (first["open"], last["open"]) == (["none", "aer"], [])
    frame = pd.read_csv(results(checkout) / "tables" / "comparisons.csv")
    rows = frame[frame["k"] == 1].set_index("arm")
    assert rows.loc["clip_higher", "verdict"] == "worse"
    assert rows.loc["clip_higher", ["seeds", "reference_seeds"]].tolist() == [2, 2]
    assert rows.loc["aer", "verdict"] == "not distinguishable"
    assert rows.loc["aer", ["seeds", "reference_seeds"]].tolist() == [3, 3]


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("certificate", "error: smoke: its arms stop at looks"),
        ("results/smoke/looks/4.json", "error: smoke: there is no look after 4 seeds"),
    ],
)
def test_what_looks_do_not_allow_is_said_in_a_line(checkout: Path, target: str, said: str) -> None:
    refused = snakemake(checkout, target, "-n", check=False)
    assert refused.returncode == 2
    assert said in refused.stdout
    assert "Traceback" not in refused.stdout


def test_nothing_is_left_to_do(checkout: Path) -> None:
    assert "Nothing to be done" in snakemake(checkout, TABLES, "-n").stdout


def test_a_start_after_a_kill_within_the_second_look_resumes(
    checkout: Path, tmp_path: Path
) -> None:
    """As if the last run had not been trained, nor anything behind it been made."""
    killed = Path(shutil.copytree(checkout, tmp_path / "killed"))
    for path in ("aer/seed-3", "looks/3.json", "looks/3.checksums.json", "tables"):
        lost = results(killed) / path
        shutil.rmtree(lost) if lost.is_dir() else lost.unlink()
    jobs = planned(killed, TABLES)
    assert jobs == {"train": 1, "sample": 1, "score": 1, "look": 1, "tables": 1}


def test_other_looks_make_decisions_anew_and_train_nothing(checkout: Path) -> None:
    with edited(
        checkout / "experiments" / "smoke.yaml", lambda text: text.replace("[2, 3]", "[2, 4]")
    ):
        jobs = planned(checkout, TABLES)
    assert jobs == {"look": 1, "tables": 1}, (
        "what comes after the first look is not known before it"
    )
