"""The frame behind the training table: did training change anything? Every arm against the base
policy that it started from.

The base policy is one given policy and no sample of training runs: its difference to an arm is
uncertain by the arm's seeds, the questions and the samples. Holm over two families, arms ×
benchmarks each: pass@1 and pass@k, apart from those of the comparisons with the reference.

Flips say how much of a change is churn: the probability that two runs disagree whether one of their
answers to a question is right,

    flips(u, v) = mean over questions of p_u (1 − p_v) + p_v (1 − p_u),

between two seeds of an arm, and between a run of the arm and the base policy. With one greedy
answer per question it is the share of questions whose verdict flips. Where seeds flip as much among
themselves as training did, single answers tell nothing of what training changed.
"""

from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from analysis.inference.statistics import UNDECIDED, Counts, compare_arms, judge
from analysis.results.counts import scores
from analysis.results.folder import BASE, Results
from analysis.tables.at_looks import levels_of
from analysis.tables.scores import NAN, counts_of, draws, generator, shown_k
from eval.files.errors import BadInput

COLUMNS = (
    "benchmark",
    "k",
    "arm",
    "difference",
    "low",
    "high",
    "p",
    "low_holm",
    "high_holm",
    "p_holm",
    "verdict",
    "flips_between_seeds",
    "flips_from_base",
    "remarks",
)


def training_frame(results: Results) -> pd.DataFrame:
    """One row per benchmark, k and arm."""
    rows = [
        training_row(results, benchmark, arm, k)
        for benchmark in results.benchmarks
        for k in shown_k(results, benchmark)
        for arm in results.arms
    ]
    for is_first in (True, False):
        family = [row for row in rows if row["compared"] and (row["k"] == 1) == is_first]
        levels = levels_of(results, [row["arm"] for row in family])
        found = judge([row["compared"] for row in family], levels)
        for row, judged in zip(family, found, strict=True):
            row |= {"p_holm": judged.p, "low_holm": judged.low, "high_holm": judged.high}
            row["verdict"] = judged.verdict
    for row in rows:
        row["remarks"] = "; ".join(filter(None, (row["remarks"], churn_in_words(row))))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def training_row(results: Results, benchmark: str, arm: str, k: int) -> dict[str, Any]:
    row: dict[str, Any] = dict.fromkeys(COLUMNS, NAN)
    row |= {"benchmark": benchmark, "k": k, "arm": arm, "verdict": "no verdict", "compared": None}
    (own, own_why), (base, base_why) = (counts_of(results, name, benchmark) for name in (arm, BASE))
    why = [f"{name}: {said}" for name, said in ((arm, own_why), ("base policy", base_why)) if said]
    if own and base:
        try:
            rng = generator(results, "training", benchmark, arm, k)
            found = compare_arms(own, base, k, draws=draws(results), rng=rng, fixed_reference=True)
            row |= {name: getattr(found, name) for name in ("difference", "low", "high", "p")}
            row |= {"compared": found, **churn(own, base)}
        except BadInput as error:
            why.append(str(error))
    return row | {"remarks": "; ".join(why)}


def churn(own: Counts, base: Counts) -> dict[str, float]:
    """Mean flips between two seeds of the arm (NaN with one), and between a seed and the base."""
    p_SQ, base_Q = scores(own, 1), scores(base, 1)[0]
    pairs = [flips(p_SQ[i], p_SQ[j]) for i, j in combinations(range(len(p_SQ)), 2)]
    return {
        "flips_between_seeds": float(np.mean(pairs)) if pairs else NAN,
        "flips_from_base": float(np.mean([flips(p_Q, base_Q) for p_Q in p_SQ])),
    }


def flips(p_Q: np.ndarray, other_Q: np.ndarray) -> float:
    return float((p_Q * (1 - other_Q) + other_Q * (1 - p_Q)).mean())


def churn_in_words(row: dict[str, Any]) -> str:
    """Where seeds of one method differ as much as training made a difference."""
    if row["k"] > 1 or not row["flips_between_seeds"] >= row["flips_from_base"]:
        return ""
    share = 100 * row["flips_between_seeds"]
    said = (
        f"two of its seeds disagree on {share:.0f} % of the answers, no less than with the base"
        " policy"
    )
    return said if row["verdict"] == UNDECIDED else f"{said}, though its mean has moved"
