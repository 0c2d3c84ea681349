"""Did each run do what its method is for? Numbers and flags per run, from its training log.

    initial entropy  H_0: first rollout, before any update, nats
    final entropy    mean over the last tenth of the rollouts, nats
    tracking error   mean of |H - H*| / H* over the last third of the rollouts
    overshoot        (H - H*) / H* of largest size after H first reached H*; negative if below
    near target      share of all rollouts with |H - H*| <= 0.1 H*

A flag is a fact about a run, not a verdict on its method: plain GRPO is expected to collapse.
"""

import math
from typing import Any

import numpy as np
import pandas as pd

from analysis.results.folder import Results, Run, as_number, nested

# share of the rollouts that counts as final: one rollout alone has the noise of its prompts
FINAL_SHARE = 0.1
# share of the rollouts in which a target should be held: the first two thirds are for reaching it
LATE_SHARE = 1 / 3
NEAR_TARGET = 0.10  # of the target: about the rollout-to-rollout noise of a small batch
OFF_TARGET = (
    0.15  # tracking error: noise of NEAR_TARGET around the target averages to less than this
)
# of the initial entropy, unless a lower target is held: below it most alternatives are lost
COLLAPSED = 0.5
EXPLODED = 2.0  # of the initial entropy: sampling noise and drift stay far below a doubling
DIVERGED = 0.2  # of the initial accuracy: training that destroys what the base policy could do
INERT = 1e-3  # gradient share under which an entropy term cannot have changed the policy
AT_MAXIMUM = 0.99  # of alpha_max: from there on the controller cannot add anything
# mean difficulty weight: the term's gain is alpha times this, so alpha grows without effect
NO_WEIGHT = 0.1
ON_THE_RATIO = {"clip", "surrogate", "tether"}  # levers without effect while every ratio is 1
# share of the rollouts without a group to learn from: more than half of the budget was wasted
OFTEN_SHARE = 0.5
# share of the rollouts in either state: touching the bound briefly is ordinary control
WOUND_UP = 0.2


def diagnose(results: Results) -> pd.DataFrame:
    """One row per arm and seed of the spec, in their order. A run without a training log has a row
    too, with the flag `missing`.
    """
    return pd.DataFrame(
        [
            {**run_numbers(results, run), "flags": "; ".join(run_flags(results, run))}
            for run in results.runs
        ]
    )


def run_numbers(results: Results, run: Run) -> dict[str, Any]:
    entropy, target = run.series("entropy"), run.series("state", "target")
    alpha = run.series("state", "alpha")
    return {
        "arm": run.arm,
        "seed": run.seed,
        "rollouts": run_length(run),
        "exploded_at": as_number(nested(run.info, ("exploded", "rollout"))),
        "initial_entropy": first_measured(entropy),
        "target": last_measured(target),
        "final_entropy": final_mean(entropy),
        "tracking_error": tracking_error(entropy, target),
        "overshoot": overshoot(entropy, target),
        "near_target": near_target(entropy, target),
        "coefficient": measured_mean(run.series("coefficient_mean")),
        "alpha_low": measured_extreme(alpha, np.nanmin),
        "alpha_high": measured_extreme(alpha, np.nanmax),
        "clip_low": measured_mean(run.series("clip_low")),
        "clip_high": measured_mean(run.series("clip_high")),
        "gradient_share": measured_mean(run.series("gradient_share")),
        "groups_all_right": final_mean(run.series("groups_all_right")),
        "groups_all_wrong": final_mean(run.series("groups_all_wrong")),
        "initial_accuracy": first_measured(accuracy_series(run)),
        "final_accuracy": final_mean(accuracy_series(run)),
    }


def run_flags(results: Results, run: Run) -> list[str]:
    """The flags of a run, in words. A run that does not exist has the flag `missing`."""
    if not run.log:
        return ["missing"]
    entropy, target = run.series("entropy"), run.series("state", "target")
    start, end = first_measured(entropy), final_mean(entropy)
    off = tracking_error(entropy, target)
    found = {
        "inert": is_inert(run, results.method(run.arm)),
        "collapsed": end < COLLAPSED * start and not off <= OFF_TARGET,
        "exploded": end > EXPLODED * start or run.info.get("status") == "exploded",
        "stopped early": nested(run.info, ("exploded", "stopped_early")) is True,
        "all wrong": often_all(run.series("groups_all_wrong")),
        "all right": often_all(run.series("groups_all_right")),
        "diverged": final_mean(accuracy_series(run))
        < DIVERGED * first_measured(accuracy_series(run)),
        "off target": off > OFF_TARGET,
        "wound up": is_wound_up(run, results.method(run.arm)),
        "unequal budget": has_unequal_budget(results, run),
        f"ended as {run.info.get('status')}": run.info.get("status", "finished")
        not in ("finished", "exploded"),
        "unfinished": not run.info,
    }
    return [name for name, is_so in found.items() if is_so]


def often_all(share_R: np.ndarray) -> bool:
    """Whether in more than OFTEN_SHARE of the rollouts all groups were so, with nothing to learn.

    share_R: per rollout the share of groups that are all right, or all wrong.
    """
    return measured_mean(np.where(np.isnan(share_R), np.nan, share_R >= 1)) > OFTEN_SHARE


def is_inert(run: Run, method: dict[str, Any]) -> bool:
    """Whether the method never had an effect on the policy. Plain GRPO has no lever, so it is never
    inert.

    A lever on the ratio (clip, surrogate, tether) acts if it touched a token. Any other lever acts
    through what it adds to the loss: by its share of the gradient if that was measured, else by its
    coefficient or the tokens that it touched.
    """
    if method.get("name") == "no_entropy":
        return False
    levers = levers_of(run)
    shares = [run.series("levers", lever, "touched") for lever in levers]
    touched = max((measured_extreme(share, np.nanmax) for share in shares), default=0)
    if levers & ON_THE_RATIO:
        return not touched > 0
    if as_number(method.get("epsilon_high")) > as_number(method.get("epsilon_low")):
        # a log from before levers had numbers
        return not measured_extreme(run.series("clip_high"), np.nanmax) > 0
    share = measured_extreme(run.series("gradient_share"), np.nanmax)
    if math.isfinite(share):
        return share < INERT
    if run.info.get("brought") is True:
        return False  # its log holds no coefficient, which says nothing of what it did
    return not (touched > 0 or measured_extreme(run.series("coefficient_max"), np.nanmax) > 0)


def levers_of(run: Run) -> set[str]:
    """Names of the levers that any rollout's row has numbers of."""
    logged = [row.get("levers") for row in run.log]
    return {str(name) for levers in logged if isinstance(levers, dict) for name in levers}


def is_wound_up(run: Run, method: dict[str, Any]) -> bool:
    """Whether alpha was at its maximum, or rose to a new highest value while the difficulty weight
    was too small for it to act, in more than WOUND_UP of the rollouts.
    """
    alpha, weight = run.series("state", "alpha"), run.series("state", "difficulty_weight")
    if not len(alpha) or np.isnan(alpha).all():
        return False
    at_maximum = alpha >= AT_MAXIMUM * as_number(method.get("alpha_max"))
    without_effect = (weight < NO_WEIGHT) & (alpha > 0) & (alpha >= np.fmax.accumulate(alpha))
    return float((at_maximum | without_effect).mean()) > WOUND_UP


def has_unequal_budget(results: Results, run: Run) -> bool:
    """Whether rollouts or updates differ from those of the reference's run with the same seed."""
    twins = [other for other in results.of(results.reference) if other.seed == run.seed]
    return any(rollouts_and_updates(twin) != rollouts_and_updates(run) for twin in twins)


def rollouts_and_updates(run: Run) -> tuple[float, float]:
    """(rollouts, optimizer updates) of a run."""
    return run_length(run), last_measured(run.series("updates"))


def run_length(run: Run) -> float:
    """Rows of the log; the last training step of a brought run, whose rows may lie far apart."""
    steps = as_number(run.info.get("steps")) if run.info.get("brought") is True else float("nan")
    return float(len(run.log)) if math.isnan(steps) else steps


def accuracy_series(run: Run) -> np.ndarray:
    """(R,) mean verdict of the verifier if it was logged, else the mean reward."""
    verdicts = run.series("accuracy")
    return run.series("reward") if np.isnan(verdicts).all() else verdicts


def tracking_error(entropy_R: np.ndarray, target_R: np.ndarray) -> float:
    """mean |H - H*| / H* over the last third; NaN for a method without a target."""
    return measured_mean(
        np.abs(deviation(entropy_R, target_R))[-share_of_rollouts(LATE_SHARE, entropy_R) :]
    )


def near_target(entropy_R: np.ndarray, target_R: np.ndarray) -> float:
    """Share of the rollouts with a target that have |H - H*| <= NEAR_TARGET · H*."""
    off = np.abs(deviation(entropy_R, target_R))
    return measured_mean(np.where(np.isnan(off), np.nan, off <= NEAR_TARGET))


def overshoot(entropy_R: np.ndarray, target_R: np.ndarray) -> float:
    """(H - H*) / H* of largest size, from the first rollout at or beyond the target on; NaN if the
    target was never reached.
    """
    off = deviation(entropy_R, target_R)
    off = off[~np.isnan(off)]
    arrived = np.flatnonzero(np.sign(off) != np.sign(off[0])) if len(off) else []
    after = off[arrived[0] :] if len(arrived) else off[:0]
    return float(after[np.argmax(np.abs(after))]) if len(after) else float("nan")


def deviation(entropy_R: np.ndarray, target_R: np.ndarray) -> np.ndarray:
    """(R,) (H - H*) / H*."""
    return (entropy_R - target_R) / np.where(target_R > 0, target_R, np.nan)


def share_of_rollouts(share: float, values: np.ndarray) -> int:
    """The number of values in this share of them, at least 1."""
    return max(1, round(share * len(values)))


def first_measured(values: np.ndarray) -> float:
    """The first value that is not NaN; NaN if there is none."""
    measured = values[~np.isnan(values)]
    return float(measured[0]) if len(measured) else float("nan")


def last_measured(values: np.ndarray) -> float:
    return first_measured(values[::-1])


def final_mean(values: np.ndarray) -> float:
    """Mean over the last tenth of the rollouts."""
    return measured_mean(values[-share_of_rollouts(FINAL_SHARE, values) :])


def measured_mean(values: np.ndarray) -> float:
    """Mean over the values that were measured; NaN if none was."""
    measured = values[~np.isnan(values)]
    return float(measured.mean()) if len(measured) else float("nan")


def measured_extreme(values: np.ndarray, which: Any) -> float:
    return float(which(values)) if len(values) and not np.isnan(values).all() else float("nan")
