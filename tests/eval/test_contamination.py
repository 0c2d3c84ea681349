"""Overlaps by hand, against comparing all pairs, and on the real sets."""

import csv
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eval.questions import contamination
from eval.questions.contamination import (
    Overlap,
    clean_training_rows,
    find_overlaps,
    overlap_counts,
    word_windows,
)
from eval.questions.problems import Problem, load_set, read_problems, write_problems

# two windows
LONG = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen"
WORDS = LONG.split()


def _problem(name: str, text: str, answer: str = "1") -> Problem:
    return Problem(name, text, answer)


def test_windows_by_hand() -> None:
    assert word_windows(LONG) == {" ".join(WORDS[:13]), " ".join(WORDS[1:])}
    assert word_windows(" ".join(WORDS[:12])) == set()
    assert word_windows("2x " * 7) == {
        "2 x 2 x 2 x 2 x 2 x 2 x 2",
        "x 2 x 2 x 2 x 2 x 2 x 2 x",
    }  # distinct ones


def test_kinds_by_hand() -> None:
    train = [
        _problem("same", "FIND  $x$, if x = 2!"),
        _problem("half", " ".join(["zero", *WORDS[:13], "and so on"])),
        _problem("twelve", " ".join([*WORDS[:12], "else", *WORDS[13:]])),
        _problem("none", "Something of its own"),
    ]
    benchmark = [_problem("p", "Find x, if $x=2$."), _problem("q", LONG)]
    pairs = find_overlaps(train, {"b": benchmark})
    assert pairs == [
        Overlap("exact", "same", "b", "p", 1.0),
        Overlap("near", "half", "b", "q", 0.5),
    ]
    assert overlap_counts(pairs, {"b": benchmark})["b"] == {
        "problems": 2,
        "exact": 1,
        "near": 2,
        "contained": 0,
        "train_rows": 2,
    }


def test_under_half_of_the_windows_is_no_overlap() -> None:
    fifteen = _problem("q", LONG + " fifteen")  # three windows, of which one is shared
    assert find_overlaps([_problem("t", " ".join(WORDS[:13]))], {"b": [fifteen]}) == []


def test_short_problems_are_compared_exactly_only() -> None:
    short = _problem("p", " ".join(WORDS[:12]))
    assert find_overlaps([_problem("t", LONG)], {"b": [short]}) == []
    assert [
        pair.kind for pair in find_overlaps([_problem("t", short.text.upper())], {"b": [short]})
    ] == ["exact"]


def test_the_other_direction_on_request() -> None:
    part = _problem("t", " ".join(WORDS[:13]))
    whole = _problem("p", LONG + " and fifteen and sixteen and seventeen")
    assert find_overlaps([part], {"b": [whole]}) == []
    assert find_overlaps([part], {"b": [whole]}, both_directions=True) == [
        Overlap("contained", "t", "b", "p", 1.0)
    ]


_TEXT = st.lists(st.sampled_from(["a", "b", "1", ".", "é"]), max_size=18).map(" ".join)


@settings(deadline=None)
@given(st.lists(_TEXT, max_size=4), st.lists(_TEXT, max_size=4))
def test_the_index_finds_what_comparing_all_pairs_finds(
    train_texts: list[str], texts: list[str]
) -> None:
    train = [_problem(f"t{i}", text) for i, text in enumerate(train_texts)]
    benchmark = [_problem(f"p{i}", text) for i, text in enumerate(texts)]
    found = {
        (pair.train_id, pair.problem_id, pair.kind)
        for pair in find_overlaps(train, {"b": benchmark})
    }
    expected = set()
    for row in train:
        for problem in benchmark:
            own, shared = (
                word_windows(problem.text),
                word_windows(problem.text) & word_windows(row.text),
            )
            plain = [re.sub(r"[ .]", "", text) or text for text in (row.text, problem.text)]
            if plain[0] == plain[1]:
                expected.add((row.id, problem.id, "exact"))
            elif own and len(shared) >= len(own) / 2:
                expected.add((row.id, problem.id, "near"))
    assert found == expected


@settings(deadline=None, max_examples=50)
@given(st.text(), st.text())
def test_any_text_is_handled(one: str, other: str) -> None:
    hostile = [_problem("t", one + "\ud800\0 " * 20)]
    assert [pair.kind for pair in find_overlaps(hostile, {"b": hostile})] == ["exact"]
    find_overlaps([_problem("t", other)], {"b": hostile}, both_directions=True)


def test_clean_drops_or_flags() -> None:
    train = [
        _problem("hit", LONG),
        _problem("hit again", LONG + "!"),
        _problem("own", "Mine?"),
        _problem("left", "Theirs?", "1"),
        _problem("right", "theirs", "2"),
    ]
    pairs = find_overlaps(
        train, {"b": [_problem("p", LONG)], "c": [_problem("p", LONG), _problem("q", LONG)]}
    )
    rows, totals = clean_training_rows(train, pairs, "drop")
    assert [row["id"] for row in rows] == ["own"]
    assert totals == {"rows": 5, "repeated": 1, "conflicting": 2, "overlapping": 1, "kept": 1}
    rows, totals = clean_training_rows(train, pairs, "flag")
    assert [(row["id"], row["overlaps"]) for row in rows] == [("hit", ["b", "c"]), ("own", [])]
    assert totals["kept"] == 2


# The real sets: the numbers stand in the data folder's own description

BENCHMARKS = [
    *("aime_2024", "aime_2025", "aime_2026", "hmmt_feb_2025", "amc_2023"),
    *("math_500", "math_test", "minerva_math", "olympiadbench", "gsm8k"),
]  # fmt: skip


@pytest.fixture(scope="module")
def benchmarks(benchmark_data: Path) -> dict[str, list[Problem]]:
    return {name: load_set(name, benchmark_data) for name in BENCHMARKS}


DAPO = {
    "aime_2026": (1, 1),
    "amc_2023": (8, 22),
    "math_500": (7, 18),
    "math_test": (976, 1302),
    "olympiadbench": (9, 53),
}  # (exact, near)
MATH = {"math_500": (1, 18), "math_test": (11, 169), "olympiadbench": (2, 3)}


@pytest.mark.parametrize(("name", "known"), [("dapo_math_17k", DAPO), ("math_train", MATH)])
def test_known_overlaps_are_found(
    benchmark_data: Path,
    benchmarks: dict[str, list[Problem]],
    name: str,
    known: dict[str, tuple[int, int]],
) -> None:
    train = read_problems(benchmark_data / f"{name}.jsonl")
    table = overlap_counts(find_overlaps(train, benchmarks), benchmarks)
    assert {key: (row["exact"], row["near"]) for key, row in table.items()} == {
        key: known.get(key, (0, 0)) for key in BENCHMARKS
    }


def test_clean_english_rows_of_dapo(
    benchmark_data: Path, benchmarks: dict[str, list[Problem]]
) -> None:
    train = load_set("dapo_math_17k", benchmark_data)
    assert len(clean_training_rows(train, find_overlaps(train, benchmarks), "drop")[0]) == 11_878


# The command

COMMAND = ("--train", "train.jsonl", "--against", "aime.jsonl")


@pytest.fixture
def files(tmp_path: Path) -> Path:
    write_problems(
        tmp_path / "train.jsonl", [_problem("t1", LONG), _problem("t2", 'Of, its "own"')]
    )
    write_problems(tmp_path / "aime.jsonl", [_problem("p,1", LONG)])
    return tmp_path


def _run(folder: Path, *arguments: str) -> None:
    contamination.main([str(folder / word) if "." in word else word for word in arguments])


def test_the_command_writes_pairs_counts_and_rows(files: Path) -> None:
    _run(files, *COMMAND, "--report", "r.csv", "--out", "clean.jsonl")
    with (files / "r.csv").open(newline="") as file:
        assert list(csv.DictReader(file)) == [
            {
                "kind": "exact",
                "train_id": "t1",
                "benchmark": "aime",
                "problem_id": "p,1",
                "share": "1.0",
            }
        ]
    assert json.loads((files / "r.json").read_text()) == {
        **{"train": "train", "action": "drop"},
        **{"rows": 2, "repeated": 0, "conflicting": 0, "overlapping": 1, "kept": 1},
        "benchmarks": {
            "aime": {"problems": 1, "exact": 1, "near": 1, "contained": 0, "train_rows": 1}
        },
    }
    assert [problem.id for problem in read_problems(files / "clean.jsonl")] == ["t2"]


def test_flagged_rows_stay_readable(files: Path) -> None:
    _run(files, *COMMAND, "--report", "r.csv", "--out", "flagged.jsonl", "--action", "flag")
    assert read_problems(files / "flagged.jsonl") == read_problems(files / "train.jsonl")
    flags = [
        json.loads(line)["overlaps"] for line in (files / "flagged.jsonl").read_text().splitlines()
    ]
    assert flags == [["aime"], []]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (
            ["--against", "train.jsonl", "--report", "r.csv"],
            "train.jsonl is the training set itself",
        ),
        (
            ["--against", "aime.jsonl", "aime.jsonl", "--report", "r.csv"],
            "a second benchmark named 'aime'",
        ),
        (["--against", "aime.jsonl", "--report", "r.txt"], "the name must end in .csv"),
        (
            ["--against", "aime.jsonl", "--report", "r.csv", "--out", "aime.jsonl"],
            "already reads or writes this file",
        ),
        (
            ["--against", "aime.jsonl", "--report", "r.csv", "--out", "r.json"],
            "already reads or writes this file",
        ),
        (["--against", "none.jsonl", "--report", "r.csv"], "cannot be read"),
    ],
)
def test_the_command_refuses(
    files: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], says: str
) -> None:
    before = {path.name: path.read_bytes() for path in files.iterdir()}
    with pytest.raises(SystemExit) as ended:
        _run(files, "--train", "train.jsonl", *arguments)
    assert ended.value.code == 2
    assert says in capsys.readouterr().err
    assert {path.name: path.read_bytes() for path in files.iterdir()} == before


def test_an_empty_training_set_is_refused(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_problems(files / "train.jsonl", [_problem("t1", LONG)])
    with pytest.raises(SystemExit):
        _run(files, *COMMAND, "--report", "r.csv")
    assert "no row is left" in capsys.readouterr().err
    assert not (files / "r.csv").exists()


def test_the_module_runs(files: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "eval.questions.contamination",
        "--train",
        str(files / "none.jsonl"),
    ]
    command += ["--against", str(files / "aime.jsonl"), "--report", str(files / "r.csv")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert done.stderr.startswith("error: ")
