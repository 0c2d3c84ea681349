"""The random numbers that methods may use: one per token, the same however a rollout is split.

A number is keyed by the run's seed, the rollout, the row and the token. It comes from a generator
of its own: nothing is drawn from torch's global one, whose numbers the completions are drawn with.
"""

import hashlib

import torch
from torch import Tensor


def keyed_uniform(seed: int, rollout: int, rows: int, tokens: int) -> Tensor:
    """(rows, tokens) in [0, 1), float32, on the CPU.

    `tokens` is the longest that a completion of the run may be, not the longest of this rollout:
    the numbers of a row depend on it.
    """
    key = hashlib.sha256(f"{seed}/{rollout}".encode()).digest()[:8]
    generator = torch.Generator().manual_seed(int.from_bytes(key, "big") >> 1)
    return torch.rand(rows, tokens, generator=generator)
