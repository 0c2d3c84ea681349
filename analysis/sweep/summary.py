"""The numbers of a search: its best trial, the trials tied with it, and its budget curve.

The budget curve is drawn from the grid trials if there are any, else from the random ones. A
sampler such as TPE places its trials where the score is high, so they are not random draws. For a
search with neither, the curve is drawn from all trials, and a warning says so. Pruned and failed
trials lack a score on some seed and are left out.
"""

from dataclasses import dataclass
from math import nan

import numpy as np

from analysis.figures import style
from analysis.sweep.searches import GRID, RANDOM, Search, Setting, SweepResults, Trial
from analysis.sweep.trial_statistics import (
    BudgetCurve,
    Noise,
    budget_curve,
    held_out_score,
    seed_noise,
    tied_with_best,
)

EDGE = 0.02  # of a setting's range: a best value this close to an end may have its peak beyond it


@dataclass(frozen=True)
class SearchSummary:
    """The numbers of one search."""

    search: Search
    color: str
    noise: Noise
    best: Trial | None  # the first of the highest mean scores
    tied: tuple[Trial, ...]  # not distinguishable from the best; the best is among them
    drawn: tuple[Trial, ...]  # from which the budget curve is drawn
    source: str  # of `drawn`: "grid", "random" or "all"
    budget: BudgetCurve | None
    held_out: float  # score of the best trial on seeds that did not choose it; NaN with one seed

    def margin(self, trial: Trial) -> float:
        """Half the 95 % interval of the trial's score."""
        return self.noise.margin(len(trial.seeds)) if trial.seeds else nan

    def ends(self, trial: Trial) -> tuple[float, float]:
        """95 % interval of the trial's score, within [0, 1]; NaN if it is unknown."""
        low, high = np.clip(
            [trial.score - self.margin(trial), trial.score + self.margin(trial)], 0, 1
        )
        return float(low), float(high)

    def at(self, k: int) -> float:
        """Expected score after k random trials; NaN without a budget curve."""
        return float(self.budget.value[min(k, len(self.drawn)) - 1]) if self.budget else nan

    def edges(self) -> list[Setting]:
        """Numeric settings whose best value lies at an end of their range."""
        numeric = [each for each in self.search.settings if not each.choices] if self.best else []
        return [
            each
            for each in numeric
            if self.best and not EDGE < each.share(self.best.settings[each.path]) < 1 - EDGE
        ]


def summarise_searches(study: SweepResults) -> tuple[SearchSummary, ...]:
    """Every search of a study, in its order and with a colour of its own."""
    return tuple(
        summarise_search(search, len(study.seeds), style.PALETTE[place % len(style.PALETTE)])
        for place, search in enumerate(study.searches)
    )


def summarise_search(search: Search, seeds: int, color: str) -> SearchSummary:
    complete = search.complete
    scores = [trial.seeds for trial in complete]
    whole = [trial for trial in complete if len(trial.seeds) == seeds]
    drawn, source = budget_trials(whole)
    return SearchSummary(
        search=search,
        color=color,
        noise=seed_noise(scores),
        best=max(complete, key=lambda trial: (trial.score, -trial.number), default=None),
        tied=tuple(
            trial for trial, one in zip(complete, tied_with_best(scores), strict=True) if one
        ),
        drawn=drawn,
        source=source,
        budget=budget_curve(score_table(drawn)) if drawn else None,
        held_out=held_out_score(score_table(whole)) if whole and seeds > 1 else nan,
    )


def budget_trials(trials: list[Trial]) -> tuple[tuple[Trial, ...], str]:
    """The trials from which the budget curve is drawn, and their source."""
    for origin in (GRID, RANDOM):
        own = tuple(trial for trial in trials if trial.origin == origin)
        if own:
            return own, origin
    return tuple(trials), "all"


def score_table(trials: tuple[Trial, ...] | list[Trial]) -> np.ndarray:
    """(T, S) scores."""
    return np.array([trial.scores for trial in trials])


def common_budget(summaries: tuple[SearchSummary, ...]) -> int:
    """The smallest number of drawn trials of a search: searches are compared at this budget."""
    return min((len(each.drawn) for each in summaries if each.drawn), default=0)
