"""Did training change the answers more than another training seed does?

For a question that two policies answer rightly with shares p and r, one answer of each differs in
being right with probability

    d = p (1 - r) + r (1 - p)

`from base` is the mean of d over an arm's runs against the base policy, `between seeds` that over
pairs of the arm's runs. If training had done nothing but add noise, the base policy would be one
more such run, and the excess of the first over the second would be 0. Its interval is Student's t
over questions, at a level that is shared among all rows (Bonferroni). With one run there is no
second number, and nothing is concluded. The means of d are the flips of
analysis/tables/training.py, which tests the difference of the scores and not that of the flips.
"""

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np
from scipy import stats

from analysis.bring.records import BroughtCount, Finding, Place
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
    tested = sum(len(runs) > 1 and len(base) > 1 for _, _, runs, base in same)
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
    if len(runs) == 1 or len(names) < 2:
        nan = float("nan")
        return AnswerChange(arm, benchmark, len(names), float(from_Q.mean()), nan, nan, nan)
    between_Q = np.mean([disagreement(a, b) for a, b in combinations(runs_SQ, 2)], axis=0)
    excess_Q = from_Q - between_Q
    half = stats.t.ppf((1 + level) / 2, len(names) - 1) * stats.sem(excess_Q)
    middle = float(excess_Q.mean())
    return AnswerChange(
        arm, benchmark, len(names), float(from_Q.mean()), float(between_Q.mean()),
        middle - half, middle + half,
    )  # fmt: skip


def change_findings(found: Sequence[AnswerChange]) -> list[Finding]:
    """One sentence per arm, over all its sets."""
    findings = []
    for arm in dict.fromkeys(each.arm for each in found):
        own = [each for each in found if each.arm == arm]
        weights = [each.questions for each in own]
        from_base = np.average([each.from_base for each in own], weights=weights)
        between = np.average([each.between_seeds for each in own], weights=weights)
        moved = [each.benchmark for each in own if each.low > 0]
        said = f"answers change between right and wrong on {100 * from_base:.1f} % of questions"
        said += " against the base policy"
        if np.isnan(between):
            said += "; with one run it is unknown how much of that another seed would do"
        else:
            said += f", and on {100 * between:.1f} % between the arm's own seeds: "
            said += (
                f"training changed more than a seed does on {', '.join(moved)}"
                if moved
                else "training changed nothing measurable"
            )
        findings.append(Finding("change from base", arm, said))
    return findings
