"""Score against completions generated for training: pass@1 and pass@k along each arm's runs."""

import pandas as pd
from matplotlib.axes import Axes

from analysis.figures import style
from analysis.figures.plotting import Drawn, NothingToPlot, arm_legend, concatenated, panels
from analysis.inference.curves import TrainingCurve
from analysis.results.folder import Results
from analysis.tables.curves import curve_of
from analysis.tables.scores import shown_k


def plot_curves(results: Results) -> Drawn:
    """A row of panels per benchmark: pass@1, and pass@k where the spec asks for it."""
    if not results.checkpoints:
        raise NothingToPlot("no policies on the way were evaluated (evaluation.checkpoints)")
    columns = max(len(shown_k(results, benchmark)) for benchmark in results.benchmarks)
    figure, axes = panels(len(results.benchmarks), columns, 2.6)
    frames, shown = [], []
    for row, benchmark in zip(axes, results.benchmarks, strict=True):
        ks = shown_k(results, benchmark)
        for panel, k in zip(row, ks, strict=False):
            panel.set_title(f"{benchmark}, pass@{k}", loc="left")
            panel.set_xlabel("completions generated")
            for arm in results.arms:
                curve, _ = curve_of(results, arm, benchmark, k)
                if curve:
                    draw_training_curve(panel, curve, style.arm_styles(results)[arm])
                    frames.append(point_rows(curve, benchmark, k, arm))
                    shown.append(arm)
        for panel in row[len(ks) :]:
            panel.set_visible(False)
    arm_legend(figure, results, [arm for arm in results.arms if arm in shown])
    return Drawn(figure, concatenated(frames))


def draw_training_curve(axes: Axes, curve: TrainingCurve, arm_style: style.ArmStyle) -> None:
    axes.fill_between(
        curve.x,
        curve.low,
        curve.high,
        color=arm_style.color,
        alpha=style.BAND_OPACITY * 0.6,
        linewidth=0,
    )
    axes.plot(
        curve.x,
        curve.value,
        color=arm_style.color,
        linestyle=arm_style.linestyle,
        marker="o",
        markersize=2.5,
    )


def point_rows(curve: TrainingCurve, benchmark: str, k: int, arm: str) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "benchmark": benchmark,
            "k": k,
            "arm": arm,
            "completions": curve.x,
            "pass": curve.value,
            "low": curve.low,
            "high": curve.high,
        }
    )
