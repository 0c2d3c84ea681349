"""Reading files that anybody may have written: limits, no links followed, nothing executed.

A file is opened only where it is a regular one; its size is looked at before it is read.
"""

import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from eval.files.errors import BadInput
from eval.files.json_text import parse

LARGEST_BYTES = 1 << 29  # of a file: a validation dump of 500 questions x 64 answers has a tenth
MOST_FILES = 20_000  # below all sources
MOST_ROWS = 2_000_000  # of a file
MOST_CELLS = 200_000_000  # of a parquet file: rows x columns
BATCH_ROWS, BATCH_BYTES = 10_000, 1 << 30  # of a parquet file, unpacked at a time
LONGEST_LABEL = 100  # characters of an arm or benchmark, which become folders


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
                raise BadInput(f"{path}: is no regular file: leave it out")
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


def json_lines(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """("FILE line N", object) of each line. A last line without a newline that cannot be read is
    one that was being written, and is left out.
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
            if number == len(lines):
                return
            raise BadInput(f"{where}: is not JSON ({error}): correct or delete the line") from None
        if not isinstance(row, dict):
            raise BadInput(f"{where}: holds no JSON object: correct or delete the line")
        yield where, row


def parquet_rows(path: Path, columns: Sequence[str] | None = None) -> Iterator[dict[str, Any]]:
    """The rows of a parquet file, of all columns or of those named.

    BadInput where it is damaged, lacks a column, or would unpack to too much. A small file can
    unpack to terabytes, as a value that is repeated is stored once: rows are unpacked in batches
    that cannot grow beyond a limit, and their sizes are summed.
    """
    import pyarrow
    import pyarrow.parquet

    data, size = read_bytes(path), 0
    try:
        file = pyarrow.parquet.ParquetFile(pyarrow.BufferReader(data))
        _check_parquet(path, file, columns)
        groups = range(file.metadata.num_row_groups)
        largest = max((file.metadata.row_group(i).total_byte_size for i in groups), default=0)
        rows = max(1, min(BATCH_ROWS, BATCH_BYTES // max(1, largest)))
        for batch in file.iter_batches(batch_size=rows, columns=columns):
            size += batch.nbytes
            if size > 4 * LARGEST_BYTES:
                raise BadInput(f"{path}: unpacks to over {size:,} bytes: split the file")
            yield from batch.to_pylist()
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        if isinstance(error, BadInput):
            raise
        raise BadInput(
            f"{path}: is not readable as parquet ({first_words(error)}): leave it out"
        ) from None


def _check_parquet(path: Path, file: Any, columns: Sequence[str] | None) -> None:
    """BadInput where the head of a parquet file says that it cannot be read."""
    schema, meta = file.schema_arrow, file.metadata
    names = schema.names if columns is None else columns
    lacking = [name for name in names if name not in schema.names]
    if lacking:
        raise BadInput(f"{path}: lacks the column {lacking[0]}: leave it out")
    if len(set(schema.names)) < len(schema.names):
        raise BadInput(f"{path}: two columns have one name: leave it out")
    if meta.num_rows > MOST_ROWS or meta.num_rows * len(names) > MOST_CELLS:
        raise BadInput(f"{path}: {meta.num_rows:,} rows of {len(names):,} columns: split the file")
    packed = [name for name in names if "dictionary<" in str(schema.field(name).type)]
    if packed:
        raise BadInput(f"{path}: {packed[0]} is a categorical column: write it as plain text")


def first_words(error: Exception) -> str:
    return " ".join(str(error).split())[:200]


def safe_name(label: str) -> str:
    """A label as one part of a path: no separators, no leading dot, printable, not long."""
    kept = "".join(c if c.isprintable() and c not in "/\\" else "_" for c in label.strip())
    return kept.lstrip(".")[:LONGEST_LABEL]


def plain_number(value: Any) -> float | None:
    """A finite number; None for anything else, true and false among it."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if abs(value) < float("inf") else None


def as_score(value: Any) -> float | None:
    """The score of a sample: a number, or true and false as 1 and 0."""
    return float(value) if isinstance(value, bool) else plain_number(value)


def as_step(value: Any) -> int | None:
    """A training step: a whole number from 0."""
    number = plain_number(value)
    return int(number) if number is not None and number == int(number) and number >= 0 else None


def as_text(value: Any) -> str | None:
    """Text of any kind of plain value."""
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
