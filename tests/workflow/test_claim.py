"""One run at a time on a results folder, and what is found in it before a run starts."""

import errno
import io
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from eval.files.errors import BadInput
from eval.files.marks import CHECKSUMS, mark_folder, sha256, write_mark, write_recorded
from experiments.spec.experiment_file import load_experiment
from experiments.spec.resolved import write_spec
from experiments.workflow.claim import claim, release_locks
from experiments.workflow.config import only_sweeps, runs_jobs
from experiments.workflow.repair import repair

ROOT = Path(__file__).parents[2]
HOLD = """
import sys
from pathlib import Path
from experiments.workflow.claim import claim
claim(Path(sys.argv[1]))
print("held", flush=True)
input()
"""


@pytest.fixture
def holder(tmp_path: Path):
    """Another process that has claimed tmp_path."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()


def test_a_second_run_is_told_who_is_at_work(tmp_path: Path, holder: subprocess.Popen[str]) -> None:
    with pytest.raises(BadInput, match=rf"another run is at work there \(process {holder.pid} on "):
        claim(tmp_path)


def test_a_claim_ends_with_the_process_that_is_killed(
    tmp_path: Path, holder: subprocess.Popen[str]
) -> None:
    holder.kill()
    holder.wait()
    claim(tmp_path)
    claim(tmp_path)  # the same process, again


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(
        BadInput, match=r"file/results: cannot be written .*--config results=FOLDER"
    ):
        claim(tmp_path / "file" / "results")


def test_only_the_locks_of_these_results_go(tmp_path: Path) -> None:
    locks = {
        "0.input.lock": "/checkout/methods/aer.py\nresults/smoke/run.json\n",
        "0.output.lock": "results/smoke/report.html\n",
        "1.input.lock": "/checkout/methods/aer.py\nresults/smoke_two/run.json\n",
        "1.output.lock": "results/smoke_two/report.html\n",
    }
    for name, text in locks.items():
        (tmp_path / name).write_text(text)
    release_locks(tmp_path, Path("results/smoke"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["1.input.lock", "1.output.lock"]
    release_locks(tmp_path / "absent", Path("results/smoke"))


@pytest.mark.parametrize(
    ("arguments", "runs"),
    [
        (["all"], True),
        (["all", "--config", "experiment=smoke"], True),
        (["all", "-n"], False),
        (["all", "-np"], False),
        (["--lint"], False),
        (["all", "--rulegraph"], False),
        (["all", "--report", "report.zip"], False),
        (["--unlock"], False),
        (["all", "--mode", "remote"], False),
        (["tests/workflow/test_claim.py", "--no-such-option"], False),
    ],
)
def test_which_calls_run_jobs(arguments: list[str], runs: bool) -> None:
    assert runs_jobs(arguments) == runs


@pytest.mark.parametrize(
    ("arguments", "sweeps"),
    [
        (["sweep"], True),
        (["sweep", "-n", "--config", "sweep=mine", "--forcerun", "sweep_work"], True),
        (["--mode", "subprocess", "--target-jobs", "sweep_work:worker=0"], True),
        (["all", "--config", "sweep=mine"], False),
        (["all", "sweep"], False),
        ([], False),
        (["-q", "--no-such-option"], False),
    ],
)
def test_a_sweep_is_told_from_other_calls(arguments: list[str], sweeps: bool) -> None:
    assert only_sweeps(arguments) == sweeps


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """A folder with a table, an evaluation and a training run, all marked."""
    for name, text in {
        "tables/main.csv": "a,b\n1,2\n",
        "none/seed-1/run.json": "{}",
        "none/seed-1/policy/model.safetensors": "weights",
        "none/seed-1/eval/set.samples.jsonl": "{}\n{}\n",
        "none/seed-1/eval/set.counts.csv": "problem_id,n,correct\n1,2,0\n2,2,1\n",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    run = tmp_path / "none" / "seed-1"
    mark_folder(tmp_path / "tables")
    mark_folder(run / "policy")
    write_mark(run / CHECKSUMS, [run / "run.json"])
    write_mark(run / "eval" / "set.sampled", [run / "eval" / "set.samples.jsonl"])
    write_mark(run / "eval" / "set.scored", [run / "eval" / "set.counts.csv"])
    write_spec(load_experiment("smoke"), tmp_path / "spec.yaml")
    return tmp_path


def everything(root: Path) -> dict[str, tuple[bytes, int]]:
    return {
        str(path): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in root.rglob("*")
        if path.is_file()
    }


def test_sound_results_are_left_alone(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = everything(results)
    repair(results)
    assert everything(results) == before
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("file", "mark"),
    [
        ("tables/main.csv", f"tables/{CHECKSUMS}"),
        ("none/seed-1/eval/set.counts.csv", "none/seed-1/eval/set.scored"),
        ("none/seed-1/eval/set.samples.jsonl", "none/seed-1/eval/set.sampled"),
    ],
)
def test_what_is_cut_short_loses_its_mark_and_no_other_does(
    results: Path, file: str, mark: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = everything(results)
    (results / file).write_bytes((results / file).read_bytes()[:-1])
    repair(results)
    assert set(before) - set(everything(results)) == {str(results / mark)}
    assert f"{results / file}: has " in capsys.readouterr().err


def test_samples_that_were_changed_are_deleted(results: Path) -> None:
    samples = results / "none" / "seed-1" / "eval" / "set.samples.jsonl"
    samples.write_text("{}\n[]\n")
    repair(results)
    assert not samples.exists()
    assert not samples.with_name("set.sampled").exists()


@pytest.mark.parametrize("file", ["none/seed-1/run.json", "none/seed-1/policy/model.safetensors"])
def test_a_training_run_is_never_undone_by_itself(results: Path, file: str) -> None:
    (results / file).write_text("?")
    before = everything(results)
    with pytest.raises(BadInput, match=r"Put back a whole copy of \S+/none/seed-1, or delete it"):
        repair(results)
    assert everything(results) == before


def test_a_finished_run_without_its_policy_is_named(results: Path) -> None:
    run = results / "none" / "seed-1"
    shutil.rmtree(run / "policy")
    repair(results)  # a sweep's trial has none
    before = everything(results)
    with pytest.raises(
        BadInput,
        match=r"seed-1/policy/checksums.json: is missing. Put back a whole copy of \S+/seed-1, ",
    ):
        repair(results, [str(run)])
    assert everything(results) == before
    (run / CHECKSUMS).unlink()  # is written last: before, the run goes on by itself
    repair(results, [str(run), str(results / "none" / "seed-2")])


@pytest.mark.parametrize(
    ("file", "said"),
    [
        (
            "none/seed-1/run.json",
            r"Permission denied\). Put back a whole copy of \S+/none/seed-1, or delete it",
        ),
        (
            "none/seed-1/eval/set.samples.jsonl",
            r"Permission denied\): make it readable, or delete it",
        ),
        ("tables/main.csv", r"Permission denied\): make it readable, or delete it"),
    ],
)
def test_what_cannot_be_read_is_not_taken_for_damaged(
    results: Path, file: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path) -> str:
        if path == results / file:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return sha256(path)

    before = everything(results)
    monkeypatch.setattr("eval.files.marks.sha256", refuse)
    with pytest.raises(BadInput, match=said):
        repair(results)
    assert everything(results) == before


@pytest.mark.parametrize(
    "text",
    ["[" * 100_000, '{"a": {"bytes": 1e999, "sha256": ""}}']
    + [json.dumps({name: {"bytes": 0, "sha256": ""}}) for name in ("a" * 300, "", ".", "..")],
    ids=lambda text: text[:30],
)
@pytest.mark.parametrize("mark", [f"tables/{CHECKSUMS}", "none/seed-1/eval/set.sampled"])
def test_a_hostile_mark_is_taken_away(results: Path, mark: str, text: str) -> None:
    before = everything(results)
    (results / mark).write_text(text)
    repair(results)
    assert set(before) - set(everything(results)) == {str(results / mark)}


def test_a_mark_that_is_a_folder_is_said(results: Path) -> None:
    (results / "tables" / CHECKSUMS).unlink()
    (results / "tables" / CHECKSUMS).mkdir()
    with pytest.raises(
        BadInput, match=r"tables/checksums.json: cannot be read \(Is a directory\): "
    ):
        repair(results)


def test_what_may_not_be_changed_is_said(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, ns: tuple[int, int]) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted", str(path))

    tomorrow = time.time_ns() + 86_400 * 10**9
    os.utime(results / "tables" / "main.csv", ns=(tomorrow, tomorrow))
    monkeypatch.setattr(os, "utime", refuse)
    with pytest.raises(
        BadInput, match=r"main.csv: cannot be changed \(Operation not permitted\): make it writable"
    ):
        repair(results)


@pytest.mark.parametrize("left", [None, 300])
def test_a_spec_that_says_nothing_any_more_is_said(
    results: Path, left: int | None, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = results / "spec.yaml"
    content = spec.read_bytes()[:left]
    spec.unlink()
    if left:
        spec.write_bytes(content)
    repair(results)
    assert (
        f"{spec}: was missing or could not be read: it is written again" in capsys.readouterr().err
    )


def test_a_new_folder_has_nothing_to_be_told_of(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    repair(tmp_path)
    assert capsys.readouterr().err == ""


def test_files_from_the_future_are_dated_now_in_their_order(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old, first, last = (
        results / "tables/main.csv",
        results / "none/seed-1/run.json",
        results / "none/seed-1/policy",
    )
    last = last / "model.safetensors"
    tomorrow = time.time_ns() + 86_400 * 10**9
    os.utime(last, ns=(tomorrow + 1, tomorrow + 1))
    os.utime(first, ns=(tomorrow, tomorrow))
    before = old.stat().st_mtime_ns
    repair(results)
    assert old.stat().st_mtime_ns == before
    assert first.stat().st_mtime_ns < last.stat().st_mtime_ns <= time.time_ns()
    assert "2 files had a time in the future" in capsys.readouterr().err


def test_a_mark_names_no_file_outside_its_folder(results: Path) -> None:
    """What is named there would be deleted as damaged samples."""
    victim = results.with_name("victim")
    victim.write_text("mine")
    mark = results / "none" / "seed-1" / "eval" / "set.sampled"
    for name in (str(victim), f"../../../../{victim.name}"):
        mark.write_text(json.dumps({name: {"bytes": 0, "sha256": ""}}))
        repair(results)
        assert victim.read_text() == "mine"
        assert not mark.exists()


def test_what_a_crash_has_left_hidden_stops_nothing(results: Path) -> None:
    run = results / "none" / "seed-1"
    for name in (".policy.old", ".policy.new"):
        (run / name).mkdir()
        (run / name / CHECKSUMS).write_text('{"model.safetensors": {"bytes": 1, "sha256": ""}}')
    before = everything(results)
    repair(results)
    assert everything(results) == before


def test_a_table_in_a_folder_that_is_called_like_a_run_is_no_run(results: Path) -> None:
    root = results.rename(results.with_name("seed-7"))
    (root / "tables" / "main.csv").write_text("")
    repair(root)
    assert not (root / "tables" / CHECKSUMS).exists()


def test_the_claim_goes_through_no_link(tmp_path: Path) -> None:
    victim, root = tmp_path / "victim", tmp_path / "results"
    victim.write_text("mine")
    root.mkdir()
    (root / ".running").symlink_to(victim)
    with pytest.raises(BadInput, match="cannot be written"):
        claim(root)
    assert victim.read_text() == "mine"


@pytest.mark.parametrize(("over", "found"), [(0, True), (1, False)])
def test_content_is_compared_up_to_the_size_that_the_docs_tell(
    results: Path, over: int, found: bool
) -> None:
    told = re.search(
        r"content up to (\d+) MB", (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
    )
    assert told is not None
    size = int(told[1]) * 2**20 + over
    table, mark = results / "tables" / "main.csv", results / "tables" / CHECKSUMS
    table.write_bytes(bytes(size))
    mark_folder(table.parent)
    table.write_bytes(bytes(size - 1) + b"x")
    repair(results)
    assert mark.exists() != found


class FullDisk(io.FileIO):
    def write(self, *_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fdopen", lambda handle, *_, **__: FullDisk(handle, "a+"))
    with pytest.raises(
        BadInput, match=r"cannot be written: the disk is full: make room, or name another place"
    ):
        claim(tmp_path)
    monkeypatch.undo()
    claim(tmp_path)  # the lock has gone with the file


def test_whoever_is_at_work_may_have_written_anything(
    tmp_path: Path, holder: subprocess.Popen[str]
) -> None:
    (tmp_path / ".running").write_bytes(b"\xff")
    with pytest.raises(BadInput, match="another run is at work there"):
        claim(tmp_path)


def test_a_second_damage_behind_one_that_is_repaired_is_found(results: Path) -> None:
    run = results / "none" / "seed-1"
    write_recorded(run, "run.json", {"a": 1})
    (run / "train.jsonl").write_text("row\n")
    files = [run / "run.json", run / "train.jsonl"]
    write_mark(run / CHECKSUMS, files, {"settings": "x"}, {"run.json": {"a": 1}})
    (run / "run.json").unlink()
    (run / "train.jsonl").write_text("other\n")
    with pytest.raises(BadInput, match=r"train\.jsonl"):
        repair(results)
