"""What one simulated study's design is worth: coverage, false alarms, width, power.

Simulates studies (analysis/calibrate/simulated_studies.py) and analyses each with
analysis/inference/statistics.py. Every cell of a table has a random stream of its own, so that the
numbers depend neither on the order nor on the number of processes.
"""

import zlib
from collections.abc import Sequence

import numpy as np

from analysis.calibrate.simulated_studies import Study, same_method, simulate, true_scores
from analysis.inference.bootstrap import PERCENTILES, plain_means
from analysis.inference.statistics import (
    ALPHA,
    UNDECIDED,
    Comparison,
    Pairing,
    compare_arms,
    estimate_score,
    judge,
)
from analysis.results.counts import scores

# share of the studies that a power cell needs: its error matters less than that of coverage
POWER_STUDIES = 0.4
# and where an interval may be too narrow: one that holds 94.5 % and one that holds 93 % are told
# apart
HARD_STUDIES = 2


def called(comparison: Comparison) -> str:
    """The verdict where this is the only comparison."""
    return judge([comparison])[0].verdict


def compared_study(
    study: Study, draws: int, rng: np.random.Generator, pairing: Pairing = "none"
) -> Comparison:
    return compare_arms(*simulate(study, rng), 1, draws=draws, rng=rng, pairing=pairing)


def coverage(
    study: Study, studies: int, draws: int, seed: int, textbook: bool = True
) -> np.ndarray:
    """(4,) means over studies: score covered, difference covered, A/A called, width of the
    difference's interval; (6,) with `textbook`: score and difference covered by plain resampling.
    """
    rng = stream(seed, "coverage", study)
    truth_a, truth_b = true_scores(study)
    rows = []
    for _ in range(studies):
        a, b = simulate(study, rng)
        ours = estimate_score(a, 1, draws=draws, rng=rng)
        difference = compare_arms(a, b, 1, draws=draws, rng=rng)
        row = [
            within((ours.low, ours.high), truth_a),
            within((difference.low, difference.high), truth_a - truth_b),
            called(compared_study(same_method(study), draws, rng)) != UNDECIDED,
            difference.high - difference.low,
        ]
        if textbook:
            plain_a, plain_b = plain_means([scores(a, 1), scores(b, 1)], draws, rng)
            row.append(within(np.quantile(plain_a, PERCENTILES), truth_a))
            row.append(within(np.quantile(plain_a - plain_b, PERCENTILES), truth_a - truth_b))
        rows.append(row)
    return np.mean(rows, axis=0)


def hard_coverage(study: Study, studies: int, draws: int, seed: int) -> np.ndarray:
    """(4,) as coverage without the textbook, from more studies."""
    return coverage(study, HARD_STUDIES * studies, draws, seed, textbook=False)


def paired_or_not(study: Study, studies: int, draws: int, seed: int) -> np.ndarray:
    """(2, 4) for pairing none and seed: difference covered, A/A called, width, called better."""
    rng = stream(seed, "pairing", study)
    truth = float(np.subtract(*true_scores(study)))
    rows = []
    for _ in range(studies):
        arms, twins = simulate(study, rng), simulate(same_method(study), rng)
        row = []
        for pairing in ("none", "seed"):
            found = compare_arms(*arms, 1, draws=draws, rng=rng, pairing=pairing)
            alike = compare_arms(*twins, 1, draws=draws, rng=rng, pairing=pairing)
            row.append(
                [
                    within((found.low, found.high), truth),
                    called(alike) != UNDECIDED,
                    found.high - found.low,
                    called(found) == "better",
                ]
            )
        rows.append(row)
    return np.mean(rows, axis=0)


def within(interval: Sequence[float] | np.ndarray, truth: float) -> bool:
    return bool(interval[0] <= truth <= interval[1])


def one_seed(study: Study, studies: int, draws: int, seed: int) -> float:
    """Share of A/A studies of one seed with p <= .05: what a verdict from one seed would get
    wrong.
    """
    rng = stream(seed, "one seed", study)
    return float(
        np.mean([compared_study(same_method(study), draws, rng).p <= ALPHA for _ in range(studies)])
    )


def power(study: Study, studies: int, draws: int, seed: int) -> tuple[float, float]:
    """Share of studies that call a better, and the mean smallest difference that they say they
    could have seen.
    """
    rng = stream(seed, "power", study)
    found = [
        compared_study(study, draws, rng) for _ in range(int(np.ceil(POWER_STUDIES * studies)))
    ]
    better = np.mean([called(each) == "better" for each in found])
    return float(better), float(np.mean([each.minimal_difference for each in found]))


def stream(seed: int, *what: object) -> np.random.Generator:
    """The random stream of one cell."""
    return np.random.default_rng([seed, zlib.crc32(repr(what).encode())])
