"""One rollout in numbers: what `train.jsonl` says about it. docs/metrics.md gives every key with
formula and unit.

All quantities come from one table with a row per completion, gathered over all processes, so that
one process and many give the same numbers, and a token weighs the same wherever it was scored.
Entropy is the exact entropy of the full next-token distribution at the sampling temperature, in
nats, summed over a completion's tokens here and divided by all tokens of the rollout in the end.

Shapes: B = completions of the rollout.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import torch
from torch import Tensor

from experiments.tasks.strata import RATES, rate_code

Numeric = float | None
Labels = dict[str, Sequence[str]]  # column -> the names its codes stand for


def truncated(ids_BT: Tensor, mask_BT: Tensor, ends: Sequence[int]) -> Tensor:
    """(B,) 1 where a completion was cut off: its last token is none of `ends`."""
    last_B = ids_BT.gather(1, (mask_BT.sum(1, keepdim=True) - 1).clamp(min=0)).squeeze(1)
    return (~torch.isin(last_B, torch.tensor(list(ends), device=ids_BT.device))).double()


@dataclass
class Rows:
    """One row per completion, float64; -1 stands for "no label"."""

    length_B: Tensor  # tokens
    truncated_B: Tensor  # 1 = cut off at the token limit
    reward_B: Tensor
    correct_B: Tensor  # the verifier's verdict; NaN = unscored
    accuracy_B: Tensor  # mean verdict of the row's group
    weight_B: Tensor  # w_i of the objective, loss units per nat
    level_B: Tensor  # code of the problem's level
    stratum_B: Tensor  # code of the base policy's pass rate on the prompt
    entropy_B: Tensor  # nats, summed over the tokens, before the rollout's first update
    own_entropy_B: Tensor  # the same, of the method's `entropy_of`; as entropy_B without one
    logp_B: Tensor  # nats, summed over the tokens, under the policy that generated them

    def columns(self) -> Tensor:
        """(B, columns), float64, for gathering over processes."""
        return torch.stack([getattr(self, f.name).double() for f in fields(self)], dim=1)

    @classmethod
    def from_columns(cls, table: Tensor) -> "Rows":
        return cls(*table.unbind(dim=1))


@dataclass
class UpdateTotals:
    """Sums over the tokens of a rollout's updates, added up micro-batch by micro-batch, float64."""

    tokens: Tensor = field(default_factory=lambda: torch.zeros((), dtype=torch.float64))
    entropy: Tensor = field(default_factory=lambda: torch.zeros((), dtype=torch.float64))  # nats
    clipped_low: Tensor = field(default_factory=lambda: torch.zeros((), dtype=torch.float64))
    clipped_high: Tensor = field(default_factory=lambda: torch.zeros((), dtype=torch.float64))
    # tokens whose surrogate pulls otherwise than plain GRPO's (acted.py)
    unlike_plain: Tensor = field(default_factory=lambda: torch.zeros((), dtype=torch.float64))

    def add(self, mask_BT: Tensor, **sums_BT: Tensor) -> None:
        for name, value_BT in sums_BT.items():
            setattr(
                self, name, getattr(self, name) + (value_BT.detach().double() * mask_BT).sum().cpu()
            )
        self.tokens = self.tokens + mask_BT.sum().double().cpu()

    def vector(self) -> Tensor:
        return torch.stack([getattr(self, f.name) for f in fields(self)])


def summarise(rows: Rows, totals_5: Tensor, labels: Labels) -> dict[str, Any]:
    """Everything that the table says; `totals_5` is UpdateTotals.vector() summed over processes."""
    tokens = rows.length_B.sum()
    update_tokens, update_entropy, low, high, unlike = totals_5.tolist()
    finished_B = rows.truncated_B == 0
    bonus_B = rows.weight_B * rows.entropy_B
    return {
        "entropy": number(rows.entropy_B.sum() / tokens),
        "entropy_update": ratio(update_entropy, update_tokens),
        "own_entropy": number(rows.own_entropy_B.sum() / tokens),
        "entropy_mc": number(-rows.logp_B.sum() / tokens),
        "reward": mean(rows.reward_B),
        "accuracy": mean(rows.correct_B),
        "length_mean": mean(rows.length_B),
        "length_median": number(rows.length_B.quantile(0.5)),
        "length_p95": number(rows.length_B.quantile(0.95)),
        "length_terminated": mean(rows.length_B[finished_B]),
        "truncated": mean(rows.truncated_B),
        "clip_low": ratio(low, update_tokens),
        "clip_high": ratio(high, update_tokens),
        "unlike_plain": ratio(unlike, update_tokens),
        "groups_all_right": mean((rows.accuracy_B == 1).double()),
        "groups_all_wrong": mean((rows.accuracy_B == 0).double()),
        "coefficient_mean": mean(rows.weight_B),
        "coefficient_max": number(rows.weight_B.max()),
        "rows_weighted": mean((rows.weight_B > 0).double()),
        "entropy_term_all_wrong": ratio(
            bonus_B[rows.accuracy_B == 0].sum().item(), bonus_B.sum().item()
        ),
        "levels": by_label(rows, rows.level_B, labels["level"]),
        "strata": by_label(rows, rows.stratum_B, labels["stratum"]),
        "groups": by_label(rows, rate_code(rows.accuracy_B), RATES),
    }


def by_label(rows: Rows, code_B: Tensor, names: Sequence[str]) -> dict[str, dict[str, Numeric]]:
    """Entropy (token mean, nats), length (tokens) and accuracy of the rows of each label that
    occurs.
    """
    table: dict[str, dict[str, Numeric]] = {}
    for code, name in enumerate(names):
        chosen_B = code_B == code
        if chosen_B.any():
            table[name] = {
                "rows": int(chosen_B.sum()),
                "entropy": number(rows.entropy_B[chosen_B].sum() / rows.length_B[chosen_B].sum()),
                "length": mean(rows.length_B[chosen_B]),
                "accuracy": mean(rows.correct_B[chosen_B]),
            }
    return table


def mean(value_B: Tensor) -> Numeric:
    """Mean over the rows that have a value; None where none has."""
    return number(value_B.nanmean()) if len(value_B) else None


def ratio(above: float, below: float) -> Numeric:
    """above / below; None where there is nothing below."""
    return above / below if below > 0 else None


def number(value: Tensor) -> Numeric:
    """A float for JSON; None where it is NaN."""
    return None if value.isnan() else value.item()
