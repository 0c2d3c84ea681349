"""KL-Cov: the tokens of highest covariance are tied to the old policy; nothing is clipped.

    cov_it = (A_i - mean A)(log p_it - mean log p)
    S      = the max(1, ⌊kN⌋) tokens of highest cov
    tether = β · 1[it in S],    clip = (1, infinity)

Source: arXiv 2505.22617, section 4.2; PRIME-RL/Entropy-Mechanism-of-RL 8850579,
compute_policy_loss_kl_cov. Its `k_percent` is in per cent: 0.2 for 7B, 0.02 for 32B. verl's
`kl_cov_ratio` 2e-4 is the fraction of the 32B model; SkyRL's `kl_cov_frac` 0.2 is twenty per cent.

The gradient of |log r| is 0 at r = 1: with one update per rollout this is unclipped GRPO.

Departure: S is chosen over the whole rollout of all processes in the scoring pass; the code chooses
in each micro-batch of one GPU, under the current policy.
"""

from dataclasses import dataclass
from math import inf
from typing import ClassVar, Literal

from methods.common.control import Control, Rollout, Shape, Signals, State
from methods.common.lazy_torch import Tensor, torch
from methods.common.ranges import Fraction, NonNegative
from methods.common.tokens import advantages_per_token, covariance, highest


def tied(seen: Rollout, k: float) -> Tensor:
    """(B, T), boolean: S."""
    advantage_BT = advantages_per_token(seen.advantage_B, seen.mask_BT)
    cov_BT = covariance(seen.logp_BT, advantage_BT, seen.mask_BT)
    count = max(1, int(k * seen.mask_BT.sum().item()))
    return highest(cov_BT, seen.mask_BT.bool(), count, seen.uniform_BT)


@dataclass(frozen=True)
class KLCov:
    """Unclipped GRPO with a penalty on the ratio of high-covariance tokens."""

    needs_ratio: ClassVar[bool] = True
    name: Literal["kl_cov"] = "kl_cov"
    k: Fraction = 2e-3  # share of all tokens; the script for 7B (for 32B: 2e-4)
    beta: NonNegative = 1.0  # β, loss units per nat of |log r|; the scripts

    @property
    def clip(self) -> tuple[float, float]:
        """(low, high): there is none, which is part of the method."""
        return 1.0, inf

    def init(self) -> State:
        """Nothing is remembered."""
        return {}

    def control(self, state: State, accuracy_B: Tensor) -> Control:
        """No bonus, no clip."""
        return Control(torch.zeros_like(accuracy_B), self.clip)

    def shape(self, state: State, seen: Rollout) -> Shape:
        """β on the chosen tokens, 0 on all others."""
        return Shape(tether_BT=self.beta * tied(seen, self.k).to(seen.logp_BT.dtype))

    def observe(self, state: State, seen: Signals) -> State:
        """Nothing is remembered."""
        return state
