"""What a comparison ends with."""

from collections.abc import Callable
from typing import Literal, NamedTuple

Status = Literal["ok", "unparsed", "timeout", "error"]


class Outcome(NamedTuple):
    correct: bool
    status: Status


RIGHT, WRONG, UNPARSED = Outcome(True, "ok"), Outcome(False, "ok"), Outcome(False, "unparsed")

Same = Callable[[str, str], Outcome]  # gold, answer -> outcome: how the parts of both are compared


class NeedsAlgebra(Exception):
    """Raised in a process that has no computer algebra."""
