"""A disk that is full or cannot be written: a small file system in memory, which only root may
mount.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.faults.outcome import NotHere, Outcome, require, require_said, require_same
from tests.faults.study import Study

ROOM = 32 << 20  # bytes of the file system


@contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    """A file system of its own on a folder, which keeps what the folder holds."""
    kept = folder.rename(folder.with_name(f"{folder.name}.kept"))
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={ROOM}", "tmpfs", str(folder)]
    if os.geteuid() or subprocess.run(mount, capture_output=True).returncode:
        raise NotHere("only root may mount a file system")
    try:
        shutil.copytree(kept, folder, dirs_exist_ok=True)
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(folder: Path, free: int) -> Path:
    """A file that leaves so many bytes free."""
    ballast = folder / "ballast"
    left = os.statvfs(folder)
    ballast.write_bytes(b"x" * max(0, left.f_bavail * left.f_frsize - free))
    return ballast


def disk_full(quiet: Study, taken: dict[str, float], folder: Path, seed: int) -> Outcome:
    """The disk fills while a checkpoint, samples and a table are written; then there is room
    again.
    """
    study = quiet.copy(folder)
    cases = {"checkpoint": (study.run(1), 160 << 10), "samples": (study.run(1) / "eval", 8 << 10)}
    cases["table"] = (study.results / "tables", 8 << 10)
    with small_disk(study.folder / "results"):
        for place, free in cases.values():
            shutil.rmtree(place)
            ballast = fill(study.folder / "results", free)
            code, said = study.call()
            require(code != 0, f"{place}: a full disk went unnoticed")
            require_said("is full", said)
            ballast.unlink()
            code, said = study.call()
            require(code == 0, said[-3000:])
            require_same(quiet.results, study.results)
    return Outcome(
        "the disk is full", "a small file system, filled before a checkpoint, samples and a table are written", len(cases),
        "the run fails and says so; with room again the next start goes on and ends as the quiet"
        " run",
    )  # fmt: skip


def read_only(quiet: Study, taken: dict[str, float], folder: Path, seed: int) -> Outcome:
    """The results cannot be written."""
    study = quiet.copy(folder)
    shutil.rmtree(study.results / "tables")
    with small_disk(study.folder / "results"):
        place = str(study.folder / "results")
        subprocess.run(["mount", "-o", "remount,ro", place], check=True)
        code, said = study.call()
        require(code != 0, "a read-only folder went unnoticed")
        require_said("cannot be written", said)
        subprocess.run(["mount", "-o", "remount,rw", place], check=True)
        code, said = study.call()
        require(code == 0, said[-3000:])
        require_same(quiet.results, study.results)
    return Outcome(
        "the results folder is read-only",
        "its file system is mounted so",
        1,
        "refused in a sentence, nothing is changed",
    )
