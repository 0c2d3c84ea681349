"""Estimates the tokens and GPU-seconds of training runs, evaluation and the base policy.

Named sets count with all their rows, before duplicates are removed, so numbers of tokens are upper
bounds in this respect. The length of completions is not known before a run: each counts as
`mean_length` times its limit.
"""

from dataclasses import dataclass
from math import ceil
from typing import NamedTuple

from eval.questions.named_sets import SOURCES
from experiments.plan.geometry import Geometry
from experiments.plan.gpu_fit import Case, Fit
from experiments.plan.throughput import (
    ROWS_IN_FLIGHT,
    Gpu,
    Speed,
    generation_seconds,
    update_seconds,
)
from experiments.spec.blocks import Task
from experiments.spec.evaluation_settings import Benchmark
from experiments.spec.schema import Experiment

SAMPLER_ROWS = 512  # completions that the transformers sampler makes at a time

MEAN_PROMPT, LONGEST_PROMPT = 120, 1024  # tokens of a problem with its instruction
LONGEST_OF = {
    "arithmetic": 40,
    "skills": 40,
    "reasoning_gym": 120,
    "gsm8k_train": 400,
    "math_train": 1536,
    "dapo_math_17k": 1200,
}
"""Tokens of a set's longest prompt: a third of its characters, the instruction, and a margin."""


@dataclass(frozen=True)
class Assumed:
    """Assumptions of a plan."""

    gpu: Gpu
    speed: Speed
    mean_length: float  # of a completion, as a share of its limit
    prompt: int  # tokens, mean


class Cost(NamedTuple):
    """Tokens and the time of all GPUs together."""

    generated: float  # tokens of completions
    updated: float  # tokens of prompts and completions, once per pass over them in updates
    generating: float  # GPU-seconds
    updating: float  # GPU-seconds

    @property
    def hours(self) -> float:
        """GPU-hours."""
        return (self.generating + self.updating) / 3600

    def times(self, count: float) -> "Cost":
        return Cost(*(count * value for value in self))

    def plus(self, other: "Cost") -> "Cost":
        return Cost(*(a + b for a, b in zip(self, other, strict=True)))


NOTHING = Cost(0, 0, 0, 0)


def training_cost(case: Case, found: Fit, assumed: Assumed) -> Cost:
    """Cost of one training run."""
    training, shape, processes = case.training, found.load.shape, case.launch.processes
    mean = assumed.mean_length * training.max_completion_length
    completions = training.rollouts * training.completions_per_rollout
    updated = completions * training.num_iterations * (mean + assumed.prompt)
    engine = "transformers" if training.vllm == "none" else "vllm"
    # A server has at least one GPU of its own, and generates for all processes.
    rows = (
        training.completions_per_rollout if training.vllm == "server" else found.load.generated_rows
    )
    rollout = generation_seconds(
        shape, rows, mean, training.max_completion_length, engine, assumed.gpu, assumed.speed
    )
    # forward counts 1, backward 2, computing activations again 1
    passes = 4 if training.gradient_checkpointing else 3
    # one more forward pass per rollout, for the probabilities of the old policy
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
    """Cost of evaluating one policy on every benchmark."""
    benchmarks = experiment.evaluation.benchmarks
    completions = sum(
        question_count(name, benchmark) * benchmark.samples
        for name, benchmark in benchmarks.items()
    )
    return sampling_cost(experiment, shape, completions, assumed)


def strata_cost(experiment: Experiment, shape: Geometry, assumed: Assumed) -> Cost:
    """Cost of measuring the base policy's pass rates on the training prompts."""
    return sampling_cost(
        experiment, shape, prompt_count(experiment.task) * experiment.task.strata_samples, assumed
    )


def sampling_cost(
    experiment: Experiment, shape: Geometry, completions: int, assumed: Assumed
) -> Cost:
    """Cost of `completions` completions with the experiment's sampling settings."""
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


def question_count(name: str, benchmark: Benchmark) -> int:
    """Number of questions of a benchmark, before cleaning."""
    if benchmark.levels is not None:
        return len(benchmark.levels) * (benchmark.per_level or 0)
    return min(SOURCES[name].count, benchmark.limit or SOURCES[name].count)


def prompt_count(task: Task) -> int:
    """Number of training prompts, before cleaning."""
    if task.levels is not None:
        return len(task.levels) * (task.per_level or 0)
    return min(SOURCES[task.prompts].count, task.limit or SOURCES[task.prompts].count)
