"""Locks between processes, on open files: the kernel releases them when their process ends.

A lock belongs to the open file. It is released when the last process that has it open closes it,
however that process ends. Linux forwards flock to NFS servers as a lock on the whole file.
"""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from eval.files.errors import BadInput


def lock_file(file: IO[bytes] | IO[str] | int, wait: bool = False) -> bool:
    """Locks an open file, or a descriptor; False if another process holds the lock.

    `wait`: whether to wait until the other process releases it.

    Raises:
        OSError: the file system has no such locks.
    """
    try:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    return True


@contextmanager
def locked(path: Path, wait: bool = False) -> Iterator[None]:
    """Holds the lock of this file, which is made if it is missing, while the block runs.

    `wait`: whether to wait until another process has released the lock.

    Raises:
        BadInput: another process holds the lock, and `wait` is false.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        if not lock_file(file, wait):
            raise BadInput(
                f"{path}: another process is at work here: let it finish, or stop it first"
            )
        yield
