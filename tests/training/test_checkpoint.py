"""Checkpoints and folders that are whole or not there, with made-up files."""

import os
import stat
from pathlib import Path

import pytest

from eval.files.durable import empty, new_folder, write_text
from eval.files.errors import BadInput
from eval.files.locks import locked
from experiments.run.checkpoint import (
    Progress,
    checkpoints,
    claim_checkpoints,
    read_progress,
    resume_point,
    seal,
    staging_in,
)

RUN = {"settings": "abc", "code": "def"}


def save(folder: Path, rollout: int, kept: int = 2, processes: int = 1) -> Path:
    """A checkpoint of two files, as a trainer would leave it in the folder of its run."""
    claim_checkpoints(folder, RUN)
    staging = empty(staging_in(folder)) / f"checkpoint-{4 * rollout}"
    (staging / "shards").mkdir(parents=True)
    (staging / "weights").write_bytes(b"w" * 100)
    (staging / "shards" / "0").write_bytes(b"s" * rollout)
    (staging / "training_args.bin").write_bytes(b"a pickle")
    seal(staging, Progress(rollout, 100 * rollout, {"alpha": 0.1}), kept, processes)
    return folder / staging.name


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_run_resumes_from_the_newest_checkpoint(tmp_path: Path) -> None:
    assert resume_point(tmp_path, RUN) is None
    for rollout in (1, 2, 3):  # updates 4, 8, 12: as words, 12 comes before 4
        save(tmp_path, rollout)
    newest = resume_point(tmp_path, RUN)
    assert newest is not None
    assert newest == tmp_path / "checkpoint-12"
    assert read_progress(newest) == Progress(3, 300, {"alpha": 0.1})
    assert names(newest) == ["manifest.json", "method_state.json", "shards", "weights"], (
        "and no pickle"
    )
    assert checkpoints(tmp_path) == [tmp_path / "checkpoint-8", newest]


@pytest.mark.parametrize("name", ["weights", "shards/0", "method_state.json", "manifest.json"])
@pytest.mark.parametrize("fault", ["byte", "cut", "gone"])
def test_whatever_is_damaged_the_one_before_it_is_used(
    name: str, fault: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = save(tmp_path, 1), save(tmp_path, 2)
    data = bytearray((second / name).read_bytes())
    (second / name).unlink()
    if fault != "gone":
        data[len(data) // 2] ^= 1
        (second / name).write_bytes(data if fault == "byte" else data[: len(data) // 2])
    assert resume_point(tmp_path, RUN) == first
    said = capsys.readouterr().err
    assert said.startswith(f"warning: {second}: ")
    assert name in said or (name, fault) == ("manifest.json", "byte"), (
        "a digest is spoilt: its file is named"
    )
    assert said.count("\n") == 1
    assert checkpoints(tmp_path) == [first]


def test_the_only_good_checkpoint_is_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A damaged later one does not count among those to keep, so it never pushes the good one
    out.
    """
    first, second = save(tmp_path, 1), save(tmp_path, 2)
    (second / "weights").write_bytes(b"")
    assert resume_point(tmp_path, RUN) == first
    third = save(tmp_path, 3, kept=1)
    assert checkpoints(tmp_path) == [third]
    (third / "weights").unlink()
    assert resume_point(tmp_path, RUN) is None
    assert "no undamaged checkpoint: the run starts from the beginning" in capsys.readouterr().err


def test_what_is_not_sealed_is_not_seen(tmp_path: Path) -> None:
    first = save(tmp_path, 1)
    unfinished = empty(staging_in(tmp_path)) / "checkpoint-8"
    unfinished.mkdir()
    (unfinished / "weights").write_bytes(b"w")
    (tmp_path / "checkpoint-x").mkdir()
    assert resume_point(tmp_path, RUN) == first


def test_a_run_is_not_resumed_under_another_spec_or_number_of_processes(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "run" / "checkpoints"
    assert resume_point(folder, RUN) is None
    with pytest.raises(
        BadInput, match=f"begun with other code: undo .* or delete {tmp_path}/run to train"
    ):
        resume_point(folder, RUN | {"code": "xyz"})
    save(folder, 1, processes=2)
    with pytest.raises(BadInput, match="written by 2 processes"):
        resume_point(folder, RUN, processes=1)
    assert resume_point(folder, RUN, processes=2) == folder / "checkpoint-4"


@pytest.mark.parametrize("mark", [None, '{"settings": "ab', "", "[1]", "[" * 100_000, "\udcff"])
def test_checkpoints_without_an_owner_are_not_resumed(mark: str | None, tmp_path: Path) -> None:
    """Any settings would pass for theirs."""
    folder = tmp_path / "run" / "checkpoints"
    assert resume_point(folder, RUN) is None
    (folder / "identity.json").unlink()
    if mark is not None:
        (folder / "identity.json").write_bytes(mark.encode(errors="surrogateescape"))
    assert resume_point(folder, RUN) is None, "nothing to resume: begun anew"
    checkpoint, mine = save(folder, 1), (folder / "identity.json").read_bytes()
    (folder / "identity.json").unlink()
    if mark is not None:
        (folder / "identity.json").write_bytes(mark.encode(errors="surrogateescape"))
    with pytest.raises(BadInput, match=f"a whole copy of {tmp_path}/run, or delete it"):
        resume_point(folder, RUN)
    (folder / "identity.json").write_bytes(mine)
    assert resume_point(folder, RUN) == checkpoint


@pytest.mark.parametrize(
    "manifest",
    [
        "[" * 100_000,
        "[]",
        '{"sha256": 1}',
        '{"sha256": {"../../secret": "0"}}',
        '{"sha256": {"/etc": "0"}}',
    ],
)
def test_a_manifest_is_no_traceback_and_leads_nowhere_else(
    manifest: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = save(tmp_path, 1), save(tmp_path, 2)
    (second / "manifest.json").write_text(manifest)
    assert resume_point(tmp_path, RUN) == first
    assert (
        capsys.readouterr().err == f"warning: {second}: manifest.json is not a manifest: not used\n"
    )


@pytest.mark.parametrize("content", ["[1]", "[" * 100_000, "{", "{}"])
def test_progress_that_cannot_be_read_is_a_sentence(content: str, tmp_path: Path) -> None:
    (tmp_path / "method_state.json").write_text(content)
    with pytest.raises(
        BadInput, match=r"method_state\.json: not a run's progress .*: delete this checkpoint"
    ):
        read_progress(tmp_path)


def fill(target: Path, error: Exception) -> None:
    with new_folder(target) as folder:
        (folder / "half").write_text("")
        raise error


def test_a_folder_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "policy"
    with pytest.raises(KeyError):
        fill(target, KeyError())
    assert not target.exists()
    for text in ("one", "two"):
        with new_folder(target) as folder:
            assert names(folder) == []
            (folder / "weights").write_text(text)
            assert text == "one" or (target / "weights").read_text() == "one"
    assert (target / "weights").read_text() == "two"
    assert names(tmp_path) == [".policy.lock", "policy"]


def test_a_folder_has_one_writer(tmp_path: Path) -> None:
    """A second one would empty what the first fills, and publish the rest."""
    with (
        new_folder(tmp_path / "policy") as folder,
        pytest.raises(BadInput, match="another process is at work here"),
        new_folder(tmp_path / "policy"),
    ):
        pass
    assert names(tmp_path / "policy") == []
    assert not folder.exists()


def test_what_is_written_never_goes_through_a_link(tmp_path: Path) -> None:
    """A results folder of somebody else may have one where a file is staged."""
    victim, folder = tmp_path / "victim", tmp_path / "results"
    victim.write_text("mine")
    folder.mkdir()
    (folder / ".report.html.new").symlink_to(victim)
    write_text(folder / "report.html", "page")
    assert victim.read_text() == "mine"
    assert (folder / "report.html").read_text() == "page"
    assert names(folder) == ["report.html"]


def test_a_lock_has_one_holder(tmp_path: Path) -> None:
    lock = tmp_path / "run" / "lock"
    with locked(lock), pytest.raises(BadInput, match="another process"), locked(lock):
        pass
    with locked(lock):
        pass


def test_one_checkpoint_stays_where_none_is_to_be_kept(tmp_path: Path) -> None:
    save(tmp_path, 1)
    newest = save(tmp_path, 2, kept=0)
    assert checkpoints(tmp_path) == [newest]


@pytest.fixture
def order(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is flushed to the disk and renamed, as it happens."""
    seen: list[str] = []
    replace = os.replace

    def fsync(handle: int) -> None:
        seen.append("folder" if stat.S_ISDIR(os.fstat(handle).st_mode) else "file")

    def rename(old: Path, new: Path) -> None:
        seen.append("rename")
        replace(old, new)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "replace", rename)
    return seen


def test_a_file_is_flushed_before_its_name_and_the_name_after(
    tmp_path: Path, order: list[str]
) -> None:
    write_text(tmp_path / "a", "text")
    assert order == ["file", "rename", "folder"]


def test_a_folder_is_flushed_with_all_it_holds_before_its_name(
    tmp_path: Path, order: list[str]
) -> None:
    with new_folder(tmp_path / "policy") as folder:
        (folder / "weights").write_text("w")
    assert order == ["file", "folder", "rename", "folder"]
