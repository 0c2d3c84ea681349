"""TensorBoard: the scalars of `events.out.tfevents.*`.

    record   length (8 bytes), its checksum (4), an Event, its checksum (4)
    Event    2: step, 5: Summary;  Summary  1: Value, repeated;  Value  1: tag, 2: simple_value,
             8: TensorProto, which newer writers use; TensorProto  1: type (1: float, 2: double),
             4: bytes, 5: float_val, 6: double_val

Formats: tensorflow/core/lib/io/record_writer.h, tensorflow/core/util/event.proto and
summary.proto. Read here rather than with the package `tensorboard`, which brings a web server and
gRPC for these forty lines. A resumed run leaves several files, one after the other by name.
"""

import math
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from analysis.bring.files.reading import read_bytes
from analysis.bring.files.records import Answers, CurveRow, Finding, Found, Place, Tool
from analysis.bring.tools.carried_keys import carried_keys

POLYNOMIAL = 0x82F63B78  # of CRC-32C, reflected
TENSOR_NUMBERS: dict[Any, str] = {1: "<f", 2: "<d"}  # by DataType of tensorflow's types.proto


def is_tensorboard(path: Path, head: bytes) -> bool:
    return "tfevents" in path.name


def read_tensorboard(path: Path, answers: Answers) -> Found:
    found, rows = Found(), dict[int, dict[str, float]]()
    data = read_bytes(path)
    records, whole = _records(data)
    for record in records:
        try:
            step, values = _scalars(record)
        except (ValueError, struct.error):
            whole = False
            continue
        if values and step >= 0:
            rows.setdefault(step, {}).update(values)
    found.curves = [CurveRow(Place(), step, values) for step, values in rows.items()]
    if not whole:
        said = "ends in the middle of a record, or a record is damaged: the rest was left out"
        found.findings.append(Finding("damaged log", path.name, said))
    return found


def _records(data: bytes) -> tuple[list[bytes], bool]:
    """The records up to the first that does not fit its checksums, and whether that is all."""
    found, at = [], 0
    while at + 12 <= len(data):
        (length,), (check,) = (
            struct.unpack_from("<Q", data, at),
            struct.unpack_from("<I", data, at + 8),
        )
        end = at + 12 + length
        if masked_crc32c(data[at : at + 8]) != check or end + 4 > len(data):
            return found, False
        record = data[at + 12 : end]
        if masked_crc32c(record) != struct.unpack_from("<I", data, end)[0]:
            return found, False
        found.append(record)
        at = end + 4
    return found, at == len(data)


def _crc_table() -> list[int]:
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ POLYNOMIAL * (value & 1)
        table.append(value)
    return table


CRC_TABLE = _crc_table()


def masked_crc32c(data: bytes) -> int:
    """CRC-32C, rotated and shifted as TensorFlow stores it."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = CRC_TABLE[(crc ^ byte) & 0xFF] ^ crc >> 8
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def _wire_fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """(number, value) of each field of a protocol buffer: a whole number, or bytes."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        kind = key & 7
        if kind == 0:
            value, at = _varint(message, at)
            yield key >> 3, value
            continue
        size, at = _varint(message, at) if kind == 2 else ({1: 8, 5: 4}.get(kind, -1), at)
        if size < 0 or at + size > len(message):
            raise ValueError("no protocol buffer")
        yield key >> 3, message[at : at + size]
        at += size


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = 0
    for place in range(10):
        if at + place >= len(message):
            break
        value |= (message[at + place] & 0x7F) << 7 * place
        if message[at + place] < 0x80:
            return value, at + place + 1
    raise ValueError("no whole number")


def _scalars(event: bytes) -> tuple[int, dict[str, float]]:
    """(step, {tag: value}) of one Event; no values where it holds no scalars."""
    step, values = 0, {}
    for number, content in _wire_fields(event):
        if number == 2 and isinstance(content, int):
            step = content if content < 1 << 63 else -1
        if number == 5 and isinstance(content, bytes):
            for inner, value in _wire_fields(content):
                tag, scalar = (
                    _tag_and_scalar(value)
                    if inner == 1 and isinstance(value, bytes)
                    else ("", None)
                )
                if tag and scalar is not None and math.isfinite(scalar):
                    values[tag] = scalar
    return step, values


def _tag_and_scalar(message: bytes) -> tuple[str, float | None]:
    tag, scalar = "", None
    for number, content in _wire_fields(message):
        if number == 1 and isinstance(content, bytes):
            tag = content.decode("utf-8", "replace")
        if number == 2 and isinstance(content, bytes) and len(content) == 4:
            scalar = struct.unpack("<f", content)[0]
        if number == 8 and isinstance(content, bytes):
            scalar = _tensor(content)
    return tag, scalar


def _tensor(message: bytes) -> float | None:
    """The number of a tensor that holds one float32 or float64."""
    fields = list(_wire_fields(message))
    layout = TENSOR_NUMBERS.get(next((kind for number, kind in fields if number == 1), None))
    for number, content in fields:
        if layout is None or number not in (4, 5, 6) or not isinstance(content, bytes):
            continue
        if len(content) == struct.calcsize(layout):
            return struct.unpack(layout, content)[0]
    return None


TENSORBOARD = Tool("tensorboard", carried_keys, is_tensorboard, read_tensorboard)
