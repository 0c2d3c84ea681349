"""Simulated studies of realistic shape, whose true answer is known: what
analysis/calibrate/measure.py measures with.

    logit P(right) = logit p_q + effect + A_s + I_q + J_sq,   p_q ~ Beta,   A, I, J normal,   correct ~ Binomial(n, P)

A_s moves a whole training run, I_q is what a method does to single questions, J_sq what a run does
to them. Two runs of one method (an A/A study) share everything but A, J and the sampling. The seeds
of the two arms are independent, so that pairing by seed gains nothing: the harder case.
"""

from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from analysis.results.counts import Counts

INTERACTION = 0.3  # logits: standard deviation of I_q and of J_sq


@dataclass(frozen=True)
class Questions:
    """A population of questions: success rates follow Beta(a, b)."""

    name: str
    a: float
    b: float

    def logits_per_rate(self) -> float:
        """Logits that move the mean success rate by 1 (linear: 1 / E[p (1 - p)])."""
        total = self.a + self.b
        return total * (total + 1) / (self.a * self.b)


AIME = Questions("AIME-like", 0.35, 1.2)  # mean .23, most questions hardly ever solved
MATH = Questions("MATH-like", 1.6, 0.5)  # mean .76, many nearly always solved


@dataclass(frozen=True)
class Study:
    """The shape of a study of two arms, a against b."""

    population: Questions
    questions: int
    seeds: int
    samples: int  # per question and seed
    seed_sd: float = 0.01  # of a training run's mean success rate
    effect: float = 0.0  # true difference a - b in mean success rate
    same_method: bool = False  # A/A: no I_q, no effect

    def logit_sds(self) -> tuple[float, float, float]:
        """Standard deviations of A_s, I_q, J_sq in logits."""
        method = 0.0 if self.same_method else INTERACTION
        return self.seed_sd * self.population.logits_per_rate(), method, INTERACTION


def same_method(study: Study) -> Study:
    """The A/A study of the same shape."""
    return replace(study, effect=0.0, same_method=True)


def simulate(study: Study, rng: np.random.Generator) -> tuple[Counts, Counts]:
    """Both arms' counts of one study."""
    p_Q = rng.beta(study.population.a, study.population.b, study.questions).clip(1e-12, 1 - 1e-12)
    logit_Q = np.log(p_Q) - np.log1p(-p_Q)
    a, b = (_answers(study, logit_Q + shift, rng) for shift in (_shift(study), 0.0))
    return a, b


def true_scores(study: Study) -> tuple[float, float]:
    """Mean success rate of each arm over all such questions and training seeds."""
    sd = float(np.hypot.reduce(study.logit_sds()))
    return _mean_rate(study.population, _shift(study), sd), _mean_rate(study.population, 0.0, sd)


def _answers(study: Study, logit_Q: np.ndarray, rng: np.random.Generator) -> Counts:
    seed_sd, method_sd, run_sd = study.logit_sds()
    S, Q = study.seeds, study.questions
    logit_SQ = (
        logit_Q
        + rng.normal(0, seed_sd, (S, 1))
        + rng.normal(0, method_sd, Q)
        + rng.normal(0, run_sd, (S, Q))
    )
    n_SQ = np.full((S, Q), study.samples)
    names = tuple(f"{q:05d}" for q in range(Q))
    return Counts(tuple(range(S)), names, n_SQ, rng.binomial(n_SQ, _sigmoid(logit_SQ)))


def _sigmoid(logit: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-logit))


@cache
def _shift(study: Study) -> float:
    """Logits that arm a is shifted by to reach the study's effect, by bisection."""
    if study.effect == 0:
        return 0.0
    sd = float(np.hypot.reduce(study.logit_sds()))
    goal = _mean_rate(study.population, 0.0, sd) + study.effect
    low, high = -10.0, 10.0
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (
            (middle, high) if _mean_rate(study.population, middle, sd) < goal else (low, middle)
        )
    return (low + high) / 2


@cache
def _mean_rate(population: Questions, shift: float, sd: float) -> float:
    """E[sigmoid(logit p + shift + sd z)], p ~ Beta, z ~ N(0, 1): trapezoid in logit p,
    Gauss-Hermite in z.
    """
    logit_L = np.linspace(-60, 40, 2_001)
    weight_L = np.exp(
        -population.a * np.logaddexp(0, -logit_L) - population.b * np.logaddexp(0, logit_L)
    )
    z_H, weight_H = np.polynomial.hermite_e.hermegauss(15)
    rate_L = _sigmoid(logit_L[:, None] + shift + sd * z_H) @ (weight_H / weight_H.sum())
    return float(weight_L @ rate_L / weight_L.sum())
