"""The picture of a battery: a square per arm and probe, coloured by verdict.

Colour says the verdict, its depth the size of the difference within the column. A thick frame marks
a false alarm: an arm that is called better on a negative control.
"""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Patch, Rectangle

from analysis.battery.folder import BatteryResults
from analysis.battery.scores import NO_VERDICT, ScoreCell
from analysis.battery.tables import in_units
from analysis.figures import style
from analysis.figures.captions import Caption
from analysis.figures.forest import COLOURS
from analysis.figures.plotting import Drawn, NothingToPlot, panels
from analysis.tables.cells import is_finite_number

BATTERY_CAPTION = Caption(
    "Battery",
    "Every arm on every probe",
    "Colour: verdict against the reference, at 5 % after Holm over the arms of a column; the deeper"
    " the colour, the larger the difference within the column. Number: the difference, in points of"
    " pass@1, or in doublings of entropy where the column says so. First row: the reference's own"
    " score. Frame: an arm that is better on a negative control, a false alarm.",
)
PLAIN, BLANK = "#e6e6e6", "white"
FAINTEST = 0.25  # opacity of the smallest difference that is called


def plot_scorecard(battery: BatteryResults) -> Drawn:
    if not any(is_finite_number(cell.value) for cell in battery.cells):
        raise NothingToPlot("no probe has results")
    arms = [battery.reference, *(arm for arm in battery.arms if arm != battery.reference)]
    figure, axes = panels(1, 1, 0.9 + 0.36 * len(arms))
    for x, probe in enumerate(battery.probes):
        called = [abs(cell.difference) for cell in probe.cells if cell.verdict in COLOURS]
        for cell in probe.cells:
            place = (x, arms.index(cell.arm))
            draw_cell(axes[0, 0], place, cell, max(called, default=1.0), battery.reference)
            if probe.control and cell.verdict == "better":
                axes[0, 0].add_patch(square(place, facecolor="none", edgecolor="black", lw=2))
    name_axes(axes[0, 0], arms, battery)
    figure.legend(handles=verdict_key(), loc="outside lower center", ncols=4, handlelength=1.2)
    return Drawn(figure, pd.DataFrame([vars(cell) for cell in battery.cells]))


def draw_cell(
    axes: Axes, place: tuple[int, int], cell: ScoreCell, largest: float, reference: str
) -> None:
    is_reference = cell.arm == reference
    colour, depth = PLAIN, 1.0
    if cell.verdict in COLOURS:
        colour = COLOURS[cell.verdict]
        depth = FAINTEST + (1 - FAINTEST) * (abs(cell.difference) / largest) ** 0.5
    elif is_reference or cell.verdict == NO_VERDICT:
        colour = BLANK
    axes.add_patch(square(place, facecolor=colour, alpha=depth, edgecolor="none"))
    value = cell.value if is_reference else cell.difference
    if is_finite_number(value):
        shown = in_units(cell, value, "" if is_reference else "+")
        dark = cell.verdict in COLOURS and depth > 0.7
        axes.text(*place, shown, ha="center", va="center", color="white" if dark else "#222222")


def square(place: tuple[int, int], **look: object) -> Rectangle:
    return Rectangle((place[0] - 0.48, place[1] - 0.46), 0.96, 0.92, **look)  # type: ignore[arg-type]


def name_axes(axes: Axes, arms: list[str], battery: BatteryResults) -> None:
    units = {"holding": "\n(doublings)"}
    names = [f"{probe.name}{units.get(probe.score, '')}" for probe in battery.probes]
    crowded = len(names) > 5
    axes.set_xticks(
        range(len(names)),
        names,
        rotation=30 if crowded else 0,
        ha="left" if crowded else "center",
    )
    axes.set_yticks(range(len(arms)), arms)
    axes.set_xlim(-0.55, len(names) - 0.45)
    axes.set_ylim(len(arms) - 0.45, -0.55)
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)


def verdict_key() -> list[Patch]:
    """What the colours mean."""
    words = {"better": COLOURS["better"], "worse": COLOURS["worse"]}
    patches = [Patch(color=colour, label=word) for word, colour in words.items()]
    return [
        *patches,
        Patch(color=PLAIN, label="not distinguishable"),
        Patch(facecolor=BLANK, edgecolor=style.BASE_COLOUR, label="reference, or no verdict"),
    ]
