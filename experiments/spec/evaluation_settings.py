"""The block `evaluation` of an experiment file: what is asked, and how answers are sampled."""

from typing import Annotated, Literal, Self

from annotated_types import Gt, Le, Len
from pydantic import Field, model_validator

from eval.questions.named_sets import SOURCES
from experiments.spec.blocks import Closed, FolderName
from experiments.spec.policy_settings import Count, Levels
from methods.common.ranges import Natural, Positive

# left out of a spec where it is equal, so that older results folders keep their settings
Allocation = Annotated[
    Literal["equal", "neyman"], Field(exclude_if=lambda allocation: allocation == "equal")
]


class Benchmark(Closed):
    """A set of questions, and the number of answers to each."""

    samples: Count  # completions per question
    # neyman = of the trained policies only in the mean: more where the base policy's answers vary
    allocation: Allocation = "equal"
    k: Annotated[tuple[Count, ...], Len(1)]  # of pass@k
    levels: Levels | None = None  # generated sets: their levels
    per_level: Count | None = None  # generated sets: questions per level
    stream: Literal["validation", "test"] = "test"  # generated sets
    limit: Count | None = None  # named sets: number of questions asked, the first of the set

    @model_validator(mode="after")
    def enough_samples(self) -> Self:
        if max(self.k) > self.samples:
            raise ValueError(
                f"k = {max(self.k)} needs at least {max(self.k)} samples per question, not"
                f" {self.samples}"
            )
        if self.allocation != "equal" and self.samples <= self.least_samples:
            raise ValueError(
                f"allocation {self.allocation} needs more than {self.least_samples} samples, the"
                f" minimum of every question, and samples is {self.samples}: raise samples, or"
                " leave allocation out"
            )
        if (self.levels is None) != (self.per_level is None):
            raise ValueError(
                "levels and per_level go together: give both (a generated set) or neither (a named"
                " set)"
            )
        if self.levels is not None and self.limit is not None:
            raise ValueError("limit belongs to named sets: set per_level instead")
        return self

    @property
    def least_samples(self) -> int:
        """Of any question: pass@k needs k, and one sample shows nothing of the variance."""
        return max(2, *self.k)


class Evaluation(Closed):
    """What every arm and the base policy are asked, and how their answers are sampled."""

    benchmarks: dict[FolderName, Benchmark]
    temperature: Positive = 1.0
    top_p: Annotated[float, Gt(0), Le(1)] = 1.0
    max_tokens: Count
    engine: Literal["transformers", "vllm"] = "transformers"
    # of the policies that answer; auto = the type in which each is stored
    dtype: Literal["auto", "float32", "bfloat16"] = "auto"
    seed: Natural = 0
    # policies on the way are evaluated, too: after so many rollouts each; a number alone asks for
    # that many, equally far apart
    checkpoints: tuple[Count, ...] = ()

    @model_validator(mode="after")
    def known_benchmarks(self) -> Self:
        for name, benchmark in self.benchmarks.items():
            if name == "train":
                raise ValueError(
                    "benchmarks.train: the training prompts use this file name: rename the"
                    " benchmark"
                )
            if benchmark.levels is not None and name in SOURCES:
                raise ValueError(
                    f"benchmarks.{name}: this is the name of a named set, and a benchmark with"
                    " levels is generated: rename it, or leave levels and per_level out"
                )
            if benchmark.levels is None and name not in SOURCES:
                raise ValueError(
                    f"unknown benchmark {name!r}: choose one of {', '.join(SOURCES)}, or give"
                    " levels and per_level for a generated set"
                )
        return self
