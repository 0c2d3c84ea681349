"""python -m analysis.tables results/<experiment>: writes tables/<name>.{csv,md,tex,html}.

The tables are main, comparisons, budget and diagnostics: see analysis/tables/layouts.py.
"""

from collections.abc import Sequence
from pathlib import Path

from analysis.results.folder import load_results, path_to_write
from analysis.tables.layouts import LAYOUTS, build_table
from analysis.tables.render import write_table
from eval.files.command_line import command_parser
from eval.files.errors import exit_with_message
from eval.files.evidence import analysis_made_from
from eval.files.marks import mark_folder


def main(argv: Sequence[str] | None = None) -> None:
    """Writes all tables of the experiment, then their checksums."""
    parser = command_parser("analysis.tables", __doc__)
    parser.add_argument("results", type=Path, help="folder of one experiment, results/<experiment>")
    folder = parser.parse_args(argv).results
    with exit_with_message():
        results = load_results(folder)
        for name in LAYOUTS:
            write_table(build_table(name, results), path_to_write(folder / "tables", folder))
        mark_folder(folder / "tables", analysis_made_from(folder, "analysis.tables"))
