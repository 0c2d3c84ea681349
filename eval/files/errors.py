"""Errors meant for people: one line that says what is wrong, where, and what to do about it."""

import errno
import sys
from collections.abc import Iterator
from contextlib import contextmanager

DISK = {
    errno.ENOSPC: "is full: make room",
    errno.EDQUOT: "is full for this user: make room",
    errno.EROFS: "is read-only: make it writable, or write elsewhere",
}
FULL = ("No space left on device", "iostream error")
"""How libraries that raise no OSError say that the disk is full: safetensors, torch."""


class BadInput(ValueError):
    """Input that a person can mend. The message names the place (file, line, key, id) and the
    remedy.
    """


@contextmanager
def exit_with_message() -> Iterator[None]:
    """Wraps a command's main: what a person can mend becomes one message on stderr, never a
    traceback.

    Exit code 2 for BadInput and a disk that cannot be written, 130 for Ctrl-C.
    """
    try:
        yield
    except BadInput as error:
        _exit(f"error: {error}", 2)
    except KeyboardInterrupt:
        _exit("interrupted: start again to go on", 130)
    except Exception as error:
        wrong = _disk(error)
        if not wrong:
            raise
        _exit(f"error: {wrong} and start again; what is finished is kept", 2)


def _exit(message: str, code: int) -> None:
    print(message, file=sys.stderr)
    raise SystemExit(code) from None


def _disk(error: BaseException | None) -> str:
    """What is wrong with the disk, if that is what the error or its cause says; "" if not."""
    if error is None:
        return ""
    if isinstance(error, OSError) and error.errno in DISK:
        return f"the disk of {error.filename or 'the results'} {DISK[error.errno]}"
    if any(said in str(error) for said in FULL):
        return f"the disk of the results {DISK[errno.ENOSPC]}"
    return _disk(error.__cause__ or error.__context__)
