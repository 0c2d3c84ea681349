"""brought/selection: the score of every evaluated checkpoint, with the reported one marked."""

from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from scipy import stats

from analysis.figures import style
from analysis.figures.figure_files import write_figure
from analysis.figures.plotting import Drawn, arm_legend, panels
from analysis.results.folder import Results, load_results
from analysis.tables.render import from_csv
from eval.files.marks import sha256

PER_RUN = ["arm", "seed", "benchmark"]
SELECTION_CAPTION = (
    "Share of right answers of every evaluated checkpoint, one line per run. Ring: the checkpoint"
    " that stands for its run in tables and verdicts. Bars: 95 % Jeffreys interval over questions"
    " like these, one answer to each. The highest of many scores overestimates a method."
)


def save_selection(folder: Path) -> bool:
    """Draws the figure into brought/ where a run has several checkpoints; whether it has."""
    path = folder / "brought" / "checkpoints.csv"
    frame = from_csv(path.read_text(encoding="utf-8"), ("arm", "benchmark"))
    frame = frame.dropna(subset=["checkpoint"])
    several = set(frame.loc[frame.duplicated(PER_RUN), "benchmark"])
    frame = frame.query("benchmark in @several", local_dict={"several": several})
    if frame.empty:
        return False
    origin = {
        "inputs": {"brought/checkpoints.csv": sha256(path)},
        "command": "python -m analysis.bring",
    }
    style.use_style()
    results = load_results(folder)
    write_figure(
        folder / "brought",
        "selection",
        partial(selection, results, frame),
        SELECTION_CAPTION,
        origin,
    )
    return True


def selection(results: Results, frame: pd.DataFrame) -> Drawn:
    """A panel per evaluation set."""
    names = list(dict.fromkeys(frame["benchmark"]))
    columns = min(3, len(names))
    figure, axes = panels(-(-len(names) // columns), columns, 2.4)
    for panel, name in zip(axes.flat, names, strict=False):
        draw_set(results, panel, frame.query("benchmark == @name"))
        panel.set_title(str(name), loc="left")
    for panel in axes.flat[len(names) :]:
        panel.set_visible(False)
    axes[0, 0].set_ylabel("share of right answers")
    figure.supxlabel("training step of the checkpoint", fontsize=9)
    shown = set(frame["arm"])
    arm_legend(figure, results, [arm for arm in results.arms if arm in shown])
    return Drawn(figure, frame)


def draw_set(results: Results, axes: Axes, frame: pd.DataFrame) -> None:
    styles = style.arm_styles(results)
    for arm, seed in dict.fromkeys(zip(frame["arm"], frame["seed"], strict=True)):  # noqa: B007
        arm_style, own = styles[arm], frame.query("arm == @arm and seed == @seed")
        x, y, questions = (
            own[name].to_numpy(float) for name in ("checkpoint", "score", "questions")
        )
        bars = jeffreys(y, questions) if not np.isnan(questions).any() else None
        if bars is not None:
            axes.errorbar(x, y, bars, color=arm_style.color, ls="none", elinewidth=0.6, alpha=0.5)
        axes.plot(
            x, y, color=arm_style.color, linestyle=arm_style.linestyle, marker="o", markersize=2.5
        )
        chosen = own["reported"].to_numpy(int) == 1
        axes.plot(x[chosen], y[chosen], color=arm_style.color, linestyle="none", marker="o",
                  markersize=8, markerfacecolor="none")  # fmt: skip


def jeffreys(score_C: np.ndarray, questions_C: np.ndarray) -> np.ndarray:
    """(2, C) distances down and up to the ends of the interval."""
    right = score_C * questions_C
    low, high = stats.beta.ppf([[0.025], [0.975]], right + 0.5, questions_C - right + 0.5)
    return np.clip([score_C - low, high - score_C], 0, None)
