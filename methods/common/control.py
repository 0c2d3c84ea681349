"""The contract of a method: what it sees of a rollout, and which levers it has on the shared
objective (objective.py).

A method is a frozen stdlib dataclass. Its fields are the paper's hyperparameters under the paper's
names, with their ranges (ranges.py); its equations are pure functions beside it. Two calls are
required, a third is optional. All see all processes' rows, and each is made once per rollout:

    control(state, accuracy_B)  before the first update: what entropy is worth in each completion,
                                and where the ratio is clipped
    observe(state, seen)        after the last update: the next state

    shape(state, seen)          optional: levers on single tokens, decided after a scoring pass and
                                before the first update (Shape)

Scalars that change over time go through `control`, tensors over tokens through `shape`. Two
functions may stand beside them, for the few methods that need them:

    entropy_of(logits_NV)       which entropy is differentiated and measured (OwnEntropy)
    surrogate(…)                what stands in place of min(rA, clip(r)A) (OwnSurrogate)

All calls are pure: equal arguments give equal results, and nothing is mutated. A method that needs
random numbers takes them from `Rollout.uniform_BT`, never from a generator of its own, so that all
arms of a seed draw the same completions.

`control` comes before `observe` rather than in one call, because a run with a single update per
rollout measures its entropy in that update's own forward pass, after the control has been set.

Shapes: B = completions of a rollout over all processes, T = completion tokens, N = tokens in a row,
V = vocabulary.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol, TypeGuard, runtime_checkable

from methods.common.lazy_torch import Tensor

State = dict[str, float]
"""What a method remembers between rollouts. Finite numbers only: checkpoints store it as JSON, logs
plot it. A target entropy is called `target`, so that the diagnostics table finds it.
"""


class Control(NamedTuple):
    """The levers that act on whole completions and on the clip."""

    weight_B: Tensor  # (B,) >= 0, loss units per nat: what a nat of entropy is worth in each row
    clip: tuple[float, float]  # (low, high): the ratio is clipped to [1 - low, 1 + high]


class Rollout(NamedTuple):
    """What a rollout showed before its first update. Rows of one group need not be neighbours."""

    number: int  # rollouts before this one: the first is 0
    planned: int  # rollouts of the whole run, for schedules
    reward_B: Tensor  # (B,) what the advantages come from; NaN = unscored
    accuracy_B: Tensor  # (B,) share of the row's group that is correct; NaN = unscored
    advantage_B: Tensor  # (B,) GRPO's: 0 for unscored rows and for groups with equal rewards
    group_B: Tensor  # (B,) integers: rows with the same number answer the same question
    mask_BT: Tensor  # (B, T) 1 on tokens that count, 0 on padding and on rows that are left out
    logp_BT: Tensor  # (B, T) nats, log-probabilities of the sampled tokens
    entropy_BT: Tensor  # (B, T) nats, of `entropy_of` where the method has one
    entropy: float  # nats per token: the mean of the full softmax' entropy over all tokens
    uniform_BT: Tensor  # (B, T) in [0, 1), keyed by seed, rollout, row and token


class Shape(NamedTuple):
    """The levers that act on tokens; a lever that is None leaves the objective as it is.

    Padding may hold any finite number: the objective multiplies by the mask.
    """

    advantage: Tensor | None = None  # (B,) or (B, T), in place of A
    weight_BT: Tensor | None = None  # times the surrogate, never in T; 0 leaves the token out
    worth_BT: Tensor | None = None  # added to w_i, loss units per nat, of any sign
    tether_BT: Tensor | None = None  # times |log r|
    pull_BT: Tensor | None = None  # times r, which is not clipped there
    note: Mapping[str, float] = {}  # finite numbers for `observe`, as Signals.note

    def tensors(self) -> dict[str, Tensor]:
        """The levers that are set, by name."""
        levers = self._asdict()
        return {name: levers[name] for name in LEVERS if levers[name] is not None}


LEVERS = tuple(name for name in Shape._fields if name != "note")
"""Names of the levers on tokens."""


class Signals(NamedTuple):
    """What a rollout showed in the end."""

    rollout: int  # rollouts before this one: the first is 0
    # nats per token, under the policy that generated the rollout, before its first update
    entropy: float
    # (B,) in [0, 1]: share of the row's group that the verifier calls correct; NaN = unscored
    accuracy_B: Tensor
    own_entropy: float | None = None  # as `entropy`, of `entropy_of`; None = the method has none
    note: Mapping[str, float] = {}  # what `shape` noted about this rollout


class Method(Protocol):
    """What the trainer asks of every method."""

    @property
    def clip(self) -> tuple[float, float]: ...

    def init(self) -> State: ...

    def control(self, state: State, accuracy_B: Tensor) -> Control: ...

    def observe(self, state: State, seen: Signals) -> State: ...


class Shaping(Method, Protocol):
    """A method with the second port."""

    def shape(self, state: State, seen: Rollout) -> Shape: ...


def is_shaping(method: object) -> TypeGuard[Shaping]:
    """Whether the method has the second port. AER has a setting called `shape`, hence the test for
    a function.
    """
    return callable(getattr(method, "shape", None))


@runtime_checkable
class OwnEntropy(Method, Protocol):
    """A method that differentiates and measures another entropy than that of the full softmax."""

    def entropy_of(self, logits_NV: Tensor) -> Tensor:
        """(N,) nats, differentiable, of logits that are already divided by the temperature."""
        ...


@runtime_checkable
class OwnSurrogate(Method, Protocol):
    """A method with another surrogate than min(rA, clip(r)A)."""

    def surrogate(
        self,
        logp_BT: Tensor,
        old_logp_BT: Tensor,
        advantage_BT: Tensor,
        mask_BT: Tensor,
        clip: tuple[float, float],
    ) -> Tensor:
        """(B, T), what is minimised. advantage_BT may be (B, 1)."""
        ...


def needs_ratio(method: Any) -> bool:
    """Whether the method does nothing with one update per rollout, where every ratio is 1.

    A method may say so itself (`needs_ratio`). One that does not is asked for its clip: an
    asymmetric one is meant to act.
    """
    low, high = method.clip
    return bool(getattr(method, "needs_ratio", low != high))


def acts_on_the_ratio(method: Any) -> bool:
    """Whether the ratio is all that the method acts through, by its own word."""
    return bool(getattr(method, "needs_ratio", False))


def needs_scoring(method: Any) -> bool:
    """Whether the rollout has to be scored before its first update for `shape`.

    `needs_scoring = False` says that `shape` reads neither log-probabilities nor entropies; the
    trainer then gives it NaN for them wherever it has not measured them anyway.
    """
    return is_shaping(method) and bool(getattr(method, "needs_scoring", True))


def reconstruction(method: Any) -> bool:
    """Whether the method follows secondary text, because no reference code could be read."""
    return bool(getattr(method, "reconstruction", False))
