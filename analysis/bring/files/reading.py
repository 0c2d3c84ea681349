"""Reading files that anybody may have written: limits, no links followed, nothing executed.

A file is opened only where it is a regular one; its size is looked at before it is read.
"""

import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from analysis.bring.files.records import Finding
from eval.files.errors import BadInput
from eval.files.json_text import parse

LARGEST_BYTES = 1 << 29  # of a file: a validation dump of 500 questions x 64 answers has a tenth
MOST_FILES = 20_000  # below all sources
MOST_ROWS = 2_000_000  # of a file
LONGEST_LABEL = 100  # characters of an arm or benchmark, which become folders
MOST_LABEL_BYTES = 200  # a file system takes 255 for a name, which may have an ending besides


def source_files(sources: Iterable[Path]) -> tuple[dict[str, Path], list[str]]:
    """{name: file} of all files below the sources, and the links that were not followed.

    A file's name is its path below the source that it lies in. Raises BadInput where a source is
    missing, two files have one name, or there are more than MOST_FILES.
    """
    found: dict[str, Path] = {}
    links: list[str] = []
    for source in sources:
        for name, path in _named_files(source):
            if path.is_symlink():
                links.append(name)
            elif name in found:
                raise BadInput(
                    f"{path}: {found[name]} has the same name: give the folder that holds both"
                )
            else:
                found[name] = path
            if len(found) + len(links) > MOST_FILES:
                raise BadInput(f"{source}: over {MOST_FILES:,} files: name a smaller folder")
    return found, links


def _named_files(source: Path) -> Iterator[tuple[str, Path]]:
    if not source.exists():
        raise BadInput(f"{source}: there is no such file or folder: check the path")
    if not source.is_dir():
        yield source.name, source.resolve()
    for folder, folders, names in os.walk(source):
        folders.sort()
        linked = [name for name in folders if Path(folder, name).is_symlink()]  # not entered
        for name in sorted([*names, *linked]):
            path = Path(folder, name)
            yield path.relative_to(source).as_posix(), path


def read_bytes(path: Path, most: int = LARGEST_BYTES, whole: bool = True) -> bytes:
    """The file's bytes, or its first `most`. BadInput where it is no regular file or too large."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with open(handle, "rb") as file:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                raise BadInput(f"{path}: is not a regular file: leave it out")
            data = file.read(most + whole)
    except OSError as error:
        raise BadInput(f"{path}: cannot be read ({error.strerror}): leave it out") from None
    if len(data) > most:
        raise BadInput(f"{path}: over {most:,} bytes: split it, or leave it out")
    return data


def read_text(path: Path) -> str:
    try:
        return read_bytes(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadInput(f"{path}: is not text in UTF-8 ({error.reason}): leave it out") from None


def csv_columns(head: bytes) -> set[str]:
    """The headings of what may be a CSV, by its first bytes."""
    first = head.split(b"\n", 1)[0].decode("utf-8-sig", "replace")
    return {cell.strip().strip('"') for cell in first.split(",")}


def json_file(path: Path) -> dict[str, Any]:
    """The object in a JSON file; NaN, which Python's writers put there, is None."""
    try:
        value = parse(read_bytes(path), lone_surrogates=True, nan_is_null=True)
    except BadInput:
        raise
    except ValueError as error:
        raise BadInput(f"{path}: is not JSON ({error}): leave it out") from None
    if not isinstance(value, dict):
        raise BadInput(f"{path}: holds no JSON object: leave it out")
    return value


def json_lines(path: Path, findings: list[Finding]) -> Iterator[tuple[str, dict[str, Any]]]:
    """("FILE line N", object) of each line. A last line without a newline that cannot be read is
    one that was being written: it is left out, and named.
    """
    lines = read_bytes(path).split(b"\n")
    for number, line in enumerate(lines, start=1):
        where = f"{path} line {number}"
        if number > MOST_ROWS:
            raise BadInput(f"{where}: over {MOST_ROWS:,} rows: split the file")
        if not line.strip():
            continue
        try:
            row = parse(line, lone_surrogates=True, nan_is_null=True)
        except ValueError as error:
            if number == len(lines) > 1:
                said = f"line {number} ends in the middle ({error}): left out"
                findings.append(Finding("cut off", path.name, said))
                return
            raise BadInput(f"{where}: is not JSON ({error}): correct or delete the line") from None
        if not isinstance(row, dict):
            raise BadInput(f"{where}: holds no JSON object: correct or delete the line")
        yield where, row


def first_words(error: Exception) -> str:
    return " ".join(str(error).split())[:200]


def safe_name(label: str) -> str:
    """A label as one part of a path: no separators, no leading dot, printable, not long."""
    kept = "".join(c if c.isprintable() and c not in "/\\" else "_" for c in label.strip())
    short = kept.lstrip(".")[:LONGEST_LABEL].encode()[:MOST_LABEL_BYTES]
    return short.decode(errors="ignore")


def check_distinct(path: Path, labels: Iterable[str]) -> None:
    """Raises BadInput if two labels of a file become one name."""
    seen: dict[str, str] = {}
    for label in labels:
        other = seen.setdefault(safe_name(label), label)
        if other != label:
            raise BadInput(
                f"{path}: {other[:200]!r} and {label[:200]!r} would both be called"
                f" {safe_name(label)!r}: rename one of them"
            )


def plain_number(value: Any) -> float | None:
    """A finite number; None for anything else, true and false among it."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if abs(value) < float("inf") else None


def as_score(value: Any) -> float | None:
    """The score of a sample: a number, or true and false as 1 and 0."""
    return float(value) if isinstance(value, bool) else plain_number(value)


def as_step(value: Any) -> int | None:
    """A training step: a whole number from 0, which a float can tell from its neighbours."""
    number = plain_number(value)
    if number is None or not 0 <= number <= 2**53 or number != int(number):
        return None
    return int(number)


def as_text(value: Any) -> str | None:
    """Text of any kind of plain value."""
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
