"""One run at a time on a results folder.

    claim   a lock of the operating system on results/<experiment>/.running, which ends with the
            process that holds it,
            however that process ends

Snakemake's own locks are files. They outlive a process that is killed, and a run that ends well
deletes those of every run in the same directory. So the process that has the claim may delete
Snakemake's locks on the same results: their owner is dead.
"""

import os
from datetime import UTC, datetime
from pathlib import Path
from socket import gethostname
from typing import IO

from eval.files.errors import DISK, BadInput
from eval.files.locks import lock_file

SNAKEMAKE_LOCKS = Path(".snakemake/locks")
RUNNING = ".running"
_claims: dict[Path, IO[bytes]] = {}  # open for as long as this process lives


def claim(root: Path) -> None:
    """Keeps other runs out of the folder until this process ends.

    Raises:
        BadInput: another run is at work there, or the folder cannot be written.
    """
    if root in _claims:
        return
    flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW  # a link might lead anywhere
    try:
        root.mkdir(parents=True, exist_ok=True)
        file = os.fdopen(os.open(root / RUNNING, flags, 0o644), "a+b", buffering=0)
        if not lock_claim(file, root):
            return
        file.truncate(0)
        file.write(
            f"process {os.getpid()} on {gethostname()}, since"
            f" {datetime.now(UTC):%F %T} UTC\n".encode()
        )
    except OSError as error:
        disk = (
            f": the disk {DISK[error.errno]}"
            if error.errno in DISK
            else f" ({error.strerror}): make it writable"
        )
        raise BadInput(
            f"{root}: cannot be written{disk}, or name another place with --config results=FOLDER"
        ) from None
    _claims[root] = file
    release_locks(SNAKEMAKE_LOCKS, root)


def lock_claim(file: IO[bytes], root: Path) -> bool:
    """Whether the file could be locked. False on a file system without such locks, where only
    Snakemake's own locks protect the folder.
    """
    try:
        is_ours = lock_file(file)
    except OSError:
        return False
    if not is_ours:
        file.seek(0)
        owner = file.read().decode(errors="replace").strip()
        raise BadInput(
            f"{root}: another run is at work there ({owner}). Nothing was changed: let it finish,"
            " or stop it, and start again"
        )
    return True


def holder(root: Path) -> str:
    """Which run is at work in the folder, or was the last one: no two say the same. Empty where
    there was none.
    """
    path = root / RUNNING
    return path.read_text(encoding="utf-8", errors="replace").strip() if path.exists() else ""


def release_locks(locks: Path, root: Path) -> None:
    """Deletes the locks that a dead Snakemake has left on these results, and no others."""
    for lock in locks.glob("*.lock"):
        if any(
            line.startswith(f"{root}/") for line in lock.read_text(encoding="utf-8").splitlines()
        ):
            lock.unlink(missing_ok=True)
