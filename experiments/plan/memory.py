"""Estimates the memory of one GPU while a policy is trained.

    always       weights, optimizer (two moments per trained parameter, in its type)
    update       gradients, copies of weights (by autocast, or gathered from shards), activations,
                 the fused head
    generation   keys and values of the process' completions, or vLLM's share of the GPU
    peak         always + the larger of update and generation

A weight loaded in bfloat16 is trained in bfloat16: gradient and moments have its type, there is no
float32 copy, and an update smaller than 1/256 of the weight is lost to rounding. `bf16: true` alone
adds autocast and no copy; float32 weights under autocast are the usual "mixed precision". FSDP2
(accelerate) makes trained weights float32 when mixed precision is on. DeepSpeed keeps a float32
copy of bfloat16 weights. With sharding, gradients are shards during the whole update
(experiments/training/update/sharding.py).

Source: the code of TRL 1.16, accelerate and torch 2.13; ZeRO's 16 bytes per parameter from
arXiv 1910.02054. tests/speed/memory.py compares the estimate with measured peaks. Not included are
fragments of the allocator and the CUDA context; for these RESERVED_SHARE of a GPU stays free.
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

# share of a GPU: for context, fragments, and the estimate's measured error (docs/planning.md)
RESERVED_SHARE = 0.12
TILE = (4096, 32_768)  # tokens and vocabulary entries that TRL's fused head multiplies at a time
# probabilities that eval/sampling/batched_generation.py holds at a time, and its copies of them in
# float64: divided, normalised, sorted with their order, cut, summed
DRAWN_AT_ONCE, DRAWN_COPIES = 1 << 22, 6
# largest number of parameters that DeepSpeed gathers at once (stage3_max_live_parameters)
LIVE_ZERO3 = 1_000_000_000


@dataclass(frozen=True)
class Launch:
    """How a training run is launched: the number of processes, each on its own GPU, and whether
    each holds all weights or a shard of them.
    """

    kind: Literal["single", "ddp", "fsdp2", "zero3"]
    processes: int = 1

    @property
    def sharded(self) -> bool:
        return self.kind in ("fsdp2", "zero3")


@dataclass(frozen=True)
class Load:
    """What one process holds in memory and computes."""

    shape: Geometry
    dtype: Literal["float32", "bfloat16"]  # of the loaded weights
    bf16: bool  # mixed precision
    gradient_checkpointing: bool
    attention: AttentionKernel
    rows: int  # sequences per forward pass
    generated_rows: int  # sequences of this process in a rollout
    prompt: int  # tokens of the longest prompt
    completion: int  # tokens of the longest completion
    adapter_rank: int | None = None  # LoRA on frozen weights
    measures_share: bool = False  # gradient_share_every is set: three more copies of the gradient
    engine: Literal["transformers", "colocate", "server"] = "transformers"
    engine_bytes: int = 0  # vLLM's share of this GPU
    engine_sleeps: bool = False

    @property
    def length(self) -> int:
        return self.prompt + self.completion


@dataclass(frozen=True)
class Estimate:
    """Bytes on one GPU, by purpose."""

    weights: int
    optimizer: int
    gradients: int
    working: int  # second copies of weights: cast by autocast, or gathered from shards
    activations: int
    head: int
    generation: int  # for generating a rollout (cache or engine), or for scoring it
    beside: int  # of the vLLM engine during updates

    @property
    def update(self) -> int:
        """Bytes during an update, beside weights and optimizer."""
        return self.gradients + self.working + self.activations + self.head + self.beside

    @property
    def peak(self) -> int:
        """The most bytes that are in use at once."""
        return self.weights + self.optimizer + max(self.update, self.generation)

    def fits(self, gpu_bytes: float) -> bool:
        return self.peak <= (1 - RESERVED_SHARE) * gpu_bytes


def precision_of(load: Load, launch: Launch) -> Precision:
    """The precision of the forward pass (activations.py)."""
    if load.dtype == "bfloat16" or (load.bf16 and launch.sharded):
        return "bfloat16"
    return "mixed" if load.bf16 else "float32"


def estimate_memory(
    load: Load, launch: Launch, device: Literal["cuda", "cpu"] = "cuda"
) -> Estimate:
    """Estimates the memory of one process. `device`: where the fused head computes."""
    precision = precision_of(load, launch)
    weights, optimizer, gradients = _states(load, launch)
    working = _working(load, launch, precision)
    activations, head = _update(load, launch, precision, working, device)
    # the forward pass of the old policy, without gradients
    scoring = working + _head(load, launch, precision, device)[0]
    made = (
        load.engine_bytes if load.engine != "transformers" else _generation(load, launch, precision)
    )
    generation = max(made, scoring + (0 if load.engine_sleeps else load.engine_bytes))
    beside = 0 if load.engine_sleeps else load.engine_bytes
    kept = 0 if load.gradient_checkpointing and precision == "mixed" else working
    return Estimate(weights, optimizer, gradients, kept, activations, head, generation, beside)


def _states(load: Load, launch: Launch) -> tuple[int, int, int]:
    """Bytes of (weights, optimizer, gradients)."""
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
        copies += 1  # DDP's buckets, in which gradients are averaged
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
    """Bytes of weights that exist a second time while a layer computes."""
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
    """Bytes of (activations, head) when their sum is largest."""
    shape, rows, length = load.shape, load.rows, load.length
    layer = layer_bytes(shape, rows, length, precision, load.attention)
    transient = backward_transient(shape, rows, length, precision)
    forward, backward = _head(load, launch, precision, device)
    if not load.gradient_checkpointing:
        kept = shape.layers * layer
        return max((kept, backward), (kept + transient, 0), key=sum)
    kept = shape.layers * between_layers(shape, rows, length, precision)
    casts = 2 * shape.layer_matrices if precision == "mixed" else 0
    # Autocast keeps its copies until the end of the forward pass. Under checkpointing, each layer
    # is cast again in the backward pass.
    cast_forward = working if precision == "mixed" else 0
    moments = (
        (kept + cast_forward, forward),
        (kept, backward),
        (kept + layer + transient + casts, 0),
    )
    return max(moments, key=sum)


def _head(load: Load, launch: Launch, precision: Precision, device: str) -> tuple[int, int]:
    """Bytes of TRL's fused head and the last norm: (at the end of the forward pass, at the start of
    the backward pass).
    """
    shape, size = load.shape, BYTES[precision]
    scored = load.rows * (load.completion if device == "cuda" else load.length)
    tile = min(scored, TILE[0]) * min(shape.vocabulary, TILE[1])
    kept = load.rows * load.length * size.final_norm * shape.hidden_size
    gathered = 4 * shape.embedding if launch.kind == "fsdp2" else 0
    # Triton reduces a tile in place. Without it three float32 tiles exist at a time in the forward
    # pass (four if the product is bfloat16), and eight in the backward pass.
    forward = tile * (size.compute + (0 if device == "cuda" else 12 if size.compute == 4 else 16))
    backward = (
        tile * (size.compute + (0 if device == "cuda" else 32)) + 4 * scored * shape.hidden_size
    )
    if load.adapter_rank is None:
        backward += 4 * shape.embedding + (2 * shape.embedding if load.dtype == "bfloat16" else 0)
    return kept + gathered + forward, kept + gathered + backward


def _generation(load: Load, launch: Launch, precision: Precision) -> int:
    """Bytes for the suite's own generation: all completions of the process at once, and a cache
    that grows to the longest. (Rows that have ended leave; here none has.)
    """
    shape, size, rows, length = load.shape, BYTES[precision], load.generated_rows, load.length
    cache = cache_bytes(shape, rows, length, precision)
    joined = cache // shape.layers  # a layer's cache is copied when a token is added
    repeated = (
        rows
        * length
        * 2
        * shape.query_size
        * (size.cache + (size.compute if precision == "mixed" else 0))
    )
    logits = 2 * size.compute * rows * shape.vocabulary  # of the prompts, and of each row
    drawn = DRAWN_COPIES * 8 * min(rows * shape.vocabulary, DRAWN_AT_ONCE)
    whole = BYTES[precision].compute * shape.parameters if launch.kind == "zero3" else 0
    return (
        cache + joined + repeated + logits + drawn + max(whole, _working(load, launch, precision))
    )
