"""The forest plot: every arm's difference to the reference with its interval, coloured by verdict,
a row of panels per benchmark, pass@1 and pass@k side by side.
"""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from analysis.figures import style
from analysis.figures.plotting import Drawn, NothingToPlot, panels
from analysis.results.folder import BASE, Results
from analysis.tables.cells import points
from analysis.tables.forest import Mark, axis_limit, forest_marks, panels_of
from analysis.tables.scores import comparisons_frame
from analysis.tables.training import training_frame

COLOURS = {"better": style.GAINED, "worse": style.LOST}
UNDECIDED_COLOUR = "#5f646d"


def plot_forest(results: Results) -> Drawn:
    found = forest_marks(comparisons_frame(results), training_frame(results), results.reference)
    if not found:
        raise NothingToPlot("no arm can be compared with the reference")
    grouped = panels_of(found)
    columns = max(len(by_k) for by_k in grouped.values())
    arms = [arm for arm in (*results.arms, BASE) if any(each.arm == arm for each in found)]
    figure, axes = panels(len(grouped), columns, 0.5 + 0.22 * len(arms), sharey=True)
    for row, (benchmark, by_k) in zip(axes, grouped.items(), strict=True):
        for panel, (k, here) in zip(row, by_k.items(), strict=False):
            forest_panel(panel, here, arms)
            panel.set_title(f"{benchmark}, pass@{k}", loc="left")
        for panel in row[len(by_k) :]:
            panel.set_visible(False)
    figure.supxlabel(f"difference to {results.reference}, points", fontsize=9)
    figure.legend(handles=key(), loc="outside upper center", ncols=4, handlelength=1.4)
    return Drawn(figure, pd.DataFrame([vars(each) for each in found]))


def forest_panel(axes: Axes, here: list[Mark], arms: list[str]) -> None:
    limit = axis_limit(here)
    axes.axvline(0, color="black", linewidth=0.8)
    for each in here:
        y, colour = arms.index(each.arm), COLOURS.get(each.verdict, UNDECIDED_COLOUR)
        ends = [min(limit, max(-limit, end)) for end in (each.low, each.high)]
        axes.plot([100 * end for end in ends], [y, y], color=colour, linewidth=2)
        if abs(each.difference) <= limit:
            face = "white" if each.arm == BASE else colour
            axes.plot(
                100 * each.difference, y, "o", color=colour, markerfacecolor=face, markersize=5
            )
        else:
            side = limit if each.difference > 0 else -limit
            axes.plot(100 * side, y, ">" if side > 0 else "<", color=colour, markersize=5)
            inwards = "right" if side > 0 else "left"
            shown = f"  {points(each.difference)}  "
            axes.text(100 * side, y, shown, ha=inwards, va="center", fontsize=7.5, color=colour)
    names = {BASE: "base policy"}
    axes.set_yticks(range(len(arms)), [names.get(arm, arm) for arm in arms])
    axes.set_ylim(len(arms) - 0.5, -0.5)
    axes.set_xlim(-106 * limit, 106 * limit)
    axes.grid(visible=False, axis="y")
    axes.tick_params(axis="y", length=0)


def key() -> list[Line2D]:
    """What the colours mean."""
    words = {**COLOURS, "not distinguishable": UNDECIDED_COLOUR}
    named = [
        Line2D([], [], color=colour, marker="o", markersize=5, label=word)
        for word, colour in words.items()
    ]
    base = Line2D(
        [],
        [],
        color=UNDECIDED_COLOUR,
        marker="o",
        markerfacecolor="white",
        markersize=5,
        label="base policy",
    )
    return [*named, base]
