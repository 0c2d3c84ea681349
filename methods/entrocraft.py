"""Entrocraft: entropy is held in a band by learning from right answers alone above it, and from
wrong ones alone below it.

    H > upper    A_i = max(R_i, 0)
    H < lower    A_i = min(R_i, 0)          R_i = 2 · reward - 1
    between      A_i, GRPO's
    band         from its start to its end over the planned rollouts, linearly or as ½(1 - cos πs/S)

Source: arXiv 2604.26326; lblaoke/entrocraft 26165bd, compute_grpo_range[_linear, _cos]_outcome_
advantage. Rewards there are -1 and 1: with 0 and 1 its "wrong alone" branch would be empty, so
rewards are mapped here. Outside the band nothing is normalised, so that the size of the step jumps
at its edges.

Departures: inside the band the advantage is this suite's (std + 1e-4, and whatever `scale_rewards`
says), and the script's KL term of 1e-3 is left out.
"""

from dataclasses import dataclass
from math import cos, pi
from typing import Literal

from methods.common.control import Control, Rollout, Shape, Signals, State
from methods.common.lazy_torch import Tensor, torch
from methods.common.ranges import Clip, Nats

SCHEDULES = {
    "constant": lambda share: 0.0,
    "linear": lambda share: share,
    "cosine": lambda share: (1 - cos(pi * share)) / 2,
}


def bound_at(ends: tuple[float, float], number: int, planned: int, schedule: str) -> float:
    """Nats: where a bound of the band is at rollout `number`."""
    start, end = ends
    return start + (end - start) * SCHEDULES[schedule](number / planned)


def one_sided(reward_B: Tensor, advantage_B: Tensor, entropy: float, band: tuple[float, float]):
    """(B,): the advantage of a rollout of this entropy. reward_B: -1 or 1."""
    lower, upper = band
    if entropy > upper:
        return reward_B.clamp(min=0)
    if entropy < lower:
        return reward_B.clamp(max=0)
    return advantage_B


@dataclass(frozen=True)
class Entrocraft:
    """GRPO that learns from one sign of the reward while entropy is outside a band."""

    name: Literal["entrocraft"] = "entrocraft"
    lower: tuple[Nats, Nats] = (0.6, 0.4)  # start and end, nats; the Qwen3-4B-Base script
    upper: tuple[Nats, Nats] = (0.7, 0.5)  # start and end, nats; the Qwen3-4B-Base script
    # constant: the band's start throughout; the script's is linear
    schedule: Literal["constant", "linear", "cosine"] = "linear"
    clip: Clip = (0.2, 0.2)  # ε below and above; the script

    def __post_init__(self) -> None:
        for lower, upper in zip(self.lower, self.upper, strict=True):
            if lower > upper:
                raise ValueError(f"lower {lower} is above upper {upper}: swap them")

    def init(self) -> State:
        """Nothing is remembered."""
        return {}

    def control(self, state: State, accuracy_B: Tensor) -> Control:
        """No bonus."""
        return Control(torch.zeros_like(accuracy_B), self.clip)

    def shape(self, state: State, seen: Rollout) -> Shape:
        """An advantage per completion; unscored rows have none."""
        signed_B = (2 * seen.reward_B - 1).nan_to_num(nan=0.0)
        lower, upper = (
            bound_at(ends, seen.number, seen.planned, self.schedule)
            for ends in (self.lower, self.upper)
        )
        advantage_B = one_sided(signed_B, seen.advantage_B, seen.entropy, (lower, upper))
        return Shape(advantage=advantage_B, note={"lower": lower, "upper": upper})

    def observe(self, state: State, seen: Signals) -> State:
        """The band of the rollout, for the log."""
        return dict(seen.note)
