"""Counts of an arm's policies on the way: after some rollouts of training, and at its end.

The curve of an arm begins with the base policy, at 0 completions, where the base policy has been
evaluated. Its x are completions generated for training, per run.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from analysis.results.counts import Counts, load_counts, same_questions
from analysis.results.folder import BASE, Results, counts_on_the_way, is_within
from eval.files.errors import BadInput
from eval.files.results_layout import run_folder


@dataclass(frozen=True)
class CurveCounts:
    """Counts of one arm on one benchmark at X points of training."""

    rollouts: tuple[int, ...]  # (X,) trained on before each point, ascending
    completions: np.ndarray  # (X,) generated for training before each point, per run
    base: Counts | None  # of the base policy, which is the point before the others
    points: tuple[Counts, ...]  # (X,) all with the same seeds and questions


def curve_counts(
    results: Results, arm: str, benchmark: str, first: int | None = None
) -> CurveCounts:
    """The arm's counts along training, of the seeds that have all points.

    first: number of the arm's seeds to read; None = all.

    Raises:
        BadInput: no seed has all of them, a file is bad, or questions differ between points.
    """
    training = training_of(results, arm)
    rollouts = (*results.checkpoints, training["rollouts"])
    seeds = results.seeds_of(arm)[:first]
    files = {seed: point_files(results, arm, seed, benchmark) for seed in seeds}
    whole = {
        seed: paths
        for seed, paths in files.items()
        if all(path.is_file() and is_within(path, results.folder) for path in paths)
    }
    if not whole:
        raise BadInput("no seed has been evaluated at all points of its training")
    points = tuple(
        load_counts({seed: paths[i] for seed, paths in whole.items()}) for i in range(len(rollouts))
    )
    for after, point in zip(rollouts, points, strict=True):
        where = f"the policy after {after} rollouts"
        same_questions(points[-1].problem_ids, point.problem_ids, "the last policy", where)
    found = results.evaluation(BASE, benchmark, "counts.csv")
    base = load_counts(found) if found else None
    if base:
        same_questions(points[-1].problem_ids, base.problem_ids, "the last policy", "the base")
    per_rollout = training["prompts_per_rollout"] * training["num_generations"]
    return CurveCounts(rollouts, np.array(rollouts, dtype=float) * per_rollout, base, points)


def point_files(results: Results, arm: str, seed: int, benchmark: str) -> list[Path]:
    """Counts files of a run's policies on the way, and of its last."""
    run = run_folder(results.folder, arm, seed)
    on_the_way = [counts_on_the_way(run, after, benchmark) for after in results.checkpoints]
    return [*on_the_way, run / "eval" / f"{benchmark}.counts.csv"]


def training_of(results: Results, arm: str) -> dict[str, int]:
    """The numbers of the arm's training block that its curve needs.

    Raises:
        BadInput: the spec lacks one.
    """
    own = (results.spec["arms"].get(arm) or {}).get("training") or {}
    block = {**results.spec.get("training", {}), **own}
    names = ("rollouts", "prompts_per_rollout", "num_generations")
    if absent := [name for name in names if not isinstance(block.get(name), int)]:
        raise BadInput(f"{results.folder / 'spec.yaml'}: training.{absent[0]} is missing")
    return {name: block[name] for name in names}
