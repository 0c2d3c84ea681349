"""What a run says of itself: run.json at its end, and the settings in the dump of a fault."""

import time
from datetime import UTC, datetime
from typing import Any

from experiments.run.explosion import Vitals
from experiments.run.provenance import git_revision, host, versions
from experiments.spec.schema import Experiment, run_spec, spec_hash
from methods.common.control import reconstruction

Row = dict[str, Any]


def run_record(experiment: Experiment, arm: str, seed: int, trainer: Any, started: float) -> Row:
    spec = run_spec(experiment, arm, seed)
    return {
        "experiment": experiment.name,
        **{key: spec[key] for key in ("arm", "seed", "method")},
        "reconstruction": reconstruction(experiment.arms[arm].method),
        "spec_hash": spec_hash(spec),
        **outcome(
            trainer.progress.vitals,
            trainer.progress.rollouts < experiment.training_of(arm).rollouts,
        ),
        "rollouts": trainer.progress.rollouts,
        "updates": trainer.state.global_step,
        "updates_per_rollout": trainer.updates_per_rollout,
        "tokens_generated": trainer.progress.tokens_generated,
        "seconds": time.time() - started,
        "started": datetime.fromtimestamp(started, UTC).isoformat(timespec="seconds"),
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "git_revision": git_revision(),
        "versions": versions(),
        "host": host(),
    }


def outcome(vitals: Vitals, stopped_early: bool) -> Row:
    if vitals.exploded is None:
        return {"status": "finished"}
    explosion = {"rollout": vitals.exploded, "why": vitals.why, "stopped_early": stopped_early}
    return {"status": "exploded", "exploded": explosion}


def fault_settings(experiment: Experiment, arm: str, seed: int) -> Row:
    """What the dump of a fault says of its run."""
    return {
        "seed": seed,
        "method": run_spec(experiment, arm, seed)["method"],
        "training": experiment.training_of(arm).model_dump(mode="json"),
        "versions": versions(),
    }
