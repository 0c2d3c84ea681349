"""Where files lie in a results folder, results/<experiment>: one place for writers and readers."""

from pathlib import Path


def run_folder(root: Path, arm: str, seed: int | str) -> Path:
    """Folder of the run of one arm with one training seed; `root` is the results folder."""
    return root / run_name(arm, seed)


def run_name(arm: str, seed: int | str) -> str:
    """Name of a run, which is also its path in the results folder."""
    return f"{arm}/{seed_name(seed)}"


def seed_name(seed: int | str) -> str:
    """Name of the folder of one training seed."""
    return f"seed-{seed}"
