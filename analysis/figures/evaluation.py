"""Figures of evaluation: pass@k curves, questions by arm, success-rate histograms."""

from itertools import product
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from analysis.figures import style
from analysis.figures.plotting import Drawn, NothingToPlot, arm_legend, concatenated, panels
from analysis.inference.statistics import Counts, estimate_score
from analysis.results.folder import BASE, Results
from analysis.tables.scores import counts_of, draws, generator

# mean success rate above which a question counts as solved; independent of the number of samples
SOLVED = 0.5
RATE_BINS = np.linspace(0, 1, 11)


def evaluated_counts(results: Results) -> dict[str, dict[str, Counts]]:
    """{benchmark: {arm: counts}} of all evaluated arms, the base policy first.

    Raises:
        NothingToPlot: nothing has been evaluated.
    """
    found = {
        benchmark: {arm: counts_of(results, arm, benchmark)[0] for arm in (BASE, *results.arms)}
        for benchmark in results.benchmarks
    }
    present = {
        benchmark: {arm: counts for arm, counts in arms.items() if counts is not None}
        for benchmark, arms in found.items()
    }
    if not any(present.values()):
        raise NothingToPlot("nothing has been evaluated")
    return {benchmark: arms for benchmark, arms in present.items() if arms}


def plot_pass_at_k(results: Results) -> Drawn:
    """pass@k on a log2 axis, a panel per benchmark, the base policy dashed."""
    found = evaluated_counts(results)
    columns = min(3, len(found))
    figure, axes = panels(-(-len(found) // columns), columns, 3.0)
    frames = [
        pass_panel(results, panel, benchmark, arms)
        for panel, (benchmark, arms) in zip(axes.flat, found.items(), strict=False)
    ]
    for panel in axes.flat[len(found) :]:
        panel.set_visible(False)
    axes[0, 0].set_ylabel("pass@k")
    shown = {arm for arms in found.values() for arm in arms}
    arm_legend(figure, results, [arm for arm in (*results.arms, BASE) if arm in shown])
    return Drawn(figure, concatenated(frames))


def pass_panel(
    results: Results, axes: Axes, benchmark: str, arms: dict[str, Counts]
) -> pd.DataFrame:
    styles, rows = style.arm_styles(results), []
    for arm, counts in arms.items():
        line = pass_rows(results, benchmark, arm, counts)
        if line:
            x, y, low, high = np.array(
                [(row["k"], row["pass"], row["low"], row["high"]) for row in line]
            ).T
            axes.fill_between(
                x, low, high, color=styles[arm].color, alpha=style.BAND_OPACITY * 0.6, linewidth=0
            )
            axes.plot(
                x,
                y,
                color=styles[arm].color,
                linestyle=styles[arm].linestyle,
                marker="o",
                markersize=2.5,
            )
            rows += line
    frame = pd.DataFrame(rows)
    if rows:
        ticks = sorted(frame["k"].unique())
        axes.set_xscale("log", base=2)
        axes.set_xticks(ticks, [str(k) for k in ticks])
        axes.set_xlabel("\n".join(["k", *crossings(frame)]))
    axes.set_title(benchmark, loc="left")
    return frame


def pass_rows(results: Results, benchmark: str, arm: str, counts: Counts) -> list[dict[str, Any]]:
    """A row per k = 1, 2, 4, ... up to the smallest n of a question. No row if there is only one
    question, for which no interval exists.
    """
    largest = int(counts.n_SQ.min()) if len(counts.problem_ids) > 1 else 0
    rows = []
    for k in (2**i for i in range(largest.bit_length())):
        rng = generator(results, "curve", benchmark, arm, k)
        found = estimate_score(counts, k, draws=draws(results), rng=rng)
        rows.append(
            {
                "benchmark": benchmark,
                "arm": arm,
                "k": k,
                "pass": found.value,
                "low": found.low,
                "high": found.high,
            }
        )
    return rows


def crossings(frame: pd.DataFrame) -> list[str]:
    """For each arm that is above the base policy at k = 1 and below it at the largest k: from which
    k on it is below.
    """
    table = frame.pivot(index="k", columns="arm", values="pass").dropna()
    if BASE not in table or table.empty:
        return []
    said = []
    for arm in table.columns.drop(BASE):
        above = (table[arm] > table[BASE]).to_numpy()
        if above[0] and not above[-1]:
            said.append(
                f"base above {arm} from k = {table.index[len(above) - np.argmax(above[::-1])]}"
            )
    return said


def plot_questions(results: Results) -> Drawn:
    """Success rate of every question under every arm, and the numbers of questions gained and lost
    against the base policy.
    """
    found = evaluated_counts(results)
    height = max(0.2 * (len(results.arms) + 1), 0.9) + 0.75
    figure, axes = panels(len(found), 2, height, width_ratios=(4, 1.25))
    frames = []
    for (left, right), (benchmark, arms) in zip(axes, found.items(), strict=True):
        rates = by_base_rate(
            pd.DataFrame({arm: success_rates(counts) for arm, counts in arms.items()})
        )
        left.imshow(rates.T, aspect="auto", cmap="cividis", vmin=0, vmax=1, interpolation="nearest")
        left.set_yticks(range(rates.shape[1]), labels=list(rates.columns))
        left.set(
            xticks=[],
            title=benchmark,
            xlabel=f"{len(rates)} questions, solved by the base policy first",
        )
        left.title.set_ha("left")
        left.title.set_position((0, 1))
        moved = gained_and_lost(rates)
        transition_bars(right, moved, len(rates))
        frames.append(
            long_rates(rates, benchmark).merge(moved, left_on="arm", right_index=True, how="left")
        )
        for panel in (left, right):
            panel.grid(False)
            panel.spines[:].set_visible(False)
            panel.tick_params(length=0)
    figure.colorbar(
        axes[0, 0].images[0],
        ax=axes[:, 0].tolist(),
        location="right",
        label="success rate",
        fraction=0.03,
        pad=0.01,
    )
    axes[0, 1].set_title("gained / lost", loc="left")
    return Drawn(figure, concatenated(frames))


def success_rates(counts: Counts) -> pd.Series:
    """(Q,) success rate per question, mean over the seeds that sampled it; NaN if none did."""
    n_SQ = np.where(counts.n_SQ > 0, counts.n_SQ, np.nan)
    sampled_Q = (counts.n_SQ > 0).sum(axis=0)
    total_Q = np.nansum(counts.correct_SQ / n_SQ, axis=0)
    rate_Q = np.divide(total_Q, sampled_Q, out=np.full(len(total_Q), np.nan), where=sampled_Q > 0)
    return pd.Series(rate_Q, index=list(counts.problem_ids))


def by_base_rate(rates: pd.DataFrame) -> pd.DataFrame:
    """The rows (questions) by the base policy's rate, then the mean over arms, highest first."""
    key = pd.DataFrame({"base": rates.get(BASE, 0.0), "mean": rates.mean(axis=1)})
    return rates.reindex(key.sort_values(["base", "mean"], ascending=False, kind="stable").index)


def gained_and_lost(rates: pd.DataFrame) -> pd.DataFrame:
    """Per arm: the number of questions that it solves and the base policy does not (gained), and
    the reverse (lost).
    """
    if BASE not in rates:
        return pd.DataFrame({"gained": np.nan, "lost": np.nan}, index=rates.columns)
    both = {
        arm: rates[[arm, BASE]].dropna() > SOLVED if arm != BASE else None for arm in rates.columns
    }
    counted = {
        arm: {"gained": (pair[arm] & ~pair[BASE]).sum(), "lost": (pair[BASE] & ~pair[arm]).sum()}
        if pair is not None
        else {"gained": np.nan, "lost": np.nan}
        for arm, pair in both.items()
    }
    return pd.DataFrame.from_dict(counted, orient="index")


def transition_bars(axes: Axes, moved: pd.DataFrame, questions: int) -> None:
    places = np.arange(len(moved))
    gained, lost = moved["gained"].fillna(0).to_numpy(), moved["lost"].fillna(0).to_numpy()
    axes.barh(places, gained, color=style.GAINED, height=0.62)
    axes.barh(places, -lost, color=style.LOST, height=0.62)
    reach = max(gained.max(), lost.max(), 0.05 * questions, 1) * 1.9
    axes.set(xlim=(-reach, reach), ylim=(len(moved) - 0.5, -0.5), xticks=[], yticks=[])
    axes.axvline(0, color="#555555", linewidth=0.7)
    for place, (more, less) in enumerate(zip(moved["gained"], moved["lost"], strict=True)):
        if more > 0:
            axes.text(
                more + 0.05 * reach, place, f"+{more:.0f}", va="center", ha="left", fontsize=7.5
            )
        if less > 0:
            axes.text(
                -less - 0.05 * reach, place, f"−{less:.0f}", va="center", ha="right", fontsize=7.5
            )


def long_rates(rates: pd.DataFrame, benchmark: str) -> pd.DataFrame:
    long = (
        rates.rename_axis("problem_id")
        .reset_index()
        .melt("problem_id", var_name="arm", value_name="success_rate")
    )
    long.insert(0, "benchmark", benchmark)
    return long


MOST_ACROSS = 5  # arms in one row


def plot_histograms(results: Results) -> Drawn:
    """Questions by success rate, a row per benchmark and a column per arm (several rows where there
    are many arms), the base policy as an outline.
    """
    found = evaluated_counts(results)
    arms = [arm for arm in results.arms if any(arm in counts for counts in found.values())]
    if not arms:
        raise NothingToPlot("no arm has been evaluated")
    width = min(len(arms), MOST_ACROSS)
    lines = [arms[start : start + width] for start in range(0, len(arms), width)]
    figure, axes = panels(len(found) * len(lines), width, 1.45, sharex=True, sharey="row")
    frames = []
    for row, (benchmark, line) in zip(axes, product(found, lines), strict=True):
        row[0].set_ylabel(benchmark)
        for panel in row[len(line) :]:
            panel.set_visible(False)
        for panel, arm in zip(row, line, strict=False):
            frames += histogram_panel(results, panel, benchmark, arm, found[benchmark])
            if row is axes[0] or len(lines) > 1:
                arm_style = style.arm_styles(results)[arm]
                panel.set_title(arm, color=arm_style.color, fontweight="bold", loc="left")
    figure.supxlabel("success rate of a question", fontsize=9)
    figure.supylabel("questions", fontsize=9)
    return Drawn(figure, concatenated(frames))


def histogram_panel(
    results: Results, axes: Axes, benchmark: str, arm: str, counts: dict[str, Counts]
) -> list[pd.DataFrame]:
    styles, frames = style.arm_styles(results), []
    for name in (arm, BASE):
        if name in counts:
            count, _ = np.histogram(success_rates(counts[name]).dropna(), RATE_BINS)
            frames.append(
                pd.DataFrame(
                    {"benchmark": benchmark, "arm": name, "low": RATE_BINS[:-1], "questions": count}
                )
            )
            if name == BASE:
                axes.stairs(count, RATE_BINS, color=style.BASE_COLOUR, linewidth=1.1)
            else:
                axes.stairs(count, RATE_BINS, fill=True, color=styles[name].color, alpha=0.75)
    axes.set_xticks([0, 0.5, 1], ["0", "½", "1"])
    return frames
