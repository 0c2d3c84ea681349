"""The frozen strata: training prompts by the base policy's pass rate on each, measured once before all training."""

from pathlib import Path

import torch

from experiments.rollout import rate_code
from experiments.tasks import read_pass_rates


def strata_of(inputs: Path) -> dict[str, int]:
    """Problem id → code of the base policy's pass rate, where it has been measured. `inputs`: the folder with base/."""
    counts = inputs / "base" / "eval" / "train.counts.csv"
    rates = read_pass_rates(counts) if counts.exists() else {}
    codes = rate_code(torch.tensor(list(rates.values()), dtype=torch.float64)).tolist()
    return dict(zip(rates, codes, strict=True))
