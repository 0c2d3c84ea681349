"""Where files lie in a results folder, results/<experiment>: one place for writers and readers."""

from pathlib import Path

COMPLETIONS_FOLDER = "completions"
"""Of a run: the completions of some rollouts, one file per rollout."""


def run_folder(root: Path, arm: str, seed: int | str) -> Path:
    """Folder of the run of one arm with one training seed; `root` is the results folder."""
    return root / run_name(arm, seed)


def run_name(arm: str, seed: int | str) -> str:
    """Name of a run, which is also its path in the results folder."""
    return f"{arm}/{seed_name(seed)}"


def seed_name(seed: int | str) -> str:
    """Name of the folder of one training seed."""
    return f"seed-{seed}"


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
