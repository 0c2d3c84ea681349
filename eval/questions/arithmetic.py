"""Generates graded problems: chains of one-digit additions modulo 10.

    text = "3+5+9="    answer = (3 + 5 + 9) mod 10 = 7    level = number of operations = 2

The SHA-256 of a text assigns it to exactly one stream, in fixed shares. So two streams never share
a problem, whatever the seeds and sizes of the draws. Order matters: "3+5=" and "5+3=" are two
problems, and may be in different streams. Level k has 10^(k+1) problems over all streams, so level
1 is small (39 base, 25 train, 11 validation, 25 test): see `largest_draw`.
"""

import hashlib
import random
from collections.abc import Sequence
from functools import cache
from itertools import product
from typing import Literal, get_args

from eval.files.errors import BadInput
from eval.questions.problems import Problem

Stream = Literal["base", "train", "validation", "test"]

_SHARES: dict[Stream, range] = {  # per cent of all texts
    "base": range(0, 40),
    "train": range(40, 70),
    "validation": range(70, 80),
    "test": range(80, 100),
}
_LISTED = 3  # up to this level all texts are listed (10^4 texts, about 20 ms)
_MAX_LEVEL = 100


def arithmetic(levels: Sequence[int], per_level: int, stream: Stream, seed: int) -> list[Problem]:
    """`per_level` different problems of each level, in the order of `levels`.

    A larger `per_level` with the same seed extends the draw: the first problems stay the same.

    Raises:
        BadInput: unknown stream, a level out of range or duplicate, or more problems of a level
            than `largest_draw` allows.
    """
    if stream not in get_args(Stream):
        raise BadInput(
            f"unknown arithmetic stream {stream!r}: choose one of {', '.join(get_args(Stream))}"
        )
    if per_level < 1:
        raise BadInput(f"arithmetic needs at least 1 problem per level, not {per_level}")
    if not levels or len(set(levels)) < len(levels):
        raise BadInput(f"arithmetic needs at least one level and no duplicates, not {list(levels)}")
    return [
        _arithmetic_problem(digits)
        for level in levels
        for digits in _draw_chains(
            level, per_level, stream, random.Random(f"arithmetic/{stream}/{level}/{seed}")
        )
    ]


def largest_draw(level: int, stream: Stream) -> int:
    """Largest number of problems that a draw may ask for: up to level 3 all of the stream, from
    level 4 on about half of them, so that drawing new ones stays fast.
    """
    _check_level(level)
    if level <= _LISTED:
        return len(_all_chains(level, stream))
    return 10 ** (level + 1) * len(_SHARES[stream]) // 200


def stream_of(text: str) -> Stream:
    """The stream that a problem text belongs to."""
    bucket = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") % 100
    return next(stream for stream, share in _SHARES.items() if bucket in share)


def _draw_chains(
    level: int, count: int, stream: Stream, rng: random.Random
) -> list[tuple[int, ...]]:
    limit = largest_draw(level, stream)
    if count > limit:
        raise BadInput(
            f"{count} arithmetic problems of level {level} are asked for, but stream {stream!r} has"
            f" {limit}: ask for at most {limit}, or leave level {level} out"
        )
    if level <= _LISTED:
        listed = list(_all_chains(level, stream))
        rng.shuffle(listed)
        return listed[:count]
    drawn: dict[tuple[int, ...], None] = {}  # a set that keeps its order
    while len(drawn) < count:
        digits = tuple(rng.randrange(10) for _ in range(level + 1))
        if stream_of(_chain_text(digits)) == stream:
            drawn[digits] = None
    return list(drawn)


@cache
def _all_chains(level: int, stream: Stream) -> tuple[tuple[int, ...], ...]:
    everything = product(range(10), repeat=level + 1)
    return tuple(digits for digits in everything if stream_of(_chain_text(digits)) == stream)


def _check_level(level: int) -> None:
    if not 1 <= level <= _MAX_LEVEL:
        raise BadInput(f"arithmetic level {level} is not in 1..{_MAX_LEVEL}: it counts operations")


def _chain_text(digits: Sequence[int]) -> str:
    return "+".join(map(str, digits)) + "="


def _arithmetic_problem(digits: tuple[int, ...]) -> Problem:
    level = len(digits) - 1
    name = f"arithmetic-L{level}-{''.join(map(str, digits))}"
    return Problem(
        name, _chain_text(digits), str(sum(digits) % 10), level=str(level), subject="arithmetic"
    )
