"""Figures by difficulty: entropy and accuracy per level, frozen stratum or group accuracy."""

import re
from itertools import chain

import numpy as np
from matplotlib.ticker import PercentFormatter

from analysis.figures.plotting import (
    Drawn,
    NothingToPlot,
    arm_legend,
    concatenated,
    label_x_axis,
    panels,
)
from analysis.figures.training import draw_arms, log_axis
from analysis.results.folder import Results

MOST_COLUMNS = 6  # per line of panels: more are not readable at a README's width


def plot_levels(results: Results) -> Drawn:
    """By the level of the problem."""
    return plot_by_difficulty(results, "levels", "level ")


def plot_strata(results: Results) -> Drawn:
    """By the base policy's pass rate on the prompt, frozen."""
    return plot_by_difficulty(results, "strata", "base pass rate ")


def plot_groups(results: Results) -> Drawn:
    """By the current accuracy of the prompt's group."""
    return plot_by_difficulty(results, "groups", "group accuracy ")


def plot_by_difficulty(results: Results, key: str, prefix: str) -> Drawn:
    names = logged_parts(results, key)
    if not names:
        raise NothingToPlot(f"no training log has {key!r}")
    lines = -(-len(names) // MOST_COLUMNS)
    width = -(-len(names) // lines)
    figure, axes = panels(2 * lines, width, 1.75, sharex=True)
    frames, arms = [], []
    for place, name in enumerate(names):
        pair = axes[2 * (place // width) :, place % width][:2]
        for panel, quantity in zip(pair, ("entropy", "accuracy"), strict=True):
            drawn, numbers = draw_arms(results, panel, (key, name, quantity), "rollouts", raw=False)
            frames += [frame.assign(part=name) for frame in numbers]
            arms += drawn
        pair[0].set_title(f"{prefix if place == 0 else ''}{name}")
    align_panels(axes, len(names))
    arm_legend(figure, results, [arm for arm in results.arms if arm in arms])
    return Drawn(figure, concatenated(frames))


def align_panels(axes: np.ndarray, used: int) -> None:
    """Gives the used panels common scales and outer titles, and hides the others."""
    entropies, accuracies = axes[::2].ravel(), axes[1::2].ravel()
    for panel in (*entropies[used:], *accuracies[used:]):
        panel.set_visible(False)
    for panel in entropies[:used]:
        log_axis(panel)
    for kind in (entropies[:used], accuracies[:used]):
        low, high = zip(*(panel.get_ylim() for panel in kind), strict=True)
        for panel in kind:
            panel.set_ylim(min(low), max(high))
            panel.tick_params(labelleft=panel.get_subplotspec().is_first_col())
    for panel in accuracies[:used]:
        panel.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        label_x_axis(panel)
    for row, title in zip(
        axes[:, 0], ("entropy (nats)", "accuracy") * (len(axes) // 2), strict=True
    ):
        row.set_ylabel(title)


def logged_parts(results: Results, key: str) -> list[str]:
    """Names of the levels, strata or bins that any run has logged, numbers in numerical order."""
    logs = chain.from_iterable(run.log for run in results.runs)
    found = dict.fromkeys(
        chain.from_iterable(row[key] for row in logs if isinstance(row.get(key), dict))
    )
    return sorted(found, key=part_order)


def part_order(name: str) -> tuple[float, bool, str]:
    """Sort key: "2" before "10"; "0" before "(0, 0.25]" before "(0.25, 0.5]"; words last."""
    found = re.search(r"\d+(\.\d+)?", name)
    return (float(found.group()) if found else float("inf"), not name[:1].isdigit(), name)
