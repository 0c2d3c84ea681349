"""Files outside the results folder that a study reads: data files, and a base policy that is a
folder. They count by content.

    sources.json   {"/data/gsm8k_test.jsonl": {"bytes": …, "mtime_ns": …, "sha256": …}, …}

This file is a cache of digests, as the last start saw the files. A file whose size and time are
unchanged is not read again, so that a start stays fast beside gigabytes of weights. A file that
cannot be read now, on a disk that is not mounted, counts as it did then.
"""

import json
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

from eval.files.durable import write_text
from eval.files.json_text import object_or_none
from eval.files.marks import sha256

SEEN = "sources.json"

Entry = dict[str, Any]  # bytes, mtime_ns, sha256


def outside_digests(files: Iterable[Path], root: Path) -> dict[str, str]:
    """Path → SHA-256, without files that neither are nor ever were there. `root`: the results
    folder, whose cache is used.
    """
    before = last_seen(root)
    found = {str(path): _look(path, before.get(str(path))) for path in files}
    return {path: entry["sha256"] for path, entry in found.items() if entry}


def remember(files: Iterable[Path], root: Path) -> None:
    """Keeps the digests for the next start."""
    before = last_seen(root)
    found = {str(path): _look(path, before.get(str(path))) for path in files}
    seen = before | {path: entry for path, entry in found.items() if entry}
    if seen != before:
        write_text(root / SEEN, json.dumps(seen, indent=2) + "\n")


def last_seen(root: Path) -> dict[str, Entry]:
    """The cache; empty if it is missing or damaged."""
    seen = object_or_none(root / SEEN) or {}
    entries = {path: entry for path, entry in seen.items() if isinstance(entry, dict)}
    return {path: entry for path, entry in entries.items() if isinstance(entry.get("sha256"), str)}


def _look(path: Path, before: Entry | None) -> Entry | None:
    """The file's entry now; the entry of the last start if the file cannot be read."""
    try:
        status = path.stat()
        now = {"bytes": status.st_size, "mtime_ns": status.st_mtime_ns}
        if before and before | now == before:
            return before
        return now | {"sha256": _digest(path, status.st_size, status.st_mtime_ns)}
    except OSError:
        return before


@cache
def _digest(path: Path, size: int, mtime_ns: int) -> str:
    """SHA-256 of the file that has this size and time: read once in a process."""
    return sha256(path)
