"""What looking three times is worth: false alarms, power and seeds of rules for stopping.

A study trains up to 12 seeds of two arms. A rule says at which level each look tests; 0: not at
all. The study stops at the first look whose verdict is not "not distinguishable". All rules see the
same studies (analysis/inference/looks.py has the levels).

`whole_studies` does what the workflow does: several arms and one reference, Holm's correction over
the arms that are open, arms that stop one by one, and a reference that goes on with the last.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from analysis.calibrate.measure import stream
from analysis.calibrate.simulated_studies import (
    AIME,
    MATH,
    Study,
    same_method,
    simulate,
    simulate_arms,
)
from analysis.inference.looks import judge_at_look, look_levels
from analysis.inference.statistics import ALPHA, UNDECIDED, Comparison, compare_arms, judge
from eval.looks.settings import Spending

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


STUDY_EFFECTS = {  # of four arms against one reference
    "none of four arms": (0.0, 0.0, 0.0, 0.0),
    "two of four arms": (0.0, 0.0, 0.02, 0.05),
}
STUDY_RULES: dict[str, tuple[tuple[int, ...], Spending]] = {
    "12 seeds at once": (LOOKS[-1:], "pocock"),
    "O'Brien and Fleming": (LOOKS, "obrien_fleming"),
    "Pocock": (LOOKS, "pocock"),
}
WHOLE_STUDIES = [(LOOKED_AT[0], name) for name in STUDY_EFFECTS]
WHOLE_SHARE = 0.48  # of the studies: twelve analyses each
WHOLE_DRAWS = 5  # times the draws: Holm's steps at early looks ask for small p


def whole_studies(
    cell: tuple[Study, str], studies: int, draws: int, seed: int
) -> dict[str, np.ndarray]:
    """Rule → (A + 2,): share of studies with a false alarm, runs per study, and per arm the share
    of studies that call it.
    """
    shape, name = cell
    effects = np.array(STUDY_EFFECTS[name])
    rng = stream(seed, "whole studies", shape, name)
    rows: dict[str, list[list[float]]] = {rule: [] for rule in STUDY_RULES}
    for _ in range(int(np.ceil(WHOLE_SHARE * studies))):
        arms, reference = simulate_arms(shape, effects.tolist(), rng)
        compared = {
            (arm, seeds): compare_arms(
                counts.of_seeds(counts.seeds[:seeds]),
                reference.of_seeds(reference.seeds[:seeds]),
                1,
                draws=WHOLE_DRAWS * draws,
                rng=rng,
            )
            for arm, counts in enumerate(arms)
            for seeds in LOOKS
        }
        for rule, (looks, spending) in STUDY_RULES.items():
            called_A, runs = looked_at(compared, len(arms), looks, spending)
            false_alarm = bool((called_A & (effects == 0)).any())
            rows[rule].append([false_alarm, runs, *called_A])
    return {rule: np.mean(found, axis=0) for rule, found in rows.items()}


def looked_at(
    compared: dict[tuple[int, int], Comparison],
    arms: int,
    looks: Sequence[int],
    spending: Spending,
) -> tuple[np.ndarray, int]:
    """(A,) whether an arm is called, and the runs of the whole study, the reference's among them.

    compared: (arm, seeds) → comparison with the reference.
    """
    seeds_A, called_A = np.zeros(arms, dtype=int), np.zeros(arms, dtype=bool)
    for seeds in looks:
        still = np.flatnonzero(~called_A).tolist()
        seeds_A[still] = seeds
        judged = judge_at_look([compared[arm, seeds] for arm in still], looks, seeds, spending)
        called_A[still] = [each.verdict != UNDECIDED for each in judged]
    return called_A, int(seeds_A.sum() + seeds_A.max())
