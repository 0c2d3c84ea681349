"""Tokens and GPU-seconds of an experiment: its training runs, its evaluation, the base policy's
share of both.

Upper bounds are upper bounds: the named sets count as they come, before cleaning. Lengths are what
nobody knows before a run: a completion counts as `mean_length` times its limit.
"""

from dataclasses import dataclass
from math import ceil
from typing import NamedTuple

from eval.questions.named_sets import SOURCES
from experiments.plan.fit import Case, Fit
from experiments.plan.geometry import Geometry
from experiments.plan.throughput import (
    ROWS_IN_FLIGHT,
    Gpu,
    Speed,
    generation_seconds,
    update_seconds,
)
from experiments.spec.schema import Benchmark, Experiment, Task

SAMPLER_ROWS = 512  # at a time, of the transformers sampler

MEAN_PROMPT, LONGEST_PROMPT = 120, 1024  # tokens of a problem with its instruction
LONGEST_OF = {"arithmetic": 40, "gsm8k_train": 400, "math_train": 1536, "dapo_math_17k": 1200}
"""Tokens of a set's longest prompt: a third of its characters, the instruction, and some room."""


@dataclass(frozen=True)
class Assumed:
    """What a plan rests on beside the experiment."""

    gpu: Gpu
    speed: Speed
    mean_length: float  # of a completion, as a share of its limit
    prompt: int  # tokens, mean


class Cost(NamedTuple):
    """Tokens in and out of GPUs, and the time of all GPUs together."""

    generated: float  # tokens
    updated: float  # tokens of prompts and completions that the updates go through
    generating: float  # GPU-seconds
    updating: float  # GPU-seconds

    @property
    def hours(self) -> float:
        return (self.generating + self.updating) / 3600

    def times(self, count: float) -> "Cost":
        return Cost(*(count * value for value in self))

    def plus(self, other: "Cost") -> "Cost":
        return Cost(*(a + b for a, b in zip(self, other, strict=True)))


NOTHING = Cost(0, 0, 0, 0)


def training_cost(case: Case, found: Fit, assumed: Assumed) -> Cost:
    """One run."""
    training, shape, processes = case.training, found.load.shape, case.launch.processes
    mean = assumed.mean_length * training.max_completion_length
    completions = training.rollouts * training.completions_per_rollout
    updated = completions * training.num_iterations * (mean + assumed.prompt)
    engine = "transformers" if training.vllm == "none" else "vllm"
    # A server has at least one GPU of its own, and makes the completions of all processes.
    rows = (
        training.completions_per_rollout if training.vllm == "server" else found.load.generated_rows
    )
    rollout = generation_seconds(
        shape, rows, mean, training.max_completion_length, engine, assumed.gpu, assumed.speed
    )
    passes = 4 if training.gradient_checkpointing else 3
    scored = training.updates_per_rollout > 1 or training.vllm != "none" or case.needs_scoring
    context = assumed.prompt + mean / 2
    seconds = update_seconds(
        shape,
        updated,
        context,
        passes + scored / training.num_iterations,
        assumed.gpu,
        assumed.speed,
        processes,
    )
    gpus = processes + (training.vllm == "server")
    return Cost(completions * mean, updated, gpus * training.rollouts * rollout, gpus * seconds)


def evaluation_cost(experiment: Experiment, shape: Geometry, assumed: Assumed) -> Cost:
    """One policy on every benchmark."""
    benchmarks = experiment.evaluation.benchmarks
    completions = sum(
        questions(name, benchmark) * benchmark.samples for name, benchmark in benchmarks.items()
    )
    return sampling_cost(experiment, shape, completions, assumed)


def strata_cost(experiment: Experiment, shape: Geometry, assumed: Assumed) -> Cost:
    """The base policy on the training prompts."""
    return sampling_cost(
        experiment, shape, prompts(experiment.task) * experiment.task.strata_samples, assumed
    )


def sampling_cost(
    experiment: Experiment, shape: Geometry, completions: int, assumed: Assumed
) -> Cost:
    evaluation = experiment.evaluation
    if not completions:
        return NOTHING
    batches = ceil(completions / SAMPLER_ROWS) if evaluation.engine == "transformers" else 1
    mean, rows = assumed.mean_length * evaluation.max_tokens, completions / batches
    seconds = generation_seconds(
        shape,
        rows,
        mean,
        evaluation.max_tokens,
        evaluation.engine,
        assumed.gpu,
        assumed.speed,
        ROWS_IN_FLIGHT,
    )
    return Cost(completions * mean, 0, batches * seconds, 0)


def questions(name: str, benchmark: Benchmark) -> int:
    """How many a benchmark asks."""
    if benchmark.levels is not None:
        return len(benchmark.levels) * (benchmark.per_level or 0)
    return min(SOURCES[name].count, benchmark.limit or SOURCES[name].count)


def prompts(task: Task) -> int:
    """Training prompts, before cleaning."""
    if task.levels is not None:
        return len(task.levels) * (task.per_level or 0)
    return min(SOURCES[task.prompts].count, task.limit or SOURCES[task.prompts].count)
