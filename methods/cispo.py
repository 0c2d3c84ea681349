"""CISPO: the ratio is clipped, not the update; no token ever loses its gradient.

    -sg(clip(r, 1 - ε_low, 1 + ε_high)) · A · log p

sg stops the gradient.

Source: MiniMax-M1 (arXiv 2506.13585); verl 1dda039, compute_policy_loss_cispo. The paper has no
lower bound (ε_low = 1) and tunes the upper one; TRL's documentation recommends a largest ratio of
5, which is ε_high = 4.

Departures: none in the surrogate. With one update per rollout every r is 1 and its gradient is that
of plain GRPO.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

from methods.common.control import Control, Signals, State
from methods.common.lazy_torch import Tensor, torch
from methods.common.ranges import WideClip


@dataclass(frozen=True)
class CISPO:
    """REINFORCE with clipped importance weights, in place of the clipped surrogate."""

    needs_ratio: ClassVar[bool] = True
    name: Literal["cispo"] = "cispo"
    clip: WideClip = (1.0, 4.0)  # ε below and above: no lower bound, and ratios up to 5

    def surrogate(
        self,
        logp_BT: Tensor,
        old_logp_BT: Tensor,
        advantage_BT: Tensor,
        mask_BT: Tensor,
        clip: tuple[float, float],
    ) -> Tensor:
        """(B, T): the line above."""
        low, high = clip
        ratio_BT = torch.exp(logp_BT - old_logp_BT).detach()
        return -ratio_BT.clamp(1 - low, 1 + high) * advantage_BT * logp_BT

    def init(self) -> State:
        """Nothing is remembered."""
        return {}

    def control(self, state: State, accuracy_B: Tensor) -> Control:
        """No bonus."""
        return Control(torch.zeros_like(accuracy_B), self.clip)

    def observe(self, state: State, seen: Signals) -> State:
        """Nothing is remembered."""
        return state
