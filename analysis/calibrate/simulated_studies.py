"""Simulated studies of realistic shape, whose true answer is known: what
analysis/calibrate/measure.py measures with.

    logit P(right) = logit p_q + effect + A_s + I_q + J_sq
    p_q ~ Beta;  A, I, J normal;  correct ~ Binomial(n, P)

A_s moves a whole training run, I_q is what a method does to single questions, J_sq what a run does
to them. Two runs of one method (an A/A study) share everything but A, J and the sampling. The seeds
of the two arms are independent unless a correlation is asked for.
"""

from collections.abc import Sequence
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
    seeds: int  # of arm a, and of arm b unless seeds_b says otherwise
    samples: int  # per question and seed
    seed_sd: float = 0.01  # of a training run's mean success rate; of b: seed_sd_b
    effect: float = 0.0  # true difference a - b in mean success rate
    same_method: bool = False  # A/A: no I_q, no effect
    seeds_b: int | None = None
    seed_sd_b: float | None = None
    correlation: float = 0.0  # of A_s between runs of one number

    def logit_sds(self, arm: str) -> tuple[float, float, float]:
        """Standard deviations of an arm's A_s, I_q, J_sq in logits. Arms: "a" and "b"."""
        seed_sd = self.seed_sd_b if arm == "b" and self.seed_sd_b is not None else self.seed_sd
        method = 0.0 if self.same_method else INTERACTION
        return seed_sd * self.population.logits_per_rate(), method, INTERACTION

    def seeds_of(self, arm: str) -> int:
        return self.seeds_b if arm == "b" and self.seeds_b is not None else self.seeds


def same_method(study: Study) -> Study:
    """The A/A study of the same shape."""
    return replace(study, effect=0.0, same_method=True)


def simulate(study: Study, rng: np.random.Generator) -> tuple[Counts, Counts]:
    """Both arms' counts of one study."""
    logit_Q = question_logits(study, rng)
    most = max(study.seeds_of("a"), study.seeds_of("b"))
    shared_S, own_2S = rng.standard_normal(most), rng.standard_normal((2, most))
    z_2S = study.correlation**0.5 * shared_S + (1 - study.correlation) ** 0.5 * own_2S
    a, b = (
        _answers(study, arm, logit_Q + shift, z_S[: study.seeds_of(arm)], rng)
        for arm, shift, z_S in zip("ab", (_shift(study), 0.0), z_2S, strict=True)
    )
    return a, b


def question_logits(study: Study, rng: np.random.Generator) -> np.ndarray:
    """(Q,) logits of the questions' success rates."""
    p_Q = rng.beta(study.population.a, study.population.b, study.questions).clip(1e-12, 1 - 1e-12)
    return np.log(p_Q) - np.log1p(-p_Q)


def simulate_arms(
    shape: Study, effects: Sequence[float], rng: np.random.Generator
) -> tuple[list[Counts], Counts]:
    """Counts of an arm per effect, and of the one reference that all are compared with, on the same
    questions.
    """
    logit_Q = question_logits(shape, rng)
    reference, *arms = (
        _answers(shape, arm, logit_Q + shift, rng.standard_normal(shape.seeds), rng)
        for arm, shift in [
            ("b", 0.0),
            *(("a", _shift(replace(shape, effect=effect))) for effect in effects),
        ]
    )
    return arms, reference


def true_scores(study: Study) -> tuple[float, float]:
    """Mean success rate of each arm over all such questions and training seeds."""
    a, b = (float(np.hypot.reduce(study.logit_sds(arm))) for arm in "ab")
    return _mean_rate(study.population, _shift(study), a), _mean_rate(study.population, 0.0, b)


def _answers(
    study: Study, arm: str, logit_Q: np.ndarray, z_S: np.ndarray, rng: np.random.Generator
) -> Counts:
    seed_sd, method_sd, run_sd = study.logit_sds(arm)
    S, Q = len(z_S), study.questions
    logit_SQ = (
        logit_Q
        + seed_sd * z_S[:, None]
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
    """Logits that arm a is shifted by so that the means differ by the study's effect: by bisection,
    also where the arms' spreads alone would make their means differ.
    """
    a, b = (float(np.hypot.reduce(study.logit_sds(arm))) for arm in "ab")
    if study.effect == 0 and a == b:
        return 0.0
    goal = _mean_rate(study.population, 0.0, b) + study.effect
    low, high = -10.0, 10.0
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (
            (middle, high) if _mean_rate(study.population, middle, a) < goal else (low, middle)
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
