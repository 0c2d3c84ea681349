"""Diagnostics and budget: hand-computed numbers, and the flags that follow from them."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from analysis.results.folder import Results, Run, load_results, shortfalls
from analysis.tables import budget, diagnostics, footnotes
from tests.support.synthetic import make

NAN = float("nan")


def run(entropy: list[float], arm: str = "x", **series: list[Any]) -> Run:
    """A run with these values per rollout; state keys are given as state_<key>."""
    rows: list[dict[str, Any]] = [
        {"rollout": i, "updates": 4.0 * (i + 1), "entropy": value}
        for i, value in enumerate(entropy)
    ]
    for name, values in series.items():
        for row, value in zip(rows, values, strict=True):
            place = row.setdefault("state", {}) if name.startswith("state_") else row
            place[name.removeprefix("state_")] = value
    return Run(arm, 0, Path(), {"status": "finished"}, tuple(rows))


def results(*runs: Run, **methods: dict[str, Any]) -> Results:
    arms = {each.arm: {"method": methods.get(each.arm, {"name": "no_entropy"})} for each in runs}
    return Results(Path("demo"), {"arms": arms, "seeds": [0]}, runs, ())


def test_tracking_error_is_over_the_last_third() -> None:
    entropy = np.array([9.0, 9.0, 9.0, 9.0, 1.1, 0.8])
    assert diagnostics.tracking_error(entropy, np.full(6, 1.0)) == pytest.approx((0.1 + 0.2) / 2)


def test_near_target_counts_rollouts_within_a_tenth() -> None:
    entropy = np.array([2.0, 1.2, 1.09, 0.91, 0.5])
    assert diagnostics.near_target(entropy, np.full(5, 1.0)) == pytest.approx(2 / 5)


@pytest.mark.parametrize(
    ("entropy", "expected"),
    [
        (
            [2.0, 1.5, 0.7, 0.9, 1.2],
            -0.3,
        ),  # falls through the target by 30 %, comes back to 20 % above
        ([2.0, 1.0, 1.4, 1.1], 0.4),  # reaches it exactly, then overshoots upwards
        ([2.0, 1.5, 1.2], NAN),  # never there
    ],
)
def test_overshoot_is_the_largest_excursion_after_arrival(
    entropy: list[float], expected: float
) -> None:
    found = diagnostics.overshoot(np.array(entropy), np.full(len(entropy), 1.0))
    assert found == pytest.approx(expected, nan_ok=True)


def test_no_target_means_no_tracking_numbers() -> None:
    nothing = np.full(4, NAN)
    for measure in (diagnostics.tracking_error, diagnostics.near_target, diagnostics.overshoot):
        assert np.isnan(measure(np.ones(4), nothing))


def flags(each: Run, method: dict[str, Any] | None = None) -> list[str]:
    return diagnostics.run_flags(
        results(each, **{each.arm: method or {"name": "no_entropy"}}), each
    )


def test_collapse_explosion_and_divergence() -> None:
    assert flags(run([1.0, 0.8, 0.49])) == ["collapsed"]
    assert flags(run([1.0, 0.8, 0.51])) == []
    assert flags(run([1.0, 1.5, 2.1], accuracy=[0.5, 0.3, 0.09])) == ["exploded", "diverged"]
    assert flags(run([1.0, 1.0, 1.0], accuracy=[0.5, 0.3, 0.11])) == []


def test_a_held_low_target_is_no_collapse() -> None:
    held = run([1.0, 0.4, 0.4], state_target=[0.4] * 3, coefficient_max=[0.1] * 3)
    missed = run([1.0, 0.4, 0.2], state_target=[0.4] * 3, coefficient_max=[0.1] * 3)
    assert flags(held, {"name": "aer"}) == []
    assert flags(missed, {"name": "aer"}) == ["collapsed", "off target"]


def test_inert_depends_on_the_lever() -> None:
    idle = run([1.0, 1.0], coefficient_max=[0.0, 0.0], clip_high=[0.0, 0.0])
    assert flags(idle) == []
    assert flags(idle, {"name": "fixed_coefficient"}) == ["inert"]
    wider = {"name": "clip_higher", "epsilon_low": 0.2, "epsilon_high": 0.28}
    assert flags(idle, wider) == ["inert"]
    assert flags(run([1.0, 1.0], clip_high=[0.0, 0.01]), wider) == []
    assert flags(run([1.0, 1.0], gradient_share=[0.2, None]), {"name": "aer"}) == []


def test_levers_on_tokens_are_inert_where_they_touched_none() -> None:
    def one(touched: float, lever: str, **series: Any) -> Run:
        each = run([1.0, 1.0], coefficient_max=[0.0, 0.0], **series)
        rows = tuple(row | {"levers": {lever: {"touched": touched}}} for row in each.log)
        return replace(each, log=rows)

    method = {"name": "eighty_twenty"}
    assert flags(one(0.0, "weight"), method) == ["inert"]
    assert flags(one(0.8, "weight"), method) == []
    assert flags(one(0.8, "weight", gradient_share=[1e-4, 1e-4]), method) == ["inert"]
    assert flags(one(0.1, "surrogate", gradient_share=[0.0, 0.0]), {"name": "cispo"}) == []
    assert flags(one(0.0, "surrogate", gradient_share=[0.0, 0.0]), {"name": "cispo"}) == ["inert"]
    assert flags(one(0.002, "tether", gradient_share=[0.0, 0.0]), {"name": "kl_cov"}) == []


def test_wind_up_at_the_bound_and_without_effect() -> None:
    method = {"name": "aer", "alpha_max": 0.3}
    moving: dict[str, Any] = {"coefficient_max": [0.1] * 4}
    assert "wound up" in flags(run([1.0] * 4, state_alpha=[0.1, 0.3, 0.3, 0.1], **moving), method)
    growing: dict[str, Any] = {"state_alpha": [0.05, 0.1, 0.15, 0.2]}
    assert "wound up" in flags(
        run([1.0] * 4, state_difficulty_weight=[0.05] * 4, **growing, **moving), method
    )
    assert (
        flags(run([1.0] * 4, state_difficulty_weight=[0.5] * 4, **growing, **moving), method) == []
    )


def test_wind_up_counts_every_rollout_whose_alpha_is_the_highest_yet() -> None:
    rising = [0.10, 0.12, 0.14, 0.16, 0.18, 0.20]
    idle: dict[str, Any] = {"state_difficulty_weight": [0.05] * 6, "coefficient_max": [0.1] * 6}
    assert flags(run([1.0] * 6, state_alpha=rising, **idle), {"name": "aer", "alpha_max": 0.3}) == [
        "wound up"
    ]
    assert (
        flags(run([1.0] * 6, state_alpha=rising[::-1], **idle), {"name": "aer", "alpha_max": 0.3})
        == []
    )


def test_unequal_budget_is_seen_per_seed() -> None:
    short = run([1.0, 1.0], "short")
    both = results(run([1.0, 1.0, 1.0], "full"), short)
    assert diagnostics.run_flags(both, short) == ["unequal budget"]
    assert budget.budget_frame(both)["budget"].tolist() == ["equal", "unequal (seeds 0)"]


def ended(each: Run, stopped_early: bool) -> Run:
    why = {
        "rollout": 3,
        "why": "entropy above 2 nats for 5 rollouts",
        "stopped_early": stopped_early,
    }
    return replace(each, info={"status": "exploded", "exploded": why})


def test_an_explosion_that_the_run_recorded_is_a_flag_and_stopping_makes_the_budget_unequal() -> (
    None
):
    whole = ended(run([1.0] * 3), stopped_early=False)
    assert flags(whole) == ["exploded"]
    assert diagnostics.run_numbers(results(whole), whole)["exploded_at"] == 3
    short = ended(run([1.0] * 2, "short"), stopped_early=True)
    both = results(run([1.0] * 3, "full"), short)
    assert diagnostics.run_flags(both, short) == ["exploded", "stopped early", "unequal budget"]
    assert budget.budget_frame(both)["budget"].tolist() == [
        "equal",
        "unequal (seeds 0); stopped early as exploded (seeds 0)",
    ]


def test_a_task_that_is_all_wrong_or_all_right_is_named() -> None:
    assert flags(run([1.0] * 4, groups_all_wrong=[1.0, 1.0, 1.0, 0.9])) == ["all wrong"]
    assert flags(run([1.0] * 4, groups_all_wrong=[1.0, 1.0, 0.9, 0.9])) == []
    assert flags(run([1.0] * 3, groups_all_right=[0.5, 1.0, 1.0])) == ["all right"]


def test_a_run_is_short_of_something_only_where_it_ended_early(tmp_path: Path) -> None:
    assert shortfalls(tmp_path, {"status": "finished"}, 3) == []
    assert shortfalls(tmp_path, ended(run([1.0]), stopped_early=False).info, 3) == []
    said = shortfalls(tmp_path, ended(run([1.0]), stopped_early=True).info, 3)
    assert said == ["stopped after 3 rollouts: exploded, entropy above 2 nats for 5 rollouts"]
    (tmp_path / "fault").mkdir()
    (tmp_path / "fault" / "fault.json").write_text(
        '{"rollout": 2, "what": "not finite in an update: loss"}'
    )
    assert shortfalls(tmp_path, {}, 2) == [
        "ended by a fault at rollout 2: not finite in an update: loss"
    ]


def test_a_base_policy_at_nothing_is_told_under_the_table(tmp_path: Path) -> None:
    made = make(tmp_path / "demo", rollouts=3, questions=2)
    assert not footnotes.extreme_base_notes(load_results(made))
    (made / "base" / "eval" / "train.counts.csv").write_text("problem_id,n,correct\na,8,0\nb,8,0\n")
    assert footnotes.extreme_base_notes(load_results(made)) == [
        "The base policy's 16 answers on train are all wrong."
    ]


def test_the_synthetic_arms_are_told_apart(tmp_path: Path) -> None:
    made = make(tmp_path / "demo", rollouts=30, questions=2)
    found: Any = diagnostics.diagnose(load_results(made)).groupby("arm")["flags"].agg(set)
    assert found["none"] == {"collapsed"}
    assert found["fixed_high"] == {"exploded; diverged"}
    assert found["aer"] == {""}
