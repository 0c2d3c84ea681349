"""Where files lie in a results folder, results/<experiment>: one place for writers and readers."""

from pathlib import Path


def run_folder(root: Path, arm: str, seed: int | str) -> Path:
    """Folder of the run of one arm with one training seed; `root` is the results folder."""
    return root / arm / f"seed-{seed}"
