"""Did training change the answers more than another training seed does?

For a question that two policies answer rightly with shares p and r, one answer of each differs in
being right with probability

    d = p (1 - r) + r (1 - p)

`from base` is the mean of d over an arm's runs against the base policy, `between seeds` that over
pairs of the arm's runs. If training had done nothing but add noise, the base policy would be one
more such run, and the excess of the first over the second would be 0. Training that makes a policy
surer of its answers lowers the second, so that a policy can be much better without an excess: the
difference of the scores is tested beside it. Both intervals are Student's t over questions, at a
level that is shared among all of them (Bonferroni). The difference is of these runs and says
nothing of other seeds, which is the matter of analysis/tables/training.py. With one run there is no
excess, and only a difference of scores is said.
"""

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np
from scipy import stats

from analysis.bring.files.records import BroughtCount, Finding, Place
from analysis.results.folder import BASE

FAMILY_LEVEL = 0.95


class AnswerChange(NamedTuple):
    """An arm against its base policy on one set; shares of questions."""

    arm: str
    benchmark: str
    questions: int
    from_base: float
    between_seeds: float  # NaN with one run
    low: float  # interval of the excess, NaN with one run
    high: float
    score_change: float  # mean share of right answers, less that of the base policy
    score_low: float  # NaN with one question
    score_high: float


def disagreement(p_Q: np.ndarray, r_Q: np.ndarray) -> np.ndarray:
    """(Q,) probability that one answer of each is right in one and wrong in the other."""
    return p_Q * (1 - r_Q) + r_Q * (1 - p_Q)


def changes(counts: Mapping[Place, Sequence[BroughtCount]]) -> list[AnswerChange]:
    """A row per arm and set that the base policy was evaluated on with the same questions."""
    rates: dict[tuple[str, str], list[dict[str, float]]] = {}
    for place, rows in counts.items():
        if all(row.n for row in rows):
            own = {row.problem_id: row.correct / row.n for row in rows}
            rates.setdefault((place.arm, place.benchmark), []).append(own)
    pairs = [
        (arm, benchmark, runs, rates[BASE, benchmark][0])
        for (arm, benchmark), runs in rates.items()
        if arm != BASE and (BASE, benchmark) in rates
    ]
    same = [each for each in pairs if all(run.keys() == each[3].keys() for run in each[2])]
    tested = sum((len(runs) > 1) + 1 for _, _, runs, base in same if len(base) > 1)
    level = 1 - (1 - FAMILY_LEVEL) / max(1, tested)
    return [change(arm, benchmark, runs, base, level) for arm, benchmark, runs, base in same]


def change(
    arm: str,
    benchmark: str,
    runs: Sequence[Mapping[str, float]],
    base: Mapping[str, float],
    level: float,
) -> AnswerChange:
    names = sorted(base)
    base_Q = np.array([base[name] for name in names])
    runs_SQ = np.array([[run[name] for name in names] for run in runs])
    from_Q = np.mean([disagreement(run_Q, base_Q) for run_Q in runs_SQ], axis=0)
    between_Q = np.full(len(names), np.nan)
    if len(runs) > 1:
        between_Q = np.mean([disagreement(a, b) for a, b in combinations(runs_SQ, 2)], axis=0)
    _, low, high = mean_interval(from_Q - between_Q, level)
    return AnswerChange(
        arm, benchmark, len(names), float(from_Q.mean()), float(between_Q.mean()), low, high,
        *mean_interval(runs_SQ.mean(axis=0) - base_Q, level),
    )  # fmt: skip


def mean_interval(values_Q: np.ndarray, level: float) -> tuple[float, float, float]:
    """(mean, low, high), the ends NaN with one question."""
    middle = float(values_Q.mean())
    if len(values_Q) < 2:
        return middle, float("nan"), float("nan")
    half = float(stats.t.ppf((1 + level) / 2, len(values_Q) - 1) * stats.sem(values_Q))
    return middle, middle - half, middle + half


def change_findings(found: Sequence[AnswerChange]) -> list[Finding]:
    """One sentence per arm, over all its sets."""
    arms = dict.fromkeys(each.arm for each in found)
    return [
        Finding("change from base", arm, change_words([each for each in found if each.arm == arm]))
        for arm in arms
    ]


def change_words(own: Sequence[AnswerChange]) -> str:
    weights = [each.questions for each in own]
    from_base = np.average([each.from_base for each in own], weights=weights)
    several = [each for each in own if not np.isnan(each.between_seeds)]
    between = (
        np.average(
            [each.between_seeds for each in several], weights=[each.questions for each in several]
        )
        if several
        else np.nan
    )
    said = f"answers change between right and wrong on {100 * from_base:.1f} % of questions"
    said += " against the base policy"
    scores = [
        f"{each.benchmark} ({100 * each.score_change:+.1f} points)"
        for each in own
        if each.score_low > 0 or each.score_high < 0
    ]
    moved = [each.benchmark for each in own if each.low > 0]
    if np.isnan(between):
        said += "; with one run, the share of that which is due to the seed is unknown"
    else:
        said += f", and on {100 * between:.1f} % between the arm's own seeds"
    if moved:
        said += f"; training changed more answers than a seed does on {', '.join(moved)}"
    if scores:
        said += f"; the score of these runs differs from the base policy's on {', '.join(scores)}"
    if not moved and not scores and not np.isnan(between):
        said += ": training changed nothing measurable"
    return said
