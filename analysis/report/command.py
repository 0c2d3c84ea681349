"""Makes the page of an experiment. The command line is in __main__.py."""

from dataclasses import dataclass, field
from pathlib import Path

from markupsafe import Markup

from analysis.figures.captions import CAPTIONS
from analysis.report.brought import brought_section
from analysis.report.completions import completions_section, shade_legend
from analysis.report.facts import provenance_facts, run_facts, spec_settings
from analysis.report.html_page import Picture, figure_picture, render_page
from analysis.report.opening import opening_panels
from analysis.report.summary import arm_summaries
from analysis.report.verdict_cards import arm_cards
from analysis.results.folder import MissingPart, Results, load_results, path_to_write
from analysis.tables.cells import Table
from analysis.tables.forest import forest_marks
from analysis.tables.layouts import LAYOUTS, stored_table
from analysis.tables.render import to_html
from eval.files.durable import write_text
from eval.files.evidence import analysis_made_from
from eval.files.marks import write_mark


@dataclass
class Gaps:
    """What is missing on the page; filled while the page is made."""

    found: list[MissingPart] = field(default_factory=list)

    def add(self, where: str, what: str) -> None:
        self.found.append(MissingPart(where, what))


def report_page(results: Results) -> str:
    """The HTML of the page."""
    gaps = Gaps(list(results.missing))
    tables = {name: report_table(results, name, gaps) for name in LAYOUTS}
    # the forest opens the page, drawn by the page itself
    pictures = {name: report_picture(results, name, gaps) for name in CAPTIONS if name != "forest"}
    frames = {name: table.frame if table else None for name, table in tables.items()}
    compared = frames["comparisons"]
    shown = (
        forest_marks(compared, frames["training"], results.reference)
        if compared is not None
        else []
    )
    return render_page(
        "report.html",
        results=results,
        brought=brought_section(results),
        panels=opening_panels(shown),
        summaries=arm_summaries(results, compared, frames["training"], frames["precision"]),
        cards=arm_cards(results, tables["comparisons"]),
        tables={name: Markup(to_html(table)) if table else None for name, table in tables.items()},
        categories=by_category(pictures),
        moments=completions_section(results),
        shades=shade_legend(),
        settings=spec_settings(results),
        runs=run_facts(results),
        facts=provenance_facts(results),
        gaps=gaps.found,
    )


def report_table(results: Results, name: str, gaps: Gaps) -> Table | None:
    table = stored_table(name, results)
    if table is None:
        gaps.add(
            f"table {name}",
            f"not made yet, run: python -m analysis.tables {results.folder.as_posix()}",
        )
    return table


def report_picture(results: Results, name: str, gaps: Gaps) -> Picture:
    command = f"python -m analysis.figures {results.folder.as_posix()}"
    found = figure_picture(results.folder / "figures", name, CAPTIONS[name], command)
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


def make_report(folder: Path) -> None:
    """Writes report.html of the experiment in the folder, then its checksum."""
    path = path_to_write(folder / "report.html", folder)
    write_text(path, report_page(load_results(folder)))
    made_from = analysis_made_from(folder, "analysis.report")
    write_mark(folder / "report.checksums.json", [path], made_from)
