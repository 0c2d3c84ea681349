"""Arithmetic problems: right by hand, disjoint between streams by construction, the same
everywhere.
"""

from itertools import combinations, product
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eval.files.errors import BadInput
from eval.questions.arithmetic import Stream, arithmetic, largest_draw, stream_of
from eval.questions.problems import Problem

STREAMS: tuple[Stream, ...] = get_args(Stream)


def test_a_problem_by_hand() -> None:
    problems: list[Problem] = []
    for level, stream in product((1, 2), STREAMS):
        problems += arithmetic([level], largest_draw(level, stream), stream, seed=0)
    by_text = {problem.text: problem for problem in problems}
    assert by_text["3+5+9="] == Problem(
        "arithmetic-L2-359", "3+5+9=", "7", level="2", subject="arithmetic"
    )
    assert by_text["0+0="].answer == "0"
    assert by_text["9+1="].answer == "0"
    assert len(by_text) == len(problems) == 100 + 1000  # each in exactly one stream


def test_draws_are_the_same_on_every_machine() -> None:
    texts = [problem.text for problem in arithmetic([2, 6], 2, "train", seed=7)]
    assert texts == ["1+8+5=", "7+9+7=", "3+0+8+4+7+4+2=", "1+9+2+8+0+8+8="]
    assert {level: [largest_draw(level, stream) for stream in STREAMS] for level in (1, 2, 5)} == {
        1: [39, 25, 11, 25],
        2: [402, 297, 85, 216],
        5: [200_000, 150_000, 50_000, 100_000],
    }


LEVELS = st.lists(st.integers(1, 12), min_size=1, max_size=4, unique=True)


@settings(deadline=None, max_examples=30)
@given(LEVELS, st.integers(1, 11), st.integers(0, 9))
def test_streams_never_share_a_problem(levels: list[int], per_level: int, seed: int) -> None:
    drawn = {stream: arithmetic(levels, per_level, stream, seed) for stream in STREAMS}
    for one, other in combinations(STREAMS, 2):
        assert not {p.text for p in drawn[one]} & {p.text for p in drawn[other]}
    for stream, problems in drawn.items():
        assert [int(p.level) for p in problems] == [
            level for level in levels for _ in range(per_level)
        ]
        assert len({p.text for p in problems}) == len({p.id for p in problems}) == len(problems)
        for problem in problems:
            assert stream_of(problem.text) == stream
            digits = problem.text.removesuffix("=").split("+")
            assert len(digits) == int(problem.level) + 1
            assert int(problem.answer) == sum(map(int, digits)) % 10


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 8), st.integers(1, 10), st.sampled_from(STREAMS), st.integers(0, 99))
def test_a_larger_draw_extends_a_smaller_one(
    level: int, count: int, stream: Stream, seed: int
) -> None:
    assert arithmetic([level], 11, stream, seed)[:count] == arithmetic([level], count, stream, seed)


def test_seeds_and_streams_differ() -> None:
    draws = [arithmetic([6], 5, stream, seed) for stream in STREAMS for seed in range(3)]
    assert len(set(map(tuple, draws))) == len(draws)


def test_more_than_there_are_is_refused() -> None:
    assert len(arithmetic([1], 25, "test", 0)) == 25
    with pytest.raises(
        BadInput, match=r"26 arithmetic problems of level 1 .* stream 'test' has 25"
    ):
        arithmetic([1], 26, "test", 0)
    with pytest.raises(BadInput, match=r"level 5 .* stream 'validation' has 50000"):
        arithmetic([5], 50_001, "validation", 0)


@pytest.mark.parametrize(
    ("levels", "per_level", "stream", "says"),
    [
        ([], 1, "test", "at least one"),
        ([2, 2], 1, "test", "no duplicates"),
        ([0], 1, "test", r"level 0 is not in 1\.\.100"),
        ([101], 1, "test", r"level 101 is not in 1\.\.100"),
        ([1], 0, "test", "at least 1 problem per level"),
        (
            [1],
            1,
            "dev",
            "unknown arithmetic stream 'dev': choose one of base, train, validation, test",
        ),
    ],
)
def test_bad_requests_are_named(
    levels: list[int], per_level: int, stream: Stream, says: str
) -> None:
    with pytest.raises(BadInput, match=says):
        arithmetic(levels, per_level, stream, 0)
