"""The simulated studies that docs/statistics.md reports on."""

from analysis.calibrate.simulated_studies import AIME, MATH, Study

SIZES = ((AIME, 30), (MATH, 500))
SEED_SDS = (0.0, 0.01, 0.02)
EQUAL = [
    Study(*size, seeds, samples, seed_sd, effect=0.02)
    for size in SIZES
    for seeds in (3, 5)
    for samples in (8, 64)
    for seed_sd in SEED_SDS
]
# unequal numbers of seeds, arms of unequal spread (the last: one exploded), few seeds
UNEQUAL = [
    Study(*size, seeds, 8, seed_sd, effect=0.02, seeds_b=seeds_b, seed_sd_b=seed_sd_b)
    for size in SIZES
    for seeds, seeds_b, seed_sd, seed_sd_b in (
        (9, 6, 0.01, 0.01),
        (3, 6, 0.01, 0.01),
        (3, 6, 0.01, 0.02),
        (3, 6, 0.02, 0.01),
        (3, 3, 0.01, 0.02),
        (5, 5, 0.01, 0.02),
        (3, 3, 0.06, 0.005),
        (5, 5, 0.06, 0.005),
        (2, 2, 0.01, 0.01),
        (2, 6, 0.02, 0.01),
    )
]
# what pairing by seed is worth where the arms' seeds have that much in common
CORRELATED = [
    Study(MATH, 500, seeds, 8, 0.02, effect=0.02, correlation=correlation)
    for seeds in (3, 5)
    for correlation in (0.0, 0.5, 0.9)
]
ONE_SEED = [Study(*size, 1, 8, seed_sd) for size in SIZES for seed_sd in SEED_SDS]
DESIGNS = [
    (AIME, 30, 8),
    (AIME, 30, 32),
    (AIME, 30, 64),
    (AIME, 90, 32),
    (AIME, 300, 32),
    (MATH, 500, 4),
    (MATH, 500, 16),
]
SEEDS = (3, 5, 8, 12, 20, 40)
