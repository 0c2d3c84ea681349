"""The scores of a battery: one cell per probe and arm, against the reference, with a verdict.

    accuracy   difference in pass@1 on the probe's first benchmark, in points
    holding    how much nearer to where it began the entropy ends than the reference's, doublings:
               d(reference) − d(arm),   d = |log2(final entropy / initial entropy)|, per run

Both are better the higher they are. The final entropy is the mean over the last tenth of the
rollouts. Entropies below ENTROPY_FLOOR count as that, so that a run without entropy has a finite
distance. The interval and p of `holding` are Welch's over training seeds (Biometrika 34, 1947).
Each probe is one question: p and intervals are Holm's over the arms of a column.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy import stats

from analysis.inference.statistics import ALPHA, UNDECIDED, holm, judge
from analysis.results.folder import Results, Run
from analysis.tables.diagnostics import final_mean, first_measured
from analysis.tables.scores import NAN, compared, counts_of
from eval.files.errors import BadInput

ENTROPY_FLOOR = 1e-3  # nats per token
NO_VERDICT = "no verdict"
SCORE_UNITS = {"accuracy": "points of pass@1", "holding": "doublings of entropy"}


@dataclass(frozen=True)
class ScoreCell:
    """One arm on one probe. Accuracy in [-1, 1], holding in doublings."""

    probe: str
    arm: str
    score: str
    seeds: int
    value: float  # the arm's own: pass@1, or distance from the initial entropy
    difference: float = NAN  # from the reference; the higher, the better
    low: float = NAN  # interval at the level at which Holm tests the arm
    high: float = NAN
    p: float = NAN  # adjusted
    verdict: str = NO_VERDICT
    remarks: str = ""


def probe_cells(probe: str, score: str, results: Results) -> list[ScoreCell]:
    """The cells of a column, the reference's among them; in the order of the arms."""
    make = accuracy_cells if score == "accuracy" else holding_cells
    return make(probe, results)


def accuracy_cells(probe: str, results: Results) -> list[ScoreCell]:
    benchmark = results.benchmarks[0]
    counts = {arm: counts_of(results, arm, benchmark) for arm in results.arms}
    cells, found = [], {}
    reference, _ = counts[results.reference]
    for arm, (own, why) in counts.items():
        value = pass_at_1(own)
        if own and reference and arm != results.reference:
            try:
                found[arm] = compared(results, own, reference, 1, benchmark, arm, results.reference)
            except BadInput as error:
                why = str(error)
        cells.append(
            ScoreCell(probe, arm, "accuracy", len(own.seeds) if own else 0, value, remarks=why)
        )
    judged = dict(zip(found, judge([*found.values()]), strict=True))
    return [
        replace(
            cell,
            difference=judged[cell.arm].comparison.difference,
            low=judged[cell.arm].low,
            high=judged[cell.arm].high,
            p=judged[cell.arm].p,
            verdict=judged[cell.arm].verdict,
        )
        if cell.arm in judged
        else cell
        for cell in cells
    ]


def pass_at_1(counts: Any) -> float:
    """Mean over seeds and questions; NaN without counts or samples."""
    if counts is None or not counts.n_SQ.all():
        return NAN
    return float((counts.correct_SQ / counts.n_SQ).mean())


def holding_cells(probe: str, results: Results) -> list[ScoreCell]:
    distances = {arm: entropy_distances(results.of(arm)) for arm in results.arms}
    reference_S = distances[results.reference]
    cells = [
        ScoreCell(
            probe,
            arm,
            "holding",
            len(own_S),
            float(own_S.mean()) if len(own_S) else NAN,
            remarks="" if len(own_S) else "no run has measured its entropy",
        )
        for arm, own_S in distances.items()
    ]
    tested = [
        cell
        for cell in cells
        if cell.arm != results.reference and min(cell.seeds, len(reference_S)) > 1
    ]
    tests = [welch(reference_S, distances[cell.arm]) for cell in tested]
    adjusted = holm([test.pvalue for test in tests], capped=False)
    judged = {
        cell.arm: judged_cell(cell, test, p)
        for cell, test, p in zip(tested, tests, adjusted.tolist(), strict=True)
    }
    return [judged.get(cell.arm, cell) for cell in cells]


def entropy_distances(runs: tuple[Run, ...]) -> np.ndarray:
    """(S,) |log2(final / initial entropy)| of the runs that have measured both."""
    series = [run.series("entropy") for run in runs]
    ends = [(first_measured(values), final_mean(values)) for values in series]
    pairs = np.array(ends, dtype=float).reshape(-1, 2)
    known = pairs[~np.isnan(pairs).any(axis=1)]
    logs = np.log2(np.maximum(known, ENTROPY_FLOOR))
    return np.abs(logs[:, 1] - logs[:, 0])


def welch(a_S: np.ndarray, b_S: np.ndarray) -> Any:
    """Welch's test of a − b, also of two samples without any spread."""
    if not (np.ptp(a_S) or np.ptp(b_S)):
        # scipy has no p then: a spread below all that is shown gives it one
        a_S = a_S + np.linspace(-1e-6, 1e-6, len(a_S))
    return stats.ttest_ind(a_S, b_S, equal_var=False)


def judged_cell(cell: ScoreCell, test: Any, p: float) -> ScoreCell:
    """The cell with its verdict at the level at which Holm tests it."""
    level = ALPHA * test.pvalue / p if p else ALPHA
    interval = test.confidence_interval(1 - level)
    low, high = float(interval.low), float(interval.high)
    called = p <= ALPHA
    if not called:
        low, high = min(low, 0.0), max(high, 0.0)
    # The interval's middle is the difference of the means.
    plain = test.confidence_interval(0.5)
    difference = float(plain.low + plain.high) / 2
    verdict = UNDECIDED if not called else "better" if difference > 0 else "worse"
    return replace(cell, difference=difference, low=low, high=high, p=min(1.0, p), verdict=verdict)
