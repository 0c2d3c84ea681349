"""What a fault came to: one row of the table in docs/reliability.md."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.faults.compare import differences


class Broken(Exception):
    """The outcome is not the one that the fault must have."""


class NotHere(Exception):
    """This machine cannot have the fault; the message says why."""


@dataclass(frozen=True)
class Outcome:
    """One row."""

    fault: str
    how: str  # it is injected
    times: int
    outcome: str


def require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise Broken(otherwise)


def require_said(sentence: str, text: str) -> None:
    """The user was told so, and was shown no traceback."""
    require(sentence in text, f"nobody said {sentence!r}, but:\n{text[-3000:]}")
    require(
        "Traceback (most recent call last)" not in text, f"a traceback was shown:\n{text[-3000:]}"
    )


def require_same(quiet: Path, other: Path) -> None:
    different = differences(quiet, other)
    require(not different, f"not as in the quiet run: {', '.join(different)}")


def table(rows: Sequence[tuple[str, Outcome]]) -> str:
    """Markdown; the name of a fault is the argument that repeats it."""
    head = "| fault | how it is injected | times | outcome | again |\n|---|---|---:|---|---|"
    lines = [
        f"| {o.fault} | {o.how} | {o.times} | {o.outcome} | `python -m tests.faults {name}` |"
        for name, o in rows
    ]
    return "\n".join([head, *lines])
