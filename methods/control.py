"""The contract of a method: what it sees of a rollout, and the two levers it has on the shared
objective.

A method is a frozen stdlib dataclass. Its fields are the paper's hyperparameters under the paper's
names, with their ranges; its equations are pure functions beside it. It is called twice per
rollout, always over all processes' rows:

    control(state, accuracy_B)  before the rollout's first update: how much entropy is worth, and where to clip
    observe(state, seen)        once the rollout's entropy has been measured: the next state

Two calls rather than one, because a run with a single update per rollout measures its entropy in
that update's own forward pass, after the control has been set. Both calls are pure: equal arguments
give equal results, nothing is drawn at random, nothing is mutated.

Shapes: B = completions of a rollout, all processes.
"""

from typing import NamedTuple, Protocol

from torch import Tensor

State = dict[str, float]
"""What a method remembers between rollouts. Finite numbers only: checkpoints store it as JSON, logs
plot it.
"""


class Control(NamedTuple):
    """The levers a method has on the shared objective (see objective.py)."""

    weight_B: (
        Tensor  # (B,) >= 0, loss units per nat: what a nat of entropy is worth in each completion
    )
    clip: tuple[float, float]  # (low, high): the ratio is clipped to [1 - low, 1 + high]


class Signals(NamedTuple):
    """What a rollout showed."""

    rollout: int  # rollouts before this one
    # nats per token, under the policy that generated the rollout, before its first update
    entropy: float
    # (B,) in [0, 1]: share of the row's group that the verifier calls correct; NaN = unscored
    accuracy_B: Tensor


class Method(Protocol):
    """What the trainer asks of a method."""

    def init(self) -> State: ...

    def control(self, state: State, accuracy_B: Tensor) -> Control: ...

    def observe(self, state: State, seen: Signals) -> State: ...
