"""What a run resumes from after its process has died: checkpoints that are whole, or not there.

    checkpoints/identity.json        of the run that they belong to (identity.py)
    checkpoints/.new/                where the next one is being filled
    checkpoints/checkpoint-<u>/      after u optimizer updates, always at the end of a rollout
        manifest.json                number of processes; SHA-256 of every other file. Written last
        method_state.json            how far the run is, and the method's state (H_0, α, …): without
                                     it a resumed run would anchor its target on a collapsed policy
        …                            what Hugging Face's Trainer saves: weights, optimizer,
                                     scheduler, random states

A checkpoint is filled in a hidden folder, flushed to the disk, renamed. It counts if every file is
as its manifest says. A damaged one is named in a line and put aside, and the one before it is used.
Older checkpoints are deleted after a new one is in place, never before; those put aside do not
count among the ones to keep.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from eval.files.durable import discard, publish, write_text
from eval.files.errors import BadInput
from eval.files.json_text import parse
from eval.files.marks import inside, sha256
from experiments.run.explosion import Vitals
from methods import State

FILE = "method_state.json"
MANIFEST = "manifest.json"
IDENTITY = "identity.json"


@dataclass(frozen=True)
class Progress:
    """Where a run stands after a rollout."""

    rollouts: int  # finished
    tokens_generated: int
    state: State  # the method's
    vitals: Vitals = field(default_factory=Vitals)


def resume_point(folder: Path, identity: Mapping[str, str], processes: int = 1) -> Path | None:
    """The last good checkpoint of a run that was interrupted; None if it starts from the beginning.
    Claims the folder.

    Raises:
        BadInput: the interrupted run was made from something else, or by another number of
            processes.
    """
    claim_checkpoints(folder, identity)
    found = checkpoints(folder)
    for path in reversed(found):
        if why := checkpoint_damage(path):
            put_aside(path)
            print(f"warning: {path}: {why}: not used", file=sys.stderr)
        else:
            check_processes(path, processes)
            return path
    if found:
        print(
            f"warning: {folder}: no undamaged checkpoint: the run starts from the beginning",
            file=sys.stderr,
        )
    return None


def claim_checkpoints(folder: Path, identity: Mapping[str, str]) -> None:
    """Marks the folder as this run's.

    Raises:
        BadInput: it is another run's, or has checkpoints and no record of whose they are.
    """
    mark = folder / IDENTITY
    begun = read_identity(mark)
    if begun is None and checkpoints(folder):
        raise BadInput(
            f"{mark}: is missing or truncated, and nothing else records what the checkpoints beside"
            f" it were made from: restore a whole copy of {folder.parent}, or delete it to train"
            " this run from the beginning"
        )
    if begun is None:
        write_text(mark, json.dumps(dict(identity), indent=2) + "\n")
    elif other := differences(begun, identity):
        raise BadInput(
            f"{folder}: was begun with other {' and other '.join(other)}: undo that change to"
            f" resume this run, or delete {folder.parent} to train it from the beginning"
        )


def read_identity(mark: Path) -> dict[str, Any] | None:
    """The identity in a file; None if it holds none."""
    try:
        begun = parse(mark.read_bytes())
    except (OSError, ValueError):
        return None
    return begun if isinstance(begun, dict) else None


def differences(begun: Mapping[str, Any], identity: Mapping[str, str]) -> list[str]:
    """The parts of an identity in which another one differs from it."""
    return [part for part, digest in identity.items() if begun.get(part) != digest]


def checkpoints(folder: Path) -> list[Path]:
    """Those under their final name, oldest first."""
    found = {path.name.removeprefix("checkpoint-"): path for path in folder.glob("checkpoint-*")}
    return [found[updates] for updates in sorted(filter(str.isdecimal, found), key=int)]


def checkpoint_damage(checkpoint: Path) -> str:
    """How the checkpoint differs from its manifest; "" if it does not."""
    mark = checkpoint / MANIFEST
    try:
        listed = parse(mark.read_bytes())["sha256"]
        changed = [name for name, digest in listed.items() if sha256(inside(mark, name)) != digest]
        return f"not what was written: {', '.join(changed)}" if changed else ""
    except OSError as error:
        name = Path(error.filename or mark).relative_to(checkpoint)
        return f"{name} cannot be read ({error.strerror})"
    except (ValueError, KeyError, TypeError, AttributeError):
        return f"{MANIFEST} is not a manifest"


def check_processes(checkpoint: Path, processes: int) -> None:
    begun = parse((checkpoint / MANIFEST).read_bytes()).get("processes")
    if begun != processes:
        raise BadInput(
            f"{checkpoint}: was written by {begun} processes and cannot be resumed with"
            f" {processes}: each process has its own random numbers: start {begun} processes, or"
            f" delete {checkpoint.parents[1]} to train this run from the beginning"
        )


def staging_in(folder: Path) -> Path:
    """Where a checkpoint is filled before it is sealed."""
    return folder / ".new"


def put_aside(checkpoint: Path) -> None:
    aside = checkpoint.with_name(f"torn-{checkpoint.name}")
    discard(aside)
    checkpoint.replace(aside)


def seal(staging: Path, progress: Progress, kept: int, processes: int = 1) -> None:
    """Completes the checkpoint that has been filled in `staging_in(folder)`, publishes it in the
    folder under the same name, and deletes old ones. `kept`: good checkpoints to have afterwards,
    at least one.
    """
    folder = staging.parents[1]
    (staging / "training_args.bin").unlink(missing_ok=True)  # a pickle that nothing here reads
    write_progress(staging, progress)
    digests = {
        str(path.relative_to(staging)): sha256(path)
        for path in sorted(staging.rglob("*"))
        if path.is_file()
    }
    write_text(
        staging / MANIFEST, json.dumps({"processes": processes, "sha256": digests}, indent=2) + "\n"
    )
    publish(staging, folder / staging.name)
    delete_old(checkpoints(folder), kept)


def delete_old(found: Sequence[Path], kept: int) -> None:
    """Deletes all but the newest `kept`."""
    for path in found[: -max(kept, 1)]:
        discard(path)


def write_progress(folder: Path, progress: Progress) -> None:
    write_text(folder / FILE, json.dumps(asdict(progress), allow_nan=False) + "\n")


def read_progress(folder: Path) -> Progress:
    try:
        content = parse((folder / FILE).read_bytes())
        return Progress(**content | {"vitals": Vitals(**content["vitals"])})
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise BadInput(
            f"{folder / FILE}: not a run's progress ({error}): delete this checkpoint"
        ) from None
