"""What the trainer knows of the rollout under way: one object per rollout, from its generation to
its row in train.jsonl.

Shapes: B = completions, T = tokens.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import NamedTuple

import torch
from torch import Tensor

from experiments.training.rollout.rollout_row import Rows, UpdateTotals
from experiments.training.update.gradient_share import GradientShare
from methods.common.control import Control

EMPTY = torch.empty(0)


class Scores(NamedTuple):
    """What a forward pass over completions showed. Rows of one process."""

    logp_BT: Tensor  # nats, of the sampled tokens
    entropy_BT: Tensor  # nats, of the full softmax
    own_entropy_BT: Tensor | None  # nats, of the method's `entropy_of`, if it has one

    def detached(self) -> "Scores":
        own = self.own_entropy_BT
        return Scores(
            self.logp_BT.detach(), self.entropy_BT.detach(), None if own is None else own.detach()
        )

    def of_the_method(self) -> Tensor:
        """(B, T): the entropy that is differentiated, and shown to the method."""
        return self.entropy_BT if self.own_entropy_BT is None else self.own_entropy_BT


@dataclass
class TokenScores:
    """Of a rollout whose completions are kept (completions_log.py): nats, 0 until measured."""

    entropy_BT: Tensor
    logp_BT: Tensor

    @classmethod
    def like(cls, ids_BT: Tensor) -> "TokenScores":
        nothing_BT = torch.zeros_like(ids_BT, dtype=torch.float32)
        return cls(nothing_BT, nothing_BT.clone())

    def measure(self, rows: slice | Tensor, scores: Scores) -> None:
        tokens = scores.logp_BT.shape[1]
        self.entropy_BT[rows, :tokens] = scores.entropy_BT.float()
        self.logp_BT[rows, :tokens] = scores.logp_BT.float()


@dataclass
class RolloutInProgress:
    """Filled from top to bottom as the rollout goes on."""

    # generation: this process' rows, kept for rollout_checks.py
    generated: list[list[int]] = field(default_factory=list)  # tokens, as the engine gave them
    verified: list[str] = field(default_factory=list)  # texts that the verifier saw
    is_checked: bool = False  # until its first micro-batch has been checked
    # generation and verification: all processes' rows
    verdict_B: Tensor = EMPTY  # the verifier's; NaN = unscored
    reward_B: Tensor = EMPTY  # NaN = unscored
    # the scoring pass: this process' rows. None: its first update measures entropy instead
    scores: Scores | None = None
    seconds_scoring: float = 0.0  # of a pass that `shape` alone needed
    # what the method has decided
    control: Control = field(default_factory=lambda: Control(EMPTY, (0.2, 0.2)))  # all rows
    levers: dict[str, dict[str, float]] = field(default_factory=dict)  # their numbers, for the log
    note: Mapping[str, float] = field(default_factory=dict)  # of `shape`
    # the updates: this process' rows
    tokens: TokenScores | None = None  # where the completions are kept
    rows: Rows = field(default_factory=lambda: Rows(*(EMPTY for _ in fields(Rows))))
    totals: UpdateTotals = field(default_factory=UpdateTotals)
    share: GradientShare | None = None  # until the first update is over, where it is measured
    gradient_share: float | None = None
    grad_norm: float = math.nan  # of the last update

    def measure(self, rows: slice | Tensor, mask_BT: Tensor, scores: Scores) -> None:
        """Notes entropy and log-probability of these rows under the policy that generated them."""
        self.rows.entropy_B[rows] = (scores.entropy_BT.double() * mask_BT).sum(1)
        self.rows.own_entropy_B[rows] = (scores.of_the_method().double() * mask_BT).sum(1)
        self.rows.logp_B[rows] = (scores.logp_BT.double() * mask_BT).sum(1)
        if self.tokens:
            self.tokens.measure(rows, scores)
