"""Makes the tables of an experiment. The command line is in __main__.py."""

from pathlib import Path

from analysis.results.folder import load_results, path_to_write
from analysis.tables.layouts import LAYOUTS, build_table
from analysis.tables.render import write_table
from eval.files.evidence import analysis_made_from
from eval.files.marks import mark_folder


def write_tables(folder: Path) -> None:
    """Writes all tables of the experiment in the folder, then their checksums."""
    results = load_results(folder)
    for name in LAYOUTS:
        write_table(build_table(name, results), path_to_write(folder / "tables", folder))
    mark_folder(folder / "tables", analysis_made_from(folder, "analysis.tables"))
