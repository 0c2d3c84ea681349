"""Scoring a samples file: verdicts, counts, measures, scoring again, and what is refused."""

import csv
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from eval.files.errors import BadInput
from eval.files.jsonl import Appender, read_rows
from eval.questions.problems import Problem, write_problems
from eval.sample import main as sample
from eval.score import main, score_file
from eval.verify.verifier import VERIFIER_VERSION, Verdict
from tests.support.tiny_policy import write_policy, write_sums

TEXTS = {  # problem: text, tokens, finish_reason
    "a": [
        ("1+1=\\boxed{2}", 5, "stop"),
        ("\\boxed{02}", 3, "stop"),
        ("\\boxed{3}", 3, "stop"),
        ("1+1+1+1", 9, "length"),
    ],
    "=b": [("\\boxed{-7}", 2, "stop"), ("so it is \\boxed{-7}, or", 9, "length")],
    "c": [],
}


def row(problem_id: str, index: int, text: str, tokens: int, finish_reason: str) -> dict[str, Any]:
    own = {
        "problem_id": problem_id,
        "index": index,
        "text": text,
        "tokens": tokens,
        "finish_reason": finish_reason,
    }
    return {"run": "r", "temperature": 1.0, "top_p": 1.0, "max_tokens": 9} | own


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """problems.jsonl and out/problems.samples.jsonl, in no order."""
    problems = [
        Problem("a", "1+1=", "2", "1"),
        Problem("=b", "-3-4=", "-7", "2", "algebra"),
        Problem("c", "0=", "0"),
    ]
    write_problems(tmp_path / "problems.jsonl", problems)
    rows = [
        row(name, index, *sample)
        for name, samples in TEXTS.items()
        for index, sample in enumerate(samples)
    ]
    with Appender(tmp_path / "out" / "problems.samples.jsonl") as file:
        file.write(rows[::-1])
    return tmp_path


def score(folder: Path, *options: str) -> Path:
    main(
        [
            "--out",
            str(folder / "out"),
            "--problems",
            str(folder / "problems.jsonl"),
            "--workers",
            "1",
            *options,
        ]
    )
    return folder / "out"


def append(folder: Path, **changed: Any) -> None:
    extra = row("a", 9, "\\boxed{2}", 3, "stop") | changed
    with Appender(folder / "out" / "problems.samples.jsonl") as file:
        file.write([{name: value for name, value in extra.items() if value is not None}])


def test_counts_by_hand(folder: Path):
    assert (score(folder) / "problems.counts.csv").read_text() == (
        "problem_id,level,subject,n,correct,strict_correct,disagreements,truncated,correct_finished,"
        "unparsed,timeouts,errors,tokens\n"
        "a,1,,4,2,2,0,1,2,1,0,0,20\n"
        "'=b,2,algebra,2,2,2,0,1,1,0,0,0,11\n"
        "c,,,0,0,0,0,0,0,0,0,0,0\n"
    )


def test_verdicts_in_order(folder: Path):
    rows = read_rows(score(folder) / "problems.verdicts.jsonl")
    assert [(r["problem_id"], r["index"], r["correct"], r["class"], r["status"]) for r in rows] == [
        ("a", 0, True, 0, "ok"),
        ("a", 1, True, 0, "ok"),
        ("a", 2, False, 1, "ok"),
        ("a", 3, False, -1, "unparsed"),
        ("=b", 0, True, 0, "ok"),
        ("=b", 1, True, 0, "ok"),
    ]
    fields = {
        "problem_id",
        "index",
        "correct",
        "strict",
        "answer",
        "status",
        "class",
        "tokens",
        "finish_reason",
    }
    assert all(r.keys() == fields for r in rows)
    assert rows[3]["answer"] is None


def test_measures_say_how_they_were_made_and_what_is_missing(folder: Path):
    found = json.loads((score(folder, "--k", "2", "1") / "problems.measures.json").read_text())
    assert found["verifier"] == VERIFIER_VERSION
    assert found["settings"]["temperature"] == 1.0
    assert found["avg_at_n"] == 0.75
    assert found["problems_without_samples"] == ["c"]
    assert found["pass_at_k"] == {"1": None, "2": None}
    assert found["levels"]["1"]["pass_at_k"] == {"1": 0.5, "2": pytest.approx(5 / 6)}
    assert found["levels"]["1"]["maj_at_k"]["1"] == 0.5
    assert found["accuracy_finished"] == 3 / 4


def test_the_prompts_are_one_hash(tmp_path: Path):
    """It is that of prompts by problem, whatever the order and number of the samples."""

    def prompts_of(name: str, *samples: tuple[str, int, str | None]) -> str | None:
        out = tmp_path / name / "out"
        write_problems(tmp_path / name / "problems.jsonl", [Problem("a", "1+1=", "2")])
        with Appender(out / "problems.samples.jsonl") as file:
            file.write(
                row(problem, index, "\\boxed{2}", 5, "stop")
                | ({"prompt_hash": hashed} if hashed else {})
                for problem, index, hashed in samples
            )
        return json.loads((score(tmp_path / name) / "problems.measures.json").read_text())[
            "prompts"
        ]

    once = prompts_of("once", ("a", 0, "x"))
    assert once is not None
    assert once == prompts_of("twice", ("a", 1, "x"), ("a", 0, "x"))
    assert once != prompts_of("other", ("a", 0, "y"))
    assert once != prompts_of("mixed", ("a", 0, "x"), ("a", 1, "y"))
    assert prompts_of("unknown", ("a", 0, None)) is None


class Doubtful:
    """A verifier that takes long over everything."""

    def check_golds(self, golds: Any) -> None:
        list(golds)

    def verify(self, completions: list[str], golds: list[str]) -> list[Verdict]:
        return [Verdict(False, "9^9^9", "timeout", True) for _ in completions]

    def equivalent(self, answers: list[str | None]) -> list[int]:
        assert set(answers) <= {None}
        return [-1] * len(answers)


def test_another_verifier_scores_again_without_sampling(folder: Path):
    out = score(folder)
    before = (out / "problems.samples.jsonl").read_bytes()
    score_file(folder / "problems.jsonl", out, [1], Doubtful())  # pyright: ignore[reportArgumentType]
    with (out / "problems.counts.csv").open(newline="") as file:
        counts = list(csv.DictReader(file))
    assert [(c["correct"], c["disagreements"], c["timeouts"]) for c in counts] == [
        ("0", "4", "4"),
        ("0", "2", "2"),
        ("0",) * 3,
    ]
    assert json.loads((out / "problems.measures.json").read_text())["timeout"] == 1
    assert (out / "problems.samples.jsonl").read_bytes() == before


def test_a_problem_that_looks_like_a_formula_is_not_run_by_a_spreadsheet(folder: Path):
    with (score(folder) / "problems.counts.csv").open(newline="") as file:
        assert [line["problem_id"] for line in csv.DictReader(file)] == ["a", "'=b", "c"]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"problem_id": "z"}, "line 7: problem 'z' is not in the problems file"),
        ({"index": 0}, "line 7: duplicate sample 0 of problem 'a'"),
        ({"text": None}, "line 7 .problem 'a', sample 9.: has no text"),
        ({"text": 3}, "line 7 .problem 'a', sample 9.: has no text"),
        ({"tokens": "3"}, "line 7 .*tokens is '3'"),
        ({"tokens": True}, "line 7 .*tokens is True"),
        ({"finish_reason": None}, "line 7 .*finish_reason is None"),
        ({"index": "0"}, "line 7: no problem_id"),
        ({"problem_id": None}, "line 7: no problem_id"),
        ({"temperature": 0.5}, "line 7: temperature differs"),
    ],
)
def test_rows_that_do_not_belong_are_refused(folder: Path, changed: dict[str, Any], said: str):
    append(folder, **changed)
    with pytest.raises(BadInput, match=f"problems.samples.jsonl, {said}"):
        score(folder)
    assert [path.name for path in (folder / "out").iterdir()] == ["problems.samples.jsonl"]


def test_a_sampler_that_has_not_finished_is_said(folder: Path):
    with (folder / "out" / "problems.samples.jsonl").open("ab") as file:
        file.write(b'{"problem_id": "a", "ind')
    with pytest.raises(BadInput, match="line 7: the last line is truncated"):
        score(folder)
    (folder / "out" / "problems.samples.jsonl").unlink()
    with pytest.raises(BadInput, match=r"run python -m eval.sample first"):
        score(folder)


def test_bad_options_are_refused(folder: Path):
    with pytest.raises(BadInput, match="--k"):
        score(folder, "--k", "0")


def test_from_policy_to_measures(tmp_path: Path):
    policy, problems, out = (
        write_policy(tmp_path / "policy"),
        write_sums(tmp_path / "sums.jsonl", 6),
        tmp_path / "out",
    )
    command = f"--policy {policy} --problems {problems} --out {out} --samples 50 --template arithmetic --seed 1"
    sample(f"{command} --temperature 2 --top-p 1 --max-tokens 12".split())
    main(["--out", str(out), "--problems", str(problems)])
    found = json.loads((out / "sums.measures.json").read_text())
    assert found["samples"] == 300
    assert 0 < found["avg_at_n"] < found["pass_at_k"]["32"] <= 1
    assert found["avg_at_n"] == pytest.approx(found["pass_at_k"]["1"], abs=1e-12)
    assert found["levels"].keys() == {"1", "2", "3"}
    assert len(read_rows(out / "sums.verdicts.jsonl")) == 300


def test_scoring_needs_no_torch():
    heavy = {"torch", "transformers", "vllm"}
    code = f"import sys, eval.score; sys.exit(bool({heavy} & sys.modules.keys()))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
