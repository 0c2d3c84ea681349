"""What lies outside the results folder and is read all the same, by content: data files, and a base
policy that is a folder.

    sources.json   {"/data/gsm8k_test.jsonl": {"bytes": …, "mtime_ns": …, "sha256": …}, …}: as the last start saw them

A file whose size and time are still those is not read again, so that a start stays fast beside
gigabytes of weights. One that is not there, on a disk that is not mounted, counts as it was then.
"""

import json
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

from eval.files.checksums import sha256
from eval.files.durable import write_text
from eval.files.json_text import parse

SEEN = "sources.json"

Entry = dict[str, Any]  # bytes, mtime_ns, sha256


def contents(files: Iterable[Path], root: Path) -> dict[str, Entry]:
    """Path → size, time and digest, without files that neither are nor ever were there. `root`: the
    results folder.
    """
    before = last_seen(root)
    found = {str(path): look(path, before.get(str(path))) for path in files}
    return {path: entry for path, entry in found.items() if entry}


def content_digests(files: Iterable[Path], root: Path) -> list[str]:
    return [entry["sha256"] for entry in contents(files, root).values()]


def look(path: Path, before: Entry | None) -> Entry | None:
    """What is there now; what was there before, where that cannot be read."""
    try:
        status = path.stat()
        now = {"bytes": status.st_size, "mtime_ns": status.st_mtime_ns}
        if before and before | now == before:
            return before
        return now | {"sha256": digest(path, status.st_size, status.st_mtime_ns)}
    except OSError:
        return before


@cache
def digest(path: Path, size: int, mtime_ns: int) -> str:
    """SHA-256 of the file that has this size and time: read once in a process, which asks for every
    run.
    """
    return sha256(path)


def last_seen(root: Path) -> dict[str, Entry]:
    try:
        seen = parse((root / SEEN).read_bytes())
        return {path: entry for path, entry in seen.items() if isinstance(entry["sha256"], str)}
    except (OSError, ValueError, AttributeError, TypeError, KeyError):
        return {}


def changed(files: Iterable[Path], root: Path) -> bool:
    """Whether one of the files holds something else than the last start saw in it."""
    before = last_seen(root)
    return any(
        before.get(path, now)["sha256"] != now["sha256"]
        for path, now in contents(files, root).items()
    )


def remember(files: Iterable[Path], root: Path) -> None:
    """For the next start."""
    before = last_seen(root)
    seen = before | contents(files, root)
    if seen != before:
        write_text(root / SEEN, json.dumps(seen, indent=2) + "\n")
