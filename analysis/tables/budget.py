"""What each arm spent: rollouts, optimizer updates, tokens, seconds; equal to the reference, or
flagged.

Rollouts and updates are set by the experiment and must be equal. Tokens are an outcome, since a
method that lengthens answers generates more of them: beyond TOKENS they are pointed out, because
more tokens may explain a better score.
"""

from typing import Any

import numpy as np
import pandas as pd

from analysis.results.folder import Results, Run, number, within
from analysis.tables import diagnostics

TOKENS = 0.10  # difference to the reference: about the spread between seeds of one arm


def budget_frame(results: Results) -> pd.DataFrame:
    """One row per arm; means over its runs, with the range over seeds."""
    reference = spent(results, results.reference)
    return pd.DataFrame([budget_row(results, arm, reference) for arm in results.arms])


def budget_row(results: Results, arm: str, reference: dict[str, Any]) -> dict[str, Any]:
    own = spent(results, arm)
    ratio = own["tokens"] / reference["tokens"] if reference["tokens"] else float("nan")
    return {"arm": arm, **own, "tokens_ratio": ratio, "budget": words(results, arm, ratio)}


def spent(results: Results, arm: str) -> dict[str, Any]:
    runs = results.of(arm)
    return {
        "seeds": len(runs),
        "rollouts": diagnostics.mean(np.array([diagnostics.rollouts(run) for run in runs])),
        "updates": diagnostics.mean(
            np.array([diagnostics.last(run.series("updates")) for run in runs])
        ),
        "updates_per_rollout": diagnostics.mean(
            np.array([number(run.info.get("updates_per_rollout")) for run in runs])
        ),
        **ranged("tokens", [diagnostics.last(run.series("tokens_generated")) for run in runs]),
        **ranged("seconds", [seconds(run) for run in runs]),
    }


def seconds(run: Run) -> float:
    """Wall time of the run: run.json's, else the sum over its rollouts."""
    parts = [run.series(f"seconds_{part}") for part in ("rollout", "update", "rest")]
    recorded = number(run.info.get("seconds"))
    return float(sum(np.nansum(part) for part in parts)) if np.isnan(recorded) else recorded


def ranged(name: str, values: list[float]) -> dict[str, float]:
    """Mean, smallest and largest; the range only where there are two values."""
    found = np.array(values, dtype=float)
    several = len(found) > 1
    return {
        name: diagnostics.mean(found),
        f"{name}_low": diagnostics.extreme(found, np.nanmin) if several else float("nan"),
        f"{name}_high": diagnostics.extreme(found, np.nanmax) if several else float("nan"),
    }


def words(results: Results, arm: str, ratio: float) -> str:
    """The verdict on an arm's budget."""
    runs = results.of(arm)
    unequal = [str(run.seed) for run in runs if diagnostics.has_unequal_budget(results, run)]
    seeds = len(results.seeds_of(arm))
    absent = seeds - len(runs)
    said = [f"unequal (seeds {', '.join(unequal)})"] if unequal else ["equal"] if runs else []
    early = [
        str(run.seed) for run in runs if within(run.info, ("exploded", "stopped_early")) is True
    ]
    said += [f"stopped early as exploded (seeds {', '.join(early)})"] if early else []
    said += [f"{absent} of {seeds} seeds missing"] if absent else []
    said += [f"tokens {100 * (ratio - 1):+.0f} %"] if abs(ratio - 1) > TOKENS else []
    return "; ".join(said)
