"""Figures of training: entropy, reward, length, reward against entropy, the controller."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FormatStrFormatter, LogLocator, NullFormatter, PercentFormatter

from analysis.figures import style
from analysis.figures.plotting import (
    Drawn,
    NothingToPlot,
    arm_curve,
    arm_legend,
    concatenated,
    curve_rows,
    draw_curve,
    label_x_axis,
    panels,
)
from analysis.results.folder import Results, Run
from analysis.tables import diagnostics

MOST_TOGETHER = 8  # arms in one panel; more get a panel each
PANELS_ACROSS = 4


def plot_entropy(results: Results, over: str = "rollouts") -> Drawn:
    """Policy entropy on a logarithmic axis, each arm's target dashed in its colour."""
    if len(results.arms) > MOST_TOGETHER:
        return plot_apart(results, "entropy", over, "entropy (nats per token)")
    figure, axes = panels(1, 1, 3.1)
    arms, frames = draw_arms(results, axes[0, 0], ("entropy",), over)
    numbers = concatenated(frames)
    targets = [arm for arm in arms if draw_target(results, axes[0, 0], arm, over)]
    log_axis(axes[0, 0])
    label_x_axis(axes[0, 0], over)
    axes[0, 0].set_ylabel("entropy (nats per token)")
    extra = (
        [Line2D([], [], color="#555555", linestyle=(0, (4, 2)), linewidth=1, label="target")]
        if targets
        else []
    )
    arm_legend(figure, results, arms, extra)
    return Drawn(figure, numbers)


def plot_apart(results: Results, key: str, over: str, title: str) -> Drawn:
    """A quantity of many arms: a panel per arm, with the reference behind it in grey."""
    curves = {arm: arm_curve(results.of(arm), (key,), over) for arm in results.arms}
    measured = {arm: found for arm, found in curves.items() if found is not None}
    numbers = concatenated(
        [curve_rows(found, quantity=key, arm=arm) for arm, found in measured.items()]
    )
    rows = -(-len(measured) // PANELS_ACROSS)
    figure, axes = panels(rows, PANELS_ACROSS, 1.25, sharex=True, sharey=True)
    for panel in axes.flat[len(measured) :]:
        panel.set_visible(False)
    for panel in axes.flat[
        max(0, len(measured) - PANELS_ACROSS) : len(measured)
    ]:  # lowest of its column
        panel.tick_params(labelbottom=True)
    styles, behind = style.arm_styles(results), measured.get(results.reference)
    for panel, (arm, found) in zip(axes.flat, measured.items(), strict=False):
        if behind is not None:
            panel.plot(behind.x, behind.mean, color=style.BASE_COLOUR, linewidth=0.8)
        draw_curve(panel, found, style.ArmStyle(styles[arm].color))
        if key == "entropy":
            draw_target(results, panel, arm, over)
        panel.set_title(arm, color=styles[arm].color, loc="left")
    if key == "entropy":
        log_axis(axes[0, 0])  # the axis is shared
    figure.supxlabel("generated tokens (millions)" if over == "tokens" else "rollout", fontsize=9)
    figure.supylabel(title, fontsize=9)
    return Drawn(figure, numbers)


def draw_arms(
    results: Results, axes: Axes, keys: tuple[str, ...], over: str, raw: bool = True
) -> tuple[list[str], list[pd.DataFrame]]:
    """Draws a quantity for every arm that has it. Returns the arms drawn and their numbers."""
    styles, drawn, frames = style.arm_styles(results), [], []
    for arm in results.arms:
        found = arm_curve(results.of(arm), keys, over)
        if found is not None:
            draw_curve(axes, found, styles[arm], raw)
            drawn.append(arm)
            frames.append(curve_rows(found, quantity=".".join(keys), arm=arm))
    return drawn, frames


def draw_target(results: Results, axes: Axes, arm: str, over: str) -> bool:
    """Draws the mean target over seeds as a dashed line. Returns whether the arm has one."""
    found = arm_curve(results.of(arm), ("state", "target"), over)
    if found is None:
        return False
    axes.plot(
        found.x,
        found.mean,
        color=style.arm_styles(results)[arm].color,
        linestyle=(0, (4, 2)),
        linewidth=1,
    )
    return True


def log_axis(axes: Axes) -> None:
    """A log axis with plain numbers, also over less than a decade."""
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(FormatStrFormatter("%g"))
    axes.yaxis.set_minor_formatter(NullFormatter())


def plot_reward(results: Results, over: str = "rollouts") -> Drawn:
    """Mean reward."""
    if len(results.arms) > MOST_TOGETHER:
        return plot_apart(results, "reward", over, "mean reward")
    figure, axes = panels(1, 1, 3.1)
    arms, frames = draw_arms(results, axes[0, 0], ("reward",), over)
    label_x_axis(axes[0, 0], over)
    axes[0, 0].set_ylabel("mean reward")
    arm_legend(figure, results, arms)
    return Drawn(figure, concatenated(frames))


def plot_length(results: Results, over: str = "rollouts") -> Drawn:
    """Mean length beside the truncated share."""
    figure, axes = panels(1, 2, 2.7)
    arms, lengths = draw_arms(results, axes[0, 0], ("length_mean",), over)
    _, truncated = draw_arms(results, axes[0, 1], ("truncated",), over)
    label_x_axis(axes[0, 0], over)
    axes[0, 0].set_ylabel("mean length (tokens)")
    label_x_axis(axes[0, 1], over)
    axes[0, 1].set_ylabel("truncated completions")
    axes[0, 1].yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes[0, 1].set_ylim(bottom=min(0, axes[0, 1].get_ylim()[0]))
    arm_legend(figure, results, arms)
    return Drawn(figure, concatenated(lengths + truncated))


def plot_phase(results: Results) -> Drawn:
    """Reward against entropy with the fit R = -a exp(H) + b, a panel per arm."""
    arms = [
        arm
        for arm in results.arms
        if any(len(phase_points(run).dropna()) for run in results.of(arm))
    ]
    if not arms:
        raise NothingToPlot("no run has a training log with entropy and reward")
    columns = min(3, len(arms))
    figure, axes = panels(-(-len(arms) // columns), columns, 2.1, sharey=True)
    frames = [phase_panel(results, panel, arm) for panel, arm in zip(axes.flat, arms, strict=False)]
    for panel in axes.flat[len(arms) :]:
        panel.set_visible(False)
    figure.supxlabel("entropy (nats per token)", fontsize=9)
    figure.supylabel("mean reward", fontsize=9)
    return Drawn(figure, concatenated(frames))


def phase_panel(results: Results, axes: Axes, arm: str) -> pd.DataFrame:
    runs, color = results.of(arm), style.arm_styles(results)[arm].color
    frame = pd.concat([phase_points(run) for run in runs]).dropna()
    rollout = frame["rollout"].to_numpy(float)
    age: Any = rollout / max(1.0, rollout.max(initial=0))
    axes.scatter(
        frame["entropy"], frame["reward"], s=7, color=color, alpha=0.15 + 0.7 * age, linewidth=0
    )
    axes.set_title(f"{arm}\n", color=color, loc="left", fontweight="bold")
    axes.set_ylim(reward_limits(results))
    fit = fit_reward_law(frame["entropy"].to_numpy(), frame["reward"].to_numpy())
    if fit is not None:
        a, b, explained = fit
        grid = np.linspace(frame["entropy"].min(), frame["entropy"].max(), 100)
        axes.plot(grid, -a * np.exp(grid) + b, color="black", linewidth=1)
        said = f"R = {b:.3g} {'-' if a >= 0 else '+'} {abs(a):.2g} exp(H),  R² = {explained:.2f}"
        axes.text(0, 1.03, said, transform=axes.transAxes, va="bottom", fontsize=7, color="#333333")
    names = dict(zip(("a", "b", "explained"), fit or (float("nan"),) * 3, strict=True))
    return frame.assign(arm=arm, **names)


def reward_limits(results: Results) -> tuple[float, float]:
    """Limits of the reward axis: all rewards with a margin, whatever range the fit covers."""
    rewards = np.concatenate([run.series("reward") for run in results.runs if run.log])
    low, high = (
        diagnostics.measured_extreme(rewards, np.nanmin),
        diagnostics.measured_extreme(rewards, np.nanmax),
    )
    margin = 0.06 * (high - low) if high > low else 0.5
    return (low - margin, high + margin) if np.isfinite(margin) else (0.0, 1.0)


def phase_points(run: Run) -> pd.DataFrame:
    values = {name: run.series(name) for name in ("rollout", "entropy", "reward")}
    return pd.DataFrame({"seed": run.seed} | values)


def fit_reward_law(
    entropy_R: np.ndarray, reward_R: np.ndarray
) -> tuple[float, float, float] | None:
    """(a, b, share of explained variance) of the least-squares fit R = -a exp(H) + b; None if
    there are under three points, or no spread.
    """
    x = np.exp(entropy_R)
    if len(x) < 3 or np.ptp(x) < 1e-9 or np.ptp(reward_R) < 1e-9:
        return None
    slope, b = np.polyfit(x, reward_R, 1)
    explained = 1 - np.var(reward_R - slope * x - b) / np.var(reward_R)
    return -float(slope), float(b), float(explained)


CONTROLLER = (
    (("state", "alpha"), "alpha"),
    (("state", "difficulty_weight"), "difficulty weight"),
    (("entropy",), "entropy (nats)"),
)


def plot_controller(results: Results) -> Drawn:
    """alpha, difficulty weight, and entropy with its target, per seed; a column per arm that has an
    alpha.
    """
    arms = [
        arm
        for arm in results.arms
        if arm_curve(results.of(arm), ("state", "alpha"), "rollouts") is not None
    ]
    if not arms:
        raise NothingToPlot("no arm adjusts its coefficient")
    figure, axes = panels(len(CONTROLLER), len(arms), 1.7, sharex=True)
    frames = []
    for column, arm in enumerate(arms):
        axes[0, column].set_title(
            arm, color=style.arm_styles(results)[arm].color, fontweight="bold", loc="left"
        )
        label_x_axis(axes[-1, column])
        for panel, (keys, title) in zip(axes[:, column], CONTROLLER, strict=True):
            frames += controller_panel(results, panel, arm, keys)
            panel.set_ylabel(title if column == 0 else "")
    seeds = [Line2D([], [], color="#555555", linestyle=style.DASHES[i % 4], label=f"seed {seed}")
             for i, seed in enumerate(results.seeds)]  # fmt: skip
    target = Line2D([], [], color="black", linestyle=(0, (4, 2)), linewidth=1, label="target")
    arm_legend(figure, results, (), [*seeds, target])
    return Drawn(figure, concatenated(frames))


def controller_panel(
    results: Results, axes: Axes, arm: str, keys: tuple[str, ...]
) -> list[pd.DataFrame]:
    color, frames = style.arm_styles(results)[arm].color, []
    for run in results.of(arm):
        found = arm_curve((run,), keys, "rollouts")
        target = (
            arm_curve((run,), ("state", "target"), "rollouts") if keys == ("entropy",) else None
        )
        if found is not None:
            dashes = style.DASHES[results.seeds.index(run.seed) % 4]
            axes.plot(found.x, found.mean, color=color, linestyle=dashes, linewidth=1.2)
            frames.append(
                curve_rows(found, quantity=".".join(keys), arm=arm, seed=run.seed).iloc[:, :5]
            )
        if target is not None:
            axes.plot(target.x, target.mean, color="black", linestyle=(0, (4, 2)), linewidth=0.8)
            frames.append(
                curve_rows(target, quantity="state.target", arm=arm, seed=run.seed).iloc[:, :5]
            )
    return frames
