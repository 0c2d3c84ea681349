"""The mark that a finished step leaves: what the step was made from, and which files it wrote.

    tables/checksums.json
        {"made_from": {"settings": "…", "code": "…", …},
         "files": {"main.csv": {"bytes": 1234, "sha256": "…"}, …},
         "record": {"name.json": {…}, …}}

`made_from` has one digest per part. A later start compares the parts with those of today, and does
the step again where one differs (experiments/workflow/outdated.py). `record` holds the small JSON
files of the step, so that a damaged one is written again from here.

A mark is written last, when the files that it lists are on the disk. So files that are as their
mark says stand for a finished step, and one that was truncated, half copied or changed is known
by name.
"""

import hashlib
import json
import os.path
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eval.files.durable import sync, write_text
from eval.files.errors import BadInput
from eval.files.json_text import object_or_none, parse

CHECKSUMS = "checksums.json"
"""Name of the mark where one step fills a folder."""

Parts = Mapping[str, str]  # name of a part → its digest
Record = Mapping[str, Any]  # file name → content


def write_mark(
    mark: Path, files: Iterable[Path], made_from: Parts | None = None, record: Record | None = None
) -> None:
    """Marks a step as done. Its `files` lie in the mark's folder or below it."""
    listed = {}
    for path in sorted(files):
        sync(path)
        name = path.relative_to(mark.parent).as_posix()
        listed[name] = {"bytes": path.stat().st_size, "sha256": sha256(path)}
    content = {"made_from": dict(made_from or {}), "files": listed}
    if record:
        content["record"] = dict(record)
    write_text(mark, json.dumps(content, indent=2) + "\n")


def mark_folder(folder: Path, made_from: Parts | None = None, record: Record | None = None) -> None:
    """Marks everything below a folder but marks and hidden files, which a crash may have left."""
    found = (path for path in folder.rglob("*") if path.is_file())
    files = [path for path in found if path.name != CHECKSUMS and path.name[0] != "."]
    write_mark(folder / CHECKSUMS, files, made_from, record)


def write_recorded(folder: Path, name: str, content: Any) -> None:
    """Writes a JSON file of a record, always in the same form."""
    write_text(folder / name, json.dumps(content, indent=2) + "\n")


def made_from(mark: Path) -> Parts | None:
    """The parts that a step was made from. None if the mark is missing, damaged, or of a version of
    this project that recorded none.
    """
    parts = _field(mark, "made_from")
    return parts if isinstance(parts, dict) and parts else None


def known_parts(parts: Mapping[str, str | None]) -> Parts:
    """Without the parts that are None: not known yet."""
    return {name: digest for name, digest in parts.items() if digest is not None}


def recorded(mark: Path) -> Record:
    """The small JSON files that the mark holds; empty if there are none."""
    record = _field(mark, "record")
    return record if isinstance(record, dict) else {}


def listing_digest(mark: Path, wanted: Callable[[str], bool] = bool) -> str | None:
    """One digest of the files that a mark lists, of those whose names are wanted; None if the mark
    cannot be read. Nothing but the mark is read, whatever the size of the files.
    """
    try:
        files = {path.name: digest for path, (_, digest) in listed_files(mark).items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RuntimeError):
        return None
    return digest_of({name: digest for name, digest in files.items() if wanted(name)})


def digest_of(content: Any) -> str:
    """SHA-256 of JSON content, whatever the order of its keys; 16 hexadecimal digits."""
    text = json.dumps(content, sort_keys=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def copy_of(mark: Path) -> Path:
    """The hidden copy of a mark, beside it."""
    return mark.with_name(f".{mark.name}.copy")


def keep_copy(mark: Path) -> None:
    """Keeps a copy of a mark for `mark_or_copy`.

    Snakemake deletes the outputs of a job that is killed, its mark among them, though the step may
    have been done and the job have been at something else.
    """
    write_text(copy_of(mark), mark.read_text(encoding="utf-8"))


def mark_or_copy(mark: Path) -> Path:
    """The mark, or its copy where it is missing. The files beside it may have changed since."""
    return mark if mark.is_file() else copy_of(mark)


def put_back(mark: Path) -> None:
    """Writes a missing mark again from its copy."""
    if not mark.is_file():
        write_text(mark, copy_of(mark).read_text(encoding="utf-8"))


def repair_recorded(mark: Path, largest: int | None = None) -> "tuple[list[Damage], Damage | None]":
    """Writes damaged files again that the mark records; what was damaged, and the first damage that
    is left. `largest`: as in `damage`.
    """
    mended: list[Damage] = []
    for _ in recorded(mark):  # a mark that contradicts itself would never be done
        found = damage(mark, largest)
        if found is None or found.unreadable or not restore(mark, found):
            return mended, found
        mended.append(found)
    return mended, damage(mark, largest)


def restore(mark: Path, found: "Damage") -> bool:
    """Writes a damaged file again if the mark records its content; whether it does."""
    record = recorded(mark)
    if found.path.parent != mark.parent or found.path.name not in record:
        return False
    write_recorded(mark.parent, found.path.name, record[found.path.name])
    return True


@dataclass(frozen=True)
class Damage:
    """A file that is not as its mark says, or that cannot be read."""

    path: Path
    what: str
    truncated: bool = False
    unreadable: bool = False  # it may be sound

    def __str__(self) -> str:
        return f"{self.path}: {self.what}"


def damage(mark: Path, largest: int | None = None) -> Damage | None:
    """The first file that is not as its mark says; None if all are. The mark is not trusted.

    Files of more than `largest` bytes are not read: only their size is compared.
    """
    path = mark
    try:
        for path, (size, digest) in listed_files(mark).items():
            if found := _difference(path, size, digest, largest):
                return found
    except FileNotFoundError:
        return Damage(path, "is missing")
    except OSError as error:
        return Damage(path, f"cannot be read ({error.strerror})", unreadable=True)
    # RuntimeError: links in a circle
    except (ValueError, TypeError, KeyError, AttributeError, RuntimeError):
        return Damage(mark, "is not a list of checksums")
    return None


def listed_files(mark: Path) -> dict[Path, tuple[int, str]]:
    """File → bytes and SHA-256. An older version listed the files without a record beside them."""
    content = parse(mark.read_bytes())
    entries = content["files"] if "made_from" in content else content
    return {
        inside(mark, name): (int(entry["bytes"]), str(entry["sha256"]))
        for name, entry in entries.items()
    }


def inside(mark: Path, name: str) -> Path:
    """The file that a mark lists. ValueError if that lies outside the mark's folder."""
    path = mark.parent / name
    path.resolve().relative_to(mark.parent.resolve())
    return path


def check_folder(folder: Path, remedy: str) -> None:
    """Raises BadInput if the folder has a mark and a file is not as it says."""
    mark = folder / CHECKSUMS
    wrong = damage(mark) if mark.exists() else None
    if wrong:
        raise BadInput(f"{wrong}: {remedy}")


def sha256(path: Path) -> str:
    """Hexadecimal digest of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _field(mark: Path, name: str) -> Any:
    return (object_or_none(mark) or {}).get(name)


def _difference(path: Path, size: int, digest: str, largest: int | None) -> Damage | None:
    if not os.path.isfile(path):  # Path.is_file() raises if the name is too long for a file
        return Damage(path, "is missing")
    now = path.stat().st_size
    if now != size:
        return Damage(path, f"has {now:,} bytes where {size:,} were written", truncated=now < size)
    if (largest is None or size <= largest) and sha256(path) != digest:
        return Damage(path, "does not hold what was written")
    return None
