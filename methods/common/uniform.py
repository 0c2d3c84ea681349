"""Random numbers of a rollout: one per token, the same however the rollout is split.

A number is keyed by its purpose, the run's seed, the rollout, the row and the token. It comes from
a generator of its own: nothing is drawn from torch's global one, which an engine in this process
may draw completions from.
"""

import hashlib

from methods.common.lazy_torch import Tensor, torch


def keyed_uniform(seed: int, rollout: int, rows: int, tokens: int, purpose: str = "") -> Tensor:
    """(rows, tokens) in [0, 1), float32, on the CPU.

    `tokens` is the longest that a completion of the run may be, not the longest of this rollout:
    the numbers of a row depend on it. `purpose`: numbers of different purposes are independent;
    those of the methods have none.
    """
    key = hashlib.sha256(f"{purpose}{seed}/{rollout}".encode()).digest()[:8]
    generator = torch.Generator().manual_seed(int.from_bytes(key, "big") >> 1)
    return torch.rand(rows, tokens, generator=generator)
