"""CE-GPPO: tokens beyond the clip keep a bounded gradient.

    inside the clip              -r A
    r < 1 - ε_low,  A < 0        -β1 (1 - ε_low)  (r / sg r) A
    r > 1 + ε_high, A > 0        -β2 (1 + ε_high) (r / sg r) A
    A < 0                        at most -c A, a dual clip

sg stops the gradient. With β1 = β2 = 0 the gradient is PPO's.

Source: arXiv 2509.20712; Kwai-Klear/CE-GPPO 10558fe, compute_gppo_loss_general_beta.

Departures: none in the surrogate. With one update per rollout every r is 1 and it is plain GRPO.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

from methods.common.control import Control, Signals, State
from methods.common.lazy_torch import Tensor, torch
from methods.common.ranges import AtLeastOne, Clip, NonNegative


@dataclass(frozen=True)
class CEGPPO:
    """GRPO whose clipped tokens keep a part of their gradient."""

    needs_ratio: ClassVar[bool] = True
    name: Literal["ce_gppo"] = "ce_gppo"
    beta1: NonNegative = 0.75  # β1, of tokens clipped below; the 7B script (1.5B: 0.5)
    beta2: NonNegative = 1.0  # β2, of tokens clipped above; the scripts
    c: AtLeastOne = 10.0  # of the dual clip; the scripts
    clip: Clip = (0.2, 0.2)  # ε below and above; the 7B script

    def surrogate(
        self,
        logp_BT: Tensor,
        old_logp_BT: Tensor,
        advantage_BT: Tensor,
        mask_BT: Tensor,
        clip: tuple[float, float],
    ) -> Tensor:
        """(B, T): the four lines above."""
        low, high = clip
        ratio_BT = torch.exp(logp_BT - old_logp_BT)
        one_BT = ratio_BT / ratio_BT.detach()
        below_BT = (ratio_BT < 1 - low) & (advantage_BT < 0)
        above_BT = (ratio_BT > 1 + high) & (advantage_BT > 0)
        loss_BT = -ratio_BT * advantage_BT
        loss_BT = torch.where(below_BT, -self.beta1 * (1 - low) * one_BT * advantage_BT, loss_BT)
        loss_BT = torch.where(above_BT, -self.beta2 * (1 + high) * one_BT * advantage_BT, loss_BT)
        capped_BT = torch.min(loss_BT, -self.c * advantage_BT)
        return torch.where(advantage_BT < 0, capped_BT, loss_BT)

    def init(self) -> State:
        """Nothing is remembered."""
        return {}

    def control(self, state: State, accuracy_B: Tensor) -> Control:
        """No bonus."""
        return Control(torch.zeros_like(accuracy_B), self.clip)

    def observe(self, state: State, seen: Signals) -> State:
        """Nothing is remembered."""
        return state
