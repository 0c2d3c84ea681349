"""Makes the certificate's tables, figure and page. The command line is in __main__.py."""

from functools import partial
from pathlib import Path

import pandas as pd
from markupsafe import Markup

from analysis.certificate.repetitions import (
    DIFFERENCES,
    KNOWN_TRUTHS,
    SEEN_SHARE,
    CheckResult,
    PowerPoint,
    measure_power,
    run_check,
    smallest_seen,
)
from analysis.figures import style
from analysis.figures.captions import Caption
from analysis.figures.command import evaluation_files
from analysis.figures.figure_files import figure_origin, write_figure
from analysis.figures.plotting import Drawn, panels
from analysis.inference.statistics import Counts
from analysis.report.html_page import figure_picture, render_page
from analysis.results.folder import Results, load_results, path_to_write
from analysis.tables.cells import Column, Table, decimals, percent, points
from analysis.tables.layouts import signed, text_column
from analysis.tables.render import to_html, write_table
from analysis.tables.scores import counts_of, generator
from eval.files.durable import write_text
from eval.files.errors import BadInput
from eval.files.marks import CHECKSUMS, write_mark

CERTIFICATE_COMMAND = "python -m analysis.certificate"
PLANTED_IN = "coin"  # the arm with most room above its score
POWER_CAPTION = Caption(
    "Certificate",
    "How small a difference is seen",
    "Share of repetitions in which a planted difference is called better, per number of training"
    " seeds. Band: 95 % interval. Dotted: four in five. At 0 the share is that of false alarms in"
    " this direction, 2.5 % at most if all is well.",
)


def pooled_counts(results: Results) -> dict[str, Counts]:
    """Counts of the arms that the checks compare, on the first benchmark.

    Raises:
        BadInput: an arm is missing, or has not been evaluated.
    """
    benchmark, found = results.benchmarks[0], {}
    for arm in dict.fromkeys(name for check in KNOWN_TRUTHS for name in (check.arm, check.against)):
        if arm not in results.arms:
            raise BadInput(
                f"{results.folder}: has no arm {arm!r}: the certificate is of"
                " experiments/probes/certificate.yaml"
            )
        counts, why = counts_of(results, arm, benchmark)
        if counts is None:
            raise BadInput(f"{results.folder}: {arm}: {why}")
        found[arm] = counts
    return found


def write_certificate(results: Results, seeds: int, repetitions: int) -> None:
    """Writes tables, figure and report.html, then their checksums.

    Raises:
        BadInput: arms are missing, have too few seeds, or stopped at looks.
    """
    if results.looks:
        raise BadInput(
            f"{results.folder}: its arms stop at looks, so that their seeds are chosen by their"
            " scores: the certificate needs a fixed list of seeds"
        )
    folder, counts = (
        path_to_write(results.folder / "certificate", results.folder),
        pooled_counts(results),
    )
    checks = [
        run_check(
            check,
            counts[check.arm],
            counts[check.against],
            seeds,
            generator(results, "certificate", check.title),
        )
        for check in KNOWN_TRUTHS
    ]
    power = power_points(results, counts[PLANTED_IN], seeds, repetitions)
    tables = (checks_table(checks, seeds), certified_power_table(power))
    made = [path for table in tables for path in write_table(table, folder / "tables")]
    origin = figure_origin(
        results.folder, evaluation_files(results), "spec.yaml", CERTIFICATE_COMMAND
    )
    draw = partial(plot_power, power)
    write_figure(folder / "figures", "power", draw, POWER_CAPTION.text, origin)
    made += [path for path in (folder / "figures").iterdir() if path.name[0] != "."]
    command = f"{CERTIFICATE_COMMAND} {results.folder.as_posix()}"
    page = render_page(
        "certificate.html",
        results=results,
        tables={table.name: Markup(to_html(table)) for table in tables},
        picture=figure_picture(folder / "figures", "power", POWER_CAPTION, command),
        sentences=[check_sentence(each) for each in checks],
        facts=[("command", command), ("seeds per arm and repetition", str(seeds))],
    )
    write_text(folder / "report.html", page)
    write_mark(folder / CHECKSUMS, [folder / "report.html", *made])


def power_points(
    results: Results, counts: Counts, seeds: int, repetitions: int
) -> list[PowerPoint]:
    """For the certificate's number of seeds, and for five, if there are as many."""
    sizes = [size for size in sorted({seeds, 5}) if 2 * size <= len(counts.seeds)]
    room = 1 - float((counts.correct_SQ / counts.n_SQ).mean())
    # hands vary in their room: a tenth is left to them
    planted = [difference for difference in DIFFERENCES if difference <= room - 0.1]
    return [
        measure_power(counts, size, each, repetitions, generator(results, "power", size, str(each)))
        for size in sizes
        for each in planted
    ]


def checks_table(checks: list[CheckResult], seeds: int) -> Table:
    rows = [
        {
            **vars(each.check),
            **{name: value for name, value in vars(each).items() if name != "check"},
            "share": each.as_expected / each.repetitions,
        }
        for each in checks
    ]
    columns = (
        text_column("check", "title"),
        text_column("arm", "arm"),
        text_column("against", "against"),
        text_column("expected", "expected"),
        Column("repetitions", "repetitions", decimals(0)),
        Column("better", "better", decimals(0)),
        Column("worse", "worse", decimals(0)),
        Column("as expected %", "share", percent, "low", "high"),
        Column("mean difference", "difference", signed),
    )
    note = (
        f"Each repetition compares {seeds} seeds with {seeds}; no two repetitions of a check share"
        " a run. Verdicts at 5 % on pass@1. Intervals of shares: Clopper and Pearson."
    )
    return Table(
        "checks", "Verdicts where the truth is known", pd.DataFrame(rows), columns, (note,)
    )


def certified_power_table(power: list[PowerPoint]) -> Table:
    rows = [{**vars(each), "share": each.called / each.repetitions} for each in power]
    columns = (
        Column("seeds", "seeds", decimals(0)),
        Column("planted", "planted", points),
        Column("repetitions", "repetitions", decimals(0)),
        Column("called better %", "share", percent, "low", "high"),
        Column("computed smallest", "computed", points),
    )
    return Table(
        "power",
        "How small a difference is seen",
        pd.DataFrame(rows),
        columns,
        tuple(power_note(size, power) for size in sorted({each.seeds for each in power})),
        "seeds",
    )


def power_note(size: int, power: list[PowerPoint]) -> str:
    found = [each for each in power if each.seeds == size]
    seen = smallest_seen(found)
    said = (
        f"{points(seen)} points"
        if seen == seen
        else f"none up to {points(found[-1].planted)} points"
    )
    return (
        f"With {size} seeds per arm the smallest difference that is called {percent(SEEN_SHARE)}"
        f" times in 100 is {said}; the comparisons themselves computed"
        f" {points(sum(each.computed for each in found) / len(found))} on average."
    )


def check_sentence(each: CheckResult) -> str:
    """One check in words."""
    other = "itself" if each.check.arm == each.check.against else each.check.against
    return (
        f"{each.check.title}: {each.check.arm} against {other} was called better {each.better}"
        f" and worse {each.worse} times in {each.repetitions}; expected: {each.check.expected}."
    )


def plot_power(power: list[PowerPoint]) -> Drawn:
    figure, axes = panels(1, 1, 2.8)
    for size, color in zip(sorted({each.seeds for each in power}), style.PALETTE, strict=False):
        found = [each for each in power if each.seeds == size]
        x = [100 * each.planted for each in found]
        low, high = ([100 * getattr(each, end) for each in found] for end in ("low", "high"))
        axes[0, 0].fill_between(x, low, high, color=color, alpha=style.BAND_OPACITY, linewidth=0)
        share = [100 * each.called / each.repetitions for each in found]
        axes[0, 0].plot(x, share, color=color, marker="o", markersize=3, label=f"{size} seeds")
    axes[0, 0].axhline(100 * SEEN_SHARE, color="#555555", linewidth=0.7, linestyle=(0, (2, 2)))
    axes[0, 0].set_xlabel("planted difference, points of pass@1")
    axes[0, 0].set_ylabel("called better, %")
    axes[0, 0].set_ylim(-3, 103)
    axes[0, 0].legend()
    return Drawn(figure, pd.DataFrame([vars(each) for each in power]))


def certify(folder: Path, seeds: int, repetitions: int) -> None:
    """Writes tables, figure and report of the results in the folder."""
    style.use_style()
    write_certificate(load_results(folder), seeds, repetitions)
