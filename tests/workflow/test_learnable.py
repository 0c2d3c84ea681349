"""A policy that has nothing to learn is told so before hours are spent: by the plan once the base policy
has answered, in the log of a run and on the screen after the first rollout.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from eval.files.errors import BadInput
from experiments.plan.plan_text import policy_notes
from experiments.spec.experiment_file import load_experiment
from experiments.spec.schema import Experiment
from experiments.train import RolloutLog
from experiments.workflow.layout import StudyLayout
from experiments.workflow.screen.learnable import doubts, doubts_of_row
from experiments.workflow.screen.progress import StudyProgress

SMOLLM2 = load_experiment("smollm2")
HOPELESS = {"rollout": 0, "reward": 0.0, "accuracy": 0.0, "entropy": 2.0, "length_mean": 24.0}


def counts_of_base(root: Path, name: str, *rows: tuple[int, int, int]) -> None:
    """rows: (n, correct, truncated) per question."""
    lines = [f"q{i},{n},{right},{cut}" for i, (n, right, cut) in enumerate(rows)]
    folder = root / "smollm2" / "base" / "eval"
    folder.mkdir(parents=True, exist_ok=True)
    text = "\n".join(["problem_id,n,correct,truncated", *lines]) + "\n"
    (folder / f"{name}.counts.csv").write_text(text)


@pytest.mark.parametrize(
    ("correct", "truncated", "says"),
    [
        (0.3, 0.1, []),
        (0.3, 0.89, []),
        (0.3, 0.9, ["90% of the completions are cut off at 24 tokens"]),
        (0.0, 0.0, ["no completion is correct"]),
        (1.0, 0.0, ["every completion is correct"]),
        (0.0, 1.0, ["cut off", "no completion is correct"]),
        (None, None, []),
    ],
)
def test_what_is_doubted(correct: float, truncated: float, says: list[str]) -> None:
    found = doubts(correct, truncated, 24)
    assert len(found) == len(says)
    for sentence, words in zip(found, says, strict=True):
        assert words in sentence


def test_the_plan_says_what_the_base_policy_has_answered(tmp_path: Path) -> None:
    before = "\n".join(policy_notes(SMOLLM2, tmp_path))
    assert "is not evaluated yet" in before
    assert "--until base_score" in before
    counts_of_base(tmp_path, "sums_test", (4, 1, 0), (4, 2, 2))
    assert [*policy_notes(SMOLLM2, tmp_path)] == [
        "sums_test: the base policy is right in 38% of its answers, and 25% are cut off (measured"
        f" in {tmp_path / 'smollm2'})"
    ]
    counts_of_base(tmp_path, "sums_test", (4, 0, 4), (4, 0, 4))
    lines = [*policy_notes(SMOLLM2, tmp_path)]
    assert [line.startswith("warning: sums_test:") for line in lines] == [False, True, True]


def test_a_damaged_count_is_named(tmp_path: Path) -> None:
    counts_of_base(tmp_path, "sums_test", (4, 1, 0))
    file = tmp_path / "smollm2" / "base" / "eval" / "sums_test.counts.csv"
    file.write_text(file.read_text().replace("4,1,0", "4,1,?"))
    with pytest.raises(BadInput, match=r"sums_test\.counts\.csv.* truncated is '\?'"):
        [*policy_notes(SMOLLM2, tmp_path)]


def test_the_log_of_a_run_says_it_after_the_first_rollout_alone(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    log = RolloutLog(tmp_path / "none" / "seed-1" / "train.jsonl", 3, 0, 24)
    log({**HOPELESS, "truncated": 0.97})
    said = capfd.readouterr().err
    assert "warning: first rollout: 97% of the completions are cut off at 24 tokens" in said
    assert "nothing to learn from" in said
    log({**HOPELESS, "rollout": 1, "truncated": 0.97})
    log.close()
    assert "warning" not in capfd.readouterr().err


def test_the_screen_says_it_once_for_each_run(tmp_path: Path) -> None:
    progress = StudyProgress({"": StudyLayout(SMOLLM2, tmp_path)})
    for number, arm in enumerate(("none", "aer")):
        progress.start(number, "train", {"arm": arm, "seed": "1"}, [])
    assert progress.new_doubts() == []
    rows = progress.layouts[""].run("none", 1) / "train.jsonl"
    rows.parent.mkdir(parents=True)
    rows.write_text(json.dumps({**HOPELESS, "truncated": 0.5}) + "\n")
    (line,) = progress.new_doubts()
    assert line.startswith("warning: train none seed 1: no completion is correct")
    assert progress.new_doubts() == []


def test_a_policy_that_explodes_later_on_is_not_doubted(tmp_path: Path) -> None:
    """The screen looks once a minute, and may see the first row beside hopeless later ones."""
    progress = StudyProgress({"": StudyLayout(SMOLLM2, tmp_path)})
    progress.start(0, "train", {"arm": "none", "seed": "1"}, [])
    rows = progress.layouts[""].run("none", 1) / "train.jsonl"
    rows.parent.mkdir(parents=True)
    seen = [{**HOPELESS, "accuracy": 0.3, "truncated": 0.1}, {**HOPELESS, "rollout": 1}]
    rows.write_text("".join(json.dumps(row) + "\n" for row in seen))
    assert progress.new_doubts() == []


def test_a_row_without_verdicts_is_not_doubted() -> None:
    assert doubts_of_row({"accuracy": None, "truncated": 0.0}, 24) == []


def test_an_experiment_of_another_kind_of_policy_is_not_asked_to_try(tmp_path: Path) -> None:
    rare: Any = load_experiment("rare")
    assert isinstance(rare, Experiment)
    assert [*policy_notes(rare, tmp_path)] == []
