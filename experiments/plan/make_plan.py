"""Makes the plan of an experiment: memory, tokens and hours of each arm and of the evaluation."""

from dataclasses import dataclass, replace

from eval.files.errors import BadInput
from experiments.plan.cost import (
    NOTHING,
    Assumed,
    Cost,
    evaluation_cost,
    strata_cost,
    training_cost,
)
from experiments.plan.geometry import Geometry, geometry_of
from experiments.plan.gpu_fit import (
    LAUNCHES,
    Case,
    Fit,
    fit_on_gpu,
    least_launch,
    remedies,
    widest_launch,
)
from experiments.plan.memory import Launch
from experiments.spec.schema import Experiment
from methods.common.control import needs_scoring


@dataclass(frozen=True)
class Plan:
    """An experiment, and what each of its parts costs."""

    experiment: Experiment
    gpu_name: str
    assumed: Assumed
    shape: Geometry
    arms: dict[str, tuple[Case, Fit, Cost]]  # the cost is that of one run
    evaluation: Cost  # of one policy
    strata: Cost  # of the base policy's pass rates on the training prompts

    @property
    def runs(self) -> int:
        return len(self.arms) * len(self.experiment.seeds)

    def with_seeds(self, seeds: int) -> "Plan":
        """The plan of the same experiment with the first seeds only."""
        first = {"seeds": self.experiment.seeds[:seeds], "looks": None}
        return replace(self, experiment=self.experiment.model_copy(update=first))

    @property
    def policies(self) -> int:
        """That training makes and that are evaluated: the last of each run, and those on the
        way.
        """
        return self.runs * (1 + len(self.experiment.evaluation.checkpoints))

    @property
    def total(self) -> Cost:
        """Cost of all runs, and of evaluating their policies and the base policy."""
        trained = NOTHING
        for _, _, cost in self.arms.values():
            trained = trained.plus(cost.times(len(self.experiment.seeds)))
        return trained.plus(self.evaluation.times(self.policies + 1)).plus(self.strata)


def make_plan(
    experiment: Experiment,
    gpu_name: str,
    assumed: Assumed,
    launch: Launch | None,
    longest_prompt: int,
) -> Plan:
    """Plans each arm on the launch, or on the smallest on which it fits if `launch` is None.

    `longest_prompt`: tokens.

    Raises:
        BadInput: an arm does not fit; the message lists changes that would make it fit.
    """
    arms = {}
    for arm in experiment.arms:
        training = experiment.training_of(arm)
        case = Case(
            experiment,
            training,
            launch or LAUNCHES[0],
            assumed.gpu,
            longest_prompt,
            needs_scoring(experiment.arms[arm].method),
        )
        case = with_launch(case, arm, gpu_name, named=launch is not None)
        found = fit_on_gpu(case)
        arms[arm] = case, found, training_cost(case, found, assumed)
    shape = geometry_of(experiment.model, experiment.task.generator)
    evaluation = evaluation_cost(experiment, shape, assumed)
    strata = strata_cost(experiment, shape, assumed)
    return Plan(experiment, gpu_name, assumed, shape, arms, evaluation, strata)


def with_launch(case: Case, arm: str, gpu_name: str, named: bool) -> Case:
    """The case with its named launch, or with the smallest launch on which it fits.

    Raises:
        BadInput: it does not fit.
    """
    if not named:
        least = least_launch(case)
        if least is not None:
            return replace(case, launch=least)
        # The message then refers to the largest launch that was tried.
        case = replace(case, launch=widest_launch(case))
    problem = fit_on_gpu(case).problem
    if problem is None:
        return case
    changes = "\n".join(f"  {name}" for name in remedies(case)) or "  no change that was tried"
    raise BadInput(
        f"{case.experiment.name}: arms.{arm} does not fit on"
        f" {launch_words(case.launch, gpu_name)}: {problem}. Any of these would make it fit:\n"
        f"{changes}"
    )


def launch_words(launch: Launch, gpu_name: str) -> str:
    """A launch in words: one h100, 4 x h100 (fsdp2)."""
    single = launch.kind == "single"
    if gpu_name == "cpu":
        return "a CPU" if single else f"{launch.processes} processes of a CPU ({launch.kind})"
    return f"one {gpu_name}" if single else f"{launch.processes} x {gpu_name} ({launch.kind})"
