"""Reads and writes problems as JSON lines, and loads the named sets.

One problem per line: {"id", "text", "answer", "level", "subject"}. A file may call the text
"problem", as public data sets do; other keys are ignored. A bad line is an error that names the
file and the line; no line is skipped.

    python -m eval.questions.problems --set aime_2024 --data-dir ../data \\
        --out problems/aime_2024.jsonl
"""

import json
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from eval.files.command_line import command_parser
from eval.files.durable import write_text
from eval.files.errors import BadInput, exit_with_message
from eval.files.json_text import parse
from eval.questions.duplicates import Repeats, drop_repeats
from eval.questions.named_sets import SOURCES, Source

_LONGEST_LINE = 1_000_000  # bytes; the longest line of a known set has 9,000
_HAN = re.compile(r"[\u4e00-\u9fff]")
_LANGUAGES = ("en", "zh")


@dataclass(frozen=True)
class Problem:
    """A question with its gold answer. `level` and `subject` are "" where the set has none."""

    id: str
    text: str
    answer: str
    level: str = ""
    subject: str = ""


def read_problems(path: Path) -> list[Problem]:
    """All problems of a JSON lines file.

    Raises:
        BadInput: the file is missing or empty; a line is not JSON, is too long, lacks a field, has
            an empty gold answer or a duplicate id.
    """
    problems = [problem_from(row, where) for where, row in _problem_rows(Path(path))]
    if not problems:
        raise BadInput(f"{path}: no problems in this file: write one JSON object per line")
    check_ids(problems, str(path))
    return problems


def write_problems(path: Path, problems: Sequence[Problem]) -> None:
    """Checks the problems as `read_problems` does, and writes the file whole or not at all."""
    for problem in problems:
        problem_from(asdict(problem), f"{path}: problem {problem.id!r}")
    check_ids(problems, str(path))
    write_text(path, "".join(json.dumps(asdict(problem)) + "\n" for problem in problems))


def load_set(
    name: str, data_dir: Path | None = None, languages: Sequence[str] | None = ("en",)
) -> list[Problem]:
    """A named set, checked. `load_counted` also returns how many training rows were dropped."""
    return load_counted(name, data_dir, languages)[0]


def load_counted(
    name: str, data_dir: Path | None = None, languages: Sequence[str] | None = ("en",)
) -> tuple[list[Problem], Repeats]:
    """A named set from `data_dir` or, without one, from the hub at its pinned revision.

    The row count and the range of the answers are checked on all rows. Then rows of languages that
    are not in `languages` are dropped (None keeps all; only dapo_math_17k has Chinese rows), and
    from training sets repeated and conflicting problems.

    Raises:
        BadInput: unknown set or language, missing file, wrong count, answer out of range, or the
            hub cannot be reached.
    """
    if name not in SOURCES:
        raise BadInput(f"unknown problem set {name!r}: choose one of {', '.join(SOURCES)}")
    unknown = set(languages or ()) - set(_LANGUAGES)
    if unknown:
        raise BadInput(f"unknown language {min(unknown)!r}: choose from {', '.join(_LANGUAGES)}")
    source = SOURCES[name]
    problems = (
        _from_folder(name, source, Path(data_dir))
        if data_dir is not None
        else _from_hub(name, source)
    )
    if languages is not None:
        problems = [problem for problem in problems if _language(problem.text) in languages]
    if not problems:
        raise BadInput(f"set {name} has no problem in {', '.join(languages or ())}: add a language")
    if not source.training:
        return problems, Repeats(0, 0)
    kept, repeats = drop_repeats([p.text for p in problems], [p.answer for p in problems])
    return [problems[i] for i in kept], repeats


def problem_from(row: dict[str, Any], where: str) -> Problem:
    """A checked problem from a row; `where` (file and line, or set and row) opens every message."""
    text = _string(row, "problem" if "problem" in row and "text" not in row else "text", where)
    answer = _string(row, "answer", where)
    fields = {key: _string(row, key, where, required=False) for key in ("level", "subject")}
    return Problem(_string(row, "id", where), text, answer, **fields)


def check_ids(problems: Sequence[Problem], where: str) -> None:
    """Raises BadInput at the first duplicate id."""
    seen: dict[str, int] = {}
    for number, problem in enumerate(problems, start=1):
        first = seen.setdefault(problem.id, number)
        if first != number:
            raise BadInput(
                f"{where}, line {number}: duplicate id {problem.id!r}, as in line {first}: rename"
                " one"
            )


def _problem_rows(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    try:
        with path.open("rb") as file:
            for number, line in enumerate(
                iter(lambda: file.readline(_LONGEST_LINE + 1), b""), start=1
            ):
                yield f"{path}, line {number}", _parse_problem_line(line, f"{path}, line {number}")
    except OSError as error:
        raise BadInput(
            f"{path}: cannot be read ({error.strerror}): give a JSON lines file"
        ) from None


def _parse_problem_line(line: bytes, where: str) -> dict[str, Any]:
    if len(line) > _LONGEST_LINE:
        raise BadInput(
            f"{where}: over {_LONGEST_LINE:,} bytes: no problem is that long, check the file"
        )
    try:
        row = parse(line, lone_surrogates=True)
    except ValueError as error:
        raise BadInput(f"{where}: not readable as JSON ({error}): fix or remove the line") from None
    if not isinstance(row, dict):
        raise BadInput(
            f"{where}: is not a JSON object but {type(row).__name__}: fix or remove the line"
        )
    return row


def _string(row: dict[str, Any], key: str, where: str, required: bool = True) -> str:
    value = row.get(key)
    if value is None and not required:
        return ""
    if isinstance(value, int) and not isinstance(value, bool) and key not in ("text", "problem"):
        value = str(value)
    if not isinstance(value, str):
        raise BadInput(
            f"{where}: field {key!r} is {'missing' if value is None else 'not a string'}: fix the"
            " line"
        )
    if required and not value.strip():
        raise BadInput(f"{where}: field {key!r} is empty: fix or remove the line")
    if "\0" in value or any("\ud800" <= character <= "\udfff" for character in value):
        raise BadInput(
            f"{where}: field {key!r} holds a NUL or a lone surrogate: the text is damaged, fix it"
        )
    return value


def _from_folder(name: str, source: Source, data_dir: Path) -> list[Problem]:
    path = data_dir / source.file
    problems = read_problems(path)
    if len(problems) != source.count:
        raise BadInput(
            f"{path}: set {name} has {source.count} problems, this file has {len(problems)}: get"
            " the whole set"
        )
    return [
        _in_range(p, source, f"{path}, line {number}") for number, p in enumerate(problems, start=1)
    ]


def _from_hub(name: str, source: Source) -> list[Problem]:
    from eval.questions.hub import hub_rows  # here: importing `datasets` takes seconds

    rows = hub_rows(name, source)
    expected = source.hub_count or source.count
    if len(rows) != expected:
        raise BadInput(
            f"set {name}: {expected} problems expected at {source.hub}, found {len(rows)}: set"
            " data_dir to a folder with the whole set"
        )
    return [_in_range(problem_from(row, where), source, where) for where, row in rows]


def _in_range(problem: Problem, source: Source, where: str) -> Problem:
    """The problem, if its answer is in the range of the set. Integers lose leading zeros, so that
    "025" and "25" are one answer for every verifier.
    """
    if source.integers is None:
        return problem
    low, high = source.integers
    if (
        not re.fullmatch(r"\s*[-+]?[0-9]{1,40}\s*", problem.answer)
        or not low <= int(problem.answer) <= high
    ):
        answer = problem.answer[:40]
        raise BadInput(
            f"{where}: {problem.id!r} has answer {answer!r}, which is not an integer in"
            f" {low}..{high}: fix it"
        )
    return replace(problem, answer=str(int(problem.answer)))


def _language(text: str) -> str:
    return "zh" if _HAN.search(text) else "en"


def main(arguments: Sequence[str] | None = None) -> None:
    """Writes a named set as a problems file."""
    parser = command_parser("eval.questions.problems", main.__doc__)
    parser.add_argument("--set", required=True, dest="name", help=", ".join(SOURCES))
    parser.add_argument("--data-dir", type=Path, help="folder of JSON lines; default: the hub")
    parser.add_argument("--languages", nargs="+", default=["en"], help="languages to keep: en, zh")
    parser.add_argument("--out", type=Path, required=True, help="JSON lines file to write")
    options = parser.parse_args(arguments)
    with exit_with_message():
        problems, repeats = load_counted(options.name, options.data_dir, options.languages)
        write_problems(options.out, problems)
    print(
        f"{options.name}: {len(problems)} problems; dropped {repeats.repeated} repeated and"
        f" {repeats.conflicting} conflicting rows",
        file=sys.stderr,
    )


if __name__ == "__main__":
    main()
