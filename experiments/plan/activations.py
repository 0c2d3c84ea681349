"""Bytes that autograd keeps for the backward pass of a Qwen3 layer, as a sum over its operations.

    norm over the width   float32: input, normalised, output            4 + 4 + 4
                          bfloat16: a float32 copy, normalised, output  4 + 2 + 2
                          mixed: as float32, but the output is copied to bfloat16 for each
                          projection that reads it
    norm over a head      float32: 4 + 4; else a float32 copy and a bfloat16 result: 4 + 2
    attention             rotated q; k and v, repeated to the query heads if the mask has padding;
                          the output
    MLP                   gate, its activation, up, their product
    padding mask          one row of it per token and layer, in the compute type (not with flash
                          attention)

Three precisions, as accelerate and TRL compute:
    float32    weights and everything else in float32
    bfloat16   weights in bfloat16; also the forward pass of FSDP2 and ZeRO-3 with `bf16: true`
    mixed      weights in float32, matrix products in bfloat16 under autocast (`bf16: true`); the
               residual stream stays float32, because a norm multiplies by its float32 weight

Source: measured with torch's saved-tensor hooks on transformers' Qwen3. A test compares these sums
with the hooks; they agree within 1 %.
"""

from typing import Literal, NamedTuple

from experiments.plan.geometry import Geometry

Precision = Literal["float32", "bfloat16", "mixed"]
AttentionKernel = Literal["sdpa", "eager", "flash_attention_2", "flash_attention_3"]


class Bytes(NamedTuple):
    """Bytes per element."""

    compute: int  # of a matrix product's operands
    residual: int  # of the stream between the layers
    width_norms: int  # kept by the two norms of a layer, per element of the width
    head_norm: int  # kept by the norms of queries and keys, per element of a head
    final_norm: int  # kept by the last norm, with its output
    cache: int  # of keys and values, in the type that a norm gives the keys


BYTES: dict[Precision, Bytes] = {
    "float32": Bytes(4, 4, 24, 8, 12, 4),
    "bfloat16": Bytes(2, 2, 16, 6, 8, 2),
    "mixed": Bytes(2, 4, 26, 6, 12, 4),
}


def layer_bytes(
    shape: Geometry, rows: int, length: int, precision: Precision, attention: AttentionKernel
) -> int:
    """Bytes that one layer keeps for `rows` sequences of `length` tokens, padding included."""
    size = BYTES[precision]
    flash = attention.startswith("flash")
    attended = shape.kv_size if flash else shape.query_size
    per_token = size.width_norms * shape.hidden_size
    per_token += size.head_norm * (shape.query_size + shape.kv_size)
    per_token += size.compute * (2 * shape.query_size + 2 * attended + 4 * shape.intermediate_size)
    # inverse deviations of the norms, sums of the softmax
    per_token += 4 * (2 + 2 * shape.heads + shape.kv_heads)
    if attention == "sdpa":
        per_token += size.compute * length
    if attention == "eager":
        per_token += (4 + size.compute) * shape.heads * length
    return rows * length * per_token


def between_layers(shape: Geometry, rows: int, length: int, precision: Precision) -> int:
    """Bytes kept per layer under gradient checkpointing: its input."""
    return rows * length * shape.hidden_size * BYTES[precision].residual


def backward_transient(shape: Geometry, rows: int, length: int, precision: Precision) -> int:
    """Bytes of the gradients that exist at once while one layer is differentiated: three as wide as
    the MLP, two as wide as the model, and one weight matrix.
    """
    size = BYTES[precision]
    per_token = 3 * size.compute * shape.intermediate_size + 2 * size.residual * shape.hidden_size
    return rows * length * per_token + shape.hidden_size * shape.intermediate_size * (
        4 + size.compute
    )


def cache_bytes(shape: Geometry, rows: int, length: int, precision: Precision) -> int:
    """Bytes of the keys and values of `rows` sequences in transformers' cache, all layers."""
    return rows * length * shape.layers * 2 * shape.kv_size * BYTES[precision].cache
