"""A study of faults must have something to lose: each thing that it may lack is named."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.faults.alive import lifeless

ROW: dict[str, Any] = {"reward": 0.5, "grad_norm": 0.1, "coefficient_max": 0.0, "state": {}}


def make(root: Path) -> Path:
    """A base policy, and a run of each arm that learns."""
    write(root / "base/policy/model.safetensors", "base")
    for arm in ("none", "aer"):
        run = root / arm / "seed-1"
        acting = {"coefficient_max": 0.1, "state": {"alpha": 0.1}} if arm == "aer" else {}
        rows = [ROW | acting, ROW | acting | {"reward": 0.25}]
        write(run / "train.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
        write(run / "policy/model.safetensors", arm)
        write(run / "eval/test.counts.csv", "problem_id,n,correct\na,4,1\n")
    return root


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_a_study_that_learns_lacks_nothing(tmp_path: Path) -> None:
    assert lifeless(make(tmp_path)) == []


@pytest.mark.parametrize(
    ("name", "old", "new", "said"),
    [
        (
            "none/seed-1/train.jsonl",
            '"reward": 0.25',
            '"reward": 0.5',
            "the reward is the same in every rollout",
        ),
        (
            "none/seed-1/train.jsonl",
            '"grad_norm": 0.1',
            '"grad_norm": 0.0',
            "no gradient in half of its rollouts or more",
        ),
        ("none/seed-1/policy/model.safetensors", "none", "base", "has the weights of"),
        ("aer/seed-1/policy/model.safetensors", "aer", "none", "has the weights of"),
        (
            "aer/seed-1/train.jsonl",
            '"alpha": 0.1',
            '"alpha": 0.0',
            "α of aer is 0 in every rollout",
        ),
        ("*/seed-1/eval/test.counts.csv", "4,1", "4,0", "0 of 8 answers are right"),
        ("*/seed-1/eval/test.counts.csv", "4,1", "4,4", "8 of 8 answers are right"),
    ],
)
def test_what_it_lacks_is_named(name: str, old: str, new: str, said: str, tmp_path: Path) -> None:
    for path in make(tmp_path).glob(name):
        path.write_text(path.read_text().replace(old, new))
    assert [said in what for what in lifeless(tmp_path)] == [True]
