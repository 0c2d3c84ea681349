"""Reading parquet that anybody may have written. A small file can unpack to terabytes."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from analysis.bring.files.reading import LARGEST_BYTES, MOST_ROWS, first_words, read_bytes
from eval.files.errors import BadInput

MOST_CELLS = 200_000_000  # rows x columns
BATCH_ROWS, BATCH_BYTES = 10_000, 1 << 28  # unpacked at a time


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
    # OverflowError: a date beyond those that Python knows
    except (pyarrow.ArrowException, OSError, ValueError, OverflowError) as error:
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
