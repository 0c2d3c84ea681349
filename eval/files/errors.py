"""Errors that a person can fix: one line says what is wrong, where, and what to do."""

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
"""Messages of a full disk from libraries that raise no OSError (safetensors, torch)."""
INTERRUPTED = 130
"""Exit code after Ctrl-C."""


class BadInput(ValueError):
    """Wrong input. The message names the place (file, line, key, id) and says how to fix it."""


@contextmanager
def exit_with_message() -> Iterator[None]:
    """Wraps a command: an error that a person can fix ends as one message on stderr, without a
    traceback.

    The exit code is 2 for BadInput and for a disk that cannot be written, 130 for Ctrl-C. Any other
    error is a bug and keeps its traceback.
    """
    try:
        yield
    except BadInput as error:
        _exit(f"error: {error}", 2)
    except KeyboardInterrupt:
        _exit("interrupted: run the same command again to resume", INTERRUPTED)
    except Exception as error:
        wrong = _disk(error)
        if not wrong:
            raise
        _exit(f"error: {wrong} and run the same command again; finished work is kept", 2)


def _exit(message: str, code: int) -> None:
    print(message, file=sys.stderr)
    raise SystemExit(code) from None


def _disk(error: BaseException | None) -> str:
    """What is wrong with the disk, if it caused the error; "" if the cause is another."""
    if error is None:
        return ""
    if isinstance(error, OSError) and error.errno in DISK:
        return f"the disk of {error.filename or 'the results'} {DISK[error.errno]}"
    if isinstance(error, PermissionError):
        return f"{error.filename or 'a file'} cannot be opened or written: change its permissions"
    if any(said in str(error) for said in FULL):
        return f"the disk of the results {DISK[errno.ENOSPC]}"
    return _disk(error.__cause__ or error.__context__)
