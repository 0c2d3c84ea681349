"""What is read from the files of other tools, before the mapping has been applied.

A reader says what a file says and leaves out the rest: an empty arm or benchmark and a seed or
checkpoint of None mean that the file does not tell.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

TRAINING = "training rollouts"
"""Set of samples that were drawn in training: no evaluation, but points of a curve."""


class Place(NamedTuple):
    """To which run, evaluation set and moment of training something belongs."""

    arm: str = ""
    seed: int | None = None
    benchmark: str = ""
    checkpoint: int | None = None  # training step of the policy that was evaluated

    def __str__(self) -> str:
        said = [
            self.arm or "unnamed arm",
            f"seed {self.seed}" if self.seed is not None else "",
            self.benchmark,
            f"checkpoint {self.checkpoint}" if self.checkpoint is not None else "",
        ]
        return ", ".join(part for part in said if part)


class CurveRow(NamedTuple):
    """What a tool logged at one training step, under its own keys."""

    place: Place
    step: int
    values: dict[str, Any]  # numbers; the suite's own rows hold mappings of numbers, too


class Sample(NamedTuple):
    """One completion: its text and the gold answer where the file holds them."""

    place: Place
    problem_id: str
    number: int  # among the completions of its question
    text: str | None
    gold: str | None
    claimed: float | None  # the tool's own score of this completion


class BroughtCount(NamedTuple):
    """Right answers to one question, as the file states them."""

    place: Place
    problem_id: str
    n: int
    correct: int
    rest: dict[str, str]  # further columns


class Total(NamedTuple):
    """A mean over questions: which of them were right is not known."""

    place: Place
    questions: int
    score: float


class Claim(NamedTuple):
    """A published figure, to be laid beside the recount."""

    place: Place
    metric: str  # "pass@1", "maj@4", "mean@8"
    value: float


class Finding(NamedTuple):
    """One thing that a reader of the numbers must know."""

    kind: str
    where: str
    what: str


@dataclass
class Found:
    """All that was read from one file, or from all of them."""

    curves: list[CurveRow] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    counts: list[BroughtCount] = field(default_factory=list)
    totals: list[Total] = field(default_factory=list)
    claims: list[Claim] = field(default_factory=list)
    runs: dict[Place, dict[str, Any]] = field(default_factory=dict)  # run.json of the suite
    measures: dict[Place, dict[str, Any]] = field(default_factory=dict)  # measures.json
    findings: list[Finding] = field(default_factory=list)
    settings: dict[str, Any] = field(default_factory=dict)  # what the file says of its making

    def places(self) -> list[Place]:
        """Every place that something was read for, once each, in order of appearance."""
        rows = [*self.curves, *self.samples, *self.counts, *self.totals, *self.claims]
        return list(dict.fromkeys([row.place for row in rows] + [*self.runs, *self.measures]))

    def add(self, other: "Found") -> None:
        for name in ("curves", "samples", "counts", "totals", "claims", "findings"):
            getattr(self, name).extend(getattr(other, name))
        self.runs |= other.runs
        self.measures |= other.measures


Answers = Mapping[str, Any]
"""What the mapping file says about one entry of its `sources`."""


@dataclass(frozen=True)
class Tool:
    """One layout of files. `asks` are answers without which its files cannot be read rightly."""

    name: str  # in the mapping file
    keys: Callable[[Answers], Mapping[str, str]]  # the tool's key -> the suite's name
    recognises: Callable[[Path, bytes], bool]  # by name and first bytes
    read: Callable[[Path, Answers], Found]
    asks: tuple[str, ...] = ()
    as_is: bool = False  # curves are in the suite's own names already


def no_keys(answers: Answers) -> Mapping[str, str]:
    """The table of a tool that logs no curves, or whose keys have not been shown to be ours."""
    return {}
