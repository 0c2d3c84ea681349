"""What looking three times is worth: false alarms, power and seeds of rules for stopping.

A study trains up to 12 seeds of two arms. A rule says at which level each look tests; 0: not at
all. The study stops at the first look whose verdict is not "not distinguishable". All rules see the
same studies (analysis/inference/looks.py has the levels).
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from analysis.calibrate.measure import stream
from analysis.calibrate.simulated_studies import AIME, MATH, Study, same_method, simulate
from analysis.inference.looks import look_levels
from analysis.inference.statistics import ALPHA, UNDECIDED, Comparison, compare_arms, judge

LOOKS = (3, 6, 12)
LOOK_STUDIES = 0.4  # share of the studies: three analyses each
EFFECTS = (0.0, 0.02, 0.05)  # 0: one method against itself

STOPPING_RULES: dict[str, list[float]] = {
    "12 seeds at once": [0.0, 0.0, ALPHA],
    "each look at .05": [ALPHA, ALPHA, ALPHA],
    "O'Brien and Fleming": look_levels(LOOKS, "obrien_fleming"),
    "Pocock": look_levels(LOOKS, "pocock"),
}
LOOKED_AT = [Study(AIME, 300, LOOKS[-1], 8, 0.01), Study(MATH, 500, LOOKS[-1], 8, 0.01)]
SEQUENCES = [replace(shape, effect=effect) for shape in LOOKED_AT for effect in EFFECTS]


def sequential(study: Study, studies: int, draws: int, seed: int) -> np.ndarray:
    """(R, 2) for each rule: share of the studies that end with a verdict, mean seeds per arm."""
    study = study if study.effect else same_method(study)
    rng = stream(seed, "looks", study)
    rows = []
    for _ in range(int(np.ceil(LOOK_STUDIES * studies))):
        compared = compared_at_looks(study, draws, rng)
        rows.append([stopped(compared, levels) for levels in STOPPING_RULES.values()])
    return np.mean(rows, axis=0)


def compared_at_looks(study: Study, draws: int, rng: np.random.Generator) -> list[Comparison]:
    a, b = simulate(study, rng)
    return [
        compare_arms(
            a.of_seeds(a.seeds[:seeds]), b.of_seeds(b.seeds[:seeds]), 1, draws=draws, rng=rng
        )
        for seeds in LOOKS
    ]


def stopped(compared: Sequence[Comparison], levels: Sequence[float]) -> tuple[bool, int]:
    """Whether a look decides, and the seeds at the first that does, else at the last."""
    for each, level, seeds in zip(compared, levels, LOOKS, strict=True):
        if level and judge([each], level)[0].verdict != UNDECIDED:
            return True, seeds
    return False, LOOKS[-1]
