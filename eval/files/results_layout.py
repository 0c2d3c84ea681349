"""Where files lie in a results folder, results/<experiment>: one place for writers and readers."""

from pathlib import Path

ACCURACY, SKILL_RATES = "accuracy.json", "skill_rates.json"
"""Beside a tiny base policy: what it was found to do, which is no part of it."""
COMPLETIONS_FOLDER = "completions"
"""Of a run: the completions of some rollouts, one file per rollout."""

ON_THE_WAY_FOLDER = "on_the_way"
"""Of a run: the policies after some rollouts, and their evaluation, one folder per policy."""


def run_folder(root: Path, arm: str, seed: int | str) -> Path:
    """Folder of the run of one arm with one training seed; `root` is the results folder."""
    return root / run_name(arm, seed)


def run_name(arm: str, seed: int | str) -> str:
    """Name of a run, which is also its path in the results folder."""
    return f"{arm}/{seed_name(seed)}"


def seed_name(seed: int | str) -> str:
    """Name of the folder of one training seed."""
    return f"seed-{seed}"


def on_the_way_folder(run: Path, rollouts: int | str) -> Path:
    """Folder of the policy after so many rollouts of a run: policy/ and eval/ lie in it."""
    return run / ON_THE_WAY_FOLDER / f"rollout-{rollouts:0>4}"


def on_the_way_folders(run: Path) -> dict[int, Path]:
    """{rollouts: folder} of the policies on the way that are there, in order."""
    parts = {path: path.name.split("-")[-1] for path in run.glob(f"{ON_THE_WAY_FOLDER}/rollout-*")}
    found = {int(number): path for path, number in parts.items() if number.isdecimal()}
    return dict(sorted(found.items()))


def completions_file(folder: Path, rollout: int) -> Path:
    """File of the completions of a rollout. `folder`: of the run's completions."""
    return folder / f"rollout-{rollout:04d}.jsonl.gz"


def completions_files(folder: Path) -> dict[int, Path]:
    """{rollout: file} of the rollouts whose completions were kept, in order."""
    parts = {path: path.name.split(".")[0].split("-")[-1] for path in folder.glob("rollout-*.gz")}
    found = {int(number): path for path, number in parts.items() if number.isdecimal()}
    return {
        rollout: path
        for rollout, path in sorted(found.items())
        if path == completions_file(folder, rollout)
    }
