"""Did each run do what its method is for? Numbers per run from its training log, and flags where
they say no.

    initial entropy  H_0: first rollout, before any update, nats
    final entropy    mean over the last tenth of the rollouts, nats
    tracking error   mean of |H - H*| / H* over the last third of the rollouts
    overshoot        the excursion (H - H*) / H* that is largest in size after H first reached H*; negative below
    near target      share of all rollouts with |H - H*| <= 0.1 H*

A flag is a fact about a run, not a verdict on its method: plain GRPO is expected to collapse.
"""

import math
from typing import Any

import numpy as np
import pandas as pd

from analysis.results.folder import Results, Run, number, within

FINAL = 0.1  # share of rollouts that make up "final": a single rollout carries its prompts' noise
LATE = (
    1 / 3
)  # share of rollouts over which a target should be held: two thirds are left to get there
NEAR = 0.10  # of the target: about the rollout-to-rollout noise of a small batch
OFF_TARGET = 0.15  # tracking error: noise of NEAR around the target averages to less than this
# of the initial entropy, unless a lower target is held: most alternatives are lost below it
COLLAPSED = 0.5
EXPLODED = 2.0  # of the initial entropy: sampling noise and drift stay far below a doubling
DIVERGED = 0.2  # of the initial accuracy: training that destroys what the base policy could do
INERT = 1e-3  # gradient share under which an entropy term cannot have changed the policy
AT_MAXIMUM = 0.99  # of alpha_max: there the controller has no authority left
# mean difficulty weight: the term's gain is alpha times this, so alpha grows without effect
NO_WEIGHT = 0.1
# share of rollouts without a group to learn from: most of the budget was spent on nothing
OFTEN = 0.5
WOUND_UP = 0.2  # share of rollouts in either state: a brief touch of the bound is ordinary control


def diagnose(results: Results) -> pd.DataFrame:
    """One row per arm and seed of the spec, in their order; a run without a log keeps its row,
    flagged.
    """
    return pd.DataFrame(
        [{**numbers(results, run), "flags": "; ".join(flags(results, run))} for run in results.runs]
    )


def numbers(results: Results, run: Run) -> dict[str, Any]:
    entropy, target = run.series("entropy"), run.series("state", "target")
    alpha = run.series("state", "alpha")
    return {
        "arm": run.arm,
        "seed": run.seed,
        "rollouts": rollouts(run),
        "exploded_at": number(within(run.info, ("exploded", "rollout"))),
        "initial_entropy": first(entropy),
        "target": last(target),
        "final_entropy": final(entropy),
        "tracking_error": tracking_error(entropy, target),
        "overshoot": overshoot(entropy, target),
        "near_target": near_target(entropy, target),
        "coefficient": mean(run.series("coefficient_mean")),
        "alpha_low": extreme(alpha, np.nanmin),
        "alpha_high": extreme(alpha, np.nanmax),
        "clip_low": mean(run.series("clip_low")),
        "clip_high": mean(run.series("clip_high")),
        "gradient_share": mean(run.series("gradient_share")),
        "groups_all_right": final(run.series("groups_all_right")),
        "groups_all_wrong": final(run.series("groups_all_wrong")),
        "initial_accuracy": first(accuracy(run)),
        "final_accuracy": final(accuracy(run)),
    }


def flags(results: Results, run: Run) -> list[str]:
    """Words for what is out of the ordinary; none is good news only for a run that is there."""
    if not run.log:
        return ["missing"]
    entropy, target = run.series("entropy"), run.series("state", "target")
    start, end = first(entropy), final(entropy)
    off = tracking_error(entropy, target)
    found = {
        "inert": is_inert(run, results.method(run.arm)),
        "collapsed": end < COLLAPSED * start and not off <= OFF_TARGET,
        "exploded": end > EXPLODED * start or run.info.get("status") == "exploded",
        "stopped early": within(run.info, ("exploded", "stopped_early")) is True,
        "all wrong": often_all(run.series("groups_all_wrong")),
        "all right": often_all(run.series("groups_all_right")),
        "diverged": final(accuracy(run)) < DIVERGED * first(accuracy(run)),
        "off target": off > OFF_TARGET,
        "wound up": is_wound_up(run, results.method(run.arm)),
        "unequal budget": has_unequal_budget(results, run),
        f"ended as {run.info.get('status')}": run.info.get("status", "finished")
        not in ("finished", "exploded"),
        "unfinished": not run.info,
    }
    return [name for name, is_so in found.items() if is_so]


def often_all(share_R: np.ndarray) -> bool:
    """Every group of the rollout was so, in more than OFTEN of the rollouts: there was nothing to
    learn from.
    """
    return mean(np.where(np.isnan(share_R), np.nan, share_R >= 1)) > OFTEN


def is_inert(run: Run, method: dict[str, Any]) -> bool:
    """The method has a lever and never moved the policy with it. Plain GRPO has none, so it cannot
    be inert.

    A method whose clip is wider above than below acts where something is clipped above; any other
    one acts through its entropy term, whose share of the gradient counts where it was measured,
    else its coefficient.
    """
    if method.get("name") == "no_entropy":
        return False
    if number(method.get("epsilon_high")) > number(method.get("epsilon_low")):
        return not extreme(run.series("clip_high"), np.nanmax) > 0
    share = extreme(run.series("gradient_share"), np.nanmax)
    if math.isfinite(share):
        return share < INERT
    if run.info.get("brought") is True:
        return False  # its log holds no coefficient, which says nothing of what it did
    return not extreme(run.series("coefficient_max"), np.nanmax) > 0


def is_wound_up(run: Run, method: dict[str, Any]) -> bool:
    """alpha at its maximum, or at its highest yet while the difficulty weight leaves it nothing to
    act on.
    """
    alpha, weight = run.series("state", "alpha"), run.series("state", "difficulty_weight")
    if not len(alpha) or np.isnan(alpha).all():
        return False
    at_maximum = alpha >= AT_MAXIMUM * number(method.get("alpha_max"))
    without_effect = (weight < NO_WEIGHT) & (alpha > 0) & (alpha >= np.fmax.accumulate(alpha))
    return float((at_maximum | without_effect).mean()) > WOUND_UP


def has_unequal_budget(results: Results, run: Run) -> bool:
    """Rollouts or updates differ from those of the reference arm's run with the same seed."""
    twins = [other for other in results.of(results.reference) if other.seed == run.seed]
    return any(budget(twin) != budget(run) for twin in twins)


def budget(run: Run) -> tuple[float, float]:
    """(rollouts, optimizer updates) of a run."""
    return rollouts(run), last(run.series("updates"))


def rollouts(run: Run) -> float:
    """Rows of the log; the last training step of a brought run, whose rows may lie far apart."""
    steps = number(run.info.get("steps")) if run.info.get("brought") is True else float("nan")
    return float(len(run.log)) if math.isnan(steps) else steps


def accuracy(run: Run) -> np.ndarray:
    """(R,) the verifier's verdicts where logged, else the reward."""
    verdicts = run.series("accuracy")
    return run.series("reward") if np.isnan(verdicts).all() else verdicts


def tracking_error(entropy_R: np.ndarray, target_R: np.ndarray) -> float:
    """mean |H - H*| / H* over the last third; NaN for a method without a target."""
    return mean(np.abs(deviation(entropy_R, target_R))[-count(LATE, entropy_R) :])


def near_target(entropy_R: np.ndarray, target_R: np.ndarray) -> float:
    """Share of the rollouts with a target that have |H - H*| <= NEAR · H*."""
    off = np.abs(deviation(entropy_R, target_R))
    return mean(np.where(np.isnan(off), np.nan, off <= NEAR))


def overshoot(entropy_R: np.ndarray, target_R: np.ndarray) -> float:
    """(H - H*) / H* of largest size from the first rollout on or past the target; NaN if never
    reached.
    """
    off = deviation(entropy_R, target_R)
    off = off[~np.isnan(off)]
    arrived = np.flatnonzero(np.sign(off) != np.sign(off[0])) if len(off) else []
    after = off[arrived[0] :] if len(arrived) else off[:0]
    return float(after[np.argmax(np.abs(after))]) if len(after) else float("nan")


def deviation(entropy_R: np.ndarray, target_R: np.ndarray) -> np.ndarray:
    """(R,) (H - H*) / H*."""
    return (entropy_R - target_R) / np.where(target_R > 0, target_R, np.nan)


def count(share: float, values: np.ndarray) -> int:
    """That share of the values, at least one."""
    return max(1, round(share * len(values)))


def first(values: np.ndarray) -> float:
    measured = values[~np.isnan(values)]
    return float(measured[0]) if len(measured) else float("nan")


def last(values: np.ndarray) -> float:
    return first(values[::-1])


def final(values: np.ndarray) -> float:
    """Mean over the last tenth of the rollouts."""
    return mean(values[-count(FINAL, values) :])


def mean(values: np.ndarray) -> float:
    """Mean over what was measured, NaN where nothing was."""
    measured = values[~np.isnan(values)]
    return float(measured.mean()) if len(measured) else float("nan")


def extreme(values: np.ndarray, which: Any) -> float:
    return float(which(values)) if len(values) and not np.isnan(values).all() else float("nan")
