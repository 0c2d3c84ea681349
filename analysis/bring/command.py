"""Brings other people's runs into a results folder. The command line is in __main__.py."""

from collections.abc import Iterable
from pathlib import Path

from analysis.bring.files.reading import source_files
from analysis.bring.gather import gather_sources
from analysis.bring.mapping_file.draft import draft
from analysis.bring.mapping_file.mapping import read_mapping
from analysis.bring.writing.figure import save_selection
from analysis.bring.writing.study import BroughtStudy, make_study
from analysis.bring.writing.written import BROUGHT, write_study
from eval.files.durable import new_folder, write_text
from eval.files.errors import BadInput

SHOWN = 12  # findings on the screen; all of them are in brought/findings.csv


def bring(sources: list[Path], out: Path, mapping: Path) -> BroughtStudy:
    """Makes the results folder. BadInput where something must be said or corrected first."""
    check_out(out)
    files, links = source_files(sources)
    own = out.resolve(), mapping.resolve()  # may lie in a source
    files = {name: path for name, path in files.items() if not is_below(path.resolve(), own)}
    if not mapping.exists():
        write_text(mapping, draft(out.name, files))
        raise BadInput(
            f"{mapping}: this draft was written: replace each ? in it and run the command again"
        )
    try:
        study = make_study(gather_sources(wanted := read_mapping(mapping), files, links), wanted)
    except BadInput as error:
        raise BadInput(
            f"{mapping}: {error}" if str(mapping) not in str(error) else str(error)
        ) from None
    with new_folder(out) as folder:
        write_study(study, folder)
        save_selection(folder)
    return study


def is_below(path: Path, roots: Iterable[Path]) -> bool:
    return any(path.is_relative_to(root) for root in roots)


def check_out(out: Path) -> None:
    """BadInput where the folder is there and was not made by this command."""
    if out.exists() and not (out / BROUGHT / "sources.csv").is_file():
        raise BadInput(
            f"{out}: exists and was not made by analysis.bring: name another folder with --out"
        )


def told(study: BroughtStudy, out: Path) -> str:
    """What was brought, and the most important of what was found."""
    lines = [
        f"{out}: {len(study.gathered.files)} files, {len(study.runs)} runs,"
        f" {len(study.evaluations)} evaluations; {len(study.gathered.left_out)} files left out"
    ]
    lines += [f"- {each.kind}: {each.where}: {each.what}" for each in study.findings[:SHOWN]]
    more = len(study.findings) - SHOWN
    lines += [f"- and {more} more: {out / BROUGHT / 'findings.csv'}"] if more > 0 else []
    lines += [f"Next: run python -m analysis.tables {out}, then analysis.figures, analysis.report"]
    return "\n".join(lines)
