"""The forest plot: what its marks say, where they lie, and that all forms show the same."""

from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.compare.forest_text import TEXT_WIDTH, forest_lines
from analysis.figures.forest import plot_forest
from analysis.report.opening import opening_panels
from analysis.report.summary import arm_summaries
from analysis.results.folder import BASE, Results, load_results
from analysis.tables import forest as rows
from analysis.tables.forest import Mark, axis_limit, axis_place, forest_marks
from analysis.tables.precision import precision_frame
from analysis.tables.scores import comparisons_frame
from analysis.tables.training import training_frame
from tests.support.synthetic import make


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    return load_results(make(tmp_path_factory.mktemp("forest") / "demo", rollouts=20, questions=12))


def made_up(low: float, difference: float, high: float, verdict: str = "better") -> Mark:
    return Mark("aime", 1, "aer", difference, low, high, verdict)


def test_marks_are_the_rows_of_the_tables_and_the_base_policy_turned_round(
    results: Results,
) -> None:
    compared: Any = comparisons_frame(results)
    training: Any = training_frame(results)
    found = forest_marks(compared, training, results.reference)
    assert len(found) == 2 * 2 * (4 + 1)
    own = next(each for each in found if (each.arm, each.k) == ("aer", 1))
    row = compared.query("arm == 'aer' and k == 1").iloc[0]
    assert (own.difference, own.low, own.high) == (
        row["difference"],
        row["low_holm"],
        row["high_holm"],
    )
    base = next(each for each in found if (each.arm, each.k) == (BASE, 1))
    row = training.query("arm == 'none' and k == 1").iloc[0]
    assert (base.difference, base.low) == (-row["difference"], -row["high_holm"])
    assert {base.verdict, row["verdict"]} in ({"better", "worse"}, {"not distinguishable"})
    assert found.index(base) == 4  # the last of its panel


def test_no_interval_that_is_clear_of_0_is_called_undecided(results: Results) -> None:
    for each in forest_marks(comparisons_frame(results), training_frame(results), "none"):
        assert (each.verdict == "not distinguishable") == (each.low <= 0 <= each.high)


def test_an_exploded_arm_does_not_squeeze_the_others() -> None:
    near = [made_up(-0.09, 0.0, 0.07), made_up(-0.05, 0.01, 0.1), made_up(-0.1, -0.05, 0.02)]
    assert axis_limit(near) == 0.1
    assert axis_limit([*near, made_up(-0.9, -0.8, -0.6, "worse")]) == 0.1
    assert axis_limit([made_up(-0.9, -0.8, -0.6)]) == 1
    assert axis_limit([made_up(-0.001, 0.0, 0.001)]) == rows.LEAST_REACH / 100


@given(st.floats(-1, 1), st.floats(0.01, 1))
def test_places_lie_on_the_axis(value: float, limit: float) -> None:
    assert 0 <= axis_place(value, limit) <= 1
    assert axis_place(0, limit) == 0.5


def test_text_by_hand() -> None:
    found = [made_up(-0.1, 0.0, 0.1, "not distinguishable"), made_up(-0.9, -0.8, -0.6, "worse")]
    axis, across, off = (
        forest_lines([found[0], found[0], found[1]])[:2]
        + forest_lines([*[found[0]] * 3, found[1]])[-1:]
    )
    assert axis.split() == ["−10", "0", "+10"]
    assert across == f"aer  {'─' * 20}●{'─' * 20}  +0.0 [−10.0, +10.0]  not distinguishable"
    assert off.startswith("aer  ◀")
    assert off.endswith("−80.0 [−90.0, −60.0]  worse")
    assert len(across.split("  ")[1]) == TEXT_WIDTH


def test_the_page_draws_what_the_tables_hold() -> None:
    panel = opening_panels([made_up(-0.05, 0.0, 0.1), made_up(-0.9, -0.8, -0.7, "worse")])[0]
    assert panel.columns == [(1, "10")]
    track = panel.lines[0].tracks[0]
    assert track is not None
    assert (track.left, track.width, track.dot, track.beyond) == (25, 75, 50, 0)


def test_the_figure_has_the_numbers(results: Results) -> None:
    drawn = plot_forest(results)
    assert len(drawn.numbers) == 2 * 2 * 5
    assert len([axes for axes in drawn.figure.axes if axes.get_visible()]) == 4


def test_one_sentence_per_arm(results: Results) -> None:
    said = dict(
        arm_summaries(
            results, comparisons_frame(results), training_frame(results), precision_frame(results)
        )
    )
    assert list(said) == ["fixed_low", "fixed_high", "clip_higher", "aer", "none"]
    assert said["none"].startswith("the reference; entropy collapsed; ")
    assert "entropy exploded" in said["fixed_high"]
    assert "keeps entropy at its target" in said["aer"]
    assert "from none in pass@1 (" in said["aer"]
    assert "seeds to see 5 points" in said["aer"] or "no number of seeds" in said["aer"]


def test_sentences_without_tables_say_so(results: Results) -> None:
    said = dict(arm_summaries(results, None, pd.DataFrame(), None))
    assert said["aer"] == "not compared with none; keeps entropy at its target."
