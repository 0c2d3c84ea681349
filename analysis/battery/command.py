"""Makes tables, picture and page of a battery. The command line is in __main__.py."""

from functools import partial
from pathlib import Path
from typing import Any

from markupsafe import Markup

from analysis.battery.figure import BATTERY_CAPTION, plot_scorecard
from analysis.battery.folder import BatteryResults, ProbeResults, read_battery
from analysis.battery.scores import SCORE_UNITS
from analysis.battery.tables import cells_table, scorecard_table
from analysis.figures import style
from analysis.figures.command import evaluation_files, training_files
from analysis.figures.figure_files import figure_origin, write_figure
from analysis.report.html_page import figure_picture, render_page
from analysis.results.folder import path_to_write
from analysis.tables.render import to_html, write_table
from eval.files.durable import write_text
from eval.files.marks import CHECKSUMS, sha256, write_mark

BATTERY_COMMAND = "python -m analysis.battery"


def write_battery_report(battery: BatteryResults) -> None:
    """Writes tables, figure and report.html into the battery's folder, then their checksums."""
    folder = battery.folder
    tables = (scorecard_table(battery), cells_table(battery))
    made = [
        path
        for table in tables
        for path in write_table(table, path_to_write(folder / "tables", folder))
    ]
    origin = figure_origin(folder, battery_files(battery), "battery.yaml", BATTERY_COMMAND)
    figures = folder / "figures"
    draw = partial(plot_scorecard, battery)
    write_figure(figures, "scorecard", draw, BATTERY_CAPTION.text, origin)
    made += [path for path in figures.iterdir() if path.name[0] != "."]
    command = f"{BATTERY_COMMAND} {folder.as_posix()}"
    page = render_page(
        "battery.html",
        battery=battery,
        picture=figure_picture(figures, "scorecard", BATTERY_CAPTION, command),
        tables={table.name: Markup(to_html(table)) for table in tables},
        probes=[probe_facts(probe) for probe in battery.probes],
        alarms=false_alarms(battery),
        facts=[("battery.yaml, SHA-256", sha256(folder / "battery.yaml")), ("command", command)],
    )
    write_text(path_to_write(folder / "report.html", folder), page)
    write_mark(folder / f"report.{CHECKSUMS}", [folder / "report.html", *made])


def battery_files(battery: BatteryResults) -> list[Path]:
    found = [probe.results for probe in battery.probes if probe.results]
    return [
        path for results in found for path in (*evaluation_files(results), *training_files(results))
    ]


def probe_facts(probe: ProbeResults) -> dict[str, Any]:
    """What the page says about a probe."""
    spec = probe.results.spec if probe.results else {}
    missing = probe.results.missing if probe.results else (probe.missing,)
    return {
        "name": probe.name,
        "question": str(spec.get("question") or "No question is stated in the probe."),
        "unit": SCORE_UNITS[probe.score],
        "control": probe.control,
        "missing": [str(part) for part in missing],
    }


def false_alarms(battery: BatteryResults) -> list[str]:
    """Arms that are called better where nothing can be learnt, in words."""
    return [
        f"{cell.arm} is called better than {battery.reference} on {probe.name}, where nothing can"
        " be learnt: a false alarm"
        for probe in battery.probes
        if probe.control
        for cell in probe.cells
        if cell.verdict == "better"
    ]


def report_battery(folder: Path) -> None:
    """Writes tables, figure and report of the battery in the folder."""
    style.use_style()
    write_battery_report(read_battery(folder))
