"""A proportional controller: the bonus grows with the distance of entropy below its target.

    w_i = K_p max(0, H* - H)            H of the rollout before

Source: arXiv 2606.00096, whose subject is tool use of visual agents, not maths; its code had been
announced and could not be read. A reconstruction from secondary text.

Departures: H is that of the rollout before, so the first rollout has no bonus. The bonus is divided
by the T of the policy term.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

from methods.common.control import Control, Signals, State
from methods.common.lazy_torch import Tensor, torch
from methods.common.ranges import Clip, Coefficient, Nats


@dataclass(frozen=True)
class Proportional:
    """GRPO with a proportional entropy coefficient (reconstruction)."""

    reconstruction: ClassVar[bool] = True
    name: Literal["proportional"] = "proportional"
    K_p: Coefficient = 0.03  # loss units per nat and nat of error; secondary text
    target: Nats = 0.9  # H*, nats; secondary text, for another model and task
    clip: Clip = (0.2, 0.2)  # ε below and above

    def init(self) -> State:
        """No error is known."""
        return {"error": 0.0, "target": self.target}

    def control(self, state: State, accuracy_B: Tensor) -> Control:
        """K_p times the last error in every row, where it is positive."""
        return Control(torch.full_like(accuracy_B, self.K_p * max(0.0, state["error"])), self.clip)

    def observe(self, state: State, seen: Signals) -> State:
        """The error that the next rollout's bonus is made from."""
        return {"error": self.target - seen.entropy, "target": self.target}
