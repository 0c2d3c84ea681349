"""Clip-Cov: no policy gradient on a few tokens whose covariance of advantage and log-probability is
high.

    cov_it = (A_i - mean A)(log p_it - mean log p)
    S      = ⌊max(ρN, 1)⌋ tokens drawn from those with ω_low < cov < ω_high
    weight = 1[it not in S]

The cut tokens stay in the denominator.

Source: arXiv 2505.22617, section 4.2; PRIME-RL/Entropy-Mechanism-of-RL 8850579,
compute_policy_loss_clip_cov. Its clip is (1, 1): r is bounded by 2 alone.

Departures: the means and the draw go over the whole rollout of all processes; the code takes one
micro-batch on one GPU, under the current policy, and leaves out tokens that PPO's clip has cut
already, which cannot be known before the update (none is at clip (1, 1) on the golden inputs). It
draws from torch's global generator, here the tokens with the smallest keyed numbers are taken.
"""

from dataclasses import dataclass
from typing import Literal

from methods.common.control import Control, Rollout, Shape, Signals, State
from methods.common.lazy_torch import Tensor, torch
from methods.common.ranges import Fraction, NonNegative, Positive, WideClip
from methods.common.tokens import advantages_per_token, covariance, lowest


def drawn(seen: Rollout, rho: float, lower: float, upper: float) -> Tensor:
    """(B, T), boolean: S."""
    advantage_BT = advantages_per_token(seen.advantage_B, seen.mask_BT)
    cov_BT = covariance(seen.logp_BT, advantage_BT, seen.mask_BT)
    candidate_BT = (cov_BT > lower) & (cov_BT < upper) & seen.mask_BT.bool()
    count = int(max(rho * seen.mask_BT.sum().item(), 1))
    return lowest(seen.uniform_BT, candidate_BT, count, seen.uniform_BT)


@dataclass(frozen=True)
class ClipCov:
    """GRPO without the policy gradient of some high-covariance tokens."""

    name: Literal["clip_cov"] = "clip_cov"
    rho: Fraction = 2e-4  # ρ: share of all tokens that are cut; the scripts for 7B and 32B
    # units of advantage times nats, both of the scripts; a sharp policy rarely reaches 1
    omega_low: NonNegative = 1.0
    omega_high: Positive = 5.0
    clip: WideClip = (1.0, 1.0)  # ε below and above; the scripts

    def __post_init__(self) -> None:
        if self.omega_low >= self.omega_high:
            raise ValueError(
                f"omega_low = {self.omega_low} is not below omega_high = {self.omega_high}: no"
                " token could be cut: lower omega_low"
            )

    def init(self) -> State:
        """Nothing is remembered."""
        return {}

    def control(self, state: State, accuracy_B: Tensor) -> Control:
        """No bonus."""
        return Control(torch.zeros_like(accuracy_B), self.clip)

    def shape(self, state: State, seen: Rollout) -> Shape:
        """Weight 0 on the drawn tokens, 1 on all others."""
        cut_BT = drawn(seen, self.rho, self.omega_low, self.omega_high)
        return Shape(weight_BT=1 - cut_BT.to(seen.logp_BT.dtype))

    def observe(self, state: State, seen: Signals) -> State:
        """Nothing is remembered."""
        return state
