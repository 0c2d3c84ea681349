"""Figures of a sweep: budget curve, importance, parallel coordinates; and the list of all."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.ticker import MaxNLocator, PercentFormatter

from analysis.figures import style
from analysis.figures.captions import Caption
from analysis.figures.plotting import Drawn, NothingToPlot, concatenated, panels
from analysis.sweep.response_figure import plot_response
from analysis.sweep.score_map import short_name
from analysis.sweep.searches import Search, SweepResults, Trial
from analysis.sweep.sentences import DRAWN_FROM, shown_value
from analysis.sweep.summary import SearchSummary, summarise_searches

SWEEP_CAPTIONS: dict[str, Caption] = {
    "response": Caption(
        "Response",
        "Score and final entropy against each setting",
        "Left axis: mean score of each trial on the validation questions. Its 95 % interval covers"
        " the noise of training, pooled over the trials of a search; not the choice of questions,"
        " which all trials share. Right axis: entropy over the last tenth of the rollouts,"
        " logarithmic where it spans a factor of ten. Dotted: the best score.",
    ),
    "budget": Caption(
        "Sensitivity",
        "Score against tuning budget",
        "Expected score of the trial that k random trials would have led you to choose, over all"
        " draws without replacement from the grid; chosen by the other seeds and scored on the"
        " seed left out, mean over seeds (with a single seed: by the same score, which is"
        " optimistic). Band: central 80 % over the draws. k = 1 is a setting picked blind; a flat"
        " line needs no tuning.",
    ),
    "importance": Caption(
        "Sensitivity",
        "Importance of settings",
        "PED-ANOVA (arXiv 2304.10255): how much the best trials of a search differ from all of"
        " them in each setting; sums to 1 within a search. A search of one setting has 1 by"
        " construction.",
    ),
    "parallel": Caption(
        "Sensitivity",
        "Settings and outcomes side by side",
        "One line per trial that ended with a score, from its settings to its score, final entropy"
        " (nats) and length of answers (tokens); colour: score. Every axis runs over its own"
        " range.",
    ),
}


def plot_budget(study: SweepResults) -> Drawn:
    """The budget curves of all searches with their bands."""
    found = [each for each in summarise_searches(study) if each.budget]
    if not found:
        raise NothingToPlot("no trial has a score on every seed")
    figure, axes = panels(1, 1, 3.0)
    frames = [budget_line(axes[0, 0], each) for each in found]
    axes[0, 0].set_xlabel("trials k")
    axes[0, 0].xaxis.set_major_locator(MaxNLocator(integer=True))
    axes[0, 0].set_ylabel(f"expected {study.measure} (points)")
    axes[0, 0].yaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=""))
    figure.legend(loc="outside upper center", ncols=2)
    return Drawn(figure, concatenated(frames))


def budget_line(axes: Axes, found: SearchSummary) -> pd.DataFrame:
    curve = found.budget
    assert curve
    k = np.arange(1, len(curve.value) + 1)
    axes.fill_between(
        k, curve.low, curve.high, color=found.color, alpha=style.BAND_OPACITY, linewidth=0
    )
    label = f"{short_name(found.search.name)}, {len(k)} {DRAWN_FROM[found.source]}"
    axes.plot(k, curve.value, color=found.color, marker="o", markersize=3.5, label=label)
    names = {"search": found.search.name, "from": found.source}
    return pd.DataFrame(
        names | {"k": k, "value": curve.value, "low": curve.low, "high": curve.high}
    )


def plot_importance(study: SweepResults) -> Drawn:
    """A panel of bars per search."""
    found = [each for each in summarise_searches(study) if importance_shares(each.search)]
    if not found:
        raise NothingToPlot("no search has enough trials to compute the importance of a setting")
    figure, axes = panels(
        len(found), 1, 0.45 + 0.25 * max(len(each.search.settings) for each in found), sharex=True
    )
    frames = [importance_bars(panel, each) for panel, each in zip(axes[:, 0], found, strict=True)]
    axes[-1, 0].set_xlabel("importance")
    return Drawn(figure, concatenated(frames))


def importance_shares(search: Search) -> dict[str, float]:
    """{setting: importance}, the largest last."""
    known = {
        each.path: search.importance[each.path]
        for each in search.settings
        if each.path in search.importance
    }
    return dict(sorted(known.items(), key=lambda item: item[1]))


def importance_bars(axes: Axes, found: SearchSummary) -> pd.DataFrame:
    known = importance_shares(found.search)
    alone = len(found.search.settings) == 1
    axes.barh(
        list(known),
        list(known.values()),
        height=0.6,
        color=found.color,
        alpha=0.4 if alone else 0.9,
    )
    for place, share in enumerate(known.values()):
        inside = share > 0.8
        said = "1 by construction: the only setting" if alone else f"{share:.2f}"
        axes.text(
            share, place, f" {said} ", va="center", ha="right" if inside else "left", fontsize=8
        )
    axes.set_title(short_name(found.search.name), loc="left", fontweight="bold")
    axes.set_xlim(0, 1)
    axes.set_ylim(-0.5, len(known) - 0.5)
    axes.grid(False)
    return pd.DataFrame(
        {"search": found.search.name, "setting": list(known), "importance": list(known.values())}
    )


ParallelAxis = tuple[str, Callable[[Trial], float], list[tuple[float, str]]]
"""Title; function from a trial to its place in [0, 1]; ticks as (place, label)."""


def plot_parallel(study: SweepResults) -> Drawn:
    """Parallel coordinates, a row per search: its settings, then the outcomes."""
    found = [each for each in summarise_searches(study) if each.search.complete]
    if not found:
        raise NothingToPlot("no trial ended with a score")
    figure, axes = panels(len(found), 1, 2.1)
    scores = [trial.score for each in found for trial in each.search.complete]
    colors = ScalarMappable(Normalize(min(scores), max(scores)), colormaps["viridis"])
    frames = [
        parallel_panel(panel, each, colors) for panel, each in zip(axes[:, 0], found, strict=True)
    ]
    form = PercentFormatter(1, decimals=0, symbol="")
    figure.colorbar(
        colors,
        ax=axes[:, 0].tolist(),
        format=form,
        label=f"{study.measure} (points)",
        fraction=0.03,
        aspect=30,
    )
    return Drawn(figure, concatenated(frames))


def parallel_panel(axes: Axes, found: SearchSummary, colors: ScalarMappable) -> pd.DataFrame:
    shown_axes = parallel_axes(found.search)
    x = [float(place) for place in range(len(shown_axes))]
    rows = []
    for trial in sorted(found.search.complete, key=lambda trial: trial.score):
        y = [place(trial) for _, place, _ in shown_axes]
        axes.plot(
            x,
            y,
            color=colors.to_rgba(np.array(trial.score)),
            linewidth=1.3,
            alpha=0.85,
            marker="o",
            markersize=2.5,
        )
        rows.append({"search": found.search.name, "trial": trial.number, **trial_outcome(trial)})
    for place, (_, _, ticks) in zip(x, shown_axes, strict=True):
        axes.axvline(place, color="#777777", linewidth=0.7, zorder=0)
        for height, label in ticks:
            axes.text(
                place,
                height,
                f" {label}",
                fontsize=7,
                va="center",
                ha="left",
                bbox=LABEL_BOX,
                zorder=5,
            )
    axes.set_xticks(x, [title for title, _, _ in shown_axes])
    axes.set_xlim(-0.15, len(x) - 0.7)
    axes.set_ylim(-0.08, 1.08)
    axes.set_yticks([])
    axes.grid(False)
    axes.spines[:].set_visible(False)
    lost = len(found.search.trials) - len(found.search.complete)
    said = f" ({lost} pruned or failed left out)" if lost else ""
    axes.set_title(short_name(found.search.name) + said, loc="left", fontweight="bold")
    return pd.DataFrame(rows)


LABEL_BOX: dict[str, Any] = {
    "boxstyle": "square,pad=0.1",
    "facecolor": "white",
    "edgecolor": "none",
    "alpha": 0.7,
}


def trial_outcome(trial: Trial) -> dict[str, Any]:
    """The numbers of one line, for the CSV."""
    return trial.settings | {
        "score": trial.score,
        "final_entropy": trial.final_entropy,
        "length": trial.numbers["length"],
    }


def parallel_axes(search: Search) -> list[ParallelAxis]:
    """The axes of a search: its settings over their ranges, then the outcomes as measured."""
    found: list[ParallelAxis] = []
    for each in search.settings:
        names = [short_name(name) for name in each.choices] or [
            shown_value(each.low),
            shown_value(each.high),
        ]
        ends = list(zip(np.linspace(0, 1, len(names)).tolist(), names, strict=True))
        found.append(
            (
                each.path.replace(".", ".\n", 1),
                lambda trial, each=each: each.share(trial.settings[each.path]),
                ends,
            )
        )
    found.append(outcome_axis("score", search, lambda trial: 100 * trial.score))
    found.append(outcome_axis("final entropy", search, lambda trial: trial.final_entropy))
    return [*found, outcome_axis("length", search, lambda trial: trial.numbers["length"])]


def outcome_axis(title: str, search: Search, value: Callable[[Trial], float]) -> ParallelAxis:
    """An axis over the values of the complete trials. A value that was not measured is NaN, a gap
    in the line.
    """
    values = np.array([value(trial) for trial in search.complete])
    known = values[~np.isnan(values)]
    if not len(known):
        return f"{title}\n(not measured)", lambda trial: np.nan, []
    low, high = float(known.min()), float(known.max())
    if high == low:
        return title, lambda trial: 0.5 + 0 * value(trial), [(0.5, f"{low:.3g}")]
    return (
        title,
        lambda trial: (value(trial) - low) / (high - low),
        [(0.0, f"{low:.3g}"), (1.0, f"{high:.3g}")],
    )


SWEEP_FIGURES: dict[str, Callable[[SweepResults], Drawn]] = {
    "response": plot_response,
    "budget": plot_budget,
    "importance": plot_importance,
    "parallel": plot_parallel,
}
