"""Figures by difficulty: entropy above accuracy, a column per level, frozen stratum or current group accuracy."""

from itertools import chain

from matplotlib.ticker import PercentFormatter

from analysis.figures_training import draw_arms
from analysis.plotting import Drawn, NothingToPlot, legend, panels, together
from analysis.read import Results

MOST_COLUMNS = 6  # more do not fit a README's width; the others are in the CSV of the training logs


def levels(results: Results) -> Drawn:
    """By the level of the problem."""
    return by_difficulty(results, "levels", "level ")


def strata(results: Results) -> Drawn:
    """By the base policy's pass rate on the prompt, frozen."""
    return by_difficulty(results, "strata", "base pass rate ")


def groups(results: Results) -> Drawn:
    """By the current accuracy of the prompt's group."""
    return by_difficulty(results, "groups", "group accuracy ")


def by_difficulty(results: Results, key: str, prefix: str) -> Drawn:
    names = parts(results, key)[:MOST_COLUMNS]
    if not names:
        raise NothingToPlot(f"no training log has {key!r}")
    figure, axes = panels(2, len(names), 1.75, sharex=True, sharey="row")
    frames, arms = [], []
    for column, name in enumerate(names):
        for panel, quantity in zip(axes[:, column], ("entropy", "accuracy"), strict=True):
            drawn, numbers = draw_arms(results, panel, (key, name, quantity), "rollouts", raw=False)
            frames += [frame.assign(part=name) for frame in numbers]
            arms += drawn
        axes[0, column].set_title(f"{prefix if column == 0 else ''}{name}")
        axes[1, column].set_xlabel("rollout")
    axes[0, 0].set(ylabel="entropy (nats)", yscale="log")
    axes[1, 0].set(ylabel="accuracy")
    axes[1, 0].yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    legend(figure, results, [arm for arm in results.arms if arm in arms])
    return Drawn(figure, together(frames))


def parts(results: Results, key: str) -> list[str]:
    """Names of the levels, strata or bins that any run has logged, numbers in numerical order."""
    logs = chain.from_iterable(run.log for run in results.runs)
    found = dict.fromkeys(chain.from_iterable(row[key] for row in logs if isinstance(row.get(key), dict)))
    return sorted(found, key=order)


def order(name: str) -> tuple[float, str]:
    """Sorts "2" before "10", "0-0.25" before "0.25-0.5", and words after numbers."""
    lead = name.split("-")[0].strip("[](<>=≤≥ ")
    try:
        return float(lead), name
    except ValueError:
        return float("inf"), name
