"""A rollout's numbers by hand."""

import math

import pytest
import torch
from torch import tensor

from experiments.training.rollout.rollout_row import RATES, Rows, UpdateTotals, rate_code, summarise

LABELS = {"level": ["1", "2"], "stratum": RATES}


def rows(**changes: list[float]) -> Rows:
    """Two groups of two: one half right, one all wrong; the last completion is cut off."""
    columns = {
        "length_B": [2, 4, 6, 8],
        "truncated_B": [0, 0, 0, 1],
        "reward_B": [1, 0, 0, 0],
        "correct_B": [1, 0, 0, 0],
        "accuracy_B": [0.5, 0.5, 0, 0],
        "weight_B": [0.1, 0.1, 0.3, 0.3],
        "level_B": [0, 0, 1, 1],
        "stratum_B": [3, 3, 0, -1],
        "entropy_B": [1, 2, 3, 4],
        "own_entropy_B": [0, 1, 1, 2],
        "logp_B": [-2, -2, -3, -3],
    }
    return Rows(
        **{name: tensor(value, dtype=torch.float64) for name, value in (columns | changes).items()}
    )


def test_summary_by_hand() -> None:
    found = summarise(rows(), tensor([40.0, 10.0, 2.0, 4.0, 8.0], dtype=torch.float64), LABELS)
    groups, strata, levels = found.pop("groups"), found.pop("strata"), found.pop("levels")
    assert found == pytest.approx(
        {
            "entropy": 10 / 20,
            "entropy_update": 10 / 40,
            "own_entropy": 4 / 20,
            "entropy_mc": 10 / 20,
            "reward": 0.25,
            "accuracy": 0.25,
            "length_mean": 5.0,
            "length_median": 5.0,
            "length_p95": 7.7,
            "length_terminated": 4.0,
            "truncated": 0.25,
            "clip_low": 0.05,
            "clip_high": 0.1,
            "unlike_plain": 0.2,
            "groups_all_right": 0.0,
            "groups_all_wrong": 0.5,
            "coefficient_mean": 0.2,
            "coefficient_max": 0.3,
            "rows_weighted": 1.0,
            "entropy_term_all_wrong": (0.3 * 3 + 0.3 * 4) / (0.1 * 3 + 0.3 * 7),
        }
    )
    assert levels == {
        "1": {"rows": 2, "entropy": 0.5, "length": 3.0, "accuracy": 0.5},
        "2": {"rows": 2, "entropy": 0.5, "length": 7.0, "accuracy": 0.0},
    }
    assert set(groups) == {"0", "(0.25, 0.5]"}
    assert {name: part["rows"] for name, part in strata.items()} == {"(0.5, 1)": 2, "0": 1}


def test_what_was_not_measured_is_null() -> None:
    cut = rows(
        truncated_B=[1, 1, 1, 1],
        weight_B=[0, 0, 0, 0],
        correct_B=[math.nan] * 4,
        accuracy_B=[math.nan] * 4,
    )
    found = summarise(cut, torch.zeros(5, dtype=torch.float64), LABELS)
    for key in (
        "length_terminated",
        "entropy_term_all_wrong",
        "accuracy",
        "entropy_update",
        "clip_high",
    ):
        assert found[key] is None, key
    assert found["groups"] == {}


def test_rate_bins() -> None:
    rates = tensor([0.0, 0.125, 0.25, 0.375, 0.5, 0.875, 1.0, math.nan])
    names = [RATES[code] if code >= 0 else None for code in rate_code(rates).tolist()]
    assert names == [
        "0",
        "(0, 0.25]",
        "(0, 0.25]",
        "(0.25, 0.5]",
        "(0.25, 0.5]",
        "(0.5, 1)",
        "1",
        None,
    ]


def test_columns_survive_gathering() -> None:
    again = Rows.from_columns(rows().columns())
    assert torch.equal(again.columns(), rows().columns())


def test_update_totals_add_up() -> None:
    totals = UpdateTotals()
    mask = tensor([[1, 1], [1, 0]])
    clipped = tensor([[True, False], [True, True]])
    for _ in range(2):
        totals.add(
            mask,
            entropy=torch.full((2, 2), 0.5),
            clipped_low=clipped,
            clipped_high=~clipped,
        )
    assert totals.vector().tolist() == [6.0, 3.0, 4.0, 2.0, 0.0]
