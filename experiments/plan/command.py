"""What an experiment costs before it is run: memory per GPU, tokens, GPU-hours, disk. No weights,
no network, no GPU.

    python -m experiments.plan qwen3_4b                       on the fewest H100s on which it fits
    python -m experiments.plan qwen3_4b --gpu a100 --launch zero3 --processes 8

Exit code 2, with the changes that would make it fit, where it does not. docs/planning.md says what
the numbers rest on.
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, replace

from eval.files.errors import BadInput, exit_with_message
from experiments.plan.cost import (
    LONGEST_OF,
    LONGEST_PROMPT,
    MEAN_PROMPT,
    NOTHING,
    Assumed,
    Cost,
    evaluation_cost,
    strata_cost,
    training_cost,
)
from experiments.plan.fit import LAUNCHES, Case, Fit, fit, least_launch, remedies, widest
from experiments.plan.geometry import Geometry, geometry_of
from experiments.plan.memory import RESERVED, Launch
from experiments.plan.throughput import GPUS, Speed
from experiments.spec.schema import Experiment, HubPolicy, load
from methods.common.control import needs_scoring


@dataclass(frozen=True)
class Plan:
    """An experiment, and what each of its arms takes."""

    experiment: Experiment
    gpu_name: str
    assumed: Assumed
    shape: Geometry
    arms: dict[str, tuple[Case, Fit, Cost]]  # the cost is that of one run
    evaluation: Cost  # of one policy
    strata: Cost

    @property
    def runs(self) -> int:
        return len(self.arms) * len(self.experiment.seeds)

    @property
    def total(self) -> Cost:
        trained = NOTHING
        for _, _, cost in self.arms.values():
            trained = trained.plus(cost.times(len(self.experiment.seeds)))
        return trained.plus(self.evaluation.times(self.runs + 1)).plus(self.strata)


def make_plan(
    experiment: Experiment,
    gpu_name: str,
    assumed: Assumed,
    launch: Launch | None,
    longest_prompt: int,
) -> Plan:
    """
    Raises:
        BadInput: an arm does not fit; the message says which changes would make it fit.
    """
    arms = {}
    for arm in experiment.arms:
        case = Case(
            experiment,
            experiment.training_of(arm),
            launch or LAUNCHES[0],
            assumed.gpu,
            longest_prompt,
            needs_scoring(experiment.arms[arm].method),
        )
        case = chosen(case, arm, gpu_name, named=launch is not None)
        found = fit(case)
        arms[arm] = case, found, training_cost(case, found, assumed)
    shape = geometry_of(experiment.model)
    policy = evaluation_cost(experiment, shape, assumed)
    return Plan(
        experiment, gpu_name, assumed, shape, arms, policy, strata_cost(experiment, shape, assumed)
    )


def chosen(case: Case, arm: str, gpu_name: str, named: bool) -> Case:
    """The case on the launch that was named, or on the least that it fits on."""
    if not named:
        least = least_launch(case)
        if least is not None:
            return replace(case, launch=least)
        case = replace(case, launch=widest(case))
    problem = fit(case).problem
    if problem is None:
        return case
    found = (
        "\n".join(f"  {name}" for name in remedies(case))
        or "  none that this planner knows, alone or in pairs"
    )
    place = f"{case.experiment.name}: arms.{arm} does not fit on {said(case.launch, gpu_name)}"
    raise BadInput(f"{place}: {problem}. Any of these would make it fit:\n{found}")


# ---- in words
# ---------------------------------------------------------------------------------------------------------


def report(plan: Plan) -> str:
    return "\n".join([*head(plan), "", *memory(plan), "", *costs(plan), "", *notes(plan)])


def head(plan: Plan) -> Iterator[str]:
    experiment, model = plan.experiment, plan.experiment.model
    name = model.name if isinstance(model, HubPolicy) else f"a {model.source} policy"
    yield f"{experiment.name}: {len(plan.arms)} arms x {len(experiment.seeds)} seeds = {plan.runs} runs"
    yield f"policy: {name}, {quantity(plan.shape.parameters)} parameters"


def memory(plan: Plan) -> Iterator[str]:
    """One block per kind of run: arms that need the same stand together."""
    groups: dict[tuple[Launch, Fit], list[str]] = {}
    for arm, (case, found, _) in plan.arms.items():
        groups.setdefault((case.launch, found), []).append(arm)
    for (launch, found), arms in groups.items():
        parts = found.estimate
        yield f"one run ({', '.join(arms)}) on {said(launch, plan.gpu_name)}, GB per process:"
        yield f"  always       weights {gb(parts.weights)}, optimizer {gb(parts.optimizer)}"
        yield (
            f"  update       gradients {gb(parts.gradients)}, weights at work {gb(parts.working)},"
            f" activations {gb(parts.activations)}, head {gb(parts.head)}, engine"
            f" {gb(parts.beside)}"
        )
        yield f"  generation   {gb(parts.generation)}: {made_by(found)}"
        free = (1 - RESERVED) * plan.assumed.gpu.bytes
        yield f"  peak         {gb(parts.peak)} of {gb(free)} that a process may use"


def made_by(found: Fit) -> str:
    if found.load.engine == "transformers":
        return f"keys and values of {found.load.generated_rows} completions of {found.load.length} tokens, logits"
    return (
        "vLLM's share of the GPU"
        if found.load.engine == "colocate"
        else "scoring; vLLM has GPUs of its own"
    )


def costs(plan: Plan) -> Iterator[str]:
    seeds = len(plan.experiment.seeds)
    hours = "core-hours" if plan.gpu_name == "cpu" else "GPU-hours"
    yield f"{'':24}{'runs':>6}{'M tokens made':>15}{'M tokens trained':>18}{hours:>12}{'of it updates':>15}"
    for arm, (_, _, cost) in plan.arms.items():
        yield line(arm, seeds, cost.times(seeds))
    yield line("evaluation of the runs", plan.runs, plan.evaluation.times(plan.runs))
    yield line("base policy", 1, plan.evaluation.plus(plan.strata))
    yield line("total", plan.runs + 1, plan.total)


def line(name: str, runs: int, cost: Cost) -> str:
    share = cost.updating / 3600
    return f"{name:24}{runs:6}{cost.generated / 1e6:15,.1f}{cost.updated / 1e6:18,.1f}{cost.hours:12,.2f}{share:15,.2f}"


def notes(plan: Plan) -> Iterator[str]:
    case, _, cost = next(iter(plan.arms.values()))
    width = 2 if case.dtype == "bfloat16" else 4
    policy = width * plan.shape.parameters
    processes = case.launch.processes
    yield f"one run of {next(iter(plan.arms))} takes {duration(cost.hours / processes)} on {said(case.launch, plan.gpu_name)}"
    kept = case.training.checkpoints_kept + 1 if case.training.checkpoint_every else 0
    yield (
        f"disk: {gb(policy)} GB per policy, {gb(policy * (plan.runs + 1))} GB for all;"
        f" {gb(3 * policy * kept)} GB of checkpoints while a run is under way"
    )
    speed = plan.assumed.speed
    bandwidth = f"{speed.use:.0%} of {plan.assumed.gpu.bandwidth:g} GB/s"
    rate = (
        f"{speed.tokens_per_second:,.0f} tokens per second, as told"
        if speed.tokens_per_second
        else bandwidth
    )
    yield (
        f"assumed: AdamW; completions of {plan.assumed.mean_length:.0%} of their limit, prompts of"
        f" {plan.assumed.prompt} tokens;"
        f" updates at {speed.mfu:.0%} of {plan.assumed.gpu.teraflops:g} TFLOPS; generation at"
        f" {rate}"
    )


def start(plan: Plan, experiment: str) -> str:
    """The command that starts what was planned; where arms differ, on the most GPUs that one of
    them takes.
    """
    launch = max(
        (case.launch for case, _, _ in plan.arms.values()), key=lambda launch: launch.processes
    )
    counted = "processes" if plan.gpu_name == "cpu" else "gpus"
    words = ["snakemake all --config", f"experiment={experiment}", f"{counted}={launch.processes}"]
    return " ".join([*words, *([] if launch.kind == "single" else [f"launch={launch.kind}"])])


def said(launch: Launch, gpu_name: str) -> str:
    if gpu_name == "cpu":
        return (
            "a CPU"
            if launch.kind == "single"
            else f"{launch.processes} processes of a CPU ({launch.kind})"
        )
    return (
        f"one {gpu_name}"
        if launch.kind == "single"
        else f"{launch.processes} x {gpu_name} ({launch.kind})"
    )


def duration(hours: float) -> str:
    minutes = max(1, round(60 * hours))
    return f"{hours:,.1f} hours" if hours >= 1 else f"{minutes} minute{'s' if minutes > 1 else ''}"


def gb(size: float) -> str:
    return f"{size / 1e9:,.1f}" if size >= 5e7 else f"{size / 1e9:.3f}"


def quantity(count: int) -> str:
    return f"{count / 1e9:.2f} billion" if count >= 1e8 else f"{count / 1e6:.2f} million"


# ---- command line
# -----------------------------------------------------------------------------------------------------


def main() -> None:
    arguments = parse_arguments()
    with exit_with_message():
        experiment = load(arguments.experiment)
        plan = make_plan(*from_arguments(experiment, arguments))
        print(f"{report(plan)}\nstart: {start(plan, arguments.experiment)}")


def from_arguments(
    experiment: Experiment, arguments: argparse.Namespace
) -> tuple[Experiment, str, Assumed, Launch | None, int]:
    small = not isinstance(experiment.model, HubPolicy)
    gpu_name = arguments.gpu or ("cpu" if small else "h100")
    speed = Speed(arguments.mfu, tokens_per_second=arguments.tokens_per_second)
    longest = arguments.longest_prompt or LONGEST_OF.get(experiment.task.prompts, LONGEST_PROMPT)
    mean = arguments.prompt_tokens or min(MEAN_PROMPT, longest // 2)
    assumed = Assumed(GPUS[gpu_name], speed, arguments.mean_length, mean)
    launch = None
    if arguments.launch or arguments.processes > 1:
        launch = Launch(arguments.launch or "fsdp2", arguments.processes)
        if (launch.kind == "single") != (launch.processes == 1):
            raise BadInput(
                f"--launch {launch.kind} --processes {launch.processes}: single is one process,"
                " others are more"
            )
    return experiment, gpu_name, assumed, launch, longest


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("experiment", help="experiment name or YAML file")
    parser.add_argument("--gpu", choices=GPUS, help="default: h100, or cpu for the small policies")
    parser.add_argument(
        "--launch", choices=["single", "ddp", "fsdp2", "zero3"], help="default: the least that fits"
    )
    parser.add_argument("--processes", type=positive(int), default=1, help="GPUs of one run")
    parser.add_argument(
        "--mean-length", type=positive(float), default=0.5, help="completions: share of their limit"
    )
    parser.add_argument("--prompt-tokens", type=positive(int), help="mean")
    parser.add_argument("--longest-prompt", type=positive(int), help="tokens")
    parser.add_argument(
        "--mfu", type=positive(float), default=Speed.mfu, help="share of peak FLOPs in updates"
    )
    parser.add_argument(
        "--tokens-per-second", type=positive(float), help="generated by one GPU, measured"
    )
    return parser.parse_args()


def positive(kind: type) -> "type":
    def read(text: str) -> float:
        value = kind(text)
        if not 0 < value < float("inf"):
            raise ValueError
        return value

    read.__name__ = f"positive {kind.__name__}"
    return read  # pyright: ignore[reportReturnType]
