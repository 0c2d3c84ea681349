"""Problem files of an experiment: cleaned, counted, cut; the training data set; the reward as the
trainer calls it.
"""

import csv
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from analysis.results.folder import load_results as read_results
from analysis.tables.footnotes import overlap_note
from eval.files.errors import BadInput
from eval.files.locks import locked
from eval.files.marks import CHECKSUMS, made_from
from eval.questions.named_sets import SOURCES
from eval.questions.problems import Problem, load_set, read_problems, write_problems
from eval.verify.verifier import Verifier
from experiments.spec.blocks import Task
from experiments.spec.experiment_file import load_experiment
from experiments.spec.resolved import resolved_yaml
from experiments.spec.schema import Experiment
from experiments.tasks.dataset import UNKNOWN, make_dataset
from experiments.tasks.problem_files import write_all
from experiments.training.rollout.rewards import VerifiedReward
from experiments.workflow.layout import StudyLayout
from experiments.workflow.steps import problem_parts

WORDS = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen"


def mini(
    data_dir: Path, task: dict[str, Any] | None = None, limit: int | None = None
) -> Experiment:
    """maths_mini on another folder, asking all of aime_2024 and `limit` questions of math_500."""
    content = load_experiment("maths_mini").model_dump()
    content["data_dir"] = str(data_dir)
    content["task"].update(task or {})
    content["evaluation"]["benchmarks"]["math_500"]["limit"] = limit
    return Experiment.model_validate(content)


def problems(name: str, texts: list[str]) -> list[Problem]:
    return [Problem(f"{name}-{i}", text, str(i), str(1 + i % 3)) for i, text in enumerate(texts)]


@pytest.fixture
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Made-up sets under the real names: seven training rows, of which one is a repeat, two
    disagree, one is near and one is word for word a question of math_500.
    """
    train = problems(
        "t", ["What is A?", "what is a", "Find b.", "Find b", f"{WORDS} x", "Count c", "Say d."]
    )
    train[1] = replace(train[1], answer="0")  # repeats train[0]; train[2] and train[3] disagree
    sets = {
        "math_train": train,
        "aime_2024": problems("a", ["How many e?", "How many f?"]),
        "math_500": problems("m", ["How many g?", f"{WORDS} y", "count C!"]),
    }
    for name, rows in sets.items():
        write_problems(tmp_path / f"{name}.jsonl", rows)
        monkeypatch.setitem(SOURCES, name, replace(SOURCES[name], count=len(rows)))
    return tmp_path


def written(experiment: Experiment, out: Path) -> tuple[list[str], dict[str, Any]]:
    write_all(experiment, out)
    report = json.loads((out / "contamination.json").read_text())
    return [problem.id for problem in read_problems(out / "train.jsonl")], report


def test_training_rows_are_cleaned_and_counted(data_dir: Path, tmp_path: Path) -> None:
    ids, report = written(mini(data_dir), tmp_path / "out")
    assert ids == ["t-0", "t-6"]
    assert report == {
        **{"train": "math_train", "action": "drop"},
        **{"rows": 7, "repeated": 1, "conflicting": 2, "overlapping": 2, "kept": 2},
        "benchmarks": {
            "aime_2024": {"problems": 2, "exact": 0, "near": 0, "contained": 0, "train_rows": 0},
            "math_500": {"problems": 3, "exact": 1, "near": 2, "contained": 0, "train_rows": 2},
        },
    }
    with (tmp_path / "out" / "contamination.csv").open(newline="") as file:
        pairs = [(row["kind"], row["train_id"], row["problem_id"]) for row in csv.DictReader(file)]
    assert pairs == [("near", "t-4", "m-1"), ("exact", "t-5", "m-2")]


def test_flagged_rows_stay_and_conflicting_ones_go(data_dir: Path, tmp_path: Path) -> None:
    ids, report = written(mini(data_dir, {"contamination": "flag"}), tmp_path / "out")
    assert ids == ["t-0", "t-4", "t-5", "t-6"]
    assert (report["action"], report["overlapping"], report["kept"]) == ("flag", 2, 4)


def test_limits_count_what_is_left(data_dir: Path, tmp_path: Path) -> None:
    ids, report = written(mini(data_dir, {"limit": 2}, limit=1), tmp_path / "out")
    assert [problem.id for problem in read_problems(tmp_path / "out" / "math_500.jsonl")] == ["m-0"]
    assert report["benchmarks"]["math_500"]["problems"] == 1
    assert ids == ["t-0", "t-4"], "t-4 overlaps with a question that is not asked"


def test_arithmetic_streams_are_examined_too(tmp_path: Path) -> None:
    experiment = load_experiment("smoke")
    ids, report = written(experiment, tmp_path / "problems")
    assert len(ids) == report["rows"] == report["kept"] == 16
    assert report["benchmarks"] == {
        "arithmetic_test": {"problems": 10, "exact": 0, "near": 0, "contained": 0, "train_rows": 0}
    }


def test_a_second_process_is_refused(tmp_path: Path) -> None:
    with (
        locked(tmp_path / ".problems.lock"),
        pytest.raises(BadInput, match="another process is at work here"),
    ):
        write_all(load_experiment("smoke"), tmp_path / "problems")
    assert not (tmp_path / "problems").exists()


def test_problems_say_what_they_were_made_from(data_dir: Path, tmp_path: Path) -> None:
    experiment = mini(data_dir)
    layout = StudyLayout(experiment, tmp_path)
    write_all(experiment, layout.root / "problems")
    mark = layout.root / "problems" / CHECKSUMS
    assert made_from(mark) == problem_parts(layout)
    (data_dir / "aime_2024.jsonl").write_text(
        (data_dir / "aime_2024.jsonl").read_text().replace('"1"', '"7"')
    )
    assert made_from(mark) != problem_parts(layout)


def test_the_counts_stand_under_the_tables(data_dir: Path, tmp_path: Path) -> None:
    experiment = mini(data_dir)
    write_all(experiment, tmp_path / "out" / "problems")
    (tmp_path / "out" / "spec.yaml").write_text(resolved_yaml(experiment))
    assert overlap_note(read_results(tmp_path / "out")) == (
        "Problems that overlap with the training set, dropped from training: aime_2024: 0 exact, 0"
        " near or exact;"
        " math_500: 1 exact, 2 near or exact. Left out of the training set as well: 2 conflicting"
        " rows, 1 repeated rows."
    )


def test_the_data_set_has_prompts_levels_and_strata() -> None:
    rows = [
        Problem("p", "1+1=", "2", "10"),
        Problem("q", "2+2=", "4", "9"),
        Problem("r", "3=", "3"),
    ]
    task = Task.model_validate(
        {"prompts": "arithmetic", "template": "plain", "levels": [1], "per_level": 1}
    )
    dataset, levels = make_dataset(rows, task, None, {"q": 4})
    assert levels == ["9", "10"], "in the order of numbers"
    assert dataset["level"] == [1, 0, UNKNOWN]
    assert dataset["stratum"] == [UNKNOWN, 4, UNKNOWN]
    assert dataset["answer"] == ["2", "4", "3"]
    assert dataset["prompt"][0].startswith("1+1=\n\nPlease reason")


# The reward

NAMES = [
    "math_500",
    "aime_2024",
    "aime_2025",
    "aime_2026",
    "amc_2023",
    "hmmt_feb_2025",
    "minerva_math",
]
NAMES += ["olympiadbench", "gsm8k"]


@pytest.fixture(scope="module")
def reward() -> Iterator[VerifiedReward]:
    with Verifier(workers=1, limit_s=20) as verifier:
        yield VerifiedReward(verifier)


def called(reward: VerifiedReward, answers: list[str], golds: list[str]) -> list[float]:
    """As TRL calls a reward: every column of the data set by name, and what it knows of the
    rollout.
    """
    columns = {"answer": golds, "level": [0] * len(golds), "stratum": [UNKNOWN] * len(golds)}
    texts = [rf"Therefore the answer is $\boxed{{{answer}}}$." for answer in answers]
    more = {"completion_ids": [[0]] * len(golds), "trainer_state": None}
    return reward(prompts=[""] * len(golds), completions=texts, **columns, **more)


@pytest.mark.parametrize("name", NAMES)
def test_every_gold_earns_the_reward_and_a_wrong_answer_none(
    name: str, reward: VerifiedReward, benchmark_data: Path
) -> None:
    golds = [problem.answer for problem in load_set(name, benchmark_data)]
    rewards = called(reward, golds, golds)
    assert [gold for gold, earned in zip(golds, rewards, strict=True) if earned != 1.0] == []
    assert called(reward, ["7919"] * len(golds), golds) == [0.0] * len(golds)


def test_no_box_no_reward(reward: VerifiedReward) -> None:
    answers = ["7", "", r"\boxed{7", r"\boxed{8}", r"\boxed{7}"]
    assert reward(completions=answers, answer=["7"] * 5) == [0, 0, 0, 0, 1]
