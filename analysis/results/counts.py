"""Reads the counts of one arm, (n, correct) per question and seed, and computes its scores.

Every score, interval and test is computed from (n, correct), without sampling again.
eval/scoring/counts.py reads and checks the rows.

Legend of array shapes: S training seeds, Q questions.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from eval.files.errors import BadInput
from eval.scoring.counts import read_counts
from eval.scoring.pass_at_k import pass_at_k

# in the name of a question that stands for a mean: analysis.bring writes these
TOTAL = "-total-"


@dataclass(frozen=True, eq=False)
class Counts:
    """The counts of one arm on one benchmark. All seeds have the same questions; n may be 0."""

    seeds: tuple[int, ...]  # ascending
    problem_ids: tuple[str, ...]  # ascending
    n_SQ: np.ndarray  # (S, Q) int: samples that exist, which may be fewer than were asked for
    correct_SQ: np.ndarray  # (S, Q) int: correct samples

    def of_seeds(self, seeds: Iterable[int]) -> "Counts":
        """The counts of these seeds only, in this order."""
        rows = [self.seeds.index(seed) for seed in seeds]
        return Counts(tuple(seeds), self.problem_ids, self.n_SQ[rows], self.correct_SQ[rows])


def load_counts(paths: Mapping[int, Path]) -> Counts:
    """Reads one file per training seed. The order of rows and of files has no effect.

    Raises:
        BadInput: a file is missing, a row is bad (named by file and line), or the seeds have
            different questions.
    """
    return tabulate({seed: read_run_counts(path) for seed, path in paths.items()})


def read_run_counts(path: Path) -> dict[str, tuple[int, int]]:
    """problem_id -> (n, correct) of a file that holds one run."""
    return {row.problem_id: (row.n, row.correct) for row in read_counts(path)}


def read_runs(path: Path) -> dict[int, dict[str, tuple[int, int]]]:
    """seed -> problem_id -> (n, correct) of a file, by its column `seed`; without this column all
    rows belong to seed 0.
    """
    runs: dict[int, dict[str, tuple[int, int]]] = {}
    for row in read_counts(path, by_seed=True):
        runs.setdefault(row.seed, {})[row.problem_id] = (row.n, row.correct)
    return runs


def tabulate(seeds: Mapping[int, Mapping[str, tuple[int, int]]]) -> Counts:
    """The counts {seed: {problem_id: (n, correct)}} as (S, Q) arrays.

    Raises:
        BadInput: there is no seed, one without rows, or seeds with different questions.
    """
    if not seeds or not all(seeds.values()):
        raise BadInput(
            "no counts to read: there is no seed, or one without rows: run the evaluation first"
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
    """Raises BadInput, which names the questions, if only one of the two has answered some."""
    a, b = set(a), set(b)
    if a != b and all(TOTAL in name for name in a | b):
        raise BadInput(
            "an arm has only means, not counts per question, so its questions cannot be paired:"
            " bring a file with counts or samples"
        )
    for lacking, has, missing in ((name_b, name_a, a - b), (name_a, name_b, b - a)):
        if missing:
            raise BadInput(
                f"{lacking} lacks {len(missing)} question(s) that {has} answered:"
                f" {some(sorted(missing))}: evaluate both on the same questions"
            )


def some(names: list[str], most: int = 5) -> str:
    """The first names and the number of the others, for a message."""
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def scores(counts: Counts, k: int) -> np.ndarray:
    """(S, Q) pass@k of every seed and question, in [0, 1]. pass@1 is avg@n.

    Raises:
        BadInput: k < 1, or a question has fewer than k samples (named with its seed).
    """
    if k < 1:
        raise BadInput(f"pass@{k} does not exist: k must be at least 1")
    short = (
        (counts.seeds[s], counts.problem_ids[q], counts.n_SQ[s, q])
        for s, q in np.argwhere(counts.n_SQ < k)
    )
    listed = [f"{problem} (seed {seed}, n = {n})" for seed, problem, n in islice(short, 5)]
    if listed:
        raise BadInput(
            f"pass@{k} needs n >= {k} samples of every question, but has too few of"
            f" {'; '.join(listed)}: sample more, or ask for a smaller k"
        )
    return pass_at_k(counts.n_SQ.ravel(), counts.correct_SQ.ravel(), k).reshape(counts.n_SQ.shape)
