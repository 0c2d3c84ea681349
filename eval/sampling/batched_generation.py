"""Generates a batch of completions; every row has its own random numbers.

    token = first i with  Σ_{j<=i} p_j  >  u · Σ_j p_j,    u = u(seed, position)

p is the float64 softmax of logits / temperature, cut to the smallest set of most likely tokens with
mass >= top_p. Two things differ from `model.generate`, which draws a whole batch from one stream:
here a completion depends on its prompt and seed and not on the other rows of its batch, and
finished rows leave the batch. Each distinct prompt is computed once.

u is SplitMix64 (Steele, Lea & Flood 2014, "Fast splittable pseudorandom number generators") at
state mix(seed) + position · GAMMA, so no state is kept between positions, and no generator of torch
is touched.

What repeats: a batch of the same size and order, with the same threads, library versions and
machine, is the same bit for bit; on a GPU this has not been tested. In another batch the logits
differ by rounding, and rarely (per token with a probability of about the rounding error) another
token is drawn.

Shapes: B = rows of the batch, P = distinct prompts, S = tokens in the cache, T = new tokens.
"""

import eval.sampling.lean_imports  # noqa: F401  # isort: skip

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers import DynamicCache

from eval.files.errors import BadInput
from eval.sampling.engine_interface import Sampling

GAMMA = np.uint64(0x9E3779B97F4A7C15)
DRAWN_TOGETHER = 2**22
"""Probabilities that a draw holds at a time: 32 MiB for each of its float64 tensors."""

Tokens = tuple[int, ...]


class NonFiniteLogits(BadInput):
    """The policy's logits hold NaN or infinity, so no token can be drawn."""


def generate_batch(
    model: Any,
    prompts: Sequence[Tokens],
    seeds: Sequence[int],
    sampling: Sampling,
    end_ids: Sequence[int],
    goes_on: Callable[[bool], bool] = bool,
) -> list[list[int]]:
    """The new tokens of each prompt, up to its first end token, which is included, or `max_tokens`.

    model: any causal language model of transformers, in evaluation mode. seeds: one per prompt, in
    [0, 2**64). goes_on: called after each token with whether a row here is unfinished; says whether
    another forward pass is made. Processes that share sharded weights go on until all are finished.

    Raises:
        NonFiniteLogits
    """
    device, limit = model.device, sampling.max_tokens
    ends = torch.tensor(sorted(end_ids), device=device)
    u_BT = torch.from_numpy(uniform_draws(seeds, limit)).to(device)
    cache, logits_BV, mask_BS = prefill(model, prompts, int(ends[0]))
    place_B = mask_BS.sum(1)  # of the next token, padding left out
    row_B = torch.arange(len(prompts), device=device)
    tokens_BT = ends[:1].repeat(len(prompts), limit)
    unfinished = True
    for t in range(limit):
        token_B = draw_tokens(logits_BV, u_BT[row_B, t], sampling.temperature, sampling.top_p)
        if unfinished:  # else these rows are computed for the sake of other processes only
            tokens_BT[row_B, t] = token_B
            live_B = ~torch.isin(token_B, ends)
            unfinished = bool(live_B.any())
            if unfinished and not live_B.all():
                keep = live_B.nonzero().squeeze(1)
                cache.batch_select_indices(keep)
                row_B, token_B, mask_BS = row_B[keep], token_B[keep], mask_BS[keep]
                place_B = place_B[keep]
        if t + 1 == limit or not goes_on(unfinished):
            break
        mask_BS = torch.nn.functional.pad(mask_BS, (0, 1), value=1)
        logits_BV = next_logits(model, token_B[:, None], mask_BS, place_B[:, None], cache)
        place_B = place_B + 1
    return cut_at_ends(tokens_BT, ends)


def prefill(
    model: Any, prompts: Sequence[Tokens], padding: int
) -> tuple[DynamicCache, Tensor, Tensor]:
    """Keys and values, (B, V) logits and (B, S) mask of the prompts. Each distinct prompt is
    computed once and copied to all rows that share it.
    """
    distinct = list(dict.fromkeys(prompts))
    width = max(map(len, distinct))
    ids = [[padding] * (width - len(prompt)) + list(prompt) for prompt in distinct]
    mask = [[0] * (width - len(prompt)) + [1] * len(prompt) for prompt in distinct]
    ids_PS, mask_PS = torch.tensor([ids, mask], device=model.device)
    cache = DynamicCache(config=model.config)
    place_PS = (mask_PS.cumsum(1) - 1).clamp(min=0)
    logits_PV = next_logits(model, ids_PS, mask_PS, place_PS, cache)
    number = {prompt: p for p, prompt in enumerate(distinct)}
    prompt_B = torch.tensor([number[prompt] for prompt in prompts], device=model.device)
    cache.batch_select_indices(prompt_B)
    return cache, logits_PV[prompt_B], mask_PS[prompt_B]


def next_logits(
    model: Any, ids_BT: Tensor, mask_BS: Tensor, place_BT: Tensor, cache: DynamicCache
) -> Tensor:
    """(B, V) logits after the last token. S: length of the cache, these tokens included; place_BT:
    each token's position in its own row.
    """
    out = model(
        input_ids=ids_BT,
        attention_mask=mask_BS,
        position_ids=place_BT,
        past_key_values=cache,
        logits_to_keep=1,
    )
    return out.logits[:, -1]


def cut_at_ends(tokens_BT: Tensor, ends: Tensor) -> list[list[int]]:
    """The rows, each up to its first end token, which is included."""
    ended_BT = torch.isin(tokens_BT, ends)
    length_B = torch.where(ended_BT.any(1), ended_BT.int().argmax(1) + 1, tokens_BT.shape[1])
    rows = zip(tokens_BT.tolist(), length_B.tolist(), strict=True)
    return [row[:length] for row, length in rows]


def draw_tokens(logits_BV: Tensor, u_B: Tensor, temperature: float, top_p: float) -> Tensor:
    """(B,) tokens, by the inverse of the cumulative distribution at u_B in [0, 1). At temperature 0
    the most likely token.

    Raises:
        NonFiniteLogits
    """
    if temperature == 0:
        return logits_BV.argmax(1)
    rows = max(1, DRAWN_TOGETHER // logits_BV.shape[1])
    parts = zip(logits_BV.split(rows), u_B.split(rows), strict=True)
    return torch.cat([_draw(logits, u, temperature, top_p) for logits, u in parts])


def _draw(logits_BV: Tensor, u_B: Tensor, temperature: float, top_p: float) -> Tensor:
    p_BV = torch.softmax(logits_BV.double() / temperature, dim=1)
    if top_p == 1:
        return _invert(p_BV, u_B)
    p_BV, order_BV = p_BV.sort(dim=1, descending=True, stable=True)
    before_BV = p_BV.cumsum(1) - p_BV
    picked_B = _invert(torch.where(before_BV < top_p, p_BV, 0.0), u_B)
    return order_BV.gather(1, picked_B[:, None]).squeeze(1)


def _invert(p_BV: Tensor, u_B: Tensor) -> Tensor:
    """(B,) first index whose cumulated p exceeds u times the total; never an index with p = 0."""
    cumulated_BV = p_BV.cumsum(1)
    total_B1 = cumulated_BV[:, -1:]
    if not total_B1.isfinite().all():
        raise NonFiniteLogits(
            "the policy's logits are not finite: its weights hold NaN or infinity, train it again"
        )
    aim_B1 = torch.minimum(
        u_B[:, None] * total_B1, torch.nextafter(total_B1, torch.zeros_like(total_B1))
    )
    return torch.searchsorted(cumulated_BV, aim_B1, right=True).squeeze(1)


def uniform_draws(seeds: Sequence[int], count: int) -> NDArray[np.float64]:
    """(B, count) numbers in [0, 1): the first of each row's own stream."""
    with np.errstate(over="ignore"):
        start_B1 = _mix(np.array(seeds, dtype=np.uint64))[:, None]
        state_BT = start_B1 + np.arange(1, count + 1, dtype=np.uint64) * GAMMA
        return (_mix(state_BT) >> np.uint64(11)).astype(np.float64) * 2.0**-53


def _mix(z: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The finaliser of SplitMix64: each input bit flips each output bit with probability 1/2."""
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))
