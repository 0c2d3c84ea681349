"""The rewards of a completion. The first is always the verifier's verdict: methods and tables see
that one alone.

    verified           1 for a completion that the verifier calls correct, else 0
    soft overlong      -clip((length - (limit - buffer)) / buffer, 0, 1)

Source of the second: DAPO (arXiv 2503.14476), section 3.4, "soft overlong punishment", whose range
and shape it keeps: nothing up to `limit - buffer` tokens, then falling linearly to -1 at the limit,
where completions are cut off. It is multiplied by `overlong_penalty`, added to the verdict for the
advantages, and off unless `overlong_buffer` is set.
"""

from collections.abc import Sequence
from typing import Any

from eval.verify.verifier import Verifier


class VerifiedReward:
    """1 for a completion that the verifier calls correct, else 0. Pickles no text and keeps one
    verifier.
    """

    __name__ = "verified"  # TRL names its metrics after the function

    def __init__(self, verifier: Verifier) -> None:
        self.verifier = verifier

    def __call__(self, completions: Sequence[str], answer: Sequence[str], **_: Any) -> list[float]:
        return [float(verdict.correct) for verdict in self.verifier.verify(completions, answer)]


class SoftOverlong:
    """-1 to 0 by length in tokens, the end token included."""

    __name__ = "soft_overlong"

    def __init__(self, limit: int, buffer: int) -> None:
        self.limit, self.buffer = limit, buffer

    def __call__(self, completion_ids: Sequence[Sequence[int]], **_: Any) -> list[float]:
        return [soft_overlong(len(ids), self.limit, self.buffer) for ids in completion_ids]


def soft_overlong(length: int, limit: int, buffer: int) -> float:
    """All in tokens."""
    return -min(max((length - (limit - buffer)) / buffer, 0.0), 1.0)
