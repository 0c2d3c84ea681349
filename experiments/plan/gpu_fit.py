"""Tells whether a run fits in the memory of its GPUs, how many it needs, and which changes help."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from eval.files.errors import BadInput
from experiments.plan.activations import cache_bytes
from experiments.plan.geometry import geometry_of
from experiments.plan.memory import RESERVED_SHARE, Estimate, Launch, Load, estimate_memory
from experiments.plan.throughput import Gpu
from experiments.spec.policy_settings import PretrainedPolicy
from experiments.spec.schema import Experiment
from experiments.spec.training_settings import Lora, Training
from experiments.training.update.micro_batches import batch

LAUNCHES = (Launch("single"), *(Launch("fsdp2", n) for n in (2, 4, 8)))
"""Launches that are tried if none is named, the cheapest first."""


@dataclass(frozen=True)
class Case:
    """A training run, how it is launched, and on which type of GPU."""

    experiment: Experiment
    training: Training
    launch: Launch
    gpu: Gpu
    prompt: int  # tokens of the longest prompt
    needs_scoring: bool = False  # whether the arm's method has every rollout scored

    @property
    def dtype(self) -> str:
        model = self.experiment.model
        return model.dtype if isinstance(model, PretrainedPolicy) else "float32"


class Fit(NamedTuple):
    """Whether a run fits on its GPUs."""

    load: Load
    estimate: Estimate
    problem: str | None  # why it does not fit; None = it fits


def fit_on_gpu(case: Case) -> Fit:
    """Estimates the memory of one process and compares it with its GPU.

    Raises:
        BadInput: the batch is not divisible by the processes, or the model's shape is unknown.
    """
    load = load_of(case)
    found = estimate_memory(load, case.launch, "cpu" if case.gpu.is_cpu else "cuda")
    return Fit(load, found, _reason_it_does_not_fit(case, load, found))


def _reason_it_does_not_fit(case: Case, load: Load, found: Estimate) -> str | None:
    if case.launch.sharded and load.measures_share:
        return "gradient_share_every needs whole gradients, which sharded processes do not have"
    if case.launch.sharded and load.adapter_rank and load.engine != "transformers":
        return "lora with vLLM needs whole weights, which sharded processes do not have"
    if load.engine == "colocate" and load.engine_bytes < (needed := engine_needs(case, load)):
        share = case.training.vllm_gpu_memory_utilization
        return (
            f"vLLM gets {share:.0%} of the GPU, {load.engine_bytes / 1e9:.1f} GB, and needs"
            f" {needed / 1e9:.1f} GB for the weights and the cache of one sequence of"
            f" {engine_length(case, load):,} tokens"
        )
    if not found.fits(case.gpu.bytes):
        usable = (1 - RESERVED_SHARE) * case.gpu.bytes
        return (
            f"a process needs {found.peak / 1e9:.1f} GB, and may use {usable / 1e9:.1f} GB of"
            f" {case.gpu.bytes / 1e9:.1f}"
        )
    return None


def engine_needs(case: Case, load: Load) -> int:
    """Bytes that a colocated engine needs to start: the weights in bfloat16, and the cache of one
    sequence of the greatest length that it accepts.
    """
    tensor_parallel = case.training.vllm_tensor_parallel_size
    one = cache_bytes(load.shape, 1, engine_length(case, load), "bfloat16")
    return (2 * load.shape.parameters + one) // tensor_parallel


def engine_length(case: Case, load: Load) -> int:
    """Tokens of the longest sequence that a colocated engine accepts."""
    return case.training.vllm_max_model_length or load.shape.positions


def load_of(case: Case) -> Load:
    """What one process of the run holds in memory and computes."""
    training, processes = case.training, case.launch.processes
    engine = "transformers" if training.vllm == "none" else training.vllm
    return Load(
        shape=geometry_of(case.experiment.model, case.experiment.task.generator),
        dtype="bfloat16" if case.dtype == "bfloat16" else "float32",
        bf16=training.bf16,
        gradient_checkpointing=training.gradient_checkpointing,
        attention="sdpa" if training.attention == "auto" else training.attention,
        rows=batch(training, processes)["per_device_train_batch_size"],
        generated_rows=training.completions_per_rollout // processes,
        prompt=case.prompt,
        completion=training.max_completion_length,
        adapter_rank=training.lora.rank if training.lora else None,
        measures_share=bool(training.gradient_share_every),
        engine=engine,
        engine_bytes=int(training.vllm_gpu_memory_utilization * case.gpu.bytes)
        if engine == "colocate"
        else 0,
        engine_sleeps=training.vllm_enable_sleep_mode,
    )


def least_launch(case: Case) -> Launch | None:
    """The launch with the fewest GPUs on which the run fits; None if eight are not enough."""
    tried = LAUNCHES[:1] if case.gpu.is_cpu else LAUNCHES
    return next((launch for launch in tried if _fits(replace(case, launch=launch))), None)


def widest_launch(case: Case) -> Launch:
    """The launch with the most GPUs by which the run's batch is divisible."""
    tried = LAUNCHES[:1] if case.gpu.is_cpu else LAUNCHES
    return [x for x in tried if case.training.completions_per_update % x.processes == 0][-1]


def _fits(case: Case) -> bool:
    try:
        return fit_on_gpu(case).problem is None
    except BadInput:  # the batch is not divisible by so many processes
        return False


# ---- what would make it fit


def remedies(case: Case) -> list[str]:
    """Changes in words, each of which makes the run fit; pairs of changes if no single one does."""
    changes = list(_changes(case))
    single = _first_of_each(
        (name, name.split()[0]) for name, change in changes if _fits(change(case))
    )
    if single:
        return single
    pairs = [
        (a, b)
        for i, a in enumerate(changes)
        for b in changes[i + 1 :]
        if a[0].split()[0] != b[0].split()[0]
    ]
    working = (pair for pair in pairs if _fits(pair[1][1](pair[0][1](case))))
    return _first_of_each(
        (f"{a[0]} with {b[0]}", (a[0].split()[0], b[0].split()[0])) for a, b in working
    )


def _first_of_each(named: Iterable[tuple[str, Any]]) -> list[str]:
    """The first change of each setting. Changes are ordered, the smallest first."""
    found: dict[Any, str] = {}
    for name, kind in named:
        found.setdefault(kind, name)
    return list(found.values())


Change = tuple[str, Callable[[Case], Case]]  # in words, and as a function


def _changes(case: Case) -> Iterator[Change]:
    """All changes that can save memory, of each setting the smallest first."""
    training = case.training
    if not training.gradient_checkpointing:
        yield _setting("gradient_checkpointing", True)
    if training.gradient_share_every:
        yield _setting("gradient_share_every", 0)
    yield from _halved(training)
    if training.vllm == "none" and not case.gpu.is_cpu:
        yield _setting("vllm", "colocate")
        yield _setting("vllm", "server")
    if training.vllm == "colocate" and not training.vllm_enable_sleep_mode:
        yield _setting("vllm_enable_sleep_mode", True)
    if training.vllm == "colocate":
        for share in (0.2, 0.3, 0.4, 0.5):
            yield _setting("vllm_gpu_memory_utilization", share)
    if training.vllm == "colocate" and training.vllm_max_model_length is None:
        yield _setting("vllm_max_model_length", case.prompt + training.max_completion_length)
    for launch in () if case.gpu.is_cpu else LAUNCHES[1:]:
        if launch.processes > case.launch.processes or not case.launch.sharded:
            yield f"--launch {launch.kind} --processes {launch.processes}", _launched(launch)
    if training.lora is None:
        yield (
            "lora: {rank: 32}",
            lambda c: replace(c, training=c.training.model_copy(update={"lora": Lora(rank=32)})),
        )


def _halved(training: Training) -> Iterator[Change]:
    size = training.per_device_train_batch_size // 2
    while size:
        yield _setting("per_device_train_batch_size", size)
        size //= 2


def _setting(name: str, value: object) -> Change:
    shown = str(value).lower() if isinstance(value, bool) else value
    return f"{name}: {shown}", lambda c: replace(
        c, training=c.training.model_copy(update={name: value})
    )


def _launched(launch: Launch) -> Callable[[Case], Case]:
    return lambda case: replace(case, launch=launch)
