"""Blocks of a sweep file: the range of a setting, the objective, the sampler, the pruner."""

from typing import Annotated, Any, Literal, Self

from annotated_types import Ge, Gt, Le, Len, Lt
from pydantic import model_validator

from experiments.spec.blocks import Closed, FolderName
from experiments.spec.policy_settings import Count, Natural

Trials = Annotated[int, Ge(1), Le(100_000)]
Workers = Annotated[int, Ge(1), Le(1_000)]
Scalar = bool | int | float | str | None


class Range(Closed):
    """A setting that takes numbers between two bounds."""

    low: float
    high: float
    log: bool = False  # sampled and plotted on a logarithmic scale
    integer: bool = False
    grid: tuple[float, ...] = ()  # tried first, in this order

    @model_validator(mode="after")
    def consistent(self) -> Self:
        numbers = {"low": self.low, "high": self.high} | {
            f"grid value {value}": value for value in self.grid
        }
        for name, value in numbers.items():
            if not self.low <= value <= self.high:
                raise ValueError(
                    f"{name} is outside [{self.low}, {self.high}]: correct one of the three"
                )
            if self.integer and value != int(value):
                raise ValueError(f"{name} is not a whole number: correct it, or leave integer out")
        if self.low == self.high:
            raise ValueError(f"low and high are both {self.low}: make high larger")
        if self.log and self.low <= 0:
            raise ValueError(f"low {self.low} has no logarithm: make it positive, or leave log out")
        if len(set(self.grid)) < len(self.grid):
            raise ValueError(f"grid {list(self.grid)} repeats a value: leave it out")
        return self

    @property
    def first(self) -> tuple[Any, ...]:
        """The grid, as integers for a setting with `integer`."""
        return tuple(int(value) if self.integer else value for value in self.grid)

    @property
    def extremes(self) -> tuple[Any, ...]:
        """(low, high), as integers for a setting with `integer`."""
        return tuple(int(value) if self.integer else value for value in (self.low, self.high))


class Choices(Closed):
    """A setting that takes one of several values. All of them are tried first."""

    choices: Annotated[tuple[Scalar, ...], Len(2)]

    @model_validator(mode="after")
    def distinct(self) -> Self:
        if len(set(self.choices)) < len(self.choices):
            raise ValueError(
                f"choices {list(self.choices)} repeats a value (1, 1.0 and true are equal): leave"
                " it out"
            )
        return self

    @property
    def first(self) -> tuple[Any, ...]:
        return self.choices

    extremes = first


class Objective(Closed):
    """The score of a trial: the mean over its seeds of a measure on one validation set."""

    benchmark: FolderName
    measure: Literal["avg_at_n", "pass_at_k"] = "avg_at_n"
    k: Count = 1  # of pass_at_k


class Sampler(Closed):
    """What chooses the values of trials after the grid."""

    name: Literal["tpe", "random"] = "tpe"
    seed: Natural = 0  # each worker and each trial draw from a stream of their own


class NoPruning(Closed):
    """No trial is stopped early."""

    name: Literal["none"] = "none"


class WilcoxonPruning(Closed):
    """After each seed, stops a trial that is worse than the best trial by a paired test of their
    scores per question.
    """

    name: Literal["wilcoxon"]
    p_threshold: Annotated[float, Gt(0), Lt(1)] = 0.1  # of the one-sided signed-rank test


class MedianPruning(Closed):
    """During training, stops a trial whose accuracy is below the median of earlier trials at the
    same rollout.
    """

    name: Literal["median"]
    startup_trials: Natural = 5  # trials that must finish before any is stopped
    # share of the rollouts before which no trial is stopped, so that entropy can move first
    warmup: Annotated[float, Ge(0), Le(1)] = 0.5
