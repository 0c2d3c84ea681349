"""A study as the analysis sees it: searches, their settings, their trials.

A study tunes one or more searches with the same number of trials. A search is an arm with the
settings that are varied; a trial is one choice of them, trained once per seed. NaN is "not
measured".
"""

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

COMPLETE, PRUNED, FAILED = STATES = ("complete", "pruned", "failed")
GRID, RANDOM = "grid", "random"  # origins of trials; any other is the name of a sampler


@dataclass(frozen=True)
class Setting:
    """What is varied: a number within a range, or one of `choices`."""

    path: str  # in the arm, such as method.tau
    low: float = math.nan
    high: float = math.nan
    log: bool = False
    choices: tuple[str, ...] = ()

    def position(self, value: float | str) -> float:
        """Place on an axis: the number itself, the place among the choices; NaN where there is
        none.
        """
        if self.choices:
            return float(self.choices.index(str(value))) if value in self.choices else math.nan
        return value if isinstance(value, float) and (value > 0 or not self.log) else math.nan

    def share(self, value: float | str) -> float:
        """Place in [0, 1] of the range, on the scale that the study searches."""
        place, low, high = self.position(value), self.low, self.high
        if self.choices:
            low, high = 0.0, len(self.choices) - 1.0
        elif self.log:
            place, low, high = math.log(place), math.log(low), math.log(high)
        return (place - low) / (high - low) if high > low else 0.5


@dataclass(frozen=True)
class Trial:
    """One row of trials.csv."""

    number: int
    state: str
    chosen: bool
    settings: dict[str, float | str]
    score: float
    scores: tuple[float, ...]  # per seed of the study
    final_entropy: float  # nats
    numbers: dict[str, float]
    words: dict[str, str]

    @property
    def seeds(self) -> tuple[float, ...]:
        """The scores that were measured."""
        return tuple(score for score in self.scores if not math.isnan(score))

    @property
    def origin(self) -> str:
        return self.words["origin"]

    @property
    def entropy_share(self) -> float:
        """Final entropy as a share of the initial one."""
        initial = self.numbers["initial_entropy"]
        return self.final_entropy / initial if initial > 0 else math.nan


@dataclass(frozen=True)
class Search:
    """One arm with what is varied in it, and its trials by number."""

    name: str
    arm: str
    settings: tuple[Setting, ...]
    trials: tuple[Trial, ...]
    importance: dict[str, float] = field(default_factory=dict)  # by setting; sums to 1

    @property
    def complete(self) -> tuple[Trial, ...]:
        """Trials that ended with a score."""
        return tuple(trial for trial in self.trials if trial.state == COMPLETE and trial.seeds)

    @property
    def chosen(self) -> Trial | None:
        return next((trial for trial in self.trials if trial.chosen), None)

    def count(self, state: str) -> int:
        return sum(trial.state == state for trial in self.trials)


@dataclass(frozen=True)
class SweepResults:
    """A whole sweep."""

    folder: Path
    spec: dict[str, Any]  # study.yaml
    seeds: tuple[int, ...]
    searches: tuple[Search, ...]
    missing: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return str(self.spec.get("name") or self.folder.name)

    @property
    def benchmark(self) -> str:
        return str(self.block("objective").get("benchmark") or "the validation questions")

    @property
    def measure(self) -> str:
        """What a score is, such as avg@16."""
        objective, asked = self.block("objective"), self.block("validation").get(self.benchmark)
        samples = asked.get("samples", "n") if isinstance(asked, dict) else "n"
        return (
            f"pass@{objective.get('k', 'k')}"
            if objective.get("measure") == "pass_at_k"
            else f"avg@{samples}"
        )

    def block(self, key: str) -> dict[str, Any]:
        """A block of study.yaml; empty where it holds none."""
        found = self.spec.get(key)
        return found if isinstance(found, dict) else {}
