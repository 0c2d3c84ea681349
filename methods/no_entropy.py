"""Plain GRPO: no entropy term, symmetric clipping. The reference that every comparison starts from.

    w_i = 0

Source: DeepSeekMath (arXiv 2402.03300) without its KL term.
"""

from dataclasses import dataclass
from typing import Literal

from methods.common.control import Control, Signals, State
from methods.common.lazy_torch import Tensor, torch
from methods.common.ranges import Clip


@dataclass(frozen=True)
class NoEntropy:
    """GRPO without an entropy term."""

    name: Literal["no_entropy"] = "no_entropy"
    clip: Clip = (0.2, 0.2)  # ε below and above

    def init(self) -> State:
        """Nothing is remembered."""
        return {}

    def control(self, state: State, accuracy_B: Tensor) -> Control:
        """No bonus."""
        return Control(torch.zeros_like(accuracy_B), self.clip)

    def observe(self, state: State, seen: Signals) -> State:
        """Nothing is remembered."""
        return state
