"""Reads counts.csv: how often each question was answered, and how often correctly.

One row per question with at least the columns problem_id, n and correct; `eval.score` writes more
of them. A file may come from another evaluation tool, so every row is checked.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import nan
from pathlib import Path

from eval.files.csv_text import read_csv
from eval.files.errors import BadInput

COUNTS_COLUMNS = ("problem_id", "n", "correct")
MOST_SAMPLES = 1_000_000  # of a question: pass@k takes memory for each
_REMEDY = "fix the row, or delete the file and score again"


@dataclass(frozen=True)
class QuestionCounts:
    """One row: what the completions of one question came to."""

    problem_id: str
    n: int  # completions that exist
    correct: int  # of these
    seed: int  # training seed; 0 where the file is one run's
    others: dict[str, int]  # the further columns that were asked for, by name


def read_counts(
    path: Path, also: Sequence[str] = (), by_seed: bool = False
) -> list[QuestionCounts]:
    """The rows of a counts file, in their order.

    Args:
        also: further columns of whole numbers that the file must have.
        by_seed: the column `seed`, if the file has it, says which run a row belongs to. Without
            `by_seed` the file holds one run, and that column is ignored.

    Raises:
        BadInput: the file cannot be read, a column is missing, a number is not a whole number of
            0 or more, a question has no name or two rows, or not 0 <= correct <= n <= MOST_SAMPLES.
    """
    rows: dict[tuple[int, str], QuestionCounts] = {}
    for place, row in read_csv(path, (*COUNTS_COLUMNS, *also)):
        problem_id = row["problem_id"]
        n, correct = count_cell(row, "n", place), count_cell(row, "correct", place)
        seed = count_cell(row, "seed", place) if by_seed and "seed" in row else 0
        if not problem_id.strip():
            raise BadInput(f"{place}: problem_id is empty: {_REMEDY}")
        if (seed, problem_id) in rows:
            raise BadInput(f"{place}: a second row of problem {problem_id}: {_REMEDY}")
        if not 0 <= correct <= n <= MOST_SAMPLES:
            raise BadInput(
                f"{place}: problem {problem_id} has n = {n}, correct = {correct}; needs 0 <="
                f" correct <= n <= {MOST_SAMPLES:,}: {_REMEDY}"
            )
        others = {name: count_cell(row, name, place) for name in also}
        rows[seed, problem_id] = QuestionCounts(problem_id, n, correct, seed, others)
    return [*rows.values()]


def count_cell(row: dict[str, str], column: str, place: str) -> int:
    """A cell as a whole number: "8", or "8.0" as other tools write it.

    Raises:
        BadInput: it is something else; `place` says where.
    """
    try:
        value = nan if "_" in row[column] else float(row[column])  # Python reads 1_0 as 10
        # from 2**53 on a float stands for several whole numbers
        if value.is_integer() and 0 <= value < 2**53:
            return int(value)
    except ValueError:
        pass
    raise BadInput(
        f"{place}: {column} is {row[column]!r}, it must be a whole number of 0 or more: {_REMEDY}"
    )
