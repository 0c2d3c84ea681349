"""Memory of one GPU while a policy is trained: what must be there, and when.

    always       weights, optimizer (two moments per trained parameter, in its type)
    update       gradients, weights as autocast or a sharded layer needs them, activations, the fused head
    generation   keys and values of the process' completions, or vLLM's share of the GPU
    peak         always + the larger of update and generation

A weight loaded in bfloat16 is trained in bfloat16: gradient and moments take its type, there is no
float32 copy, and an update smaller than 1/256 of the weight is rounded away. `bf16: true` alone
adds autocast and no copy either; float32 weights under autocast are the usual "mixed precision".
FSDP2 (accelerate) makes trained weights float32 when mixed precision is on; DeepSpeed keeps a
float32 copy of bfloat16 weights. Sharded gradients are shards throughout an update
(experiments/training/grpo_config.py).

Source: TRL 1.16, accelerate, torch 2.13 as installed, read; ZeRO's 16 bytes per parameter from
arXiv 1910.02054. The parts that can be are checked against measured peaks by tests/speed/memory.py.
Not in it: the allocator's fragments and the CUDA context, for which `RESERVED` of a GPU is left
free.
"""

from dataclasses import dataclass
from typing import Literal

from experiments.plan.activations import (
    BYTES,
    AttentionKernel,
    Precision,
    backward_transient,
    between_layers,
    cache_bytes,
    layer_bytes,
)  # fmt: skip
from experiments.plan.geometry import Geometry

# share of a GPU: context, fragments, and what the estimate has been seen to miss (docs/planning.md)
RESERVED_SHARE = 0.12
TILE = (4096, 32_768)  # tokens and vocabulary entries that TRL's fused head multiplies at a time
# parameters that DeepSpeed gathers at most at once (stage3_max_live_parameters)
LIVE_ZERO3 = 1_000_000_000


@dataclass(frozen=True)
class Launch:
    """How many processes, each on a GPU of its own, and what each of them holds."""

    kind: Literal["single", "ddp", "fsdp2", "zero3"]
    processes: int = 1

    @property
    def sharded(self) -> bool:
        return self.kind in ("fsdp2", "zero3")


@dataclass(frozen=True)
class Load:
    """What one process has to hold and do."""

    shape: Geometry
    dtype: Literal["float32", "bfloat16"]  # of the loaded weights
    bf16: bool  # mixed precision
    gradient_checkpointing: bool
    attention: AttentionKernel
    rows: int  # sequences per forward pass
    generated_rows: int  # sequences of this process in a rollout
    prompt: int  # tokens, the longest
    completion: int  # tokens, the longest
    adapter_rank: int | None = None  # LoRA on frozen weights
    measures_share: bool = False  # of the gradient: three more copies of it
    engine: Literal["transformers", "colocate", "server"] = "transformers"
    engine_bytes: int = 0  # vLLM's share of this GPU
    engine_sleeps: bool = False

    @property
    def length(self) -> int:
        return self.prompt + self.completion


@dataclass(frozen=True)
class Estimate:
    """Bytes on one GPU."""

    weights: int
    optimizer: int
    gradients: int
    working: int  # weights a second time: as autocast casts them, or gathered from the shards
    activations: int
    head: int
    generation: int  # cache or engine while the rollout is made, or what scoring it takes
    beside: int  # of the engine, while the policy is updated

    @property
    def update(self) -> int:
        return self.gradients + self.working + self.activations + self.head + self.beside

    @property
    def peak(self) -> int:
        return self.weights + self.optimizer + max(self.update, self.generation)

    def fits(self, gpu_bytes: float) -> bool:
        return self.peak <= (1 - RESERVED_SHARE) * gpu_bytes


def precision_of(load: Load, launch: Launch) -> Precision:
    if load.dtype == "bfloat16" or (load.bf16 and launch.sharded):
        return "bfloat16"
    return "mixed" if load.bf16 else "float32"


def estimate_memory(
    load: Load, launch: Launch, device: Literal["cuda", "cpu"] = "cuda"
) -> Estimate:
    """Memory of one process of a launch."""
    precision = precision_of(load, launch)
    weights, optimizer, gradients = _states(load, launch)
    working = _working(load, launch, precision)
    activations, head = _update(load, launch, precision, working, device)
    scoring = (
        working + _head(load, launch, precision, device)[0]
    )  # the old policy's pass, without gradient
    made = (
        load.engine_bytes if load.engine != "transformers" else _generation(load, launch, precision)
    )
    generation = max(made, scoring + (0 if load.engine_sleeps else load.engine_bytes))
    beside = 0 if load.engine_sleeps else load.engine_bytes
    kept = 0 if load.gradient_checkpointing and precision == "mixed" else working
    return Estimate(weights, optimizer, gradients, kept, activations, head, generation, beside)


def _states(load: Load, launch: Launch) -> tuple[int, int, int]:
    """(weights, optimizer, gradients)."""
    all_, trained = load.shape.parameters, load.shape.parameters
    frozen, width = 0, 4 if load.dtype == "float32" or (launch.kind == "fsdp2" and load.bf16) else 2
    if load.adapter_rank is not None:
        trained = load.shape.adapter_parameters(load.adapter_rank)
        frozen, width = all_ * (4 if load.dtype == "float32" else 2), 4
    if launch.kind == "zero3" and (load.bf16 or load.dtype == "bfloat16"):
        # bfloat16 weights and gradients; the optimizer has a float32 copy beside its two moments
        return (
            _per_process(frozen + 2 * trained, launch),
            _per_process(12 * trained, launch),
            _per_process(2 * trained, launch),
        )
    copies = 1
    if launch.kind == "ddp":
        copies += 1  # the buckets that are averaged
    if load.measures_share and not launch.sharded:
        copies += 3
    weights = frozen + width * trained
    return (
        _per_process(weights, launch),
        _per_process(2 * width * trained, launch),
        _per_process(copies * width * trained, launch),
    )


def _per_process(size: int, launch: Launch) -> int:
    return -(-size // launch.processes) if launch.sharded else size


def _working(load: Load, launch: Launch, precision: Precision) -> int:
    """Weights that exist a second time while a layer computes."""
    shape = load.shape
    if launch.kind == "fsdp2":  # this layer, the next one, and the embeddings, which stay gathered
        return BYTES[precision].compute * (
            2 * shape.layer_parameters + shape.embedding * (1 if shape.tied else 2)
        )
    if launch.kind == "zero3":
        return BYTES[precision].compute * min(shape.parameters, LIVE_ZERO3)
    return 2 * shape.layers * shape.layer_matrices if precision == "mixed" else 0


def _update(
    load: Load, launch: Launch, precision: Precision, working: int, device: str
) -> tuple[int, int]:
    """(activations, head) at the moment when the two together are largest."""
    shape, rows, length = load.shape, load.rows, load.length
    layer = layer_bytes(shape, rows, length, precision, load.attention)
    transient = backward_transient(shape, rows, length, precision)
    forward, backward = _head(load, launch, precision, device)
    if not load.gradient_checkpointing:
        kept = shape.layers * layer
        return max((kept, backward), (kept + transient, 0), key=sum)
    kept = shape.layers * between_layers(shape, rows, length, precision)
    casts = 2 * shape.layer_matrices if precision == "mixed" else 0
    # autocast keeps what it has cast until the forward pass is over; checkpointing casts a layer
    # again on its way back
    cast_forward = working if precision == "mixed" else 0
    moments = (
        (kept + cast_forward, forward),
        (kept, backward),
        (kept + layer + transient + casts, 0),
    )
    return max(moments, key=sum)


def _head(load: Load, launch: Launch, precision: Precision, device: str) -> tuple[int, int]:
    """(at the end of the forward pass, at the start of the backward pass): TRL's fused head and the
    last norm.
    """
    shape, size = load.shape, BYTES[precision]
    scored = load.rows * (load.completion if device == "cuda" else load.length)
    tile = min(scored, TILE[0]) * min(shape.vocabulary, TILE[1])
    kept = load.rows * load.length * size.final_norm * shape.hidden_size
    gathered = 4 * shape.embedding if launch.kind == "fsdp2" else 0
    # Triton folds a tile in place; without it the arithmetic has three float32 tiles at a time
    # (four where the product is bfloat16), and eight on the way back
    forward = tile * (size.compute + (0 if device == "cuda" else 12 if size.compute == 4 else 16))
    backward = (
        tile * (size.compute + (0 if device == "cuda" else 32)) + 4 * scored * shape.hidden_size
    )
    if load.adapter_rank is None:
        backward += 4 * shape.embedding + (2 * shape.embedding if load.dtype == "bfloat16" else 0)
    return kept + gathered + forward, kept + gathered + backward


def _generation(load: Load, launch: Launch, precision: Precision) -> int:
    """transformers' generate: all completions of the process at once, the cache growing to the
    longest.
    """
    shape, size, rows, length = load.shape, BYTES[precision], load.generated_rows, load.length
    cache = cache_bytes(shape, rows, length, precision)
    joined = cache // shape.layers  # one layer's cache is copied when a token is added
    repeated = (
        rows
        * length
        * 2
        * shape.query_size
        * (size.cache + (size.compute if precision == "mixed" else 0))
    )
    logits = (
        4 * 4 * rows * shape.vocabulary
    )  # as float32, tempered, as probabilities, sorted or summed
    whole = BYTES[precision].compute * shape.parameters if launch.kind == "zero3" else 0
    return cache + joined + repeated + logits + max(whole, _working(load, launch, precision))
