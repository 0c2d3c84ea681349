"""Shared by the figures: curves over rollouts or tokens with their band, legends, axes."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from analysis.figures import style
from analysis.results.folder import Results, Run


class NothingToPlot(Exception):
    """No run has measured what the figure shows."""


class Drawn(NamedTuple):
    """A figure and the numbers in it."""

    figure: Figure
    numbers: pd.DataFrame


class Curve(NamedTuple):
    """One quantity of one arm on a grid of X points: mean and range over seeds, and each seed."""

    x: np.ndarray
    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray
    seeds_SX: np.ndarray
    seeds: tuple[int, ...]


def panels(rows: int, columns: int, height: float, **options: Any) -> tuple[Figure, np.ndarray]:
    """A figure of README width with (rows, columns) axes. `height`: of a row, in inches."""
    figure, axes = plt.subplots(
        rows,
        columns,
        figsize=(style.WIDTH, rows * height + 0.45),
        squeeze=False,
        layout="constrained",
        **options,
    )
    return figure, axes


def arm_curve(runs: Sequence[Run], keys: tuple[str, ...], over: str) -> Curve | None:
    """The curve of an arm's runs over "rollouts" or "tokens"; None if nothing was measured.

    Over rollouts, the mean at a rollout is over the seeds that reached it. Over tokens, seeds are
    interpolated at 200 points in the range that all of them cover.
    """
    values = {run.seed: (x_positions(run, over), run.series(*keys)) for run in runs}
    values = {
        seed: (x[ok], y[ok])
        for seed, (x, y) in values.items()
        if (ok := ~(np.isnan(x) | np.isnan(y))).any()
    }
    if not values:
        return None
    x, seeds_SX = on_one_grid([*values.values()], over)
    if not len(x):
        return None
    mean, low, high = (reduce(seeds_SX, axis=0) for reduce in (np.nanmean, np.nanmin, np.nanmax))
    return Curve(x, mean, low, high, seeds_SX, tuple(values))


def x_positions(run: Run, over: str) -> np.ndarray:
    """(R,) x of each rollout: its number, or the millions of tokens generated up to its end."""
    return run.series("tokens_generated") / 1e6 if over == "tokens" else run.series("rollout")


def on_one_grid(
    lines: list[tuple[np.ndarray, np.ndarray]], over: str
) -> tuple[np.ndarray, np.ndarray]:
    """The grid (X,) and the seeds (S, X) on it, from (x, y) per seed."""
    if over == "tokens":
        low, high = max(x[0] for x, _ in lines), min(x[-1] for x, _ in lines)
        grid = np.linspace(low, high, 200) if high > low else np.empty(0)
        return grid, np.array([np.interp(grid, x, y) for x, y in lines])
    grid = np.unique(np.concatenate([x for x, _ in lines]))
    seeds_SX = np.full((len(lines), len(grid)), np.nan)
    for filled, (x, y) in zip(seeds_SX, lines, strict=True):
        filled[np.searchsorted(grid, x)] = y
    return grid, seeds_SX


def draw_curve(axes: Axes, found: Curve, arm_style: style.ArmStyle, raw: bool = True) -> None:
    """Draws the mean; with two seeds or more also their band and, if `raw`, each seed."""
    if len(found.seeds) > 1:
        axes.fill_between(
            found.x,
            found.low,
            found.high,
            color=arm_style.color,
            alpha=style.BAND_OPACITY,
            linewidth=0,
        )
        for line in found.seeds_SX if raw else ():
            axes.plot(found.x, line, color=arm_style.color, **style.SINGLE_SEED_LINE)
    axes.plot(found.x, found.mean, color=arm_style.color, linestyle=arm_style.linestyle)


def curve_rows(found: Curve, **names: Any) -> pd.DataFrame:
    """The curve's numbers: a row per x, with a column per seed. `names` are leading columns."""
    seeds = {f"seed_{seed}": line for seed, line in zip(found.seeds, found.seeds_SX, strict=True)}
    frame = pd.DataFrame(
        {"x": found.x, "mean": found.mean, "low": found.low, "high": found.high} | seeds
    )
    for place, (name, value) in enumerate(names.items()):
        frame.insert(place, name, value)
    return frame


def arm_legend(
    figure: Figure, results: Results, arms: Iterable[str], extra: Sequence[Line2D] = ()
) -> None:
    """One legend above all panels, in the order of the spec."""
    styles = style.arm_styles(results)
    named = [
        Line2D([], [], color=styles[arm].color, linestyle=styles[arm].linestyle, label=arm)
        for arm in arms
    ]
    handles = [*named, *extra]
    if handles:
        longest = max(len(str(handle.get_label())) for handle in handles)
        columns = max(1, min(len(handles), 7, int(style.WIDTH / (0.5 + 0.07 * longest))))  # inches
        figure.legend(
            handles=handles,
            loc="outside upper center",
            ncols=columns,
            handlelength=1.8,
            columnspacing=1.4,
        )


def label_x_axis(axes: Axes, over: str = "rollouts") -> None:
    """Title of the x axis; whole numbers where it counts rollouts."""
    axes.set_xlabel("generated tokens (millions)" if over == "tokens" else "rollout")
    axes.xaxis.set_major_locator(MaxNLocator(nbins="auto", integer=over != "tokens"))


def concatenated(frames: list[pd.DataFrame]) -> pd.DataFrame:
    """The frames as one. Raises NothingToPlot if there are none."""
    if not frames:
        raise NothingToPlot("no run has measured this quantity")
    return pd.concat(frames, ignore_index=True)
