"""Reads (n, correct) per question and training seed, and turns them into scores.

(n, correct) is all an evaluation leaves behind that matters here: every score, interval and test
comes from it without sampling again. Files are CSVs with at least the columns problem_id, n,
correct.

Legend of array shapes: S training seeds, Q questions.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from eval.files.csv_text import read_csv
from eval.files.errors import BadInput
from eval.scoring.pass_at_k import pass_at_k

COLUMNS = ("problem_id", "n", "correct")
TOTAL = "-total-"  # in the name of a question that stands for a mean: analysis.bring writes these
MOST_SAMPLES = 1_000_000  # of a question: pass@k takes memory for each


@dataclass(frozen=True, eq=False)
class Counts:
    """One arm on one benchmark: every seed has answered every question, if only with n = 0 samples."""

    seeds: tuple[int, ...]  # ascending
    problem_ids: tuple[str, ...]  # ascending
    n_SQ: np.ndarray  # (S, Q) int: samples that exist, not samples that were asked for
    correct_SQ: np.ndarray  # (S, Q) int: of these, right

    def of_seeds(self, seeds: Iterable[int]) -> "Counts":
        """The same questions, fewer seeds."""
        rows = [self.seeds.index(seed) for seed in seeds]
        return Counts(tuple(seeds), self.problem_ids, self.n_SQ[rows], self.correct_SQ[rows])


def load_counts(paths: Mapping[int, Path]) -> Counts:
    """Reads one file per training seed. The order of rows and of files changes nothing.

    Raises: BadInput: a file is missing, a row is unusable (named by file and line), or seeds
        answered other questions.
    """
    return tabulate({seed: read_counts(Path(path)) for seed, path in paths.items()})


def read_counts(path: Path) -> dict[str, tuple[int, int]]:
    """problem_id -> (n, correct) of one file that holds one seed."""
    rows: dict[str, tuple[int, int]] = {}
    for where, row in read_csv(path, COLUMNS):
        _add(rows, row, where)
    return rows


def read_runs(path: Path) -> dict[int, dict[str, tuple[int, int]]]:
    """seed -> problem_id -> (n, correct) of one file, by its column seed; all of it is seed 0
    without one.
    """
    runs: dict[int, dict[str, tuple[int, int]]] = {}
    for where, row in read_csv(path, COLUMNS):
        seed = whole_number(row, "seed", where) if "seed" in row else 0
        _add(runs.setdefault(seed, {}), row, where)
    return runs


def tabulate(seeds: Mapping[int, Mapping[str, tuple[int, int]]]) -> Counts:
    """seed -> problem_id -> (n, correct), as rectangular arrays; refuses seeds that answered
    different questions.
    """
    if not seeds or not all(seeds.values()):
        raise BadInput(
            "no counts to read: there is no seed, or one without rows. Run the evaluation first."
        )
    order = sorted(seeds)
    problem_ids = sorted(seeds[order[0]])
    for seed in order[1:]:
        same_questions(problem_ids, seeds[seed], f"seed {order[0]}", f"seed {seed}")
    table_SQ2 = np.array(
        [[seeds[seed][name] for name in problem_ids] for seed in order], dtype=np.int64
    )
    return Counts(tuple(order), tuple(problem_ids), table_SQ2[..., 0], table_SQ2[..., 1])


def same_questions(a: Iterable[str], b: Iterable[str], name_a: str, name_b: str) -> None:
    """Raises BadInput that names the questions that only one of the two has answered."""
    a, b = set(a), set(b)
    if a != b and all(TOTAL in name for name in a | b):
        raise BadInput(
            "of at least one arm only means are known, not which questions were right, so that"
            " nothing can be paired"
        )
    for lacking, has, missing in ((name_b, name_a, a - b), (name_a, name_b, b - a)):
        if missing:
            raise BadInput(
                f"{lacking} lacks {len(missing)} question(s) that {has} answered:"
                f" {some(sorted(missing))}. "
                "Evaluate both on the same questions."
            )


def some(names: list[str], most: int = 5) -> str:
    """A few of the names, for a message."""
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def whole_number(row: dict[str, str], column: str, where: str) -> int:
    """A whole number from a cell ("8", or "8.0" as other tools write it); NaN, blank and fractions
    are refused.
    """
    try:
        value = float(row[column])
        # beyond, neighbours are one and the same float
        if value.is_integer() and abs(value) < 2**53:
            return int(value)
    except ValueError:
        pass
    raise BadInput(
        f"{where}: {column} is {row[column]!r}, but it must be a whole number. Mend or remove the row."
    )


def _add(rows: dict[str, tuple[int, int]], row: dict[str, str], where: str) -> None:
    problem_id = row["problem_id"].strip()
    n, correct = whole_number(row, "n", where), whole_number(row, "correct", where)
    if not problem_id:
        raise BadInput(f"{where}: problem_id is empty. Every row names its question.")
    if problem_id in rows:
        raise BadInput(
            f"{where}: problem {problem_id} stands here twice. Keep one row per problem and seed."
        )
    if not 0 <= correct <= n <= MOST_SAMPLES:
        raise BadInput(
            f"{where}: problem {problem_id} has n = {n}, correct = {correct}; needs 0 <= correct"
            f" <= n <= {MOST_SAMPLES:,}."
        )
    rows[problem_id] = (n, correct)


def scores(counts: Counts, k: int) -> np.ndarray:
    """(S, Q) pass@k, in [0, 1]; k = 1 is avg@n.

    Raises:
        BadInput: k < 1, or a question has fewer than k samples (named with its seed).
    """
    if k < 1:
        raise BadInput(f"pass@{k} does not exist: k must be at least 1.")
    short = (
        (counts.seeds[s], counts.problem_ids[q], counts.n_SQ[s, q])
        for s, q in np.argwhere(counts.n_SQ < k)
    )
    listed = [f"{problem} (seed {seed}, n = {n})" for seed, problem, n in islice(short, 5)]
    if listed:
        raise BadInput(
            f"pass@{k} needs n >= {k} samples of every question, but: {'; '.join(listed)}. Sample more."
        )
    return pass_at_k(counts.n_SQ.ravel(), counts.correct_SQ.ravel(), k).reshape(counts.n_SQ.shape)
