"""Policies on the way: a run keeps them all, wherever it is killed, and trains the same; a whole
study evaluates them.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import yaml

from eval.files.marks import CHECKSUMS, damage, listed_files
from eval.files.results_layout import on_the_way_folder, on_the_way_folders
from experiments.spec.experiment_file import load_experiment
from experiments.spec.schema import Experiment
from tests.training.killed_runs import make_root, start
from tests.workflow.test_pipeline import copied

ROOT = Path(__file__).parents[2]
DRAW = "eval.sampling.batched_generation:draw_tokens"
WEIGHTS = "policy/model.safetensors"
KILLS = [
    ("os:replace", 1, "rollout-0001"),  # the first policy is complete and has no name
    ("os:replace", 1, "checkpoints/checkpoint-2"),  # it has one, and no checkpoint is there
    (DRAW, 30, ""),  # between the two policies
    ("os:replace", 1, "rollout-0003"),
    ("os:replace", 1, "seed-1/checksums.json"),  # all but the mark of the run
]


def kept(root: Path) -> dict[int, bytes]:
    """Rollouts → weights of the policies on the way."""
    found = on_the_way_folders(root / "aer" / "seed-1")
    return {after: (folder / WEIGHTS).read_bytes() for after, folder in found.items()}


def test_a_run_killed_between_its_policies_keeps_all_and_trains_as_without_them(
    tmp_path: Path,
) -> None:
    plain, quiet, killed = (tmp_path / name for name in ("plain", "quiet", "killed"))
    for folder in (plain, quiet, killed):
        folder.mkdir()
    assert start(make_root(plain, checkpoint_every=0)) == 0
    assert start(make_root(quiet, (1, 3), checkpoint_every=0)) == 0
    make_root(killed, (1, 3))
    for kill_at in KILLS:
        assert start(killed, kill_at) == -9, (kill_at, (killed / "log").read_text())
    assert start(killed) == 0
    ends = [(root / "aer" / "seed-1" / WEIGHTS).read_bytes() for root in (plain, quiet, killed)]
    assert ends[0] == ends[1] == ends[2]
    assert kept(plain) == {}
    assert list(kept(quiet)) == [1, 3]
    assert kept(quiet) == kept(killed)
    assert len({*kept(quiet).values(), ends[0]}) == 3

    run = killed / "aer" / "seed-1"
    listed = {path.relative_to(run).as_posix() for path in listed_files(run / CHECKSUMS)}
    assert {f"on_the_way/rollout-000{i}/policy/{CHECKSUMS}" for i in (1, 3)} < listed
    assert not any(path.name.startswith(".") for path in (run / "on_the_way").iterdir())
    for after in (1, 3):
        assert damage(on_the_way_folder(run, after) / "policy" / CHECKSUMS) is None

    before = (run / "run.json").read_bytes()
    assert start(killed) == 0
    assert (run / "run.json").read_bytes() == before, "it is complete"
    (on_the_way_folder(run, 3) / WEIGHTS).unlink()
    assert start(killed) == 0
    assert (run / "run.json").read_bytes() != before, "a policy was damaged: trained again"
    assert kept(quiet) == kept(killed)


def test_a_run_does_not_resume_after_a_policy_that_is_gone(tmp_path: Path) -> None:
    root = make_root(tmp_path, (1, 3))
    assert start(root, ("os:replace", 1, "rollout-0003")) == -9
    run = root / "aer" / "seed-1"
    shutil.rmtree(on_the_way_folder(run, 1))
    assert start(root) == 2
    said = (root / "log").read_text().splitlines()[-1]
    assert said == (
        f"error: {on_the_way_folder(run, 1) / 'policy'}: is missing, and the run resumes after it:"
        f" put it back, or delete {run} to train this run again"
    )


def smoke(**evaluation: object) -> Experiment:
    content = load_experiment("smoke").model_dump(mode="json")
    content["evaluation"] |= evaluation
    return Experiment.model_validate(content)


def test_a_number_of_checkpoints_is_spread_over_training() -> None:
    content = load_experiment("smoke").model_dump(mode="json")
    content["training"]["rollouts"] = 40
    content["evaluation"]["checkpoints"] = 3
    assert Experiment.model_validate(content).evaluation.checkpoints == (10, 20, 30)
    assert smoke(checkpoints=0).evaluation.checkpoints == ()


@pytest.mark.parametrize(
    ("checkpoints", "said"),
    [
        ([2, 1], "list each rollout once, in ascending order"),
        ([1, 3], "3 is not below the 3 rollouts of arm none"),
        (3, "3 policies on the way do not fit into 3 rollouts"),
        ([0], "greater than or equal to 1"),
    ],
)
def test_checkpoints_that_cannot_be_are_refused(checkpoints: object, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        smoke(checkpoints=checkpoints)


def test_a_run_that_may_end_early_has_no_checkpoints() -> None:
    content = load_experiment("smoke").model_dump(mode="json")
    content["training"]["stop_exploded"] = True
    content["evaluation"]["checkpoints"] = [1]
    with pytest.raises(ValueError, match="an exploded run of arm none may end before them"):
        Experiment.model_validate(content)


def study(folder: Path) -> Path:
    """The smoke experiment with one arm, one seed and a policy on the way."""
    content = yaml.safe_load((ROOT / "experiments" / "smoke.yaml").read_text())
    content |= {"name": "curves", "seeds": [1], "arms": {"none": content["arms"]["none"]}}
    content["task"]["strata_samples"] = 0
    content["evaluation"]["checkpoints"] = 1
    path = folder / "curves.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


def test_a_whole_study_evaluates_its_policies_on_the_way(tmp_path: Path) -> None:
    checkout = copied(tmp_path / "checkout")
    config = f"experiment={study(tmp_path)}"
    command = [sys.executable, "-m", "snakemake", "all", "--config", config]

    def run() -> str:
        done = subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        return done.stdout + done.stderr

    run()
    root = checkout / "results" / "curves"
    place = on_the_way_folder(root / "none" / "seed-1", 2)
    rows = [json.loads(line) for line in (place / "eval/arithmetic_test.samples.jsonl").open()]
    assert {(row["step"], row["train_seed"], row["arm"]) for row in rows} == {(2, 1, "none")}
    assert pd.read_csv(place / "eval" / "arithmetic_test.counts.csv")["n"].tolist() == [4] * 10
    curve = pd.read_csv(root / "figures" / "curves.csv")
    assert curve[curve["k"] == 1]["completions"].tolist() == [0, 32, 48]
    table = pd.read_csv(root / "tables" / "curves.csv")
    assert table["remarks"].str.contains("no ceiling: fewer than 4 policies").all()
    assert "Score over training" in (root / "report.html").read_text()
    assert "Nothing to be done" in run()
