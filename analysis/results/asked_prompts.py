"""Whether policies were asked the same prompts: problems alone do not say so, since a chat template
may differ, or print a date. eval.score records one hash per run and benchmark.
"""

from collections.abc import Iterable
from pathlib import Path

from eval.files.errors import BadInput
from eval.files.json_text import object_or_none


def asked_prompts(counts: Path) -> str:
    """The hash of the prompts behind a <set>.counts.csv; "" if its measures do not record it."""
    measures = counts.with_name(counts.name.removesuffix(".counts.csv") + ".measures.json")
    return str((object_or_none(measures) or {}).get("prompts") or "")


def require_same_prompts(files: Iterable[Path], than: Path) -> None:
    """Raises BadInput, which names both files, if one was asked other prompts than `than`."""
    expected = asked_prompts(than)
    for path in files:
        found = asked_prompts(path)
        if expected and found and found != expected:
            raise BadInput(
                f"{path} was asked other prompts than {than} (hashes {found} and {expected}):"
                " sample both with one chat template, which may not print today's date"
            )
