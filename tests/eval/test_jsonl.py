"""Append-only JSON lines: what a crash can leave, and what is refused."""

import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval.files.errors import BadInput
from eval.files.jsonl import Appender, read_rows

ROWS = [
    {"i": 0, "text": "a"},
    {"i": 1, "text": "line\u2028separator\n"},
    {"i": 2, "text": "\ud800 lone, \x00 nul"},
]


def write(path: Path, rows: list[dict[str, Any]]) -> bytes:
    with Appender(path) as file:
        file.write(rows)
    return path.read_bytes()


def test_rows_come_back_one_line_each(tmp_path: Path):
    data = write(tmp_path / "x" / "rows.jsonl", ROWS)
    assert read_rows(tmp_path / "x" / "rows.jsonl") == ROWS
    assert data.count(b"\n") == len(ROWS)


def test_any_prefix_is_mended_by_appending_what_is_missing(tmp_path: Path):
    path = tmp_path / "rows.jsonl"
    whole = write(path, ROWS)
    for cut in range(len(whole) + 1):
        path.write_bytes(whole[:cut])
        kept = read_rows(path, torn_ok=True)
        assert kept == ROWS[: len(kept)]
        assert write(path, ROWS[len(kept) :]) == whole


def test_a_long_torn_line_is_dropped(tmp_path: Path):
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'{"i": 0}\n' + b"x" * 300_000)
    assert write(path, []) == b'{"i": 0}\n'
    path.write_bytes(b"x" * 300_000)
    assert write(path, []) == b""


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b'{"i": 0}\n{"i": \n', "line 2: not JSON"),
        (b'{"i": 0}\n\n{"i": 1}\n', "line 2: not JSON"),
        (b"[1]\n", "line 1: not a JSON object but list"),
        (b'{"i": 0}\n{"i": 1}', "line 2: the last line is truncated"),
        (b"\xff\xfe\n", "line 1: not JSON"),
        (b"[" * 100_000 + b"\n", "line 1: not JSON"),
    ],
)
def test_refused_with_file_and_line(tmp_path: Path, data: bytes, said: str):
    path = tmp_path / "rows.jsonl"
    path.write_bytes(data)
    with pytest.raises(BadInput, match=f"rows.jsonl, {said}"):
        read_rows(path)


def test_a_missing_file_is_said(tmp_path: Path):
    with pytest.raises(BadInput, match="cannot be read"):
        read_rows(tmp_path / "none.jsonl")


def test_one_writer_at_a_time(tmp_path: Path):
    with Appender(tmp_path / "rows.jsonl") as file:
        with pytest.raises(BadInput, match="another process is writing"):
            Appender(tmp_path / "rows.jsonl")
        file.write(ROWS)
    assert read_rows(tmp_path / "rows.jsonl") == ROWS


@given(st.binary(max_size=200))
def test_any_bytes_are_rows_or_bad_input(tmp_path_factory: pytest.TempPathFactory, data: bytes):
    path = tmp_path_factory.getbasetemp() / "fuzz.jsonl"
    path.write_bytes(data)
    with suppress(BadInput):
        assert all(isinstance(row, dict) for row in read_rows(path, torn_ok=True))


def test_rows_are_on_the_disk_when_the_file_is_synced_or_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda handle: synced.append(os.fstat(handle).st_size))
    with Appender(tmp_path / "rows.jsonl") as file:
        file.write([{"i": 0}])
        file.sync()
        file.write([{"i": 1}])
    assert synced == [len('{"i": 0}\n'), 2 * len('{"i": 0}\n')]


@pytest.mark.parametrize("blank", ["\n", "\n\n", " \n", "\r\n", "  "])
def test_blank_lines_at_the_end_are_no_rows(tmp_path: Path, blank: str):
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'{"i": 0}\n' + blank.encode())
    assert read_rows(path) == [{"i": 0}]


def test_an_appender_writes_no_row_after_a_blank_line(tmp_path: Path):
    path = tmp_path / "rows.jsonl"
    for left in ("\n\n", '\n{"i": ', "\n\n\n", "\n"):
        path.write_text('{"i": 0}' + left)
        with Appender(path) as file:
            file.write([{"i": 1}])
        assert path.read_text() == '{"i": 0}\n{"i": 1}\n'
