"""Has a run exploded? Told from its rollouts so far, and remembered in every checkpoint.

    limit = max(share · log V, GROWN · H_0)        nats per token; V: vocabulary, H_0: first rollout

A run explodes at the rollout that is the n-th in a row with entropy above the limit, or the m-th in
a row without any reward once there had been some. A policy that begins near uniform is above any
share of log V and has not exploded, hence H_0. One noisy rollout is no explosion, hence n.
"""

import math
from dataclasses import dataclass, replace

GROWN = 2.0  # times the initial entropy: sampling noise and drift stay far below a doubling


@dataclass(frozen=True)
class Limits:
    """What counts as an explosion, and whether it ends the run."""

    share: float = 0.5  # of log V
    vocabulary: int = 2  # V, tokens
    rollouts: int = 5  # n
    unrewarded: int = 20  # m
    stop: bool = False


@dataclass(frozen=True)
class Vitals:
    """What must be known of the rollouts so far."""

    initial_entropy: float | None = None  # H_0, nats
    over: int = 0  # rollouts in a row above the limit
    rewarded: bool = False  # whether any was
    unrewarded: int = 0  # rollouts in a row without reward
    exploded: int | None = None  # the rollout
    why: str = ""


def observe(
    before: Vitals, limits: Limits, rollout: int, entropy: float, reward: float | None
) -> Vitals:
    """The vitals after a rollout with this mean entropy (nats per token) and mean reward."""
    initial = entropy if before.initial_entropy is None else before.initial_entropy
    limit = max(limits.share * math.log(limits.vocabulary), GROWN * initial)
    after = replace(
        before,
        initial_entropy=initial,
        over=before.over + 1 if entropy > limit else 0,
        rewarded=before.rewarded or bool(reward),
        unrewarded=before.unrewarded + 1 if before.rewarded and not reward else 0,
    )
    if before.exploded is not None:
        return after
    if after.over >= limits.rollouts:
        return replace(
            after, exploded=rollout, why=f"entropy above {limit:.3g} nats for {after.over} rollouts"
        )
    if after.unrewarded >= limits.unrewarded:
        return replace(after, exploded=rollout, why=f"no reward for {after.unrewarded} rollouts")
    return after
