"""Problem files and named sets: good ones are read as they stand, bad ones are refused by name and
line.
"""

import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import datasets
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eval.files.errors import BadInput
from eval.questions import hub, problems
from eval.questions.duplicates import drop_repeats, normal_form
from eval.questions.named_sets import SOURCES, Source
from eval.questions.problems import Problem, load_counted, load_set, read_problems, write_problems

GOOD = {"id": "a", "text": "1+1?", "answer": "2"}


def _file(tmp_path: Path, *lines: str | bytes) -> Path:
    path = tmp_path / "set.jsonl"
    path.write_bytes(
        b"".join((line if isinstance(line, bytes) else line.encode()) + b"\n" for line in lines)
    )
    return path


def test_a_line_is_one_problem(tmp_path: Path) -> None:
    other = '{"id": "b", "problem": "x?", "answer": 7, "level": 5, "subject": null}'
    path = _file(tmp_path, json.dumps(GOOD), other)
    assert read_problems(path) == [
        Problem("a", "1+1?", "2"),
        Problem("b", "x?", "7", level="5", subject=""),
    ]


def test_only_newlines_end_a_line(tmp_path: Path) -> None:
    path = tmp_path / "set.jsonl"
    byte_order_mark, separator = b"\xef\xbb\xbf", b"\xe2\x80\xa8"
    path.write_bytes(
        byte_order_mark + b'{"id": "a", "text": "one' + separator + b'two", "answer": "2"}'
    )
    assert read_problems(path) == [Problem("a", "one\u2028two", "2")]


_CHARACTER = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
_TEXT = st.text(_CHARACTER, min_size=1).filter(str.strip)


_PROBLEM = st.builds(Problem, _TEXT, _TEXT, _TEXT, level=_TEXT)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(_PROBLEM, min_size=1, unique_by=lambda problem: problem.id))
def test_reading_gives_back_what_was_written(tmp_path: Path, drawn: list[Problem]) -> None:
    path = tmp_path / "set.jsonl"
    write_problems(path, drawn)
    assert read_problems(path) == drawn


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("{", "not readable as JSON"),
        ("", "not readable as JSON"),
        ('{"id": "b", "text": "x", "answer": "1"} {}', "not readable as JSON"),
        (b'{"id": "b", "text": "\xff", "answer": "1"}', "not readable as JSON"),
        (b'{"id": "b", "text": "\0", "answer": "1"}', "not readable as JSON"),
        ("[" * 100_000, "not readable as JSON"),
        ('{"id": "b", "text": "x", "answer": ' + "9" * 5_000 + "}", "not readable as JSON"),
        ("[1]", "not a JSON object but list"),
        ('{"id": "b", "answer": "1"}', "field 'text' is missing"),
        ('{"id": "b", "text": "x"}', "field 'answer' is missing"),
        ('{"text": "x", "answer": "1"}', "field 'id' is missing"),
        ('{"id": "b", "text": ["x"], "answer": "1"}', "field 'text' is not a string"),
        ('{"id": "b", "text": "x", "answer": 1.5}', "field 'answer' is not a string"),
        ('{"id": "b", "text": "x", "answer": true}', "field 'answer' is not a string"),
        ('{"id": "b", "text": "x", "answer": " "}', "field 'answer' is empty"),
        ('{"id": "b", "text": "", "answer": "1"}', "field 'text' is empty"),
        ('{"id": "b", "text": "x\\u0000", "answer": "1"}', "the text is damaged"),
        ('{"id": "b", "text": "x\\ud83d", "answer": "1"}', "the text is damaged"),
        ('{"id": "a", "text": "x", "answer": "1"}', "duplicate id 'a', as in line 1"),
        (
            b'{"id": "b", "text": "' + b"x" * 10_000_000 + b'", "answer": "1"}',
            "over 1,000,000 bytes",
        ),
    ],
    ids=range(20),
)
def test_a_bad_line_is_named(tmp_path: Path, line: str | bytes, says: str) -> None:
    path = _file(tmp_path, json.dumps(GOOD), line)
    with pytest.raises(BadInput, match=re.escape(says)) as error:
        read_problems(path)
    assert f"{path}, line 2: " in str(error.value)
    assert len(str(error.value)) < 500


def test_missing_and_empty_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="cannot be read"):
        read_problems(tmp_path / "none.jsonl")
    with pytest.raises(BadInput, match="cannot be read"):
        read_problems(tmp_path)
    with pytest.raises(BadInput, match="no problems in this file"):
        read_problems(_file(tmp_path))


def test_a_failed_write_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "set.jsonl"
    write_problems(path, [Problem("a", "old", "1")])
    with pytest.raises(BadInput, match="'answer' is empty"):
        write_problems(path, [Problem("a", "new", " ")])
    with pytest.raises(BadInput, match="'a', as in line 1"):
        write_problems(path, [Problem("a", "new", "1"), Problem("a", "newer", "1")])

    def broken(descriptor: int) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(os, "fsync", broken)
    with pytest.raises(OSError, match="disk full"):
        write_problems(path, [Problem("a", "new", "1")])
    assert read_problems(path) == [Problem("a", "old", "1")]
    assert [file.name for file in tmp_path.iterdir()] == ["set.jsonl"]


# Named sets


def test_every_revision_is_a_commit() -> None:
    assert all(
        re.fullmatch("[0-9a-f]{40}", source.revision or "0" * 40) for source in SOURCES.values()
    )


@pytest.mark.parametrize("name", SOURCES)
def test_real_sets_load(benchmark_data: Path, name: str) -> None:
    loaded, repeats = load_counted(name, benchmark_data, languages=None)
    assert len(loaded) + repeats.repeated + repeats.conflicting == SOURCES[name].count


def test_levels_of_math_are_official_and_may_be_missing(benchmark_data: Path) -> None:
    levels = [problem.level for problem in read_problems(benchmark_data / "math_train.jsonl")]
    assert {level: levels.count(level) for level in ("", "1", "5")} == {"": 2, "1": 564, "5": 2304}


def test_dapo_keeps_english_rows_unless_told(benchmark_data: Path) -> None:
    english = load_set("dapo_math_17k", benchmark_data)
    both, repeats = load_counted("dapo_math_17k", benchmark_data, languages=("en", "zh"))
    assert (len(english), repeats.conflicting) == (13_360, 65)
    assert set(english) < set(both)
    with pytest.raises(BadInput, match="unknown language 'fr': choose from en, zh"):
        load_set("dapo_math_17k", benchmark_data, languages=("fr",))
    with pytest.raises(BadInput, match="no problem in zh"):
        load_set("aime_2024", benchmark_data, languages=("zh",))


def _aime(tmp_path: Path, **changed: Any) -> Path:
    rows = [{"id": f"p{i}", "problem": f"Question {i}?", "answer": str(i)} for i in range(30)]
    rows[6] |= changed
    path = tmp_path / "aime_2024.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_leading_zeros_go(tmp_path: Path) -> None:
    _aime(tmp_path, answer="025")
    assert load_set("aime_2024", tmp_path)[6] == Problem("p6", "Question 6?", "25")


@pytest.mark.parametrize("answer", ["1000", "-1", "336^\\circ", "27.0", "٣", "9" * 400])
def test_an_answer_out_of_range_is_named(tmp_path: Path, answer: str) -> None:
    path = _aime(tmp_path, answer=answer)
    with pytest.raises(BadInput, match=re.escape("not an integer in 0..999")) as error:
        load_set("aime_2024", tmp_path)
    assert f"{path}, line 7: 'p6'" in str(error.value)


def test_a_wrong_count_is_named(tmp_path: Path) -> None:
    path = _aime(tmp_path)
    path.write_text(path.read_text() + '{"id": "more", "problem": "?", "answer": "1"}\n')
    with pytest.raises(BadInput, match="has 30 problems, this file has 31"):
        load_set("aime_2024", tmp_path)
    with pytest.raises(BadInput, match=r"aime_2025\.jsonl: cannot be read"):
        load_set("aime_2025", tmp_path)
    with pytest.raises(BadInput, match="unknown problem set 'aime': choose one of aime_2024"):
        load_set("aime", tmp_path)


# The hub, replaced by rows in its shape


def _from_hub(
    monkeypatch: pytest.MonkeyPatch, name: str, rows: list[dict[str, Any]]
) -> list[Problem]:
    monkeypatch.setattr(datasets, "load_dataset", lambda *_, **__: rows)
    monkeypatch.setitem(SOURCES, name, replace(SOURCES[name], count=len(rows), hub_count=None))
    return load_set(name)


def test_hub_fields_are_mapped(monkeypatch: pytest.MonkeyPatch) -> None:
    math = {
        "problem": "q",
        "solution": r"\boxed{1} or \boxed{\frac{1}{2}}.",
        "level": "Level 5",
        "type": "A",
    }
    empty = {"problem": "r", "solution": r"so $\boxed{}$", "level": "Level ?", "type": "A"}
    assert _from_hub(monkeypatch, "math_train", [math, empty]) == [
        Problem("math_train-00000", "q", r"\frac{1}{2}", "5", "A"),
        Problem("math_train-00001", "r", "0", "", "A"),
    ]
    gsm = {"question": "q", "answer": "2 * 600 = <<2*600=1200>>1200\n#### 1,200"}
    assert _from_hub(monkeypatch, "gsm8k", [gsm])[0].answer == "1200"
    assert _from_hub(monkeypatch, "amc_2023", [{"question": "q", "answer": 27.0}])[0].answer == "27"
    olympiad = {"question": "q", "final_answer": ["$1$", "$2$"], "subfield": "Algebra"}
    assert _from_hub(monkeypatch, "olympiadbench", [olympiad])[0].answer == "$1$, $2$"


def test_dapo_rows_are_unwrapped_and_copies_go(monkeypatch: pytest.MonkeyPatch) -> None:
    before, after = SOURCES["dapo_math_17k"].wrapper
    rows = [
        {
            "prompt": [{"role": "user", "content": f"{before}What is {i}?{after}"}],
            "reward_model": {"ground_truth": str(i)},
            "extra_info": {"index": f"id-{i}"},
        }
        for i in (4, 5, 4, 4)
    ]
    monkeypatch.setattr(datasets, "load_dataset", lambda *_, **__: rows)
    monkeypatch.setitem(SOURCES, "dapo_math_17k", replace(SOURCES["dapo_math_17k"], count=2))
    assert [p.text for p in load_set("dapo_math_17k")] == ["What is 4?", "What is 5?"]


def test_a_changed_hub_copy_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets, "load_dataset", lambda *_, **__: [{"problem": "q"}])
    with pytest.raises(BadInput, match="row 0: no field 'answer'"):
        load_set("aime_2024")
    row = {"problem": "q", "answer": "1"}
    monkeypatch.setattr(datasets, "load_dataset", lambda *_, **__: [row])
    with pytest.raises(BadInput, match="30 problems expected at HuggingFaceH4/aime_2024, found 1"):
        load_set("aime_2024")


def test_the_hub_is_asked_for_the_pinned_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, Any] = {}

    def load_dataset(*arguments: Any, **options: Any) -> list[Any]:
        asked.update(options, arguments=arguments)
        raise ConnectionError("no network")

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    with pytest.raises(BadInput, match=r"cannot be loaded .* \(ConnectionError\): give data_dir"):
        load_set("gsm8k")
    assert asked == {
        "arguments": ("openai/gsm8k", "main"),
        "split": "test",
        "revision": "740312add88f781978c0658806c59bc2815b9866",
    }


def test_without_a_pinned_commit_the_hub_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SOURCES, "loose", Source("loose.jsonl", 1, "someone/loose", "test", None))
    with pytest.raises(
        BadInput, match=r"no pinned revision .*: give data_dir, or set the revision"
    ):
        load_set("loose")


@pytest.mark.parametrize(
    ("solution", "boxed"),
    [
        (r"\boxed{3}", "3"),
        (r"\boxed{a} then \boxed{\{1,2\}}", r"\{1,2\}"),
        (r"\boxed 7.", "7"),
        (r"\boxed{\left\{1\right.}", r"\left\{1\right."),
        (r"\boxed{1} and \boxed{2", "1"),
        (r"\boxed{\text{\boxed{5}}}", "5"),
        ("none", ""),
        pytest.param(
            r"\boxed{7}" + r"\boxed{" * 200_000,
            "7",
            id="so many open ones that only a linear reader ends",
        ),
    ],
)
def test_last_boxed(solution: str, boxed: str) -> None:
    assert hub.last_boxed(solution) == boxed


# Repeats


def test_normal_form_by_hand() -> None:
    assert normal_form("Find  $x_{1}$,\n THE ﬁrst!") == "findx1thefirst"
    assert normal_form("?!") == "?!"


def test_repeats_stay_once_and_conflicts_go() -> None:
    texts = ["What is $x$?", "what is x", "Other", "other!", "Third", "What is x ?"]
    assert drop_repeats(texts, ["1", "1", "2", "3", "4", " 1"]) == ([0, 4], (2, 2))


# The command


def test_the_command_writes_a_set(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _aime(tmp_path)
    out = tmp_path / "new" / "aime.jsonl"
    problems.main(["--set", "aime_2024", "--data-dir", str(tmp_path), "--out", str(out)])
    assert read_problems(out) == load_set("aime_2024", tmp_path)
    assert (
        "aime_2024: 30 problems; dropped 0 repeated and 0 conflicting rows"
        in capsys.readouterr().err
    )


def test_the_command_says_one_line_on_bad_input(tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    command = [
        sys.executable,
        "-m",
        "eval.questions.problems",
        "--set",
        "aime_2024",
        "--data-dir",
        str(tmp_path),
    ]
    done = subprocess.run([*command, "--out", str(out)], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    assert not out.exists()
