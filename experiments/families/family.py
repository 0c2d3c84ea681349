"""What a family of generated problems has to offer, and how problems are drawn from it.

    level       says how hard a problem is; a whole number from 1 on
    stream      the SHA-256 of a question assigns it to one of four streams, in fixed shares

So two streams never share a problem, whatever the seeds and sizes of the draws: the base policy is
taught on `base`, prompts are `train`, settings are chosen on `validation`, arms tested on `test`.

A family is a frozen pydantic model: its fields are the settings of the experiment's `task.family`,
its methods what stands in `Family`, and in `TaughtFamily` if a tiny policy can learn it. It lives
in one file of this folder and one line of `AnyFamily` in __init__.py.
"""

import hashlib
import random
import re
from collections.abc import Sequence
from functools import cache
from typing import Any, Literal, Protocol, get_args, runtime_checkable

from eval.files.errors import BadInput
from eval.questions.problems import Problem

Stream = Literal["base", "train", "validation", "test"]

STREAM_SHARES: dict[Stream, range] = {  # per cent of all questions
    "base": range(0, 40),
    "train": range(40, 70),
    "validation": range(70, 80),
    "test": range(80, 100),
}


class Family(Protocol):
    """Problems with settings."""

    @property
    def name(self) -> str: ...

    @property
    def levels(self) -> range:
        """All levels that there are."""
        ...

    def model_dump(self, *, mode: str) -> dict[str, Any]:
        """The settings, as pydantic gives them."""
        ...

    def count(self, level: int) -> int:
        """Number of different questions of a level, at least."""
        ...

    def every(self, level: int) -> list[str] | None:
        """All questions of a level that has few; None where they are too many to be listed."""
        ...

    def question(self, level: int, rng: random.Random) -> str:
        """A random question of a level."""
        ...

    def gold(self, question: str) -> str:
        """The right answer, as it stands in the box."""
        ...


@runtime_checkable
class TaughtFamily(Family, Protocol):
    """A family with demonstrations, from which a tiny policy learns."""

    @property
    def vocabulary(self) -> list[str]:
        """Tokens of all questions and answers: single characters, `\\boxed{`, `<unused0>`, …"""
        ...

    @property
    def shown(self) -> Sequence[int]:
        """The levels of the demonstrations."""
        ...

    def longest(self, level: int) -> int:
        """Tokens that an answer to a question of the level may need."""
        ...

    def level_to_teach(self, progress: float, rng: random.Random) -> int:
        """A random level of a demonstration at this share of the teaching, in [0, 1)."""
        ...

    def demonstration(self, question: str, progress: float, rng: random.Random) -> str:
        """A random answer as it is taught at this share of the teaching."""
        ...


def draw_problems(
    family: Family, levels: Sequence[int], per_level: int, stream: Stream, seed: int
) -> list[Problem]:
    """`per_level` different problems of each level, in the order of `levels`.

    A larger `per_level` with the same seed extends the draw: the first problems stay the same.

    Raises:
        BadInput: unknown stream, a level out of range or duplicate, or more problems of a level
            than `largest_draw` allows.
    """
    if stream not in get_args(Stream):
        raise BadInput(
            f"unknown {family.name} stream {stream!r}: choose one of {', '.join(get_args(Stream))}"
        )
    if per_level < 1:
        raise BadInput(f"{family.name} needs at least 1 problem per level, not {per_level}")
    if not levels or len(set(levels)) < len(levels):
        raise BadInput(
            f"{family.name} needs at least one level and no duplicates, not {list(levels)}"
        )
    return [
        as_problem(family, level, question)
        for level in levels
        for question in _questions(family, level, per_level, stream, seed)
    ]


def largest_draw(family: Family, level: int, stream: Stream) -> int:
    """Largest number of problems that a draw may ask for: all of the stream where a level has few,
    else about half of them, so that drawing new ones stays fast.
    """
    check_level(family, level)
    listed = _few_questions(family, level, stream)
    if listed is not None:
        return len(listed)
    return family.count(level) * len(STREAM_SHARES[stream]) // 200


def stream_of(question: str) -> Stream:
    """The stream that a question belongs to."""
    bucket = int.from_bytes(hashlib.sha256(question.encode()).digest()[:8], "big") % 100
    return next(stream for stream, share in STREAM_SHARES.items() if bucket in share)


def question_of_stream(family: Family, level: int, stream: Stream, rng: random.Random) -> str:
    """A random question of a level and stream."""
    while True:
        question = family.question(level, rng)
        if stream_of(question) == stream:
            return question


def check_level(family: Family, level: int) -> None:
    """Raises BadInput unless the family has the level."""
    if level not in family.levels:
        raise BadInput(
            f"{family.name} level {level} is not in 1..{family.levels[-1]}: choose one of these"
        )


def as_problem(family: Family, level: int, question: str) -> Problem:
    spelled = "".join(filter(str.isalnum, question))
    if not re.fullmatch(r"[\w+=]+", question):  # signs that the name would lose: 5-3, 5+3
        spelled = hashlib.sha256(question.encode()).hexdigest()[:16]
    name = f"{family.name}-L{level}-{spelled}"
    gold = family.gold(question)
    return Problem(name, question, gold, level=str(level), subject=family.name)


def _questions(family: Family, level: int, count: int, stream: Stream, seed: int) -> list[str]:
    limit = largest_draw(family, level, stream)
    if count > limit:
        raise BadInput(
            f"{count} {family.name} problems of level {level} are asked for, but stream {stream!r}"
            f" has {limit}: ask for at most {limit}, or leave level {level} out"
        )
    rng = random.Random(f"{family.name}/{stream}/{level}/{seed}")
    if (listed := _few_questions(family, level, stream)) is not None:
        shuffled = [*listed]
        rng.shuffle(shuffled)
        return shuffled[:count]
    drawn: dict[str, None] = {}  # a set that keeps its order
    while len(drawn) < count:
        drawn[question_of_stream(family, level, stream, rng)] = None
    return list(drawn)


@cache
def _few_questions(family: Family, level: int, stream: Stream) -> tuple[str, ...] | None:
    questions = family.every(level)
    if questions is None:
        return None
    return tuple(question for question in questions if stream_of(question) == stream)
