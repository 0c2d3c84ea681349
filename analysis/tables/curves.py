"""The frame of the table of curves over training: one row per benchmark, k and arm.

Only experiments with evaluation.checkpoints have rows; analysis/inference/curves.py and ceiling.py
say what is computed. Verdicts are Holm's over the arms and benchmarks of pass@1, and of pass@k.
"""

import math
from typing import Any

import numpy as np
import pandas as pd

from analysis.inference.ceiling import fitted_ceiling
from analysis.inference.curves import (
    TrainingCurve,
    compare_curves,
    completions_to_reach,
    mean_of_curve,
    training_curve,
)
from analysis.inference.statistics import Comparison, judge
from analysis.results.folder import Results
from analysis.results.on_the_way import curve_counts
from analysis.tables.at_looks import levels_of
from analysis.tables.scores import NAN, draws, generator, shown_k
from eval.files.errors import BadInput

CURVE_FIELDS = (
    "benchmark",
    "k",
    "arm",
    "mean",
    "mean_low",
    "mean_high",
    "difference",
    "low_holm",
    "high_holm",
    "p_holm",
    "verdict",
    "target",
    "reached",
    "reached_low",
    "reached_high",
    "to_reach",
    "ceiling",
    "ceiling_low",
    "ceiling_high",
    "seeds",
    "remarks",
)


def curves_frame(results: Results) -> pd.DataFrame:
    rows = [
        row
        for benchmark in (results.benchmarks if results.checkpoints else ())
        for k in shown_k(results, benchmark)
        for row in curve_rows_of(results, benchmark, k)
    ]
    for family in ([row for row in rows if row["k"] == 1], [row for row in rows if row["k"] > 1]):
        add_verdicts(results, [row for row in family if row["comparison"] is not None])
    return pd.DataFrame(rows, columns=list(CURVE_FIELDS))


def curve_of(
    results: Results, arm: str, benchmark: str, k: int, first: int | None = None
) -> tuple[TrainingCurve | None, str]:
    """The arm's curve and "", or None and the reason. `first`: of so many of its seeds."""
    rng = generator(results, "curve over training", benchmark, arm, k)
    try:
        counts = curve_counts(results, arm, benchmark, first)
        return training_curve(counts, k, draws=draws(results), rng=rng), ""
    except BadInput as error:
        return None, str(error)


def curve_rows_of(results: Results, benchmark: str, k: int) -> list[dict[str, Any]]:
    curves = {arm: curve_of(results, arm, benchmark, k) for arm in results.arms}
    reference = curves[results.reference][0]
    target = target_score(results, reference, k)
    return [
        curve_row(
            results,
            (benchmark, k, arm),
            curve,
            why,
            reference_at_its_look(results, (benchmark, k, arm), reference),
            target,
        )
        for arm, (curve, why) in curves.items()
    ]


def reference_at_its_look(
    results: Results, names: tuple[str, int, str], whole: TrainingCurve | None
) -> TrainingCurve | None:
    """The reference's curve that an arm's is compared with. Where arms stop at looks: of as many
    seeds as the arm has, since the level of its look does not hold with more.
    """
    benchmark, k, arm = names
    seeds = len(results.seeds_of(arm))
    if not results.looks or seeds == len(results.seeds_of(results.reference)):
        return whole
    return curve_of(results, results.reference, benchmark, k, seeds)[0]


def target_score(results: Results, reference: TrainingCurve | None, k: int) -> float:
    """The score whose completions are asked for; NaN where nothing gives one."""
    asked = results.spec.get("analysis", {}).get("target_score")
    if asked is not None and k == 1:
        return float(asked)
    return reference.points[-1].value if reference else NAN


def curve_row(
    results: Results,
    names: tuple[str, int, str],
    curve: TrainingCurve | None,
    why: str,
    reference: TrainingCurve | None,
    target: float,
) -> dict[str, Any]:
    row: dict[str, Any] = dict.fromkeys(CURVE_FIELDS, NAN)
    row |= dict(zip(("benchmark", "k", "arm"), names, strict=True))
    row |= {"target": target, "verdict": "", "to_reach": "", "comparison": None}
    row |= {"seeds": 0, "remarks": why}
    if curve is None:
        return row
    stream = {"draws": draws(results), "rng": generator(results, "mean of curve", *names)}
    mean, remarks = mean_of_curve(curve, **stream), []
    row |= {"mean": mean.value, "mean_low": mean.low, "mean_high": mean.high, "seeds": mean.seeds}
    if not np.isnan(target):
        reached, low, high = completions_to_reach(curve, target)
        row |= {"reached": reached, "reached_low": low, "reached_high": high}
        row["to_reach"] = reach_in_words(reached, low, high)
    if reference is not None and names[2] != results.reference:
        row["comparison"], problem = compared_with(curve, reference, **stream)
        remarks.append(problem)
    ceiling, problem = fitted_ceiling(curve)
    if ceiling:
        row |= {"ceiling": ceiling.value, "ceiling_low": ceiling.low, "ceiling_high": ceiling.high}
    remarks.append(f"no ceiling: {problem}" if problem else "")
    return row | {"remarks": "; ".join(filter(None, remarks))}


def compared_with(
    curve: TrainingCurve, reference: TrainingCurve, **stream: Any
) -> tuple[Comparison | None, str]:
    try:
        return compare_curves(curve, reference, **stream), ""
    except BadInput as error:
        return None, str(error)


def add_verdicts(results: Results, rows: list[dict[str, Any]]) -> None:
    levels = levels_of(results, [row["arm"] for row in rows])
    found = judge([row["comparison"] for row in rows], levels)
    for row, judged in zip(rows, found, strict=True):
        row |= {"difference": judged.comparison.difference, "verdict": judged.verdict}
        row |= {"p_holm": judged.p, "low_holm": judged.low, "high_holm": judged.high}


def reach_in_words(reached: float, low: float, high: float) -> str:
    """As "1,280 [960, not reached]"."""
    at, earliest, latest = (
        f"{each:,.0f}" if math.isfinite(each) else "not reached" for each in (reached, low, high)
    )
    return f"{at} [{earliest}, {latest}]"


def curve_notes(results: Results) -> tuple[str, ...]:
    if not results.checkpoints:
        return ("This experiment evaluates no policies on the way (evaluation.checkpoints).",)
    asked = results.spec.get("analysis", {}).get("target_score")
    score = "the last score of " + results.reference if asked is None else f"{100 * asked:.1f}"
    return (
        "Mean: mean of the curve over the completions generated for training, from the base policy"
        " on. Difference: to the reference, seeds unpaired; interval and p are adjusted (Holm) over"
        " the arms and benchmarks of pass@1, and over those of pass@k.",
        f"To reach: completions after which an arm first has {score} in pass@1"
        f"{'' if asked is None else '; in pass@k: the last score of ' + results.reference};"
        " 95 % interval from those of the curve's points. Ceiling: upper limit of a fitted sigmoid,"
        " in points, where the curve identifies it.",
    )
