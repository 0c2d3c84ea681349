"""What is made of brought rows: gradings, checkpoints, contradictions, change, and hostile paths."""

import math
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.bring.counting.evaluate import evaluate
from analysis.bring.files import reading
from analysis.bring.files.reading import source_files
from analysis.bring.files.records import BroughtCount, Claim, CurveRow, Found, Place, Sample, Total
from analysis.bring.findings.change import (
    AnswerChange,
    change_findings,
    change_words,
    changes,
    disagreement,
)
from analysis.bring.findings.curves import one_series
from analysis.bring.findings.diagnose import curve_findings
from analysis.bring.findings.published import Published, impossible, recounted
from analysis.bring.findings.selection import (
    choose_policies,
    published_selection,
    selection_findings,
)
from analysis.bring.mapping_file.arms import difference_findings
from analysis.bring.mapping_file.draft import paths
from analysis.bring.mapping_file.mapping import BringFile
from analysis.bring.mapping_file.path_pattern import pattern
from eval.files.errors import BadInput

PLACE = Place("a", 1, "b")


def mapping(**said: object) -> BringFile:
    base = {"name": "x", "sources": [{"path": "*", "tool": "trl"}]}
    return BringFile.model_validate(base | said)


def counts(place: Place, *correct: int, n: int = 1) -> list[BroughtCount]:
    return [BroughtCount(place, f"q{i}", n, right, {}) for i, right in enumerate(correct)]


def sample(number: int, text: str, claimed: float | None, gold: str = "4") -> Sample:
    return Sample(PLACE, "q", number, text, gold, claimed)


def test_both_gradings_are_kept_and_the_mapping_says_which_counts() -> None:
    found = Found(samples=[sample(0, r"\boxed{4}", 0.0), sample(1, r"\boxed{4}", 1.0)])
    with pytest.raises(BadInput, match="1 of 2 samples are graded otherwise"):
        evaluate(found, mapping())
    done = evaluate(found, mapping(count="recomputed"))
    assert done.counts[PLACE] == [BroughtCount(PLACE, "q", 2, 2, {"claimed_correct": "1"})]
    assert [(each.sample.number, each.answer) for each in done.differing] == [(0, "4")]
    claimed = evaluate(found, mapping(count="claimed"))
    assert claimed.counts[PLACE][0].correct == 1
    assert claimed.claims == [Claim(PLACE, "pass@1", 0.5)]


def test_text_and_score_of_a_sample_may_lie_in_two_files() -> None:
    scores = [Sample(PLACE, "q", 0, None, None, 1.0)]
    done = evaluate(Found(samples=[sample(0, r"\boxed{4}", None), *scores]), mapping())
    assert done.counts[PLACE] == [BroughtCount(PLACE, "q", 1, 1, {"claimed_correct": "1"})]
    with pytest.raises(BadInput, match="duplicate"):
        evaluate(Found(samples=[*scores, *scores]), mapping())


def test_scores_that_are_not_right_or_wrong_are_asked_for() -> None:
    with pytest.raises(BadInput, match=r"-1, 1: which one is right"):
        evaluate(Found(samples=[sample(0, "x", -1.0), sample(1, "x", 1.0)]), mapping())


def test_a_gold_answer_that_cannot_be_read_grades_nothing() -> None:
    found = Found(samples=[sample(0, r"\boxed{4}", 1.0, gold="$$")])
    done = evaluate(found, mapping())
    assert done.counts[PLACE][0].correct == 1
    assert done.findings[0].kind == "gold answers"


def test_n_that_is_a_number_of_questions_is_refused() -> None:
    with pytest.raises(BadInput, match="n = 30, the number of questions"):
        evaluate(Found(counts=counts(PLACE, *([1, 0] * 15), n=30)), mapping())


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 200), st.data())
def test_a_total_gives_its_score_back(questions: int, data: st.DataObject) -> None:
    right = data.draw(st.integers(0, questions))
    done = evaluate(Found(totals=[Total(PLACE, questions, right / questions)]), mapping())
    assert sum(row.correct for row in done.counts[PLACE]) == right
    assert not done.findings


def test_a_total_that_is_no_whole_number_is_named() -> None:
    done = evaluate(Found(totals=[Total(PLACE, 30, 0.31)]), mapping())
    assert sum(row.correct for row in done.counts[PLACE]) == 9
    assert done.findings[0].kind == "rounded total"
    with pytest.raises(BadInput, match="evaluated twice with different scores"):
        evaluate(Found(totals=[Total(PLACE, 30, 0.3), Total(PLACE, 30, 0.4)]), mapping())


def test_the_checkpoint_that_is_reported_is_said() -> None:
    known = {PLACE._replace(checkpoint=step): counts(PLACE, step // 10 % 2, 1) for step in (10, 20)}
    with pytest.raises(BadInput, match=r"several checkpoints were evaluated \(10, 20\)"):
        choose_policies(known, mapping())
    last = choose_policies(known, mapping(checkpoint="last"))
    assert [(each.place.checkpoint, each.score, each.reported) for each in last] == [
        (10, 1.0, False),
        (20, 0.5, True),
    ]
    said = selection_findings(last, mapping(checkpoint="last"))
    assert "reported: 50.0 at 20, the last one, place 2" in said[1].what
    first = mapping(checkpoint={"a": 10})
    assert choose_policies(known, first)[0].reported
    said = selection_findings(choose_policies(known, first), first)
    assert "at 10, the highest: chosen by its score, it is too optimistic" in said[1].what
    with pytest.raises(BadInput, match="checkpoint 15 was not evaluated"):
        choose_policies(known, mapping(checkpoint=15))


def test_checkpoints_of_which_only_means_are_published_are_said_too() -> None:
    claims = [
        Claim(PLACE._replace(checkpoint=step), metric, value)
        for step, value in ((10, 0.2), (20, 0.467))
        for metric in ("mean@4", "best@4", "mean@4 of the reward")
    ]
    (found,) = published_selection(claims, {})
    assert "mean@4 is published for 2 checkpoints, 20.0 to 46.7" in found.what
    assert not published_selection(claims, {claims[0].place: [], claims[-1].place: []})


@pytest.mark.parametrize(
    ("figures", "kind"),
    [
        ({"pass@1": 0.5, "maj@4": 0.0}, "looks impossible"),
        ({"pass@1": 0.05, "maj@4": 0.0}, ""),
        ({"pass@1": 0.5, "pass@4": 0.4}, "impossible"),
        ({"mean@4": 0.5, "best@4": 0.7}, ""),
        ({"pass@1": 1.5}, "impossible"),
        ({"mean@4 of the reward": -0.2, "mean@4": 0.4, "best@4 of the reward": 0.1}, ""),
    ],
)
def test_figures_that_cannot_both_be_true(figures: dict[str, float], kind: str) -> None:
    claims = [Claim(PLACE, metric, value) for metric, value in figures.items()]
    assert [each.kind for each in impossible(claims)] == [kind] * bool(kind)


def test_a_mean_over_sets_is_no_set() -> None:
    claim = Claim(Place("a", 1, "Average"), "pass@1", 0.5)
    assert impossible([claim])[0].kind == "mean over tasks"


def test_recounts() -> None:
    known = {PLACE: counts(PLACE, 1, 0, 2, n=2)}
    assert recounted(Claim(PLACE, "pass@1", 0.5), known) == pytest.approx(0.5)
    assert recounted(Claim(PLACE, "pass@2", 0.5), known) == pytest.approx(2 / 3)
    assert recounted(Claim(PLACE, "maj@2", 0.5), known) is None
    assert recounted(Claim(PLACE, "mean@2 of the reward", -0.2), known) is None
    assert Published(Claim(PLACE, "pass@1", 0.48), 0.5).outcome == "differs by +2.00 points"


def test_disagreement_of_greedy_answers_is_the_share_that_flips() -> None:
    a_Q, b_Q = np.array([1.0, 0, 1, 0]), np.array([1.0, 1, 0, 0])
    assert disagreement(a_Q, b_Q).tolist() == [0, 1, 1, 0]
    assert disagreement(np.array([0.5]), np.array([0.25]))[0] == 0.5 * 0.75 + 0.25 * 0.5


def test_change_is_told_from_the_noise_of_seeds() -> None:
    rng = np.random.default_rng(0)
    p_Q = rng.uniform(0.2, 0.8, 400)

    def runs(rate_Q: np.ndarray) -> dict[Place, list[BroughtCount]]:
        """Two runs of an arm, and a base policy, one answer to each question."""
        drawn = [rng.random(400) < rate_Q, rng.random(400) < rate_Q, rng.random(400) < p_Q]
        places = [Place("a", 1, "b"), Place("a", 2, "b"), Place("base", 0, "b")]
        return {
            place: counts(place, *right.astype(int).tolist())
            for place, right in zip(places, drawn, strict=True)
        }

    (same,) = changes(runs(p_Q))
    assert same.low < 0 < same.high
    (other,) = changes(runs(1 - p_Q**2))
    assert other.low > 0


def test_training_that_made_a_policy_better_and_surer_is_not_called_nothing() -> None:
    """Half of the questions right at random before, three quarters for sure after: fewer answers
    differ between two seeds than from the base policy's coin flips, and there is no excess.
    """
    rng = np.random.default_rng(1)
    sure = np.arange(400) % 4 > 0
    coin = rng.random(400) < 0.5
    seeds = [np.where(rng.random(400) < 0.4, rng.random(400) < 0.75, sure) for _ in range(2)]
    places = [Place("a", 1, "b"), Place("a", 2, "b"), Place("base", 0, "b")]
    known = {
        place: counts(place, *right.astype(int).tolist())
        for place, right in zip(places, [*seeds, coin], strict=True)
    }
    (found,) = changes(known)
    assert found.score_low > 0
    (finding,) = change_findings([found._replace(low=-0.1)])
    assert "nothing measurable" not in finding.what
    assert "the score of these runs differs from the base policy's on b (+" in finding.what


def test_steps_logged_twice() -> None:
    rows = [CurveRow(PLACE, step, {"reward": value}) for step, value in ((1, 0.1), (2, 0.2))]
    assert one_series([*rows, *rows]) == ({1: {"reward": 0.1}, 2: {"reward": 0.2}}, set())
    again = CurveRow(PLACE, 2, {"reward": 0.5, "kl": 0.1})
    assert one_series([*rows, again])[1] == {2}
    assert one_series([*rows, again])[0][2] == {"reward": 0.5, "kl": 0.1}


def test_diagnostics_of_foreign_curves() -> None:
    falling = {step: {"entropy_update": 1.0 / step, "reward": 0.5} for step in range(1, 21)}
    rising = {step: {"entropy_seq_mean": 1.0 * step} for step in range(1, 11)}
    found = curve_findings({Place("a", 1): falling, Place("b", 1): rising})
    said = {(each.kind, each.where): each.what for each in found}
    assert said["entropy", "a, seed 1"].startswith("entropy_update collapsed: 1 to ")
    assert said["entropy", "b, seed 1"].startswith("entropy_seq_mean exploded")
    assert "a seed 1: 20, b seed 1: 10" in said["unequal budget", "training steps"]
    assert "collapse" not in said["not logged", "a, seed 1"]  # by its own start, it was checked
    assert ("constant reward", "a, seed 1") in said
    (none,) = curve_findings({Place("c", 1): {1: {"length_mean": 3.0}}})
    assert "collapse, explosion, reward" in none.what


def test_patterns_of_paths() -> None:
    found = pattern("evals/{arm}_{checkpoint}/**").fullmatch("evals/Exp1_100/m/results.json")
    assert found is not None
    assert found.groupdict() == {"arm": "Exp1", "checkpoint": "100"}
    assert pattern("*.csv").fullmatch("a/b.csv") is None
    assert pattern("**/*.csv").fullmatch("b.csv")
    for wrong in ("{run}", "{arm}/{arm}", "a{", "*a" * 13):
        with pytest.raises(BadInput):
            pattern(wrong)


def test_a_draft_has_an_entry_per_tool_that_matches_its_files_only() -> None:
    assert paths(["a/x.csv", "a/y.csv", "b/z.csv"], ["b/z.json"]) == ["a/*.csv", "b/*.csv"]
    assert paths(["results_1.json", "results_2.json"], ["state.json"]) == ["results_*.json"]
    assert paths(["a/{x}.csv"], ["a/y.csv"]) == ["a/*x**.csv"]
    assert paths(["a.csv", "b.csv"], ["c.csv"]) == ["a.csv", "b.csv"]
    many = [f"{i}/results_{i}.json" for i in range(20)]
    assert paths(many, ["x/state.json"]) == ["**/results_*.json"]


def test_links_and_odd_files_are_not_read(tmp_path: Path) -> None:
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "x.csv").write_text("problem_id,n,correct\n")
    inside = tmp_path / "in"
    inside.mkdir()
    (inside / "file.csv").symlink_to(tmp_path / "secret" / "x.csv")
    (inside / "folder").symlink_to(tmp_path / "secret")
    os.mkfifo(inside / "pipe.csv")
    files, links = source_files([inside])
    assert links == ["file.csv", "folder"]
    assert list(files) == ["pipe.csv"]
    with pytest.raises(BadInput, match="not a regular file"):
        reading.read_bytes(files["pipe.csv"])


def test_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for i in range(3):
        (tmp_path / f"{i}").write_bytes(b"x" * 10)
    with pytest.raises(BadInput, match="over 9 bytes"):
        reading.read_bytes(tmp_path / "0", most=9)
    monkeypatch.setattr(reading, "MOST_FILES", 2)
    with pytest.raises(BadInput, match="over 2 files"):
        source_files([tmp_path])


def test_an_arm_with_several_seeds_on_one_of_two_sets() -> None:
    words = change_words([answer_change("b1", between_seeds=0.1), answer_change("b2")])
    assert "and on 10.0 % between the arm's own seeds" in words
    assert "unknown" not in words


def answer_change(benchmark: str, between_seeds: float = math.nan) -> AnswerChange:
    zeros: dict[str, Any] = dict.fromkeys(AnswerChange._fields, 0.0)
    said = {"arm": "a", "benchmark": benchmark, "questions": 8, "between_seeds": between_seeds}
    return AnswerChange(**(zeros | said))


def test_settings_of_arms_are_equal_as_numbers() -> None:
    words = {"model": "m", "prompt": "p"}
    arms = {"a": {**words, "temperature": 1.0}, "b": {**words, "temperature": 1}}
    assert [each.kind for each in difference_findings(mapping(arms=arms))] == ["unknown"] * 2
