"""Writes files and folders whole or not at all, even if the process or the machine dies.

    write to a hidden name → fsync → rename → fsync of the parent folder

The rename is atomic. The fsync before it puts the bytes on the disk before the name points to
them; the fsync after it puts the name on the disk. A crash can leave hidden files (names with a
leading dot); nothing reads them.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from eval.files.locks import locked


def write_text(path: Path, text: str) -> None:
    """Replaces the file by one with this text in UTF-8. Lone surrogates, which UTF-8 cannot hold,
    are written as \\udxxx. Only one process may write a file at a time.
    """
    write_bytes(path, text.encode("utf-8", errors="backslashreplace"))


def write_bytes(path: Path, content: bytes) -> None:
    """Replaces the file by one with this content. Only one process may write it at a time."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    staging = path.with_name(f".{path.name}.new")
    # A crash may have left this file. In a folder from elsewhere it may be a link to another place.
    staging.unlink(missing_ok=True)
    try:
        with staging.open("xb") as file:
            file.write(content)
        sync(staging)
        os.replace(staging, path)
    except BaseException:
        staging.unlink(missing_ok=True)  # truncated, if the disk is full
        raise
    sync(path.parent)


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """An empty folder to fill. It replaces `path` when the block ends without an error.

    Raises:
        BadInput: another process is filling it.
    """
    with locked(path.with_name(f".{path.name}.lock")):
        staging = empty(path.with_name(f".{path.name}.new"))
        yield staging
        publish(staging, path)


def empty(folder: Path) -> Path:
    """The folder, emptied or newly made."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def publish(staging: Path, path: Path) -> None:
    """Renames the finished folder to `path`, which replaces an older folder there."""
    for folder, _, names in os.walk(staging):
        for name in names:
            sync(Path(folder, name))
        sync(Path(folder))
    discard(path)
    os.replace(staging, path)
    sync(path.parent)


def discard(path: Path) -> None:
    """Deletes a folder. It is renamed first, so that no reader sees it partly deleted."""
    old = path.with_name(f".{path.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if path.exists():
        os.replace(path, old)
        shutil.rmtree(old, ignore_errors=True)


def sync(path: Path) -> None:
    """Waits until the file's bytes, or the folder's names, are on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
