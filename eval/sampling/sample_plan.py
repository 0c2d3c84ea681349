"""The file that says how many samples of each question are drawn: <set>.samples_per_question.csv.

Written by eval.plan_samples, read by eval.sample.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

from eval.files.csv_text import csv_text, read_csv
from eval.files.errors import BadInput

PLAN_ENDING = ".samples_per_question.csv"
PLAN_COLUMNS = ("problem_id", "samples")
_PLAN_AGAIN = "plan again with python -m eval.plan_samples"


def sample_plan_text(planned: Iterable[tuple[str, int]]) -> str:
    """The text of the file."""
    return csv_text([PLAN_COLUMNS, *planned])


def plans_by_set(files: Sequence[Path]) -> dict[str, Path]:
    """Set → its plan, by the names of the files.

    Raises:
        BadInput: a name has another ending, or a set has two plans.
    """
    plans: dict[str, Path] = {}
    for path in files:
        name = path.name.removesuffix(PLAN_ENDING)
        if name == path.name or name in plans:
            raise BadInput(f"--plan {path}: give one file <set>{PLAN_ENDING} per set")
        plans[name] = path
    return plans


def read_plan(path: Path, problem_ids: Sequence[str], samples: int) -> dict[str, int]:
    """Samples of each question, in the order of the questions.

    Raises:
        BadInput: the file cannot be read, is not about exactly these questions, a number is not a
            whole number of 1 or more, or their mean is not `samples`.
    """
    planned: dict[str, int] = {}
    for place, row in read_csv(path, PLAN_COLUMNS):
        problem_id, text = row["problem_id"], row["samples"]
        if problem_id in planned:
            raise BadInput(f"{place}: a second row of problem {problem_id}: {_PLAN_AGAIN}")
        if not (text.isascii() and text.isdecimal() and len(text) < 10 and int(text) >= 1):
            raise BadInput(f"{place}: samples is {text[:20]!r}, not 1 or more: {_PLAN_AGAIN}")
        planned[problem_id] = int(text)
    if other := sorted(set(planned) ^ set(problem_ids)):
        raise BadInput(
            f"{path}: {len(other)} question(s) are only in the plan or only in the problems"
            f" file, such as {other[0]!r}: {_PLAN_AGAIN}"
        )
    if sum(planned.values()) != samples * len(planned):
        raise BadInput(
            f"{path}: plans {sum(planned.values())} samples of {len(planned)} questions, not"
            f" {samples} of each on average: {_PLAN_AGAIN}"
        )
    return {problem_id: planned[problem_id] for problem_id in problem_ids}
