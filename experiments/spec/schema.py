"""The schema of an experiment: what its blocks must be together. Unknown keys are refused.

Every key is defined with its unit and default where its block is: policy_settings.py (`model`),
training_settings.py, evaluation_settings.py, blocks.py (the others) and here, on top.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from typing import Annotated, Any, Self

from annotated_types import Len
from pydantic import (
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from experiments.families import FAMILIES, TaughtFamily
from experiments.spec.blocks import Analysis, Arm, Closed, FolderName, Task
from experiments.spec.evaluation_settings import Evaluation
from experiments.spec.policy_settings import (
    HubPolicy,
    MiniaturePolicy,
    Natural,
    PackagePolicy,
    TinyPolicy,
)
from experiments.spec.seed_looks import LooksOrNone, with_listed_seeds
from experiments.spec.training_settings import MACHINE, Training
from experiments.spec.validation_messages import describe_finding
from methods.common.control import needs_ratio

# These folders are in a results folder beside those of the arms, so no arm may have their names.
RESERVED_FOLDERS = {
    *("base", "problems", "looks", "tables", "figures", "logs", "benchmarks", "sweep"),
}


class Experiment(Closed):
    """Arms, and how they are trained, evaluated and compared to answer a question."""

    name: FolderName
    question: str
    reference: FolderName  # the arm that the others are compared with
    model: Annotated[
        TinyPolicy | MiniaturePolicy | HubPolicy | PackagePolicy, Field(discriminator="source")
    ]
    task: Task
    training: Training
    arms: Annotated[dict[FolderName, Arm], Len(1)]
    # training seeds of every arm: a list, or {looks: [3, 6, 12]} for as many as the verdicts need
    seeds: Annotated[tuple[Natural, ...], Len(1)]
    # written out from `seeds`: after how many seeds the arms are compared; None = once, at the end
    looks: LooksOrNone = None
    evaluation: Evaluation
    analysis: Analysis = Analysis()
    # folder with the named sets as JSON lines; may start with $NAME; None = from the hub
    data_dir: str | None = None

    @field_validator("data_dir")
    @classmethod
    def expanded(cls, data_dir: str | None) -> str | None:
        return data_dir and os.path.expandvars(data_dir)

    @model_validator(mode="after")
    def consistent(self) -> Self:
        if len(set(self.seeds)) < len(self.seeds):
            raise ValueError(f"seeds {list(self.seeds)} hold a duplicate: remove it")
        if self.looks and self.looks.after[-1] != len(self.seeds):
            raise ValueError(
                f"looks: the last is after {self.looks.after[-1]} seeds, but {len(self.seeds)} are"
                " listed: make them the same"
            )
        if self.reference not in self.arms:
            raise ValueError(
                f"reference {self.reference!r} is not an arm: choose one of {', '.join(self.arms)}"
            )
        for name in self.arms:
            if name in RESERVED_FOLDERS:
                raise ValueError(
                    f"arms.{name}: the results folder uses this name already: rename the arm"
                )
            self._check_arm(name)
        if isinstance(self.model, MiniaturePolicy) and self.task.prompts in FAMILIES:
            raise ValueError(
                "model: a miniature policy needs a named training set as prompts, not"
                f" {self.task.prompts}"
            )
        family = self.task.generator
        if isinstance(self.model, TinyPolicy) and not isinstance(family, TaughtFamily):
            raise ValueError(
                f"model: a tiny policy cannot be taught {family.name}, which has no demonstrations:"
                " choose another source"
            )
        self._check_levels()
        self._check_checkpoints()
        self._check_allocation()
        if (
            isinstance(self.model, HubPolicy)
            and self.model.revision is None
            and not self.model.is_folder
        ):
            raise ValueError(
                f"model.revision is missing: pin {self.model.name!r} to a commit of the hub"
            )
        return self

    @model_validator(mode="before")
    @classmethod
    def seeds_of_looks(cls, given: Any) -> Any:
        """`seeds: {looks: …}` as a list of seeds and the block `looks`."""
        return with_listed_seeds(given)

    @model_validator(mode="before")
    @classmethod
    def checkpoints_of_a_number(cls, given: Any) -> Any:
        """A number of checkpoints as the rollouts after which they are."""
        if not isinstance(given, dict):
            return given
        evaluation, training = given.get("evaluation"), given.get("training")
        if not (isinstance(evaluation, dict) and isinstance(training, dict)):
            return given
        number, rollouts = evaluation.get("checkpoints"), training.get("rollouts")
        if type(number) is not int or type(rollouts) is not int:
            return given
        if not 0 <= number < rollouts:
            raise ValueError(
                f"evaluation.checkpoints: {number} policies on the way do not fit into {rollouts}"
                " rollouts: ask for fewer"
            )
        after = [round(rollouts * each / (number + 1)) for each in range(1, number + 1)]
        return given | {"evaluation": evaluation | {"checkpoints": after}}

    def _check_checkpoints(self) -> None:
        after = self.evaluation.checkpoints
        if list(after) != sorted(set(after)):
            raise ValueError(
                f"evaluation.checkpoints {list(after)}: list each rollout once, in ascending order"
            )
        for name in self.arms if after else ():
            training = self.training_of(name)
            if after[-1] >= training.rollouts:
                raise ValueError(
                    f"evaluation.checkpoints: {after[-1]} is not below the {training.rollouts}"
                    f" rollouts of arm {name}: leave it out, the last policy is evaluated anyway"
                )
            if training.stop_exploded:
                raise ValueError(
                    f"evaluation.checkpoints: an exploded run of arm {name} may end before them:"
                    " set training.stop_exploded to false, or leave them out"
                )

    def _check_allocation(self) -> None:
        """A run with the seed of the base policy's samples would draw with the same numbers, and
        its answers would depend on what planned how many there are.
        """
        planned = [n for n, b in self.evaluation.benchmarks.items() if b.allocation != "equal"]
        if planned and self.evaluation.seed in self.seeds:
            raise ValueError(
                f"evaluation.seed {self.evaluation.seed} is one of the training seeds, and"
                f" {planned[0]} has an allocation that is planned from samples with that seed:"
                " choose another evaluation.seed"
            )

    def _check_levels(self) -> None:
        known = self.task.generator.levels
        sets = self.evaluation.benchmarks
        asked = {f"evaluation.benchmarks.{name}": sets[name].levels for name in sets}
        for place, levels in {"task": self.task.levels, **asked}.items():
            for level in levels or ():
                if level not in known:
                    raise ValueError(
                        f"{place}.levels: {self.task.generator.name} has no level {level}: choose"
                        f" from 1 to {known[-1]}"
                    )

    def _check_arm(self, name: str) -> None:
        arm = self.arms[name]
        try:
            training = self.training_of(name)
        except ValidationError as error:
            finding = error.errors()[0]
            place = ".".join(["arms", name, "training", *map(str, finding["loc"])])
            raise ValueError(f"{place}: {describe_finding(finding)}") from None
        if needs_ratio(arm.method) and training.updates_per_rollout == 1:
            low, high = arm.method.clip
            raise ValueError(
                f"arms.{name}: {arm.method.name} with clip ({low:g}, {high:g}) does nothing at"
                " updates_per_rollout 1, where every ratio is 1: set"
                " training.updates_per_rollout to 2 or more, or leave the arm out"
            )
        if training_budget(training) != training_budget(self.training) and not arm.unequal_budget:
            raise ValueError(
                f"arms.{name}: its training overrides change the budget"
                f" {training_budget(self.training)} to {training_budget(training)}: make them"
                " equal, or set unequal_budget: true"
            )

    def training_of(self, arm: str) -> Training:
        """The training block of an arm, its overrides applied."""
        return Training.model_validate({**self.training.model_dump(), **self.arms[arm].training})


def training_budget(training: Training) -> dict[str, int]:
    """What must be equal between arms for a fair comparison: counts over a whole run, tokens of a
    completion at most.
    """
    return {
        "rollouts": training.rollouts,
        "completions": training.completions_per_rollout,
        "updates": training.updates_per_rollout,
        "tokens": training.max_completion_length,
    }


def run_spec(experiment: Experiment, arm: str, seed: int) -> dict[str, Any]:
    """All settings that determine one training run.

    Two runs with equal specs on one CPU give the same weights bit for bit.
    """
    return {
        "arm": arm,
        "seed": seed,
        # through JSON, so that tuples become lists as in the other blocks
        "method": json.loads(json.dumps(vars(experiment.arms[arm].method))),
        "training": experiment.training_of(arm).model_dump(mode="json", exclude=MACHINE),
        **base_spec(experiment),
    }


def base_spec(experiment: Experiment) -> dict[str, Any]:
    """All settings that determine the base policy and the training prompts."""
    return {
        "model": experiment.model.model_dump(mode="json"),
        "task": experiment.task.model_dump(mode="json"),
    }


def spec_hash(spec: Mapping[str, Any]) -> str:
    """First 16 hex digits of the SHA-256 of the settings as JSON with sorted keys."""
    return hashlib.sha256(json.dumps(spec, sort_keys=True).encode()).hexdigest()[:16]
