"""Before any job runs: finds what a fault has left in a results folder, and has it made again if
that costs little.

    dated in the future   a clock that was set back: dated now, in the same order
    damaged               a file is not as the mark of its step says (eval/files/marks.py): the mark
                          is taken away, so that the step is done again
    without its spec      the settings file is missing or cannot be read: written anew, and said

A training run is not made again by itself: it is named, with what to do. So is a file that cannot
be read.
"""

import os
import re
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import chain
from pathlib import Path

from eval.files.errors import BadInput
from eval.files.marks import CHECKSUMS, Damage, repair_recorded
from experiments.spec.experiment_file import load_experiment

READ = (
    1 << 24
)  # bytes; larger files are compared by size here, and in full by the step that uses them
TICK = 1_000_000  # ns between two files that were dated in the future


def repair(root: Path, runs: Sequence[str] = ()) -> None:
    """Repairs a results folder, and prints what it did. `runs`: folders of the experiment's
    training runs.

    Raises:
        BadInput: the files of a training run are damaged, or a file cannot be read or changed.
    """
    try:
        for told in chain(date_now(root), undo_damaged(root, runs), without_spec(root)):
            print(f"warning: {told}", file=sys.stderr)
    except PermissionError as error:
        raise BadInput(
            f"{error.filename}: cannot be changed ({error.strerror}): make it writable for you"
        ) from None


def date_now(root: Path) -> Iterator[str]:
    """Dates files of the future now: Snakemake would take all that is made after a clock was set
    back for older than its inputs.
    """
    now = time.time_ns()
    dated = {
        path: written(path)
        for path in root.rglob("*")
        if os.path.isfile(path) and not path.is_symlink()
    }
    future = sorted(
        (path for path, when in dated.items() if when > now), key=lambda path: -dated[path]
    )
    for steps, path in enumerate(future):
        with suppress(FileNotFoundError):
            os.utime(path, ns=(now - steps * TICK, now - steps * TICK))
    if future:
        yield (
            f"{root}: {len(future)} files had a time in the future and now have the present time:"
            " check this machine's clock"
        )


def written(path: Path) -> int:
    """Time of its last change, ns since 1970; 0 if a job that outlives its Snakemake has just
    deleted it.
    """
    with suppress(FileNotFoundError):
        return path.stat().st_mtime_ns
    return 0


def undo_damaged(root: Path, runs: Sequence[str] = ()) -> Iterator[str]:
    for mark in chain(marks(root), lost_policies(runs)):
        mended, found = repair_recorded(mark, READ)
        yield from (f"{each}: written again from {mark.name}" for each in mended)
        if found is None:
            continue
        if run := run_of(mark, root):
            raise BadInput(
                f"{found}. Put back a whole copy of {run}, or delete it to train this run again"
            )
        if found.unreadable:
            raise BadInput(f"{found}: make it readable, or delete it to have it made again")
        undo(mark, found)
        yield f"{found}: this step will run again"


def marks(root: Path) -> list[Path]:
    """All marks but those in hidden folders, which a crash has left half written or half
    deleted.
    """
    found = (
        *root.rglob(f"*{CHECKSUMS}"),
        *root.rglob("eval/*.sampled"),
        *root.rglob("eval/*.scored"),
        *root.rglob("eval/*.planned"),
    )
    return [
        mark
        for mark in found
        if not any(part.startswith(".") for part in mark.relative_to(root).parts)
    ]


def lost_policies(runs: Sequence[str]) -> Iterator[Path]:
    """Marks of policies that are missing. A run is marked after its policy is in its place, and
    only a sweep's trials discard it.
    """
    finished = (Path(run) for run in runs if Path(run, CHECKSUMS).exists())
    return (mark for run in finished if not (mark := run / "policy" / CHECKSUMS).exists())


def without_spec(root: Path) -> Iterator[str]:
    spec = root / "spec.yaml"
    try:
        load_experiment(spec)
    except BadInput:
        if marks(root):
            yield f"{spec}: was missing or could not be read: it is written again"


def run_of(mark: Path, root: Path) -> Path | None:
    """Folder of the training run whose own files a mark lists; None if it lists others."""
    if mark.name != CHECKSUMS:
        return None
    folders = (folder for folder in mark.parents if folder.is_relative_to(root) and folder != root)
    return next((folder for folder in folders if re.fullmatch(r"seed-\d+", folder.name)), None)


def undo(mark: Path, found: Damage) -> None:
    """Takes the mark away. Truncated sample files are kept and resumed; other damaged files are
    rewritten.
    """
    if mark.suffix == ".sampled" and not found.truncated and os.path.isfile(found.path):
        found.path.unlink(missing_ok=True)
    mark.unlink(missing_ok=True)  # it may be what is damaged
