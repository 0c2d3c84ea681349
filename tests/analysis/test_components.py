"""Variance components of a comparison: by hand, by simulation, and what a changed design would
give.
"""

from dataclasses import replace

import numpy as np
import pytest

from analysis.calibrate.simulated_studies import MATH, Study, simulate
from analysis.inference.components import Components, Design, components
from analysis.inference.statistics import Counts, compare_arms


def counts(correct_SQ, n: int = 4) -> Counts:
    correct_SQ = np.asarray(correct_SQ)
    S, Q = correct_SQ.shape
    names = tuple(f"p{q:03d}" for q in range(Q))
    return Counts(tuple(range(S)), names, np.full((S, Q), n), correct_SQ)


def found_in(a: Counts, b: Counts, half_width: float = 0.1) -> Components:
    found = components(a, b, half_width)
    assert found is not None
    return found


def test_by_hand():
    """b always right: all is a's. Its seeds' means are 1/2 and 3/4, no residual but sampling's cap:
    V = (1/8)^2 · 2 / 2 = 1/64; every question gains alike, so E = 0 and nothing else is left.
    """
    found = found_in(counts([[2, 2], [3, 3]]), counts([[4, 4], [4, 4]]))
    assert found.seeds == pytest.approx((1 / 64, 0))
    assert (found.questions, found.interaction, found.sampling) == (0, (0, 0), (0, 0))
    assert found.total == pytest.approx(1 / 64)


def test_questions_by_hand():
    """Both seeds alike, questions 0, 2, 4 of 4 against 2, 2, 2: differences -1/2, 0, 1/2, so that
    s^2 / Q = 1/4 / 3, all of it questions.
    """
    found = found_in(counts([[0, 2, 4]] * 2), counts([[2, 2, 2]] * 2))
    assert found.questions == pytest.approx(1 / 12)
    assert found.total == pytest.approx(1 / 12)


def test_simulated_studies_show_the_components_that_they_were_made_with():
    rng, found = np.random.default_rng(0), []
    study = Study(MATH, 300, 4, 8, seed_sd=0.02)
    for _ in range(200):
        each = found_in(*simulate(study, rng))
        found.append([sum(each.seeds), each.questions, sum(each.interaction), sum(each.sampling)])
    seeds, questions, interaction, sampling = np.mean(found, axis=0)
    assert seeds == pytest.approx(2 * 0.02**2 / 4, rel=0.2)
    # I and J have the same sd, and J is divided by the seeds
    assert interaction == pytest.approx(questions / 4, rel=0.3)
    assert sampling == pytest.approx(2 * 0.116 / 8 / (4 * 300), rel=0.2)


def test_one_sample_counts_as_sampling_what_it_cannot_tell_apart():
    draw = np.random.default_rng(1)
    a, b = (counts(draw.integers(0, 2, (3, 40)), n=1) for _ in range(2))
    found = found_in(a, b)
    assert found.interaction == (0, 0)
    assert min(found.sampling) > 0


def test_one_seed_has_no_components():
    assert components(counts([[1, 2]]), counts([[1, 2], [2, 2]]), 0.1) is None


def test_all_equal_counts_have_none_and_promise_nothing():
    found = found_in(counts([[4, 4], [4, 4]]), counts([[4, 4], [4, 4]]))
    assert found.total == 0
    assert np.isnan(found.half_width_at(found.design))
    assert np.isnan(found.enough_samples)
    assert found.seeds_to_see(0.05) is None


PURE = Components(Design((3, 3), 100), (0.0, 0.0), 0.0, (0.0, 0.0), (0.0, 0.0), 0.08, 8.0)


def test_each_part_shrinks_with_what_it_is_divided_by():
    questions = replace(PURE, questions=1e-4)
    assert questions.half_width_at(Design((9, 9), 100)) == pytest.approx(0.08)
    assert questions.half_width_at(Design((3, 3), 400)) == pytest.approx(0.04, rel=0.02)
    sampling = replace(PURE, sampling=(1e-4, 1e-4))
    for design in (Design((12, 12), 100), Design((3, 3), 400), Design((3, 3), 100, 4.0)):
        assert sampling.half_width_at(design) == pytest.approx(0.04, rel=0.02)
    interaction = replace(PURE, interaction=(1e-4, 1e-4))
    assert interaction.half_width_at(Design((3, 3), 100, 4.0)) == pytest.approx(0.08)


def test_seeds_shrink_with_their_number_and_gain_degrees_of_freedom():
    """Equal spread: t of 4 degrees (2.776) over sqrt(3) becomes t of 8 (2.306) over sqrt(5)."""
    seeds = replace(PURE, seeds=(1e-4, 1e-4))
    expected = 0.08 * (2.306 / 2.776) * (3 / 5) ** 0.5
    assert seeds.half_width_at(Design((5, 5), 100)) == pytest.approx(expected, rel=1e-3)
    assert seeds.half_width_at(Design((3, 3), 1000)) == pytest.approx(0.08)
    needed = seeds.seeds_to_see(1.6 * expected)
    assert needed == 5
    assert replace(PURE, questions=1e-4).seeds_to_see(0.05) is None


def test_samples_are_enough_when_they_are_the_smaller_part():
    both = replace(PURE, questions=1e-4, sampling=(1e-4, 1e-4))
    assert both.enough_samples == pytest.approx(16)  # 8 samples, twice the variance of the rest
    assert replace(PURE, questions=1e-4).enough_samples == 0


def test_what_is_said_of_one_more_seed_holds_in_studies_that_have_it():
    """Mean half width of simulated studies with 4 seeds against what those with 3 say of 4."""
    rng, said, had = np.random.default_rng(2), [], []
    for _ in range(60):
        a, b = simulate(Study(MATH, 200, 3, 8, seed_sd=0.02), rng)
        here = compare_arms(a, b, 1, draws=300, rng=rng)
        found = found_in(a, b, (here.high - here.low) / 2)
        said.append(found.half_width_at(Design((4, 4), 200)))
        more = compare_arms(
            *simulate(Study(MATH, 200, 4, 8, seed_sd=0.02), rng), 1, draws=300, rng=rng
        )
        had.append((more.high - more.low) / 2)
    assert np.mean(said) == pytest.approx(np.mean(had), rel=0.15)
