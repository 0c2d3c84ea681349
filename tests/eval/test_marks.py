"""Marks: a file that is not what a step wrote is known by name."""

import errno
import json
from pathlib import Path

import pytest

from eval.files.errors import BadInput
from eval.files.marks import (
    CHECKSUMS,
    check_folder,
    damage,
    listing_digest,
    made_from,
    mark_folder,
    recorded,
    restore,
    write_mark,
    write_recorded,
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "below").mkdir()
    (tmp_path / "a.csv").write_bytes(b"abc")
    (tmp_path / "below" / "b.bin").write_bytes(b"0" * 100)
    mark_folder(tmp_path)
    return tmp_path


def test_a_mark_lists_size_and_sha256(folder: Path) -> None:
    listed = json.loads((folder / CHECKSUMS).read_text())["files"]
    assert listed["a.csv"] == {
        "bytes": 3,
        # FIPS 180-2's example
        "sha256": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    }
    assert set(listed) == {"a.csv", "below/b.bin"}
    assert damage(folder / CHECKSUMS) is None


def test_marking_again_leaves_out_the_mark_and_what_a_crash_left(folder: Path) -> None:
    before = (folder / CHECKSUMS).read_bytes()
    (folder / ".a.csv.new").write_text("half")
    mark_folder(folder)
    assert (folder / CHECKSUMS).read_bytes() == before


def test_damage_is_named(folder: Path) -> None:
    file = folder / "below" / "b.bin"
    for content, what, truncated in (
        (b"0" * 99, "has 99 bytes where 100 were written", True),
        (b"0" * 101, "has 101 bytes where 100 were written", False),
        (b"0" * 99 + b"1", "does not hold what was written", False),
    ):
        file.write_bytes(content)
        found = damage(folder / CHECKSUMS)
        assert found is not None
        assert (found.path, found.what, found.truncated) == (file, what, truncated)
    file.unlink()
    assert str(damage(folder / CHECKSUMS)) == f"{file}: is missing"


def test_large_files_are_compared_by_size_only_where_asked(folder: Path) -> None:
    (folder / "below" / "b.bin").write_bytes(b"1" * 100)
    assert damage(folder / CHECKSUMS, largest=99) is None
    assert damage(folder / CHECKSUMS, largest=100) is not None


@pytest.mark.parametrize(
    "text",
    [
        *("", "[]", "{", '{"a.csv": 3}', '{"a.csv": {"bytes": "x", "sha256": ""}}', "\0"),
        *("[" * 100_000, '{"a": ' * 100_000, '{"a.csv": {"bytes": 1e999, "sha256": ""}}'),
    ],
    ids=lambda text: text[:40],
)
def test_a_mark_that_is_none_is_damage(tmp_path: Path, text: str) -> None:
    (tmp_path / CHECKSUMS).write_text(text)
    assert (
        str(damage(tmp_path / CHECKSUMS)) == f"{tmp_path / CHECKSUMS}: is not a list of checksums"
    )


@pytest.mark.parametrize("name", ["a" * 300, ".", "", "absent/" * 1000])
def test_a_name_that_no_file_has_is_missing(tmp_path: Path, name: str) -> None:
    (tmp_path / CHECKSUMS).write_text(json.dumps({name: {"bytes": 0, "sha256": ""}}))
    found = damage(tmp_path / CHECKSUMS)
    assert found is not None
    assert found.what == "is missing"


def test_a_mark_that_lists_links_in_a_circle_is_none(folder: Path) -> None:
    (folder / "a.csv").unlink()
    (folder / "a.csv").symlink_to("a.csv")
    assert damage(folder / CHECKSUMS) is not None


def test_what_cannot_be_read_is_said_to_be_so(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path) -> bytes:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    for reader, path in (
        ("eval.files.marks.sha256", folder / "a.csv"),
        ("pathlib.Path.read_bytes", folder / CHECKSUMS),
    ):
        with monkeypatch.context() as patch:  # whoever runs this may read everything
            patch.setattr(reader, refuse)
            found = damage(folder / CHECKSUMS)
        assert found is not None
        assert (str(found), found.unreadable) == (
            f"{path}: cannot be read (Permission denied)",
            True,
        )
    (folder / CHECKSUMS).unlink()
    assert str(damage(folder / CHECKSUMS)) == f"{folder / CHECKSUMS}: is missing"


def test_a_folder_without_a_mark_is_taken_as_it_is(folder: Path) -> None:
    (folder / "a.csv").write_bytes(b"abd")
    with pytest.raises(BadInput, match=r"a\.csv: does not hold what was written: copy it again"):
        check_folder(folder, "copy it again")
    (folder / CHECKSUMS).unlink()
    check_folder(folder, "copy it again")


def test_a_mark_needs_its_files(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_mark(tmp_path / CHECKSUMS, [tmp_path / "absent"])
    assert not (tmp_path / CHECKSUMS).exists()


def test_a_mark_says_what_its_step_was_made_from(folder: Path) -> None:
    mark = folder / CHECKSUMS
    assert made_from(mark) is None, "a mark without parts says nothing"
    mark_folder(folder, {"settings": "a", "code": "b"})
    assert made_from(mark) == {"settings": "a", "code": "b"}
    assert damage(mark) is None


def test_a_mark_of_an_older_version_lists_files_and_records_no_parts(folder: Path) -> None:
    mark = folder / CHECKSUMS
    mark.write_text(json.dumps(json.loads(mark.read_text())["files"]))
    assert damage(mark) is None
    assert made_from(mark) is None
    (folder / "a.csv").write_bytes(b"abd")
    assert str(damage(mark)) == f"{folder / 'a.csv'}: does not hold what was written"


def test_a_damaged_file_is_written_again_if_the_mark_records_it(folder: Path) -> None:
    mark, report = folder / CHECKSUMS, folder / "accuracy.json"
    write_recorded(folder, "accuracy.json", {"1": 1 / 3})
    mark_folder(folder, {"code": "b"}, {"accuracy.json": {"1": 1 / 3}})
    before = report.read_bytes()
    for harm in (lambda: report.write_text("{"), report.unlink):
        harm()
        found = damage(mark)
        assert found is not None
        assert restore(mark, found)
        assert report.read_bytes() == before
        assert damage(mark) is None
    (folder / "a.csv").write_bytes(b"")
    found = damage(mark)
    assert found is not None
    assert not restore(mark, found)


def test_the_digest_of_a_listing_is_of_names_and_contents(folder: Path) -> None:
    mark = folder / CHECKSUMS
    before = listing_digest(mark)
    mark_folder(folder, {"code": "another"})
    assert listing_digest(mark) == before, "what it was made from is no content"
    assert listing_digest(mark, lambda name: name.endswith(".csv")) != before
    (folder / "a.csv").write_bytes(b"abd")
    mark_folder(folder)
    assert listing_digest(mark) != before
    assert listing_digest(folder / "none.json") is None


@pytest.mark.parametrize("text", ["[" * 100_000, "[]", '{"made_from": 1}', "{"])
def test_parts_that_cannot_be_read_are_none(tmp_path: Path, text: str) -> None:
    (tmp_path / CHECKSUMS).write_text(text)
    assert made_from(tmp_path / CHECKSUMS) is None
    assert not recorded(tmp_path / CHECKSUMS)
