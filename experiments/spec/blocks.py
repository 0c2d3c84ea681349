"""The blocks `task`, `arms` and `analysis` of an experiment file.

The others are in policy_settings.py, training_settings.py and evaluation_settings.py.
"""

from typing import Annotated, Any, Literal, Self

from annotated_types import Ge
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from eval.questions.named_sets import SOURCES
from eval.sampling.prompts import TEMPLATES
from experiments.families import FAMILIES, AnyFamily, Arithmetic, Family
from experiments.spec.policy_settings import Count, Levels
from methods import AnyMethod
from methods.common.ranges import Natural, Share

FolderName = Annotated[
    str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")
]  # becomes a folder


class Closed(BaseModel):
    """A block of an experiment file: unknown keys, infinities and NaN are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Task(Closed):
    """The training prompts."""

    prompts: str  # a family of generated problems, or the name of a training set
    template: str  # how a problem becomes a prompt, for training and evaluation alike
    # settings of the generated problems, and of what a tiny policy is taught; docs/experiments.md
    family: Annotated[AnyFamily, Field(discriminator="name")] | None = None
    levels: Levels | None = None  # generated prompts: their levels
    per_level: Count | None = None  # generated prompts: how many of each level
    limit: Count | None = None  # named sets: number of prompts used, the first after cleaning
    seed: Natural = 0  # of the generated problems
    contamination: Literal["drop", "flag"] = (
        "drop"  # what to do with training rows that overlap a benchmark
    )
    # completions per prompt from which the base policy's pass rate is measured; 0 = not measured
    strata_samples: Natural = 8

    @model_validator(mode="after")
    def prompts_and_template_exist(self) -> Self:
        if self.template not in TEMPLATES:
            raise ValueError(
                f"unknown template {self.template!r}: choose one of {', '.join(TEMPLATES)}"
            )
        if self.prompts in FAMILIES:
            if self.levels is None or self.per_level is None:
                raise ValueError(f"{self.prompts} prompts need levels and per_level: add both")
        elif self.prompts not in SOURCES:
            raise ValueError(
                f"unknown prompts {self.prompts!r}: choose {' or '.join(FAMILIES)}, or one of"
                f" {', '.join(SOURCES)}"
            )
        elif self.levels is not None or self.per_level is not None:
            raise ValueError(
                "levels and per_level belong to generated prompts only: leave them out"
            )
        if self.prompts in FAMILIES and self.limit is not None:
            raise ValueError("limit belongs to named sets: set per_level instead")
        if self.family and self.prompts in FAMILIES and self.family.name != self.prompts:
            raise ValueError(
                f"family has the settings of {self.family.name}, but the prompts are"
                f" {self.prompts}: make them the same"
            )
        return self

    @model_validator(mode="before")
    @classmethod
    def family_of_the_prompts(cls, given: Any) -> Any:
        """The family's settings, by default those of the prompts' own family."""
        prompts = given.get("prompts") if isinstance(given, dict) else None
        family = given.get("family") if isinstance(given, dict) else None
        if not (family is None or isinstance(family, dict)):
            return given
        if prompts not in FAMILIES:
            # A family without a name has no prompts to get it from: they say what is wrong.
            return given if not family or "name" in family else {**given, "family": None}
        return {**given, "family": {"name": prompts, **(family or {})}}

    @property
    def generator(self) -> Family:
        """What makes the problems of sets with levels, and teaches a tiny policy."""
        return self.family or Arithmetic()


class Arm(Closed):
    """A method with its settings: one of the ways of training that are compared."""

    method: AnyMethod = Field(discriminator="name")
    training: dict[str, Any] = {}  # overrides of the experiment's training block
    unequal_budget: bool = False  # allow another budget than the other arms'; tables flag it


class Analysis(Closed):
    """How intervals are computed."""

    draws: Annotated[int, Ge(100)] = 10_000  # bootstrap draws
    seed: Natural = 0
    # seed = the arms' runs of one seed number are pairs; none = their seeds are two samples
    pairing: Literal["none", "seed"] = "none"
    # pass@1 of the question "after how many completions?", with evaluation.checkpoints;
    # None = the reference's at the end of its training
    target_score: Share | None = None
