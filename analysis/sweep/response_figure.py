"""The response of the score and of the final entropy to each setting that a sweep varies.

It has a panel per search and setting; if a search varies several, the others vary within its
panels. A search of exactly two numbers has a map of both as well.
"""

from collections.abc import Sequence
from math import nan
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, PercentFormatter

from analysis.figures import style
from analysis.figures.plotting import Drawn, NothingToPlot, concatenated, panels
from analysis.sweep.score_map import draw_map, is_mapped, scale_x, short_name
from analysis.sweep.searches import FAILED, GRID, PRUNED, RANDOM, Setting, SweepResults, Trial
from analysis.sweep.sentences import shown_value
from analysis.sweep.summary import SearchSummary, summarise_searches

SCORE, ENTROPY, LOST_COLOUR = style.PALETTE[0], style.PALETTE[1], "#8a8a8a"
MARKERS = {GRID: "o", RANDOM: "s"}
OTHER_MARKER = "D"  # of trials that a sampler placed
LOG_AXIS_FROM = 10.0  # ratio of largest to smallest entropy above which the axis is logarithmic


def plot_response(study: SweepResults) -> Drawn:
    """Score with interval against each setting, final entropy on the right."""
    found = [
        (each, setting) for each in summarise_searches(study) for setting in each.search.settings
    ]
    found = [(each, setting) for each, setting in found if each.search.trials]
    if not found:
        raise NothingToPlot("no trial has been made")
    mapped = [each for each in summarise_searches(study) if is_mapped(each)]
    columns = min(2, len(found) + len(mapped))
    rows = -(-(len(found) + len(mapped)) // columns)
    figure, axes = panels(rows, columns, 2.75)
    frames = [
        response_panel(study, panel, *each) for panel, each in zip(axes.flat, found, strict=False)
    ]
    for panel, each in zip(axes.flat[len(found) :], mapped, strict=False):
        draw_map(study, panel, each)
    for panel in axes.flat[len(found) + len(mapped) :]:
        panel.set_visible(False)
    figure.legend(
        handles=legend_marks(study),
        loc="outside upper center",
        ncols=4,
        handlelength=1.6,
        columnspacing=1.4,
    )
    return Drawn(figure, concatenated(frames))


def response_panel(
    study: SweepResults, axes: Axes, found: SearchSummary, setting: Setting
) -> pd.DataFrame:
    """Draws one search against one setting. Returns the numbers in the panel."""
    right = axes.twinx()
    axes.set_zorder(right.get_zorder() + 1)  # draws scores above entropies
    axes.patch.set_visible(False)
    placed = placed_trials(found.search.trials, setting)
    scale_x(axes, setting)
    draw_entropy(right, placed, joined=len(found.search.settings) == 1 and not setting.choices)
    for trial, x in placed:
        draw_trial(axes, found, trial, x)
    if found.best:
        axes.axhline(found.best.score, color=SCORE, linewidth=0.7, linestyle=(0, (1, 2)), zorder=1)
    if found.search.chosen:
        x = setting.position(found.search.chosen.settings[setting.path])
        axes.axvline(x, color="#222222", linewidth=0.8, linestyle=(0, (4, 2)), zorder=1)
    axes.set_title(panel_title(found, setting), loc="left", fontweight="bold")
    axes.set_xlabel(setting.path)
    axes.set_ylabel(f"{study.measure} (points)", color=SCORE)
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=""))
    return response_rows(found, setting, placed)


def placed_trials(trials: Sequence[Trial], setting: Setting) -> list[tuple[Trial, float]]:
    """Every trial with its x. Trials with the same choice are placed side by side."""
    spread = np.linspace(-0.25, 0.25, len(trials)) if setting.choices else np.zeros(len(trials))
    placed = [(trial, setting.position(trial.settings[setting.path])) for trial in trials]
    return [
        (trial, x + float(aside))
        for (trial, x), aside in zip(placed, spread, strict=True)
        if not np.isnan(x)
    ]


def panel_title(found: SearchSummary, setting: Setting) -> str:
    said = (
        [f"chosen {shown_value(found.search.chosen.settings[setting.path])}"]
        if found.search.chosen
        else []
    )
    said += ["others vary"] if len(found.search.settings) > 1 else []
    return (
        f"{short_name(found.search.name)}: {', '.join(said)}"
        if said
        else short_name(found.search.name)
    )


def draw_trial(axes: Axes, found: SearchSummary, trial: Trial, x: float) -> None:
    """Draws a mean, its interval and faint single seeds; a pruned or failed trial as a cross."""
    if trial.state == FAILED or np.isnan(trial.score):
        axes.plot(
            x,
            0.025,
            marker="X",
            color=LOST_COLOUR,
            markersize=6,
            transform=axes.get_xaxis_transform(),
            clip_on=False,
        )
        return
    pruned = trial.state == PRUNED
    color = LOST_COLOUR if pruned else SCORE
    low, high = found.ends(trial)
    if low == low:
        axes.plot(
            [x, x], [low, high], color=color, linewidth=1.1, alpha=0.75, solid_capstyle="butt"
        )
    axes.plot(
        [x] * len(trial.seeds),
        trial.seeds,
        "o",
        color=color,
        alpha=0.4,
        markersize=3,
        markeredgewidth=0,
    )
    marker = "x" if pruned else MARKERS.get(trial.origin, OTHER_MARKER)
    axes.plot(
        x,
        trial.score,
        marker=marker,
        color=color,
        markersize=5.2,
        markeredgecolor=color if pruned else "white",
    )


def draw_entropy(axes: Axes, placed: list[tuple[Trial, float]], joined: bool) -> None:
    """Draws final entropies (nats) as open points; `joined` by a line for a single setting."""
    known = sorted(
        (x, trial.final_entropy) for trial, x in placed if not np.isnan(trial.final_entropy)
    )
    x, y = (
        (np.array(side, dtype=float) for side in zip(*known, strict=True))
        if known
        else (np.empty(0), np.empty(0))
    )
    axes.plot(
        x,
        y,
        "o",
        color=ENTROPY,
        markerfacecolor="white",
        markersize=3.4,
        markeredgewidth=0.9,
        alpha=0.9,
    )
    if joined:
        axes.plot(x, y, color=ENTROPY, linewidth=0.8, alpha=0.5, zorder=1)
    if len(y) and y.min() > 0 and y.max() > LOG_AXIS_FROM * y.min():
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 3)))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.yaxis.set_minor_formatter(NullFormatter())
    elif len(y):
        axes.set_ylim(bottom=0)
    axes.set_ylabel("final entropy (nats)", color=ENTROPY)
    axes.grid(False)


def legend_marks(study: SweepResults) -> list[Line2D]:
    """Legend entries of the marks that occur in the figure."""
    trials = [trial for search in study.searches for trial in search.trials]
    ended = {trial.origin for search in study.searches for trial in search.complete}
    marks = [
        legend_mark(
            MARKERS.get(origin, OTHER_MARKER), f"{origin or 'unknown'} trial, 95 % interval", SCORE
        )
        for origin in sorted(ended)
    ]
    marks += (
        [legend_mark("o", "single seed", SCORE, alpha=0.4, markersize=3)]
        if len(study.seeds) > 1
        else []
    )
    marks += (
        [legend_mark("x", "pruned", LOST_COLOUR)]
        if any(trial.state == PRUNED for trial in trials)
        else []
    )
    marks += (
        [legend_mark("X", "failed", LOST_COLOUR)]
        if any(trial.state == FAILED for trial in trials)
        else []
    )
    marks += [legend_mark("o", "final entropy, right axis", ENTROPY, markerfacecolor="white")]
    if any(trial.chosen for trial in trials):
        marks.append(
            Line2D([], [], color="#222222", linewidth=0.8, linestyle=(0, (4, 2)), label="chosen")
        )
    return [
        *marks,
        Line2D([], [], color=SCORE, linewidth=0.7, linestyle=(0, (1, 2)), label="best score"),
    ]


def legend_mark(marker: str, label: str, color: str, **more: Any) -> Line2D:
    look: dict[str, Any] = {"markersize": 5} | more
    return Line2D([], [], linestyle="none", marker=marker, color=color, label=label, **look)


def response_rows(
    found: SearchSummary, setting: Setting, placed: list[tuple[Trial, float]]
) -> pd.DataFrame:
    rows = []
    for trial, _ in placed:
        low, high = found.ends(trial)
        row = {
            "search": found.search.name,
            "setting": setting.path,
            "value": trial.settings[setting.path],
        }
        row |= {
            "trial": trial.number,
            "origin": trial.origin,
            "state": trial.state,
            "chosen": trial.chosen,
        }
        row |= {
            "score": trial.score,
            "score_low": low,
            "score_high": high,
            "final_entropy": trial.final_entropy,
        }
        rows.append(row | {f"seed_{i}": score for i, score in enumerate(trial.scores)})
    return pd.DataFrame(
        rows or [{"search": found.search.name, "setting": setting.path, "value": nan}]
    )
