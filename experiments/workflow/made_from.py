"""What a shared step was made from, left in its folder: by it a start knows whether that is what is
asked for today.

    problems/.made_from               hash of settings, code and data (graph.py)
    base/policy/.made_from            likewise, and the reports that lie beside the policy
    base/policy/.finished.checksums   a mark of the policy that Snakemake does not know of

A base policy that is trained again on another machine differs in its last bits, and no run that
began from the first one goes on from it. So a job that finds the policy whole and made from the
same puts its mark back, and makes nothing.

None of this stands in checksums.json or is called *.json: a policy is known by its JSON files
(eval/sampling/missing_samples.py), and is the same policy when a comment in the code that makes it has
changed.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from eval.files.checksums import damage, mark_folder, write_mark
from eval.files.durable import locked, new_folder, write_text
from eval.files.json_text import parse

MADE_FROM, MARK = ".made_from", ".finished.checksums"

Reports = Mapping[str, Any]  # file name → content


def leave(folder: Path, source: str, reports: Reports | None = None) -> None:
    """Says what a folder is made from, before its mark says that it is done."""
    write_text(folder / MADE_FROM, json.dumps({"hash": source, "reports": reports or {}}) + "\n")


def made_from(folder: Path) -> str | None:
    """None where nobody says."""
    return _said(folder).get("hash")


def make_policy_folder(out: Path, source: str, fill: Callable[[Path], Reports]) -> None:
    """Has a base policy made in `out`, unless it is there. `fill` writes it into a folder, and
    returns what to say of it.

    Raises:
        BadInput: another process is making it.
    """
    with locked(
        out.with_name(f".{out.name}.job")
    ):  # from before the work: the other one's settings may be older
        if is_whole(out, source):
            print(f"{out}: was made with these settings, code and prompts: taken as it is")
            show(out)
            return
        with new_folder(out) as folder:
            finish(folder, source, fill(folder))


def finish(folder: Path, source: str, reports: Reports) -> None:
    leave(folder, source, reports)
    write_mark(folder / MARK, [path for path in folder.iterdir() if path.is_file()])
    show(folder)


def is_whole(folder: Path, source: str) -> bool:
    """Whether a policy made from this is there, undamaged."""
    return made_from(folder) == source and not damage(folder / MARK)


def show(folder: Path) -> None:
    """Leaves the reports, and the mark that Snakemake waits for."""
    for name, content in _said(folder)["reports"].items():
        write_text(folder / name, json.dumps(content, indent=2) + "\n")
    mark_folder(folder)


def _said(folder: Path) -> dict[str, Any]:
    try:
        said = parse((folder / MADE_FROM).read_bytes())
        return said if isinstance(said, dict) else {}
    except (OSError, ValueError):
        return {}
