"""Strata of training prompts: bins of the base policy's pass rate on each prompt.

The pass rate is measured once, before all training, so a prompt stays in its stratum.
"""

from pathlib import Path

import torch
from torch import Tensor

from eval.scoring.counts import read_counts

RATES = ("0", "(0, 0.25]", "(0.25, 0.5]", "(0.5, 1)", "1")


def rate_code(rate_B: Tensor) -> Tensor:
    """Index into RATES of each pass rate in [0, 1]; -1 for NaN (not measured)."""
    code_B = (
        (rate_B > 0).long() + (rate_B > 0.25).long() + (rate_B > 0.5).long() + (rate_B >= 1).long()
    )
    return code_B.where(rate_B.isfinite(), -1)


def strata_of(inputs: Path) -> dict[str, int]:
    """{problem id: index into RATES} of the problems whose pass rate has been measured.

    `inputs`: the results folder, which holds base/.
    """
    counts = inputs / "base" / "eval" / "train.counts.csv"
    rates = read_pass_rates(counts) if counts.exists() else {}
    codes = rate_code(torch.tensor(list(rates.values()), dtype=torch.float64)).tolist()
    return dict(zip(rates, codes, strict=True))


def read_pass_rates(counts: Path) -> dict[str, float]:
    """Problem id → pass rate in [0, 1], from a counts file; without the problems that have no
    completion.
    """
    return {row.problem_id: row.correct / row.n for row in read_counts(counts) if row.n}
