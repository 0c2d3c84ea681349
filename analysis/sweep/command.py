"""Makes tables, figures and page of a sweep. The command line is in __main__.py."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

from markupsafe import Markup

from analysis.figures import style
from analysis.figures.figure_files import figure_origin, write_figure
from analysis.report.facts import dotted_settings
from analysis.report.html_page import figure_picture, render_page
from analysis.results.folder import path_to_write
from analysis.sweep.figures import SWEEP_CAPTIONS, SWEEP_FIGURES
from analysis.sweep.searches import Search, SweepResults
from analysis.sweep.sentences import (
    search_verdict,
    shown_value,
    study_warnings,
    tuning_budget_sentence,
)
from analysis.sweep.study_files import read_sweep
from analysis.sweep.summary import SearchSummary, summarise_searches
from analysis.sweep.tables import regret_table, trials_table
from analysis.tables.cells import Table
from analysis.tables.render import to_html, write_table
from eval.files.durable import write_text
from eval.files.marks import CHECKSUMS, sha256, write_mark

SWEEP_COMMAND = "python -m analysis.sweep"
SWEEP_FILES = ("study.yaml", "trials.csv", "importance.csv")


@dataclass(frozen=True)
class SearchCard:
    """What the report says about one search."""

    name: str
    arm: str
    varied: str
    color: str
    sentences: list[str]


def write_sweep_report(study: SweepResults) -> None:
    """Writes tables, figures and report.html into the study's folder, then their checksums."""
    summaries = summarise_searches(study)
    tables = (trials_table(study, summaries), regret_table(study, summaries))
    for table in tables:
        write_table(table, path_to_write(study.folder / "tables", study.folder))
    origin = figure_origin(study.folder, input_files(study), "study.yaml", SWEEP_COMMAND)
    for name, draw in SWEEP_FIGURES.items():
        write_figure(
            study.folder / "figures", name, partial(draw, study), SWEEP_CAPTIONS[name].text, origin
        )
    text = sweep_page(study, summaries, tables)
    write_text(path_to_write(study.folder / "report.html", study.folder), text)
    made = [
        path
        for folder in ("tables", "figures")
        for path in (study.folder / folder).iterdir()
        if path.name[0] != "."
    ]
    write_mark(study.folder / f"report.{CHECKSUMS}", [study.folder / "report.html", *made])


def input_files(study: SweepResults) -> list[Path]:
    return [path for name in SWEEP_FILES if (path := study.folder / name).exists()]


def sweep_page(
    study: SweepResults, summaries: tuple[SearchSummary, ...], tables: tuple[Table, ...]
) -> str:
    command = f"{SWEEP_COMMAND} {study.folder.as_posix()}"
    return render_page(
        "sweep.html",
        study=study,
        warnings=[*study_warnings(study, summaries), *study.missing],
        tuning=tuning_budget_sentence(study),
        cards=[search_card(study, found, summaries) for found in summaries],
        tables={table.name: Markup(to_html(table)) for table in tables},
        pictures={
            name: figure_picture(study.folder / "figures", name, SWEEP_CAPTIONS[name], command)
            for name in SWEEP_CAPTIONS
        },
        settings=study_settings(study),
        facts=[
            *((f"{path.name}, SHA-256", sha256(path)) for path in input_files(study)),
            ("command", command),
        ],
    )


def search_card(
    study: SweepResults, found: SearchSummary, summaries: tuple[SearchSummary, ...]
) -> SearchCard:
    search = found.search
    return SearchCard(
        search.name,
        search.arm,
        searched_ranges(search),
        found.color,
        search_verdict(study, found, summaries),
    )


def searched_ranges(search: Search) -> str:
    """The settings of a search and their ranges, in words."""
    ends = {
        each: f"{shown_value(each.low)} to {shown_value(each.high)}" + ", logarithmic" * each.log
        for each in search.settings
    }
    return "; ".join(
        f"{each.path} {' | '.join(each.choices) or ends[each]}" for each in search.settings
    )


def study_settings(study: SweepResults) -> dict[str, list[tuple[str, str]]]:
    """{block of study.yaml: its settings, flattened to dotted keys}."""
    blocks = {
        str(key): value for key, value in study.spec.items() if key not in ("name", "question")
    }
    return {
        key: dotted_settings(value) if isinstance(value, dict) else [(key, str(value))]
        for key, value in blocks.items()
    }


def report_sweep(folder: Path) -> None:
    """Writes tables, figures and report of the study in the folder."""
    style.use_style()
    write_sweep_report(read_sweep(folder))
