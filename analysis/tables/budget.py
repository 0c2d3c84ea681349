"""What each arm spent: rollouts, optimizer updates, tokens and seconds, against the reference.

Rollouts and updates are set by the experiment and must be equal to the reference's. Tokens are an
outcome: a method that lengthens answers generates more of them. A difference above TOKENS_DIFFER is
stated, because more tokens may explain a better score.
"""

from typing import Any

import numpy as np
import pandas as pd

from analysis.results.folder import Results, Run, as_number, nested
from analysis.tables import diagnostics

TOKENS_DIFFER = 0.10  # relative difference to the reference; one arm's seeds spread about so


def budget_frame(results: Results) -> pd.DataFrame:
    """One row per arm; means over its runs, with the range over seeds."""
    reference = arm_spending(results, results.reference)
    return pd.DataFrame([budget_row(results, arm, reference) for arm in results.arms])


def budget_row(results: Results, arm: str, reference: dict[str, Any]) -> dict[str, Any]:
    own = arm_spending(results, arm)
    ratio = own["tokens"] / reference["tokens"] if reference["tokens"] else float("nan")
    return {
        "arm": arm,
        **own,
        "tokens_ratio": ratio,
        "budget": budget_in_words(results, arm, ratio),
    }


def arm_spending(results: Results, arm: str) -> dict[str, Any]:
    runs = results.of(arm)
    return {
        "seeds": len(runs),
        "rollouts": diagnostics.measured_mean(
            np.array([diagnostics.run_length(run) for run in runs])
        ),
        "updates": diagnostics.measured_mean(
            np.array([diagnostics.last_measured(run.series("updates")) for run in runs])
        ),
        "updates_per_rollout": diagnostics.measured_mean(
            np.array([as_number(run.info.get("updates_per_rollout")) for run in runs])
        ),
        **mean_and_range(
            "tokens", [diagnostics.last_measured(run.series("tokens_generated")) for run in runs]
        ),
        **mean_and_range("seconds", [run_seconds(run) for run in runs]),
    }


def run_seconds(run: Run) -> float:
    """Wall time in seconds: as in run.json, else the sum over its rollouts; NaN if none has it."""
    recorded = as_number(run.info.get("seconds"))
    if not np.isnan(recorded):
        return recorded
    parts = np.concatenate(
        [run.series(f"seconds_{part}") for part in ("rollout", "update", "rest")]
    )
    return float("nan") if np.isnan(parts).all() else float(np.nansum(parts))


def mean_and_range(name: str, values: list[float]) -> dict[str, float]:
    """Mean, smallest and largest value; the last two are NaN if there is one value only."""
    found = np.array(values, dtype=float)
    several = len(found) > 1
    return {
        name: diagnostics.measured_mean(found),
        f"{name}_low": diagnostics.measured_extreme(found, np.nanmin) if several else float("nan"),
        f"{name}_high": diagnostics.measured_extreme(found, np.nanmax) if several else float("nan"),
    }


def budget_in_words(results: Results, arm: str, ratio: float) -> str:
    """Whether the arm's budget equals the reference's, in words."""
    runs = results.of(arm)
    unequal = [str(run.seed) for run in runs if diagnostics.has_unequal_budget(results, run)]
    seeds = len(results.seeds_of(arm))
    absent = seeds - len(runs)
    said = [f"unequal (seeds {', '.join(unequal)})"] if unequal else ["equal"] if runs else []
    early = [
        str(run.seed) for run in runs if nested(run.info, ("exploded", "stopped_early")) is True
    ]
    said += [f"stopped early as exploded (seeds {', '.join(early)})"] if early else []
    said += [f"{absent} of {seeds} seeds missing"] if absent else []
    said += [f"tokens {100 * (ratio - 1):+.0f} %"] if abs(ratio - 1) > TOKENS_DIFFER else []
    return "; ".join(said)
