"""Figures: plotted numbers by hand, every file, equal bytes on every run, and what has nothing to
show.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb

from analysis.figures import command as figures
from analysis.figures import difficulty as figures_difficulty
from analysis.figures import evaluation as figures_evaluation
from analysis.figures import plotting, style
from analysis.figures import training as figures_training
from analysis.figures.__main__ import main as make_figures
from analysis.figures.captions import CAPTIONS, rst
from analysis.inference.statistics import Counts
from analysis.results.folder import BASE, Results, Run, load_results
from eval.files.marks import sha256
from tests.support.synthetic import METHODS, TARGET, make

MADE = ("entropy", "pass_at_k", "controller")
FORMS = ("pdf", "png", "csv", "json", "rst")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A results folder with the figures MADE."""
    made = make(tmp_path_factory.mktemp("figures") / "demo", seeds=(0, 1), rollouts=8, questions=8)
    style.use_style()
    for name in MADE:
        assert figures.save_figure(name, load_results(made)) == ""
    return made


def numbers(folder: Path, name: str) -> Any:
    return pd.read_csv(folder / "figures" / f"{name}.csv")


def run(seed: int, **series: list[float | None]) -> Run:
    rows = [dict(zip(series, values, strict=True)) for values in zip(*series.values(), strict=True)]
    return Run("x", seed, Path(), {}, tuple({"rollout": i} | row for i, row in enumerate(rows)))


# the numbers


def test_band_is_the_range_over_the_seeds_that_got_there() -> None:
    found = plotting.arm_curve(
        (run(0, v=[1.0, 2.0, 3.0]), run(1, v=[3.0, 6.0])), ("v",), "rollouts"
    )
    assert found is not None
    assert found.mean.tolist() == [2.0, 4.0, 3.0]
    assert found.low.tolist() == [1.0, 2.0, 3.0]
    assert found.high.tolist() == [3.0, 6.0, 3.0]


def test_over_tokens_seeds_meet_in_their_common_range() -> None:
    a = run(0, v=[0.0, 2.0], tokens_generated=[1e6, 3e6])
    b = run(1, v=[1.0, 1.0], tokens_generated=[2e6, 4e6])
    found = plotting.arm_curve((a, b), ("v",), "tokens")
    assert found is not None
    assert (found.x[0], found.x[-1]) == (2.0, 3.0)
    assert (found.mean[0], found.mean[-1]) == (1.0, 1.5)


def test_what_was_not_measured_is_left_out() -> None:
    found = plotting.arm_curve((run(0, v=[1.0, None, 3.0]),), ("v",), "rollouts")
    assert found is not None
    assert found.x.tolist() == [0, 2]
    assert plotting.arm_curve((run(0, v=[None, None]),), ("v",), "rollouts") is None


def test_the_fit_finds_an_exact_law() -> None:
    entropy = np.linspace(0, 2, 9)
    fit = figures_training.fit_reward_law(entropy, -2 * np.exp(entropy) + 3)
    assert fit == pytest.approx((2.0, 3.0, 1.0))
    assert figures_training.fit_reward_law(np.ones(9), entropy) is None


def test_parts_stand_in_numerical_order() -> None:
    names = ["(0.5, 1)", "1", "10", "2", "(0, 0.25]", "?", "0", "(0.25, 0.5]"]
    expected = ["0", "(0, 0.25]", "(0.25, 0.5]", "(0.5, 1)", "1", "2", "10", "?"]
    assert sorted(names, key=figures_difficulty.part_order) == expected


def test_crossing_k_is_the_first_from_which_the_base_stays_above() -> None:
    curves = {
        "early": [0.5, 0.6, 0.6, 0.7],
        "never": [0.5, 0.7, 0.9, 1.0],
        "below": [0.1, 0.2, 0.3, 0.4],
    }
    curves |= {BASE: [0.4, 0.5, 0.7, 0.8]}
    frame = pd.DataFrame(
        [
            {"arm": arm, "k": 2**i, "pass": v}
            for arm, line in curves.items()
            for i, v in enumerate(line)
        ]
    )
    assert figures_evaluation.crossings(frame) == ["base above early from k = 4"]


def test_transitions_count_questions_gained_and_lost() -> None:
    rates = pd.DataFrame({BASE: [0.9, 0.1, 0.1, 0.5, np.nan], "arm": [0.2, 0.8, 0.6, 0.5, 1.0]})
    moved = figures_evaluation.gained_and_lost(rates)
    assert moved.loc["arm"].to_dict() == {"gained": 2, "lost": 1}


def test_success_rate_leaves_out_seeds_without_samples() -> None:
    counts = Counts((0, 1), ("p", "q"), np.array([[4, 0], [4, 0]]), np.array([[1, 0], [3, 0]]))
    assert figures_evaluation.success_rates(counts).to_dict() == pytest.approx(
        {"p": 0.5, "q": np.nan}, nan_ok=True
    )


def test_csvs_hold_what_the_logs_say(folder: Path) -> None:
    logs = [
        json.loads((folder / f"aer/seed-{s}/train.jsonl").read_text().splitlines()[3])["entropy"]
        for s in (0, 1)
    ]
    row = numbers(folder, "entropy").query("arm == 'aer' and x == 3").iloc[0]
    assert row["mean"] == pytest.approx(np.mean(logs))
    assert [row["seed_0"], row["seed_1"]] == pytest.approx(logs)
    state = numbers(folder, "controller").query("quantity == 'state.target'")
    assert set(state["mean"]) == {TARGET}
    curve = numbers(folder, "pass_at_k").query(
        "arm == 'base' and benchmark == 'arithmetic_test' and k == 1"
    )
    counts = pd.read_csv(folder / "base/eval/arithmetic_test.counts.csv")
    assert curve["pass"].item() == pytest.approx((counts["correct"] / counts["n"]).mean())


# the files


def test_every_figure_has_a_caption_and_numbers(folder: Path) -> None:
    assert set(figures.FIGURES) == set(CAPTIONS)
    drawn: dict[str, Any] = {
        name: figure(load_results(folder)).numbers
        for name, figure in figures.FIGURES.items()
        if name
        not in ("reach", "curves")  # tests/analysis/test_reach.py, tests/analysis/test_curves.py
    }
    assert all(len(frame) for frame in drawn.values())
    assert set(drawn["levels"]["part"]) == {"2", "3", "4", "5"}
    assert drawn["histograms"].query("arm == 'aer'")["questions"].sum() == 2 * 8


def test_every_form_is_written(folder: Path) -> None:
    wanted = {f"{name}.{form}" for name in MADE for form in FORMS}
    assert {path.name for path in (folder / "figures").iterdir()} == wanted
    assert (folder / "figures" / "entropy.rst").read_text() == rst("entropy")


def test_the_command_makes_every_figure(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr(
        figures, "save_figure", lambda name, results: asked.append((name, results.name))
    )
    make_figures([str(folder)])
    assert asked == [(name, "demo") for name in figures.FIGURES]


def test_sidecars_say_where_a_figure_comes_from(folder: Path) -> None:
    entropy = json.loads((folder / "figures/entropy.json").read_text())
    assert entropy["missing"] == ""
    assert entropy["inputs"]["aer/seed-1/train.jsonl"] == sha256(folder / "aer/seed-1/train.jsonl")
    assert entropy["spec_sha256"] == sha256(folder / "spec.yaml")
    assert entropy["command"].startswith("python -m analysis.figures ")
    assert set(entropy) >= {"git_revision"}
    curves = json.loads((folder / "figures/pass_at_k.json").read_text())
    assert "base/eval/arithmetic_hard.counts.csv" in curves["inputs"]


AGAIN = """
import sys
from pathlib import Path
from analysis.figures import command as figures
from analysis.figures import style
from analysis.results.folder import load_results
style.use_style()
figures.save_figure(sys.argv[2], load_results(Path(sys.argv[1])))
"""


def test_another_process_writes_the_same_bytes(folder: Path) -> None:
    files = [folder / "figures" / f"pass_at_k.{form}" for form in ("pdf", "png", "csv", "rst")]
    before = [path.read_bytes() for path in files]
    subprocess.run([sys.executable, "-c", AGAIN, str(folder), "pass_at_k"], check=True)
    assert [path.read_bytes() for path in files] == before


# what is missing


def test_a_failed_arm_leaves_the_others_in_the_figure(folder: Path, tmp_path: Path) -> None:
    broken = Path(shutil.copytree(folder, tmp_path / "demo"))
    shutil.rmtree(broken / "aer")
    results = load_results(broken)
    for name in ("entropy", "pass_at_k", "questions"):
        numbers = figures.FIGURES[name](results).numbers
        assert set(numbers["arm"]) - {BASE} == set(METHODS) - {"aer"}
    with pytest.raises(plotting.NothingToPlot, match="adjusts its coefficient"):
        figures.FIGURES["controller"](results)
    assert figures.save_figure("controller", results)
    assert json.loads((broken / "figures/controller.json").read_text())["missing"]
    assert (broken / "figures/controller.png").stat().st_size > 0


def test_an_empty_folder_has_nothing_to_show_and_says_so(folder: Path, tmp_path: Path) -> None:
    shutil.copy(folder / "spec.yaml", tmp_path)
    for name, figure in figures.FIGURES.items():
        with pytest.raises(plotting.NothingToPlot):
            figure(load_results(tmp_path))
        assert name in CAPTIONS


def test_figures_without_a_base_policy(folder: Path, tmp_path: Path) -> None:
    broken = Path(shutil.copytree(folder, tmp_path / "demo"))
    shutil.rmtree(broken / "base")
    for name in ("pass_at_k", "questions", "histograms"):
        assert BASE not in set(figures.FIGURES[name](load_results(broken)).numbers["arm"])


# the style


def spec(arms: int) -> Results:
    names = {f"arm_{i}": {} for i in range(arms)}
    return Results(Path(), {"arms": names, "seeds": [0], "reference": "arm_0"}, (), ())


def test_an_arm_styles_the_same_everywhere_and_like_no_other() -> None:
    looks = style.arm_styles(spec(20))
    assert len({(look.color, str(look.linestyle)) for look in looks.values()}) == 21
    assert looks["arm_3"] == style.arm_styles(spec(5))["arm_3"]


def test_colours_differ_in_grey_or_hue_and_stand_out_on_white() -> None:
    for color in (*style.PALETTE, style.REFERENCE):
        linear = [
            c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(color)
        ]
        luminance = float(np.dot(linear, (0.2126, 0.7152, 0.0722)))
        assert 1.05 / (luminance + 0.05) > 2
    assert len(set(style.PALETTE)) == len(style.PALETTE)
