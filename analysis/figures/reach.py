"""Accuracy against how often the base policy does what a question wants, a curve per arm."""

import pandas as pd

from analysis.figures import style
from analysis.figures.plotting import Drawn, NothingToPlot, arm_legend, concatenated, panels
from analysis.inference.reach import HALF, Reach
from analysis.results.folder import BASE, Results
from analysis.tables.reach import rated_benchmarks, reach_of, why_no_reach


def plot_reach(results: Results) -> Drawn:
    benchmarks = rated_benchmarks(results)
    if not benchmarks:
        raise NothingToPlot(why_no_reach(results))
    styles, frames, shown = style.arm_styles(results), [], []
    figure, axes = panels(1, len(benchmarks), 3.0, sharey=True)
    for panel, benchmark in zip(axes[0], benchmarks, strict=True):
        for arm in (*results.arms, BASE):
            found, _ = reach_of(results, benchmark, arm)
            if found is None:
                continue
            arm_style = styles[arm]
            opacity = style.BAND_OPACITY * 0.6
            panel.fill_between(
                found.rates,
                found.low,
                found.high,
                color=arm_style.color,
                alpha=opacity,
                linewidth=0,
            )
            panel.plot(
                *(found.rates, found.accuracy),
                color=arm_style.color,
                linestyle=arm_style.linestyle,
                marker="o",
                markersize=2.5,
            )
            frames.append(reach_rows(found, benchmark, arm))
            shown.append(arm)
        panel.axhline(HALF, color="#555555", linewidth=0.7, linestyle=(0, (2, 2)))
        panel.set_xscale("log")
        panel.set_ylim(-0.03, 1.03)
        panel.set_title(benchmark, loc="left")
        panel.set_xlabel("rate of the skill in the base policy")
    axes[0, 0].set_ylabel("accuracy")
    arm_legend(figure, results, [arm for arm in (*results.arms, BASE) if arm in shown])
    return Drawn(figure, concatenated(frames))


def reach_rows(found: Reach, benchmark: str, arm: str) -> pd.DataFrame:
    curve = {"rate": found.rates, "accuracy": found.accuracy, "low": found.low, "high": found.high}
    frame = pd.DataFrame({"level": found.levels, **curve})
    frame.insert(0, "arm", arm)
    frame.insert(0, "benchmark", benchmark)
    return frame
