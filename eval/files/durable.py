"""Files and folders that are there whole or not at all, whatever dies and when.

    write → fsync → rename → fsync of the folder that holds the name

A rename is atomic; the fsync before it puts the bytes on the disk before the name points to them,
the one after it makes the name itself survive the death of the machine. What a crash leaves besides
starts with a dot and is never read.
"""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from eval.files.errors import BadInput


def write_text(path: Path, text: str) -> None:
    """Replaces the file by one with this text, UTF-8; half a surrogate pair as \\udxxx. One writer
    at a time.
    """
    write_bytes(path, text.encode("utf-8", errors="backslashreplace"))


def write_bytes(path: Path, content: bytes) -> None:
    """Replaces the file by one with this content. One writer at a time."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    staging = path.with_name(f".{path.name}.new")
    staging.unlink(
        missing_ok=True
    )  # of a crash; or a link out of a folder that somebody else has made
    try:
        with staging.open("xb") as file:
            file.write(content)
        sync(staging)
        os.replace(staging, path)
    except BaseException:
        staging.unlink(missing_ok=True)  # half a file on a full disk
        raise
    sync(path.parent)


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """A folder to fill, which takes the place of `path` once the block ends without an error. One
    writer at a time.

    Raises:
        BadInput: another process is filling it.
    """
    with locked(path.with_name(f".{path.name}.lock")):
        staging = empty(path.with_name(f".{path.name}.new"))
        yield staging
        publish(staging, path)


def empty(folder: Path) -> Path:
    """The folder, made anew without anything in it."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def publish(staging: Path, path: Path) -> None:
    """Makes the finished folder visible under its name, in place of an older one."""
    for folder, _, names in os.walk(staging):
        for name in names:
            sync(Path(folder, name))
        sync(Path(folder))
    discard(path)
    os.replace(staging, path)
    sync(path.parent)


def discard(path: Path) -> None:
    """Deletes a folder. Its name goes first and at once, so that nobody meets half of it."""
    old = path.with_name(f".{path.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if path.exists():
        os.replace(path, old)
        shutil.rmtree(old, ignore_errors=True)


@contextmanager
def locked(path: Path, wait: bool = False) -> Iterator[None]:
    """Holds the lock of this name, which the system lets go when the process dies.

    `wait`: until another process has let go of it.

    Raises:
        BadInput: another process holds it, and `wait` is false.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            raise BadInput(
                f"{path}: another process is at work here: let it finish, or stop it first"
            ) from None
        yield


def sync(path: Path) -> None:
    """Waits until the file's bytes, or the folder's names, are on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
