"""The mark that a finished step leaves: which files it wrote, with size and SHA-256.

    tables/checksums.json   {"main.csv": {"bytes": 1234, "sha256": "…"}, …}

A mark is written last, when the files that it lists are on the disk. So files that are as their
mark says stand for a finished step, and one that was cut short, half copied or changed is known by
name.
"""

import hashlib
import json
import os.path
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from eval.files.durable import sync, write_text
from eval.files.errors import BadInput
from eval.files.json_text import parse

CHECKSUMS = "checksums.json"
"""Name of the mark where one step fills a folder."""


def write_mark(mark: Path, files: Iterable[Path]) -> None:
    """Says that a step is done and has left these files, which lie in the mark's folder or below
    it.
    """
    listed = {}
    for path in sorted(files):
        sync(path)
        listed[path.relative_to(mark.parent).as_posix()] = {
            "bytes": path.stat().st_size,
            "sha256": sha256(path),
        }
    write_text(mark, json.dumps(listed, indent=2) + "\n")


def mark_folder(folder: Path) -> None:
    """Marks everything below a folder but marks and hidden files, which a crash may have left."""
    found = (path for path in folder.rglob("*") if path.is_file())
    write_mark(
        folder / CHECKSUMS,
        [path for path in found if path.name != CHECKSUMS and path.name[0] != "."],
    )


@dataclass(frozen=True)
class Damage:
    """A file that is not as its mark says, or of which nobody can tell."""

    path: Path
    what: str
    cut_short: bool = False
    unreadable: bool = False  # it may be sound

    def __str__(self) -> str:
        return f"{self.path}: {self.what}"


def damage(mark: Path, largest: int | None = None) -> Damage | None:
    """The first file that is not as its mark says; None where all are. The mark may be anybody's.

    Files of more than `largest` bytes are not read: only their size is compared.
    """
    path = mark
    try:
        for path, (size, digest) in listed(mark).items():
            if found := difference(path, size, digest, largest):
                return found
    except FileNotFoundError:
        return Damage(path, "is missing")
    except OSError as error:
        return Damage(path, f"cannot be read ({error.strerror})", unreadable=True)
    except (
        ValueError,
        TypeError,
        KeyError,
        AttributeError,
        RuntimeError,
    ):  # RuntimeError: links in a circle
        return Damage(mark, "is not a list of checksums")
    return None


def listed(mark: Path) -> dict[Path, tuple[int, str]]:
    """File → bytes and SHA-256."""
    entries = parse(mark.read_bytes()).items()
    return {
        inside(mark, name): (int(entry["bytes"]), str(entry["sha256"])) for name, entry in entries
    }


def difference(path: Path, size: int, digest: str, largest: int | None) -> Damage | None:
    if not os.path.isfile(path):  # Path.is_file() raises where the name is too long for a file
        return Damage(path, "is missing")
    now = path.stat().st_size
    if now != size:
        return Damage(path, f"has {now:,} bytes where {size:,} were written", cut_short=now < size)
    if (largest is None or size <= largest) and sha256(path) != digest:
        return Damage(path, "does not hold what was written")
    return None


def inside(mark: Path, name: str) -> Path:
    """The file that a mark lists. ValueError where that lies outside the mark's folder."""
    path = mark.parent / name
    path.resolve().relative_to(mark.parent.resolve())
    return path


def check_folder(folder: Path, remedy: str) -> None:
    """BadInput where the folder has a mark and a file is not as it says."""
    mark = folder / CHECKSUMS
    wrong = damage(mark) if mark.exists() else None
    if wrong:
        raise BadInput(f"{wrong}: {remedy}")


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
