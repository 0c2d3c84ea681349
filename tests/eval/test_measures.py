"""Measures of a set against hand-computed numbers, ragged sets, and Wilson's interval."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval.scoring.measures import Scored, measure, measure_all, wilson_interval


def verdict(correct: bool, tokens: int = 10, **changed: Any) -> dict[str, Any]:
    row = {"correct": correct, "strict": correct, "status": "ok", "class": 0 if correct else 1}
    return row | {"tokens": tokens, "finish_reason": "stop"} | changed


def problem(name: str, right: int, wrong: int, level: str = "", subject: str = "") -> Scored:
    return Scored(name, level, subject, [verdict(True)] * right + [verdict(False)] * wrong)


def test_success_by_hand():
    found = measure([problem("a", 3, 1), problem("b", 1, 3), problem("c", 0, 4)], [1, 2, 4])
    assert found["avg_at_n"] == pytest.approx((3 / 4 + 1 / 4) / 3)
    assert found["pass_at_k"]["1"] == pytest.approx(1 / 3)
    assert found["pass_at_k"]["2"] == pytest.approx((1 + 1 / 2 + 0) / 3)
    assert found["pass_at_k"]["4"] == pytest.approx(2 / 3)
    assert found["maj_at_k"]["4"] == pytest.approx(1 / 3)
    assert found["cover_at_tau"] == {
        "0.25": pytest.approx(2 / 3),
        "0.5": 1 / 3,
        "0.75": 1 / 3,
        "1.0": 0,
    }
    assert found["missing"] == []


def test_shares_and_lengths_by_hand():
    rows = [
        verdict(True, 1),
        verdict(True, 2, finish_reason="length"),
        verdict(False, 3, finish_reason="length", status="unparsed", **{"class": -1}),
        verdict(False, 4, strict=True),
        verdict(False, 5, status="timeout", **{"class": -1}),
        verdict(False, 6, status="error", **{"class": -1}),
        verdict(True, 7, strict=False),
        verdict(False, 100),
    ]
    found = measure([Scored("a", "", "", rows)], [8])
    assert found["truncated"] == 2 / 8
    assert found["unparsed"] == found["timeout"] == found["error"] == 1 / 8
    assert found["strict_disagreement"] == 2 / 8
    assert found["accuracy_finished"] == 2 / 6
    assert found["length"] == {"mean": 16.0, "median": 4.5, "p95": pytest.approx(7 + 0.65 * 93)}
    assert found["maj_at_k"]["8"] == 1.0  # 3 right against 2 wrong; three samples have no vote


def test_a_class_that_is_right_in_part_counts_in_part():
    rows = [verdict(True), verdict(False, **{"class": 0}), verdict(True), verdict(True)]
    assert measure([Scored("a", "", "", rows)], [4])["maj_at_k"]["4"] == 3 / 4


def test_ragged_set_is_right_and_says_what_is_missing():
    found = measure_all([problem("a", 4, 4), problem("b", 1, 1), problem("c", 0, 0)], [1, 2, 8])
    assert found["avg_at_n"] == 0.5
    assert found["problems"] == 3
    assert found["samples"] == 10
    assert found["samples_per_problem"] == [0, 8]
    assert found["problems_without_samples"] == ["c"]
    assert found["pass_at_k"] == found["maj_at_k"] == {"1": None, "2": None, "8": None}
    assert found["missing"] == [
        "no samples of 1 problem (c): left out of avg@n and Cover@tau",
        "pass@1 and maj@1 need 1 samples of every problem: too few of 1 problem (c)",
        "pass@2 and maj@2 need 2 samples of every problem: too few of 1 problem (c)",
        "pass@8 and maj@8 need 8 samples of every problem: too few of 2 problems (b, c)",
    ]


def test_each_problem_has_its_own_n():
    found = measure([problem("a", 4, 4), problem("b", 1, 1)], [2])
    assert found["pass_at_k"]["2"] == pytest.approx((1 - (4 * 3) / (8 * 7) + 1) / 2)
    assert found["avg_at_n"] == 0.5


def test_levels_and_subjects_are_measured_apart():
    set_ = [
        problem("a", 4, 0, "1", "algebra"),
        problem("b", 0, 2, "2", "algebra"),
        problem("c", 1, 1, "2"),
    ]
    found = measure_all(set_, [4])
    assert found["levels"]["1"]["avg_at_n"] == 1
    assert found["levels"]["2"]["avg_at_n"] == 0.25
    assert found["subjects"].keys() == {"algebra"}
    assert found["subjects"]["algebra"]["avg_at_n"] == 0.5
    assert found["levels"]["1"]["pass_at_k"]["4"] == 1
    assert found["levels"]["2"]["pass_at_k"]["4"] is None


def test_nothing_sampled_is_null_not_zero():
    found = measure([problem("a", 0, 0)], [1])
    json.dumps(found, allow_nan=False)
    for name in (
        "avg_at_n",
        "avg_at_n_interval",
        "truncated",
        "accuracy_finished",
        "strict_disagreement",
    ):
        assert found[name] is None
    assert found["length"] == {"mean": None, "median": None, "p95": None}


@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)).filter(any), min_size=1, max_size=6)
)
def test_avg_is_pass_at_1(counts: list[tuple[int, int]]):
    found = measure([problem(str(i), right, wrong) for i, (right, wrong) in enumerate(counts)], [1])
    assert found["avg_at_n"] == pytest.approx(found["pass_at_k"]["1"], abs=1e-12)
    assert found["avg_at_n"] == pytest.approx(found["maj_at_k"]["1"], abs=1e-12)


def test_wilson_by_hand():
    # at 0 of n the upper end is z² / (n + z²), z = 1.959964
    z2 = 1.9599639845400545**2
    assert wilson_interval(0, 30) == (0.0, pytest.approx(z2 / (30 + z2)))
    assert wilson_interval(30, 30) == (pytest.approx(30 / (30 + z2)), 1.0)
    assert wilson_interval(50, 100) == (
        pytest.approx(0.403832, abs=1e-6),
        pytest.approx(0.596168, abs=1e-6),
    )


@given(st.integers(1, 500), st.floats(0, 1), st.floats(0.5, 0.999))
def test_wilson_laws(total: int, share: float, confidence: float):
    low, high = wilson_interval(share * total, total, confidence)
    assert 0 <= low <= share + 1e-12
    assert share - 1e-12 <= high <= 1
    assert high - low > 1e-4
