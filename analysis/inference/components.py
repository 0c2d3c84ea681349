"""Where a difference's uncertainty comes from, and what more runs, questions or samples would buy.

For the difference of two arms' mean pass@1 over Q questions (notation: seed_spread.py),

    Var = Σ_i σ_A,i²/S_i            seeds: whole training runs; arm i has S_i of them
        + σ_M²/Q                    questions: what the methods do to single questions
        + Σ_i σ_J,i²/(S_i Q)        interaction: what a run does to single questions
        + Σ_i mean p(1 − p)/n /(S_i Q)   sampling

estimated by the analysis of variance: max(0, V_i − E_i); max(0, s_d²/Q − Σ E_i); the rest of E_i;
p̂(1 − p̂)/(n − 1), at most E_i. A question with one sample cannot tell interaction from sampling:
both are counted as sampling. Questions are paired, so that their difficulty does not appear.

What a changed design would give is the present half width times the ratio of t_ν √Var, ν by
Satterthwaite over the arms' seeds and the questions. With one seed of an arm the
variance between its seeds is unknown, and the half width of a changed design is not printed.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.stats import t

from analysis.inference.bootstrap import PERCENTILES
from analysis.inference.seed_spread import seed_spread
from analysis.inference.statistics import SEEN_FOUR_TIMES_IN_FIVE
from analysis.results.counts import Counts, scores

MOST_SEEDS = 100  # looked at when asked how many are needed


class Design(NamedTuple):
    """The size of a comparison. Samples are relative to those that were drawn."""

    seeds: tuple[float, float]
    questions: float
    samples: float = 1.0


@dataclass(frozen=True)
class Components:
    """Variances of a difference in pass@1, in squared scores; pairs are per arm."""

    design: Design
    seeds: tuple[float, float]
    questions: float
    interaction: tuple[float, float]
    sampling: tuple[float, float]
    half_width: float  # of the 95 % interval, as measured
    samples: float  # mean number per question and seed

    @property
    def total(self) -> float:
        return sum((*self.seeds, self.questions, *self.interaction, *self.sampling))

    @property
    def enough_samples(self) -> float:
        """Samples per question from which sampling is less than all the rest; NaN where nothing
        varies but the samples.
        """
        rest = self.total - sum(self.sampling)
        return self.samples * sum(self.sampling) / rest if rest > 0 else float("nan")

    def half_width_at(self, design: Design) -> float:
        """Half the 95 % interval that this design would have; NaN where nothing varied."""
        now = self._approximate(self.design)
        return self.half_width * self._approximate(design) / now if now > 0 else float("nan")

    def seeds_to_see(self, difference: float) -> int | None:
        """Seeds per arm with which four of five studies would call this true difference; None where
        no number up to MOST_SEEDS is enough. NaN-free: None also where nothing varied.
        """
        for seeds in range(2, MOST_SEEDS + 1):
            half = self.half_width_at(self.design._replace(seeds=(seeds, seeds)))
            if SEEN_FOUR_TIMES_IN_FIVE * half <= difference:
                return seeds
        return None

    def _approximate(self, design: Design) -> float:
        """t_ν √Var of a design."""
        by_questions = self.design.questions / design.questions
        questions = self.questions * by_questions
        parts = []  # of each arm: seeds with their noise, degrees of freedom
        for i, seeds in enumerate(design.seeds):
            by_seeds = self.design.seeds[i] / seeds
            noise = self.interaction[i] + self.sampling[i] * self.design.samples / design.samples
            of_seeds, of_noise = by_seeds * self.seeds[i], by_seeds * by_questions * noise
            parts.append((of_seeds, of_noise, seeds - 1))
        total = questions + sum(of_seeds + of_noise for of_seeds, of_noise, _ in parts)
        # only arms whose seeds differ beyond their noise are known by their few seeds
        spread = sum(
            (of_seeds + of_noise) ** 2 / degrees
            for of_seeds, of_noise, degrees in parts
            if of_seeds
        )
        rest = total - sum(of_seeds + of_noise for of_seeds, of_noise, _ in parts if of_seeds)
        spread += rest**2 / (design.questions - 1)
        degrees = total**2 / spread if spread > 0 else np.inf
        return float(t.ppf(PERCENTILES[1], degrees)) * total**0.5


def components(a: Counts, b: Counts, half_width: float) -> Components | None:
    """The parts of Var(a − b) in pass@1; None where an arm has one seed."""
    if min(len(a.seeds), len(b.seeds)) < 2:
        return None
    seeds, noise, sampling = [], [], []
    for arm in (a, b):
        spread = seed_spread(scores(arm, 1))
        seeds.append(max(0.0, spread.variance - spread.noise))
        noise.append(spread.noise)
        sampling.append(min(spread.noise, sampling_variance(arm)))
    d_Q = scores(a, 1).mean(axis=0) - scores(b, 1).mean(axis=0)
    Q = len(d_Q)
    return Components(
        design=Design((len(a.seeds), len(b.seeds)), Q),
        seeds=(seeds[0], seeds[1]),
        questions=max(0.0, float(d_Q.var(ddof=1)) / Q - sum(noise)),
        interaction=(noise[0] - sampling[0], noise[1] - sampling[1]),
        sampling=(sampling[0], sampling[1]),
        half_width=half_width,
        samples=float(np.mean([arm.n_SQ.mean() for arm in (a, b)])),
    )


def sampling_variance(arm: Counts) -> float:
    """Of an arm's mean pass@1, given its runs and questions; infinite where a question has one
    sample, which shows nothing of it.
    """
    if (arm.n_SQ < 2).any():
        return float("inf")
    p_SQ = arm.correct_SQ / arm.n_SQ
    return float((p_SQ * (1 - p_SQ) / (arm.n_SQ - 1)).mean()) / p_SQ.size
