"""Clip-Higher: a wider clip above than below, so that unlikely tokens of good answers may rise
further.

    r clipped to [1 - ε_low, 1 + ε_high],  ε_high > ε_low;  w_i = 0

Source: DAPO (arXiv 2503.14476), section 3.1; ε_low 0.2, ε_high 0.28. It acts only through the clip,
so it needs more than one update per rollout: at r = 1 it is plain GRPO bit for bit, and an
experiment that asks for that is refused.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

from methods.common.control import Control, Signals, State
from methods.common.lazy_torch import Tensor, torch
from methods.common.ranges import Epsilon, Positive


@dataclass(frozen=True)
class ClipHigher:
    """GRPO with decoupled clipping."""

    needs_ratio: ClassVar[bool] = True
    name: Literal["clip_higher"] = "clip_higher"
    epsilon_low: Epsilon = 0.2  # ε_low; the paper's
    epsilon_high: Positive = 0.28  # ε_high; the paper's

    @property
    def clip(self) -> tuple[float, float]:
        """(low, high)"""
        return self.epsilon_low, self.epsilon_high

    def init(self) -> State:
        """Nothing is remembered."""
        return {}

    def control(self, state: State, accuracy_B: Tensor) -> Control:
        """No bonus, the asymmetric clip."""
        return Control(torch.zeros_like(accuracy_B), self.clip)

    def observe(self, state: State, seen: Signals) -> State:
        """Nothing is remembered."""
        return state
