"""python -m analysis.report results/<experiment>: writes report.html, one page that needs neither
server nor network.

It reads the tables and figures that analysis.tables.make and analysis.figures.make wrote, and
computes nothing twice. What has not been made, and what failed, is listed on the page. How it is
made safe and self-contained: analysis/report/page.py. Equal inputs give equal bytes.
"""

import argparse
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
from markupsafe import Markup

from analysis.figures import style
from analysis.figures.captions import CAPTIONS
from analysis.report.brought import brought_section
from analysis.report.facts import method_in_words, provenance, runs, settings
from analysis.report.page import Picture, picture, render
from analysis.results.folder import Missing, Results, load, own
from analysis.tables.cells import Table, is_number
from analysis.tables.diagnostics import diagnose, mean
from analysis.tables.make import LAYOUTS, stored
from analysis.tables.render import to_html
from eval.files.durable import write_text
from eval.files.errors import exit_with_message
from eval.files.evidence import analysis_made_from
from eval.files.marks import write_mark

SIGNS = {"better": "▲", "worse": "▼", "not distinguishable": "≈"}


@dataclass(frozen=True)
class Verdict:
    """One comparison in words."""

    kind: str
    sign: str
    sentence: str


@dataclass(frozen=True)
class Card:
    """An arm: what it is, how it compares, how its training went."""

    arm: str
    color: str
    method: str
    reference: bool
    verdicts: list[Verdict]
    facts: list[str]


@dataclass
class Gaps:
    """What the page lacks, gathered while it is made."""

    found: list[Missing] = field(default_factory=list)

    def add(self, where: str, what: str) -> None:
        self.found.append(Missing(where, what))


def page(results: Results) -> str:
    """The whole page."""
    gaps = Gaps(list(results.missing))
    tables = {name: table_of(results, name, gaps) for name in LAYOUTS}
    pictures = {name: picture_of(results, name, gaps) for name in CAPTIONS}
    return render(
        "report.html",
        results=results,
        brought=brought_section(results),
        cards=cards(results, tables["comparisons"]),
        tables={name: Markup(to_html(table)) if table else None for name, table in tables.items()},
        categories=by_category(pictures),
        settings=settings(results),
        runs=runs(results),
        facts=provenance(results),
        gaps=gaps.found,
    )


def table_of(results: Results, name: str, gaps: Gaps) -> Table | None:
    table = stored(name, results)
    if table is None:
        gaps.add(
            f"table {name}", f"not made yet: python -m analysis.tables {results.folder.as_posix()}"
        )
    return table


def picture_of(results: Results, name: str, gaps: Gaps) -> Picture:
    command = f"python -m analysis.figures {results.folder.as_posix()}"
    found = picture(results.folder / "figures", name, CAPTIONS[name], command)
    if not found.made:
        gaps.add(f"figure {name}", found.why)
    return found


def by_category(pictures: dict[str, Picture]) -> dict[str, list[Picture]]:
    """{category: pictures}, in the order of the captions; figures with nothing to show come
    last.
    """
    grouped: dict[str, list[Picture]] = {}
    for name, shown in pictures.items():
        grouped.setdefault(CAPTIONS[name].category, []).append(shown)
    return {
        category: sorted(shown, key=lambda each: bool(each.why))
        for category, shown in grouped.items()
    }


def cards(results: Results, comparisons: Table | None) -> list[Card]:
    """The reference first, then the other arms in the order of the spec."""
    looks, diagnosed = style.looks(results), diagnose(results)
    order = sorted(results.arms, key=lambda arm: arm != results.reference)
    return [
        Card(
            arm,
            looks[arm].color,
            method_in_words(results, arm),
            arm == results.reference,
            verdicts(comparisons.frame, arm) if comparisons else [],
            facts(diagnosed.query("arm == @arm")),
        )
        for arm in order
    ]


def verdicts(frame: pd.DataFrame, arm: str) -> list[Verdict]:
    if frame.empty:
        return []
    own = frame.query("arm == @arm").astype(object).fillna("")
    return [
        Verdict(
            row["verdict"],
            SIGNS.get(row["verdict"], "?"),
            row["sentence"]
            or f"{row['benchmark']}: no verdict on pass@{row['k']}, {row['remarks'] or 'no counts'}.",
        )
        for row in own.to_dict("records")
    ]


def facts(rows: pd.DataFrame) -> list[str]:
    """What the diagnostics say about an arm: entropy from start to end, and each flag with its
    runs.
    """
    known = rows.dropna(subset=["final_entropy"])
    said = []
    if len(known):
        start, end, target = (
            mean(known[key].to_numpy(float))
            for key in ("initial_entropy", "final_entropy", "target")
        )
        aim = f", target {target:.3f}" if is_number(target) else ""
        said.append(f"Entropy {start:.3f} → {end:.3f} nats{aim}.")
    flags = rows["flags"].str.split("; ").explode()
    for flag, count in flags[flags != ""].value_counts(sort=False).items():
        said.append(f"{str(flag).capitalize()} in {count} of {len(rows)} runs.")
    return said


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m analysis.report", description=__doc__)
    parser.add_argument("results", type=Path, help="folder of one experiment, results/<experiment>")
    folder = parser.parse_args(argv).results
    with exit_with_message():
        path = own(folder / "report.html", folder)
        write_text(path, page(load(folder)))
        made_from = analysis_made_from(folder, "analysis.report")
        write_mark(folder / "report.checksums.json", [path], made_from)
