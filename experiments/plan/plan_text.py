"""Prints a plan as aligned text."""

from collections.abc import Iterator
from pathlib import Path

from experiments.plan.cost import Cost
from experiments.plan.gpu_fit import Fit
from experiments.plan.look_notes import look_notes
from experiments.plan.make_plan import Plan, launch_words
from experiments.plan.memory import RESERVED_SHARE, Launch
from experiments.plan.samples import sample_notes
from experiments.spec.policy_settings import HubPolicy, PackagePolicy, PretrainedPolicy
from experiments.spec.schema import Experiment
from experiments.workflow.screen.learnable import base_notes


def plan_text(plan: Plan) -> str:
    """The whole plan, without the command that starts it."""
    parts = (heading(plan), memory_lines(plan), cost_table(plan), closing_notes(plan))
    return "\n\n".join("\n".join(lines) for lines in parts)


def heading(plan: Plan) -> Iterator[str]:
    experiment, model = plan.experiment, plan.experiment.model
    arms, seeds = len(plan.arms), len(experiment.seeds)
    name = (
        model.name
        if isinstance(model, HubPolicy)
        else model.checkpoint
        if isinstance(model, PackagePolicy)
        else f"a {model.source} policy"
    )
    yield f"{experiment.name}: {arms} arms x {seeds} seeds = {plan.runs} runs"
    if experiment.looks:
        after = experiment.looks.after
        least = plan.with_seeds(after[0])
        yield (
            f"at most, because arms may stop at looks after {', '.join(map(str, after))} seeds: at"
            f" least {least.runs} runs, {least.total.hours:,.2f} hours in total"
        )
        yield from look_notes(experiment)
    yield f"policy: {name}, {quantity(plan.shape.parameters)} parameters"


def memory_lines(plan: Plan) -> Iterator[str]:
    """One block for all arms that need the same memory."""
    groups: dict[tuple[Launch, Fit], list[str]] = {}
    for arm, (case, found, _) in plan.arms.items():
        groups.setdefault((case.launch, found), []).append(arm)
    usable = (1 - RESERVED_SHARE) * plan.assumed.gpu.bytes
    for (launch, found), arms in groups.items():
        parts, where = found.estimate, launch_words(launch, plan.gpu_name)
        yield f"one run ({', '.join(arms)}) on {where}, GB per process:"
        yield f"  always       weights {gb(parts.weights)}, optimizer {gb(parts.optimizer)}"
        yield (
            f"  update       gradients {gb(parts.gradients)}, copies of weights"
            f" {gb(parts.working)}, activations {gb(parts.activations)}, head {gb(parts.head)},"
            f" engine {gb(parts.beside)}"
        )
        yield f"  generation   {gb(parts.generation)}: {generation_words(found)}"
        yield f"  peak         {gb(parts.peak)} of {gb(usable)} that a process may use"


def generation_words(found: Fit) -> str:
    """What the memory for generation holds."""
    load = found.load
    if load.engine == "transformers":
        rows = load.generated_rows
        return f"keys and values of {rows} completions of {load.length} tokens, logits"
    if load.engine == "colocate":
        return "vLLM's share of the GPU"
    return "scoring; vLLM has its own GPUs"


def cost_table(plan: Plan) -> Iterator[str]:
    seeds = len(plan.experiment.seeds)
    hours = "core-hours" if plan.gpu_name == "cpu" else "GPU-hours"
    columns = f"{'M tokens generated':>20}{'M tokens trained':>18}{hours:>12}{'for updates':>13}"
    yield f"{'':24}{'runs':>6}{columns}"
    for arm, (_, _, cost) in plan.arms.items():
        yield cost_line(arm, seeds, cost.times(seeds))
    yield cost_line("evaluation of the runs", plan.runs, plan.evaluation.times(plan.policies))
    yield cost_line("base policy", 1, plan.evaluation.plus(plan.strata))
    yield cost_line("total", plan.runs + 1, plan.total)


def cost_line(name: str, runs: int, cost: Cost) -> str:
    generated, trained = cost.generated / 1e6, cost.updated / 1e6
    hours = f"{cost.hours:12,.2f}{cost.updating / 3600:13,.2f}"
    return f"{name:24}{runs:6}{generated:20,.1f}{trained:18,.1f}{hours}"


def closing_notes(plan: Plan) -> Iterator[str]:
    """Wall time of a run, disk, and the assumptions of the plan."""
    arm, (case, _, cost) = next(iter(plan.arms.items()))
    wall = duration(cost.hours / case.launch.processes)
    yield f"one run of {arm} takes {wall} on {launch_words(case.launch, plan.gpu_name)}"
    policy = (2 if case.dtype == "bfloat16" else 4) * plan.shape.parameters
    # One more than is kept: the oldest is deleted after the newest is written. A checkpoint has the
    # weights and two moments of each.
    kept = case.training.checkpoints_kept + 1 if case.training.checkpoint_every else 0
    yield (
        f"disk: {gb(policy)} GB per policy, {gb(policy * (plan.policies + 1))} GB for all;"
        f" {gb(3 * policy * kept)} GB of checkpoints during a run"
    )
    assumed, speed = plan.assumed, plan.assumed.speed
    rate = (
        f"{speed.tokens_per_second:,.0f} tokens per second (given)"
        if speed.tokens_per_second
        else f"{speed.use:.0%} of {assumed.gpu.bandwidth:g} GB/s"
    )
    yield (
        f"assumed: AdamW; completions of {assumed.mean_length:.0%} of their limit; prompts of"
        f" {assumed.prompt} tokens; updates at {speed.mfu:.0%} of {assumed.gpu.teraflops:g} TFLOPS;"
        f" generation at {rate}"
    )
    yield from sample_notes(plan.experiment, Path("results"))
    yield from policy_notes(plan.experiment, Path("results"))


def policy_notes(experiment: Experiment, results: Path) -> Iterator[str]:
    """What is known of the base policy's answers, and warnings if there is nothing to learn."""
    limit = experiment.evaluation.max_tokens
    sets = dict.fromkeys(("train", *experiment.evaluation.benchmarks), limit)
    found = base_notes(results / experiment.name, sets)
    yield from found
    if not found and isinstance(experiment.model, PretrainedPolicy):
        yield (
            "the base policy is not evaluated yet: run `snakemake all --config"
            f" experiment={experiment.name} --until base_score` and then this plan again, to see"
            " whether it solves some of the prompts and not all"
        )


def start_command(plan: Plan, experiment: str) -> str:
    """The command that starts the planned experiment. If arms need different launches, it has the
    one with the most processes.
    """
    launches = (case.launch for case, _, _ in plan.arms.values())
    launch = max(launches, key=lambda launch: launch.processes)
    counted = "processes" if plan.gpu_name == "cpu" else "gpus"
    words = ["snakemake all --config", f"experiment={experiment}", f"{counted}={launch.processes}"]
    return " ".join([*words, *([] if launch.kind == "single" else [f"launch={launch.kind}"])])


def duration(hours: float) -> str:
    """Hours in words, below one hour as minutes."""
    minutes = max(1, round(60 * hours))
    return f"{hours:,.1f} hours" if hours >= 1 else f"{minutes} minute{'s' if minutes > 1 else ''}"


def gb(size: float) -> str:
    """Bytes as GB, small sizes with more digits."""
    return f"{size / 1e9:,.1f}" if size >= 5e7 else f"{size / 1e9:.3f}"


def quantity(count: int) -> str:
    """A number of parameters in words."""
    return f"{count / 1e9:.2f} billion" if count >= 1e8 else f"{count / 1e6:.2f} million"
