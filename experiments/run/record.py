"""What a run says about itself: run.json at its end, with code revision, versions and machine, and
the settings in the dump of a fault.
"""

import platform
import subprocess
import time
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from eval.files.jsonl import Row
from experiments.run.explosion import Vitals
from experiments.spec.schema import Experiment, run_spec, spec_hash
from methods.common.control import reconstruction

VERSIONED_PACKAGES = ("torch", "trl", "transformers", "accelerate", "math-verify", "vllm")


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


def git_revision() -> str:
    """Commit of this checkout, with "+changes" where tracked files differ from it; "unknown"
    outside a checkout.
    """
    here = Path(__file__).parents[1]
    try:
        commit = _git(here, "rev-parse", "HEAD")
        return commit + (
            "+changes" if _git(here, "status", "--porcelain", "--untracked-files=no") else ""
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def _git(folder: Path, *command: str) -> str:
    done = subprocess.run(["git", *command], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def versions() -> dict[str, str]:
    """Installed versions of what a number may depend on."""
    found = {"python": platform.python_version()}
    for package in VERSIONED_PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def host() -> str:
    return f"{platform.node()} ({platform.machine()})"
