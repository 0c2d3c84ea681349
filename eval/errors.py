"""Errors meant for people: one line that says what is wrong, where, and what to do about it."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager


class BadInput(ValueError):
    """Input that a person can mend. The message names the place (file, line, key, id) and the remedy."""


@contextmanager
def exit_with_message() -> Iterator[None]:
    """Wraps a command's main: BadInput becomes one message on stderr and exit code 2, never a traceback."""
    try:
        yield
    except BadInput as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(2) from None
