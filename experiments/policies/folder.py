"""The folder of a base policy: made once, and made again only from other settings, code or prompts.

A base policy that is trained again on another machine differs in its last bits, and no run that
began from the first one resumes from it. So a job that finds the policy whole, and made from the
same parts, makes nothing.
"""

from collections.abc import Callable
from pathlib import Path

from eval.files.durable import new_folder
from eval.files.locks import locked
from eval.files.marks import (
    CHECKSUMS,
    Parts,
    Record,
    keep_copy,
    made_from,
    mark_folder,
    mark_or_copy,
    put_back,
    repair_recorded,
    write_recorded,
)


def make_policy_folder(out: Path, parts: Parts, fill: Callable[[Path], Record]) -> None:
    """Fills `out` with a base policy, unless it is there already.

    `parts`: what it is made from (experiments/workflow/steps.py). `fill` writes the policy into a
    folder and returns the reports that lie beside it, file name → content.

    Raises:
        BadInput: another process is making it.
    """
    # Held from before the work: the settings of the other process may be older.
    with locked(out.with_name(f".{out.name}.job")):
        if is_made(out, parts):
            print(f"{out}: is complete, and was made from the same {' and '.join(parts)}")
            return
        with new_folder(out) as folder:
            reports = fill(folder)
            for name, content in reports.items():
                write_recorded(folder, name, content)
            mark_folder(folder, parts, reports)
            keep_copy(folder / CHECKSUMS)


def is_made(folder: Path, parts: Parts) -> bool:
    """Whether a policy made from these parts is there, undamaged."""
    mark = mark_or_copy(folder / CHECKSUMS)
    if made_from(mark) != parts or repair_recorded(mark)[1]:
        return False
    put_back(folder / CHECKSUMS)
    return True
