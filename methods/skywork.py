"""Skywork-OR1's adaptive entropy control: a uniform bonus whose coefficient moves by fixed steps,
and which is off while entropy is high enough.

    c'  = clip(c + Δ, c_min, c_max) if H < H*, else clip(c - Δ, c_min, c_max)     once per rollout
    w_i = c · 1[H < H*]                                                           of the next one

Source: arXiv 2505.22312, section 3.2.5; SkyworkAI/Skywork-OR1 64e96af, EntController.update and
dp_actor.py. Its code compares strictly, as here; `variant: trl` is TRL 1.16's rule
(GRPOTrainer._compute_loss): <=, and the bonus of the first rollout is off.

Departures: H is the exact entropy over all processes; the code takes -mean log p of the sampled
tokens on the first process. The bonus is divided by the T of the policy term. TRL updates c after
each optimizer step, and its restriction of the bonus to high-entropy tokens is left out.
"""

from dataclasses import dataclass
from typing import Literal

from methods.common.control import Control, Signals, State
from methods.common.lazy_torch import Tensor, torch
from methods.common.ranges import Clip, Coefficient, Nats


def stepped(c: float, below: bool, delta: float, low: float, high: float) -> float:
    """clip(c ± Δ, low, high), up where entropy is below its target."""
    return min(max(c + delta if below else c - delta, low), high)


@dataclass(frozen=True)
class Skywork:
    """GRPO with Skywork-OR1's, or TRL's, adaptive entropy coefficient."""

    name: Literal["skywork"] = "skywork"
    target: Nats = 0.2  # H*, nats; all six training scripts of Skywork-OR1, and TRL
    # Δ, loss units per nat and rollout; the scripts (the paper's text and TRL: 0.005)
    delta: Coefficient = 1e-4
    c_0: Coefficient = 0.0  # c before the first rollout; the scripts
    c_min: Coefficient = 0.0  # the scripts, and TRL
    c_max: Coefficient = 5e-3  # the scripts (TRL: 1.0)
    variant: Literal["skywork", "trl"] = "skywork"  # trl: H <= H* opens the gate
    clip: Clip = (0.2, 0.2)  # ε below and above; the scripts

    def __post_init__(self) -> None:
        if not self.c_min <= self.c_0 <= self.c_max:
            raise ValueError(
                f"c_0 = {self.c_0} is not in [c_min, c_max] = {self.c_min, self.c_max}: move c_0"
                " or a bound"
            )

    def init(self) -> State:
        """c_0. Before any entropy is known Skywork's gate is open and TRL's is shut."""
        gate = float(self.variant == "skywork")
        return {"coefficient": self.c_0, "gate": gate, "target": self.target}

    def control(self, state: State, accuracy_B: Tensor) -> Control:
        """The same worth in every row: c, or 0 while the gate is shut."""
        return Control(torch.full_like(accuracy_B, state["coefficient"] * state["gate"]), self.clip)

    def observe(self, state: State, seen: Signals) -> State:
        """Moves c by one step, and sets the gate of the next rollout."""
        equal = self.variant == "trl" and seen.entropy == self.target
        below = seen.entropy < self.target or equal
        moved = stepped(state["coefficient"], below, self.delta, self.c_min, self.c_max)
        return {"coefficient": moved, "gate": float(below), "target": self.target}
