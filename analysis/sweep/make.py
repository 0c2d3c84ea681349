"""python -m analysis.sweep results/<experiment>/sweep/<study>: what a hyperparameter sweep found.

Writes tables/{sweep,regret}.{csv,md,tex,html},
figures/{response,budget,importance,parallel}.{pdf,png,csv,json,rst} and report.html, from
study.yaml, trials.csv and importance.csv alone. Equal inputs give equal bytes. Formulas:
analysis/sweep/statistics.py.
"""

import argparse
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from markupsafe import Markup

from analysis.figures import style
from analysis.figures.files import digest, provenance, save
from analysis.report.facts import flattened
from analysis.report.page import picture, render
from analysis.results.folder import own
from analysis.sweep.figures import CAPTIONS, FIGURES
from analysis.sweep.read import read
from analysis.sweep.searches import Search, Study
from analysis.sweep.summary import Summary, summarise
from analysis.sweep.tables import regret_table, trials_table
from analysis.sweep.words import shown, tuning, verdict, warnings
from analysis.tables.cells import Table
from analysis.tables.render import to_html, write
from eval.files.durable import write_text
from eval.files.errors import exit_with_message
from eval.files.marks import CHECKSUMS, write_mark

COMMAND = "python -m analysis.sweep"
FILES = ("study.yaml", "trials.csv", "importance.csv")


@dataclass(frozen=True)
class Card:
    """A search in words."""

    name: str
    arm: str
    varied: str
    color: str
    sentences: list[str]


def report(study: Study) -> None:
    """Writes everything into the study's folder."""
    summaries = summarise(study)
    tables = (trials_table(study, summaries), regret_table(study, summaries))
    for table in tables:
        write(table, own(study.folder / "tables", study.folder))
    origin = provenance(study.folder, inputs(study), "study.yaml", COMMAND)
    for name, draw in FIGURES.items():
        save(study.folder / "figures", name, partial(draw, study), CAPTIONS[name].text, origin)
    text = page(study, summaries, tables)
    write_text(own(study.folder / "report.html", study.folder), text)
    made = [
        path
        for folder in ("tables", "figures")
        for path in (study.folder / folder).iterdir()
        if path.name[0] != "."
    ]
    write_mark(study.folder / f"report.{CHECKSUMS}", [study.folder / "report.html", *made])


def inputs(study: Study) -> list[Path]:
    return [path for name in FILES if (path := study.folder / name).exists()]


def page(study: Study, summaries: tuple[Summary, ...], tables: tuple[Table, ...]) -> str:
    command = f"{COMMAND} {study.folder.as_posix()}"
    return render(
        "sweep.html",
        study=study,
        warnings=[*warnings(study, summaries), *study.missing],
        tuning=tuning(study),
        cards=[card(study, found, summaries) for found in summaries],
        tables={table.name: Markup(to_html(table)) for table in tables},
        pictures={
            name: picture(study.folder / "figures", name, CAPTIONS[name], command)
            for name in CAPTIONS
        },
        settings=settings(study),
        facts=[
            *((f"{path.name}, SHA-256", digest(path)) for path in inputs(study)),
            ("command", command),
        ],
    )


def card(study: Study, found: Summary, summaries: tuple[Summary, ...]) -> Card:
    search = found.search
    return Card(
        search.name, search.arm, varied(search), found.color, verdict(study, found, summaries)
    )


def varied(search: Search) -> str:
    """The settings of a search and what is searched of each."""
    ends = {
        each: f"{shown(each.low)} to {shown(each.high)}" + ", logarithmic" * each.log
        for each in search.settings
    }
    return "; ".join(
        f"{each.path} {' | '.join(each.choices) or ends[each]}" for each in search.settings
    )


def settings(study: Study) -> dict[str, list[tuple[str, str]]]:
    """{block of study.yaml: its settings, flattened to dotted keys}."""
    blocks = {
        str(key): value for key, value in study.spec.items() if key not in ("name", "question")
    }
    return {
        key: flattened(value) if isinstance(value, dict) else [(key, str(value))]
        for key, value in blocks.items()
    }


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog=COMMAND, description=__doc__)
    parser.add_argument(
        "study", type=Path, help="folder of one study, results/<experiment>/sweep/<study>"
    )
    folder = parser.parse_args(argv).study
    style.use()
    with exit_with_message():
        report(read(folder))
