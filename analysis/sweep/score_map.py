"""The score as a map over both settings, for a search of two numbers; the axis of a setting."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, NullFormatter, PercentFormatter
from matplotlib.tri import Triangulation

from analysis.sweep.searches import Setting, SweepResults
from analysis.sweep.summary import SearchSummary

LONGEST_NAME = 16  # characters of a name in a figure


def scale_x(axes: Axes, setting: Setting) -> None:
    """Scales the x axis to the range of a setting: linear, logarithmic, or the names of its
    choices.
    """
    if setting.choices:
        axes.set_xticks(range(len(setting.choices)), [short_name(name) for name in setting.choices])
        axes.set_xlim(-0.5, len(setting.choices) - 0.5)
        return
    if setting.log:
        axes.set_xscale("log")
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        factor = (setting.high / setting.low) ** 0.04
        axes.set_xlim(setting.low / factor, setting.high * factor)
    else:
        margin = 0.04 * (setting.high - setting.low)
        axes.set_xlim(setting.low - margin, setting.high + margin)


def short_name(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 1] + "…"


def is_mapped(found: SearchSummary) -> bool:
    """Whether the search varies two numbers, and its trials span an area."""
    settings, complete = found.search.settings, found.search.complete
    if len(settings) != 2 or any(each.choices for each in settings) or len(complete) < 3:
        return False
    x, y = places_in_range(found)
    return np.linalg.matrix_rank(np.column_stack([x - x[0], y - y[0]]), tol=1e-9) == 2


def places_in_range(found: SearchSummary) -> tuple[np.ndarray, np.ndarray]:
    """(T,) each: the two settings of the complete trials, in [0, 1] of their ranges."""
    x, y = (
        [each.share(trial.settings[each.path]) for trial in found.search.complete]
        for each in found.search.settings
    )
    return np.array(x), np.array(y)


def draw_map(study: SweepResults, axes: Axes, found: SearchSummary) -> None:
    """Fills the plane of both settings by score, linearly between trials, on the scales that the
    study searches.
    """
    first, second = found.search.settings
    x, y = (
        [trial.settings[each.path] for trial in found.search.complete] for each in (first, second)
    )
    scores: Any = [trial.score for trial in found.search.complete]
    triangles = Triangulation(*places_in_range(found)).triangles
    scale_x(axes, first)
    if second.log:
        axes.set_yscale("log")
    filled = axes.tripcolor(x, y, scores, triangles=triangles, shading="gouraud", cmap="viridis")
    axes.plot(
        x, y, "o", color="white", markersize=3.5, markeredgecolor="#222222", markeredgewidth=0.6
    )
    if found.search.chosen:
        place = [found.search.chosen.settings[each.path] for each in (first, second)]
        axes.plot(
            *place,
            "*",
            color="white",
            markersize=11,
            markeredgecolor="#222222",
            markeredgewidth=0.8,
        )
    axes.set_title(
        f"{short_name(found.search.name)}, both settings; ★ chosen", loc="left", fontweight="bold"
    )
    axes.set_xlabel(first.path)
    axes.set_ylabel(second.path)
    axes.grid(False)
    axes.figure.colorbar(
        filled,
        ax=axes,
        format=PercentFormatter(1, decimals=0, symbol=""),
        label=f"{study.measure} (points)",
    )
