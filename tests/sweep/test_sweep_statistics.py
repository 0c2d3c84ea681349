"""Intervals of trials and the budget curve: numbers by hand, then every subset counted one by
one.
"""

import math
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from analysis.sweep.trial_statistics import (
    budget_curve,
    chance_of_best,
    expected_scores,
    held_out_score,
    seed_noise,
    tied_with_best,
)

# intervals


def test_noise_is_pooled_over_trials() -> None:
    """Deviations ±.1 and ±0 of two trials with two seeds, and 0, ±.2 of one with three: .02 + 0 +
    .08 over 1 + 1 + 2.
    """
    found = seed_noise([(0.4, 0.6), (0.5, 0.5), (0.1, 0.3, 0.5)])
    assert found.dof == 4
    assert found.sd == pytest.approx(math.sqrt(0.1 / 4))


def test_margins_of_a_mean_and_of_a_difference() -> None:
    found = seed_noise([(0.4, 0.6), (0.5, 0.5)])  # sd .1 with 2 degrees of freedom
    assert found.margin(2) == pytest.approx(4.3027 * 0.1 / math.sqrt(2), abs=1e-5)
    assert found.margin(2, 2) == pytest.approx(4.3027 * 0.1, abs=1e-5)
    assert found.margin(4, 1) == pytest.approx(4.3027 * 0.1 * math.sqrt(1.25), abs=1e-5)


def test_with_one_seed_each_the_noise_is_unknown() -> None:
    found = seed_noise([(0.4,), (0.5,)])
    assert found.dof == 0
    assert math.isnan(found.sd)
    assert math.isnan(found.margin(1))
    assert tied_with_best([(0.4,), (0.5,)]) == [True, True]


def test_undecided_are_those_within_the_margin_of_a_difference() -> None:
    """sd .1, 3 degrees of freedom: the margin of a difference is 3.182 × .1 = .318."""
    centred = [
        (m - 0.1 / math.sqrt(2), m + 0.1 / math.sqrt(2)) for m in (0.9, 0.9 - 0.31, 0.9 - 0.33)
    ]
    assert seed_noise(centred).sd == pytest.approx(0.1)
    assert tied_with_best(centred) == [True, True, False]
    assert tied_with_best([]) == []
    assert tied_with_best([(0.5, 0.5), (0.5, 0.5), (0.4, 0.4)]) == [True, True, False]


# the budget curve


def test_rank_probabilities_by_hand() -> None:
    """Of three trials two are drawn: the best is among them in 2 of 3 draws, and is beaten by
    none.
    """
    assert chance_of_best(3) == pytest.approx(
        np.array([[1 / 3, 2 / 3, 1], [1 / 3, 1 / 3, 0], [1 / 3, 0, 0]])
    )
    assert chance_of_best(7).sum(axis=0) == pytest.approx(np.ones(7))


def test_one_seed_chooses_and_scores() -> None:
    assert expected_scores(np.array([[0.1], [0.6], [0.2]])) == pytest.approx(
        [0.3, 2 / 3 * 0.6 + 1 / 3 * 0.2, 0.6]
    )


def test_a_trial_is_chosen_by_the_other_seed() -> None:
    """Seed 2 likes trial 1, which scores .4 with seed 1; seed 1 likes trial 0, which scores .1 with
    seed 2.
    """
    y_TS = np.array([[0.5, 0.1], [0.4, 0.6]])
    assert expected_scores(y_TS) == pytest.approx([0.4, 0.25])
    assert held_out_score(y_TS) == pytest.approx(0.25)
    assert budget_curve(y_TS).regret(1, of=2) == pytest.approx(0.25 - 0.4)


def test_the_band_holds_the_central_four_fifths_of_the_draws() -> None:
    found = budget_curve(np.arange(10.0)[:, None] / 10)
    assert (found.low[0], found.high[0]) == pytest.approx(
        (0.0, 0.8)
    )  # of ten equal chances: the first and the ninth
    assert (found.low[-1], found.high[-1]) == pytest.approx((0.9, 0.9))


def test_noise_alone_gains_nothing_where_another_seed_chooses() -> None:
    rng = np.random.default_rng(0)
    tables = rng.normal(0, 1, (400, 8, 2))
    gains = np.array([expected_scores(y_TS)[-1] - expected_scores(y_TS)[0] for y_TS in tables])
    assert abs(gains.mean()) < 3 * gains.std() / math.sqrt(len(gains))
    flattering = np.array(
        [expected_scores(y_TS[:, :1])[-1] - expected_scores(y_TS[:, :1])[0] for y_TS in tables]
    )
    assert flattering.mean() > 1


tables = st.tuples(st.integers(1, 6), st.integers(1, 3)).flatmap(
    lambda shape: arrays(float, shape, elements=st.integers(0, 6).map(lambda step: step / 8))
)


@given(tables)
@settings(deadline=None, max_examples=150)
def test_every_draw_counted_one_by_one(y_TS: np.ndarray) -> None:
    """Ties included: of equal trials the earlier one is chosen."""
    found, T = budget_curve(y_TS), len(y_TS)
    for k in range(1, T + 1):
        drawn = sorted(led_to(y_TS, draw) for draw in combinations(range(T), k))
        assert found.value[k - 1] == pytest.approx(np.mean(drawn))
        for quantile, end in ((0.1, found.low), (0.9, found.high)):
            assert end[k - 1] == pytest.approx(drawn[math.ceil(quantile * len(drawn) - 1e-9) - 1])


def led_to(y_TS: np.ndarray, draw: tuple[int, ...]) -> float:
    """The score that these trials lead to, by the words of the definition."""
    seeds = range(y_TS.shape[1])
    scores = []
    for left_out in seeds:
        others = [s for s in seeds if s != left_out] or [left_out]
        best = max(draw, key=lambda trial: (round(y_TS[trial, others].mean(), 12), -trial))
        scores.append(y_TS[best, left_out])
    return float(np.mean(scores))


@given(tables, st.floats(0.5, 2), st.floats(-1, 1))
@settings(deadline=None, max_examples=50)
def test_scale_and_shift_go_through(y_TS: np.ndarray, scale: float, shift: float) -> None:
    assert expected_scores(scale * y_TS + shift) == pytest.approx(
        scale * expected_scores(y_TS) + shift
    )


def test_a_hundred_trials_are_no_trouble() -> None:
    y_TS = np.random.default_rng(0).random((100, 2))
    found = budget_curve(y_TS)
    assert (
        found.low[-1] == found.high[-1] == pytest.approx(found.value[-1])
    )  # all of them can be drawn in one way only
    assert (found.low <= found.high).all()
