"""The results of a sweep: its searches, their settings and their trials.

A study tunes one or more searches with the same number of trials each. A search is an arm with the
settings that are varied; a trial is one choice of them, trained once per seed. NaN means not
measured.
"""

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

COMPLETE, PRUNED, FAILED = STATES = ("complete", "pruned", "failed")
GRID, RANDOM = "grid", "random"  # origins of trials; any other is the name of a sampler


@dataclass(frozen=True)
class Setting:
    """A setting that a search varies: a number within a range, or one of `choices`."""

    path: str  # its key in the arm, such as method.tau
    low: float = math.nan
    high: float = math.nan
    log: bool = False
    choices: tuple[str, ...] = ()

    def position(self, value: float | str) -> float:
        """Place of a value on an axis: the number, or the index among the choices; NaN if it has
        none.
        """
        if self.choices:
            return float(self.choices.index(str(value))) if value in self.choices else math.nan
        return value if isinstance(value, float) and (value > 0 or not self.log) else math.nan

    def share(self, value: float | str) -> float:
        """Place of a value in the range, in [0, 1], on the linear or logarithmic scale searched."""
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
    score: float  # mean over seeds, in [0, 1]
    scores: tuple[float, ...]  # per seed of the study
    final_entropy: float  # nats
    numbers: dict[str, float]
    words: dict[str, str]

    @property
    def seeds(self) -> tuple[float, ...]:
        """The scores that were measured, one per seed."""
        return tuple(score for score in self.scores if not math.isnan(score))

    @property
    def origin(self) -> str:
        return self.words["origin"]

    @property
    def entropy_share(self) -> float:
        """Final entropy over initial entropy."""
        initial = self.numbers["initial_entropy"]
        return self.final_entropy / initial if initial > 0 else math.nan


@dataclass(frozen=True)
class Search:
    """An arm, the settings that are varied in it, and its trials in order of their number."""

    name: str
    arm: str
    settings: tuple[Setting, ...]
    trials: tuple[Trial, ...]
    importance: dict[str, float] = field(default_factory=dict)  # by setting; sums to 1

    @property
    def complete(self) -> tuple[Trial, ...]:
        """Trials that completed with a score."""
        return tuple(trial for trial in self.trials if trial.state == COMPLETE and trial.seeds)

    @property
    def chosen(self) -> Trial | None:
        return next((trial for trial in self.trials if trial.chosen), None)

    def count(self, state: str) -> int:
        return sum(trial.state == state for trial in self.trials)


@dataclass(frozen=True)
class SweepResults:
    """All results of one study."""

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
        """The measure that is tuned, such as avg@16."""
        objective, asked = self.block("objective"), self.block("validation").get(self.benchmark)
        samples = asked.get("samples", "n") if isinstance(asked, dict) else "n"
        return (
            f"pass@{objective.get('k', 'k')}"
            if objective.get("measure") == "pass_at_k"
            else f"avg@{samples}"
        )

    def block(self, key: str) -> dict[str, Any]:
        """A block of study.yaml; empty if it has no such block."""
        found = self.spec.get(key)
        return found if isinstance(found, dict) else {}
