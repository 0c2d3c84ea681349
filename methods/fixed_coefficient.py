"""A constant bonus: the same worth of entropy everywhere and always.

    w_i = c

Source: entropy regularisation as in A3C (arXiv 1602.01783); published GRPO runs use c between 1e-4
and 1e-2. A coefficient is comparable between systems only at the same normaliser, learning rate,
advantage scaling and gradient clipping.
"""

from dataclasses import dataclass
from typing import Literal

from methods.common.control import Control, Signals, State
from methods.common.lazy_torch import Tensor, torch
from methods.common.ranges import Clip, Coefficient


@dataclass(frozen=True)
class FixedCoefficient:
    """GRPO plus a constant entropy bonus."""

    coefficient: Coefficient  # c, loss units per nat
    name: Literal["fixed_coefficient"] = "fixed_coefficient"
    clip: Clip = (0.2, 0.2)  # ε below and above

    def init(self) -> State:
        """Nothing is remembered."""
        return {}

    def control(self, state: State, accuracy_B: Tensor) -> Control:
        """The same worth in every row."""
        return Control(torch.full_like(accuracy_B, self.coefficient), self.clip)

    def observe(self, state: State, seen: Signals) -> State:
        """Nothing is remembered."""
        return state
