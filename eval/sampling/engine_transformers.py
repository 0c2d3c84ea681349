"""Samples with transformers: a generation loop in which every row has its own random numbers.

    token = first i with  Σ_{j<=i} p_j  >  u · Σ_j p_j,    u = u(seed, position)

p is the float64 softmax of logits / temperature, cut to the smallest set of most likely tokens with
mass >= top_p. Two things differ from `model.generate`, which draws a whole batch from one stream:
here a sample does not depend on the other rows of its batch, and finished rows leave the batch.

u is SplitMix64 (Steele, Lea & Flood 2014, "Fast splittable pseudorandom number generators") at
state mix(seed) + position · GAMMA, so no state is kept between positions.

What repeats: the list of requests is cut into fixed batches, and a batch is generated whole even if
some of its rows exist already. With the same batch size, threads, library versions and machine a
sample is therefore the same bit for bit; on a GPU this has not been tested. With another batch size
the logits differ by rounding, and rarely (per token with a probability of about the rounding error)
another token is drawn.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from torch import Tensor
from transformers import AutoModelForCausalLM, DynamicCache
from transformers.utils import logging

from eval.files.errors import BadInput
from eval.sampling.engine_interface import Completion, Key, Request, Sampling
from eval.sampling.policy_folder import check_weights, end_ids

GAMMA = np.uint64(0x9E3779B97F4A7C15)


class TransformersEngine:
    """Samples from a policy folder, on the GPU if there is one, else on the CPU.

    `batch`: completions that are generated together.
    """

    def __init__(
        self,
        policy: Path,
        tokenizer: Any,
        sampling: Sampling,
        batch: int = 512,
        dtype: str = "auto",
    ) -> None:
        self.sampling, self.tokenizer, self.batch = sampling, tokenizer, batch
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.model = load_model(policy, dtype).to(self.device)
        self.end_ids = torch.tensor(end_ids(policy, tokenizer), device=self.device)

    def complete(
        self, requests: list[Request], done: set[Key]
    ) -> Iterator[list[tuple[Request, Completion]]]:
        for start in range(0, len(requests), self.batch):
            batch = requests[start : start + self.batch]
            if all(request.key in done for request in batch):
                continue
            made = zip(batch, self._complete_batch(batch), strict=True)
            yield [(request, completion) for request, completion in made if request.key not in done]

    @torch.inference_mode()
    def _complete_batch(self, batch: list[Request]) -> list[Completion]:
        tokens_BT = self._generate(batch).cpu()
        ended_BT = torch.isin(tokens_BT, self.end_ids.cpu())
        lengths = torch.where(
            ended_BT.any(1), ended_BT.int().argmax(1) + 1, tokens_BT.shape[1]
        ).tolist()
        kept = [row[:length] for row, length in zip(tokens_BT.tolist(), lengths, strict=True)]
        texts = self.tokenizer.batch_decode(kept, skip_special_tokens=True)
        stops = ended_BT.any(1).tolist()
        return [
            Completion(text, length, "stop" if stop else "length")
            for text, length, stop in zip(texts, lengths, stops, strict=True)
        ]

    def _generate(self, batch: list[Request]) -> Tensor:
        """(B, T) generated tokens. Tokens after a row's end token have no meaning."""
        cache, logits_BV, mask_BS = self._prefill(batch)
        seed_B = np.array([request.seed for request in batch], dtype=np.uint64)
        row_B = torch.arange(len(batch), device=self.device)
        tokens_BT = self.end_ids[:1].repeat(len(batch), self.sampling.max_tokens)
        position = 0
        for position in range(self.sampling.max_tokens):
            u_B = torch.from_numpy(uniform_draws(seed_B, position)).to(self.device)
            token_B = draw_tokens(logits_BV, u_B, self.sampling.temperature, self.sampling.top_p)
            tokens_BT[row_B, position] = token_B
            live_B = ~torch.isin(token_B, self.end_ids)
            if position + 1 == self.sampling.max_tokens or not live_B.any():
                break
            if not live_B.all():
                keep = live_B.nonzero().squeeze(1)
                cache.batch_select_indices(keep)
                row_B, token_B, mask_BS = row_B[keep], token_B[keep], mask_BS[keep]
                seed_B = seed_B[keep.cpu().numpy()]
            mask_BS = torch.nn.functional.pad(mask_BS, (0, 1), value=1)
            logits_BV = self._forward(token_B[:, None], mask_BS, cache)
        return tokens_BT[:, : position + 1]

    def _prefill(self, batch: list[Request]) -> tuple[DynamicCache, Tensor, Tensor]:
        """Keys and values, (B, V) logits and (B, S) mask of the prompts. Each distinct prompt is
        computed once and copied to all rows that share it.
        """
        prompts = list(dict.fromkeys(request.prompt_ids for request in batch))
        width = max(map(len, prompts))
        ids = [[int(self.end_ids[0])] * (width - len(prompt)) + list(prompt) for prompt in prompts]
        mask = [[0] * (width - len(prompt)) + [1] * len(prompt) for prompt in prompts]
        mask_PS = torch.tensor(mask, device=self.device)
        cache = DynamicCache(config=self.model.config)
        logits_PV = self._forward(torch.tensor(ids, device=self.device), mask_PS, cache)
        number = {prompt: p for p, prompt in enumerate(prompts)}
        prompt_B = torch.tensor(
            [number[request.prompt_ids] for request in batch], device=self.device
        )
        cache.batch_select_indices(prompt_B)
        return cache, logits_PV[prompt_B], mask_PS[prompt_B]

    def _forward(self, ids_BT: Tensor, mask_BS: Tensor, cache: DynamicCache) -> Tensor:
        """(B, V) logits after the last token. S: length of the cache, these tokens included."""
        position_BT = (mask_BS.cumsum(1) - 1).clamp(min=0)[:, -ids_BT.shape[1] :]
        out = self.model(
            input_ids=ids_BT,
            attention_mask=mask_BS,
            position_ids=position_BT,
            past_key_values=cache,
            logits_to_keep=1,
        )
        return out.logits[:, -1]


def load_model(policy: Path, dtype: str) -> Any:
    """The policy in evaluation mode.

    Raises:
        BadInput: the folder cannot be loaded, or lacks weights, which transformers would draw at
            random.
    """
    logging.disable_progress_bar()
    check_weights(policy)
    options: dict[str, Any] = {
        "use_safetensors": True,
        "local_files_only": True,
        "output_loading_info": True,
    }
    try:
        loaded: Any = AutoModelForCausalLM.from_pretrained(policy, dtype=dtype, **options)
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise BadInput(f"{policy}: transformers cannot load this policy: {error}") from None
    model, info = loaded
    absent = sorted(info["missing_keys"])
    if absent:
        raise BadInput(
            f"{policy}: {len(absent)} weights are missing, such as {absent[0]}: write the folder"
            " again"
        )
    return model.eval()


def draw_tokens(logits_BV: Tensor, u_B: Tensor, temperature: float, top_p: float) -> Tensor:
    """(B,) tokens, by the inverse of the cumulative distribution at u_B in [0, 1). At temperature 0
    the most likely token.
    """
    if temperature == 0:
        return logits_BV.argmax(1)
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
        raise BadInput(
            "the policy's logits are not finite: its weights hold NaN or infinity, train it again"
        )
    aim_B1 = torch.minimum(
        u_B[:, None] * total_B1, torch.nextafter(total_B1, torch.zeros_like(total_B1))
    )
    return torch.searchsorted(cumulated_BV, aim_B1, right=True).squeeze(1)


def uniform_draws(seed_B: NDArray[np.uint64], position: int) -> NDArray[np.float64]:
    """(B,) numbers in [0, 1): number `position` of each row's own stream."""
    with np.errstate(over="ignore"):
        state_B = _mix(seed_B) + np.uint64(position + 1) * GAMMA
    return (_mix(state_B) >> np.uint64(11)).astype(np.float64) * 2.0**-53


def _mix(z: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The finaliser of SplitMix64: each input bit flips each output bit with probability 1/2."""
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))
