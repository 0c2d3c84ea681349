"""A run that is killed, at any moment, and started again ends as if nothing had happened."""

import json
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest

from eval.files.durable import write_text
from eval.files.marks import CHECKSUMS, copy_of, mark_folder
from experiments.run.checkpoint import checkpoints
from tests.faults.alive import acts, unlearnt
from tests.training.killed_runs import make_root, start

TIMES = {
    *("seconds_rollout", "seconds_scoring", "seconds_update", "seconds_rest"),
    *("seconds", "started", "finished"),
}
DRAW = "eval.sampling.batched_generation:draw_tokens"
# where the process kills itself (function, call, what the call is about); checkpoints that it
# leaves
KILLS = [
    ((DRAW, 3, ""), []),  # in generation
    (
        ("experiments.training.trainer:EntropyControlTrainer._clip_grad_norm", 2, ""),
        [],
    ),  # between two updates of a rollout
    (("torch:save", 1, "optimizer.pt"), []),  # in the middle of a checkpoint
    (("eval.files.jsonl:Appender.sync", 2, ""), [2]),  # a row is written, its checkpoint is not
    (("os:replace", 1, "manifest.json"), [2]),  # a checkpoint has all files but its manifest
    (
        ("os:replace", 1, "checkpoints/checkpoint-4"),
        [2],
    ),  # a checkpoint is complete and has no name
    (("os:replace", 1, ".checkpoint-2.old"), [2, 4, 6]),  # more of them than are to be kept
    (("shutil:rmtree", 2, ".checkpoint-4.old"), [6, 8]),  # one is being deleted
    ((DRAW, 2, ""), [6, 8]),  # in the last rollout
    (("os:replace", 1, "/policy"), [8, 10]),  # all is done and nothing visible
    (("os:replace", 1, "run.json"), [8, 10]),  # the policy is, but not the record that ends the run
    (
        ("os:replace", 1, "seed-1/checksums.json"),
        [8, 10],
    ),  # the record is there, the run's mark is not
    (
        ("os:replace", 1, ".checkpoints.old"),
        [8, 10],
    ),  # the run is complete and its checkpoints are still there
]


def outcome(root: Path) -> dict[str, Any]:
    """Everything that a run leaves, without times."""
    run = root / "aer" / "seed-1"
    found: dict[str, Any] = {
        str(p.relative_to(run)): p.read_bytes() for p in run.rglob("*") if p.is_file()
    }
    found["train.jsonl"] = [without_times(line) for line in found["train.jsonl"].splitlines()]
    found["run.json"] = without_times(found["run.json"])
    assert found.pop(copy_of(Path(CHECKSUMS)).name) == found[CHECKSUMS]
    mark = json.loads(found[CHECKSUMS])  # its sums and its copy of run.json are of files with times
    found[CHECKSUMS] = (mark["made_from"], sorted(mark["files"]), sorted(mark["record"]))
    return found


def without_times(text: bytes) -> dict[str, Any]:
    return {key: value for key, value in json.loads(text).items() if key not in TIMES}


def saved(root: Path) -> list[int]:
    return [
        int(path.name.removeprefix("checkpoint-"))
        for path in checkpoints(root / "aer" / "seed-1" / "checkpoints")
    ]


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The outcome of a run that nothing disturbs and that saves nothing on the way."""
    root = make_root(tmp_path_factory.mktemp("quiet"), checkpoint_every=0)
    assert start(root) == 0
    found = outcome(root)
    assert has_something_to_lose(found["train.jsonl"])
    assert (
        found["policy/model.safetensors"]
        != (root / "base" / "policy" / "model.safetensors").read_bytes()
    )
    return found


def has_something_to_lose(rows: list[dict[str, Any]]) -> bool:
    """Rewards, gradients and a state that move: else a start that forgets them would end like the
    quiet run.
    """
    return (
        not list(unlearnt(rows))
        and any(map(acts, rows))
        and len({row["state"]["alpha"] for row in rows}) > 2
    )


def test_a_run_killed_at_every_stage_ends_as_the_undisturbed_one(
    quiet: dict[str, Any], tmp_path: Path
) -> None:
    root = make_root(tmp_path)
    for kill_at, left in KILLS:
        assert start(root, kill_at) == -9, (kill_at, (root / "log").read_text())
        assert saved(root) == left, kill_at
    assert start(root) == 0
    assert outcome(root) == quiet
    assert len(quiet["train.jsonl"]) == 5
    assert "warning" not in (root / "log").read_text()


def test_a_finished_run_is_taken_as_it_is_unless_it_rests_on_something_else(tmp_path: Path) -> None:
    """With and without run.json, which can be deleted by hand."""
    root = make_root(tmp_path, rollouts=1)
    run = root / "aer" / "seed-1"
    assert start(root) == 0
    made = {path.name: path.read_bytes() for path in run.iterdir() if path.is_file()}
    assert start(root) == 0
    (run / "run.json").unlink()
    assert start(root) == 0
    assert {
        path.name: path.read_bytes() for path in run.iterdir() if path.is_file()
    } == made  # its times, too
    assert not (run / "checkpoints").exists()

    prompts = root / "problems" / "train.jsonl"
    prompts.write_text("".join(prompts.read_text().splitlines(keepends=True)[:-1]))
    assert start(root) == 0
    assert json.loads((run / "run.json").read_text()) != json.loads(made["run.json"])


def test_a_run_is_not_gone_on_with_on_another_base_policy(tmp_path: Path) -> None:
    root = make_root(tmp_path, rollouts=2)
    assert start(root, (DRAW, 1, "")) == -9
    flip_a_byte(root / "base" / "policy" / "model.safetensors")
    assert start(root) == 2
    assert (
        "was begun with other base policy: undo that change to resume this run, or delete"
        in (root / "log").read_text()
    )


def test_a_damaged_base_policy_is_not_trained(tmp_path: Path) -> None:
    """Its weights are read in full: the start of a pipeline compares large files by size."""
    root = make_root(tmp_path, rollouts=1)
    base = root / "base" / "policy"
    mark_folder(base)
    flip_a_byte(base / "model.safetensors")
    assert start(root) == 2
    said = (root / "log").read_text()
    assert said.startswith(
        f"error: {base}/model.safetensors: does not hold what was written: put back a whole copy"
    )
    assert said.count("\n") == 1
    flip_a_byte(base / "model.safetensors")
    assert start(root) == 0


def test_no_run_is_trained_beside_those_of_another_base_policy(tmp_path: Path) -> None:
    """Made again on another machine, it has other last bits: neither hours of training nor a
    mixture was asked for.
    """
    root = make_root(tmp_path, rollouts=1)
    weights, run = root / "base" / "policy" / "model.safetensors", root / "aer" / "seed-1"
    assert start(root) == 0
    made = (run / "run.json").read_bytes()
    flip_a_byte(weights)
    for seed in (1, 2):  # 2 has not been trained yet
        assert start(root, seed=seed) == 2
        said = (root / "log").read_text().splitlines()[-1]
        assert said == (
            f"error: {run}: the base policy in {root}/base changed after this training; settings,"
            f" code and prompts did not: restore the old {root}/base, or delete these run folders"
            " to train them again"
        )
    flip_a_byte(weights)
    (run / "run.json").unlink()
    assert start(root) == 0
    assert (run / "run.json").read_bytes() == made
    flip_a_byte(weights)
    shutil.rmtree(run)
    assert start(root) == 0, "as the message says"


def test_of_the_pass_rates_only_the_strata_count(tmp_path: Path) -> None:
    root = make_root(tmp_path, rollouts=1)
    counts, run = root / "base" / "eval" / "train.counts.csv", root / "aer" / "seed-1"
    names = [
        json.loads(line)["id"]
        for line in (root / "problems" / "train.jsonl").read_text().splitlines()
    ]
    write_counts(counts, names, right=1, tokens=100)
    assert start(root) == 0
    made = (run / "run.json").read_bytes()
    write_counts(counts, names, right=2, tokens=90)
    assert start(root) == 0
    assert (run / "run.json").read_bytes() == made, "2 of 8 is in the stratum of 1 of 8"
    write_counts(counts, names, right=3, tokens=90)
    assert start(root) == 2
    assert f"{run}: the strata in {root}/base changed after this" in (root / "log").read_text()


def write_counts(path: Path, names: list[str], right: int, tokens: int) -> None:
    rows = [f"{name},8,{right},0,{tokens}" for name in names]
    write_text(path, "\n".join(["problem_id,n,correct,truncated,tokens", *rows, ""]))


def flip_a_byte(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def test_a_damaged_checkpoint_is_named_and_the_one_before_it_used(
    quiet: dict[str, Any], tmp_path: Path
) -> None:
    root = make_root(tmp_path)
    folder = root / "aer" / "seed-1" / "checkpoints"
    assert start(root, ("os:replace", 1, ".checkpoint-2.old")) == -9
    assert saved(root) == [2, 4, 6]
    flip_a_byte(folder / "checkpoint-6" / "model.safetensors")
    (folder / "checkpoint-4" / "rng_state.pth").unlink()
    assert start(root, ("os:replace", 1, "manifest.json")) == -9
    said = [line for line in (root / "log").read_text().splitlines() if line.startswith("warning")]
    assert said == [
        f"warning: {folder}/checkpoint-6: not what was written: model.safetensors: not used",
        f"warning: {folder}/checkpoint-4: rng_state.pth cannot be read (No such file or"
        " directory): not used",
    ]
    assert saved(root) == [2]
    assert start(root) == 0
    assert outcome(root) == quiet


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_run_that_is_asked_to_stop_saves_and_goes_on(
    number: int, quiet: dict[str, Any], tmp_path: Path
) -> None:
    """In generation and between two updates, whether or not checkpoints are written on the way."""
    root = make_root(tmp_path, checkpoint_every=0)
    assert start(root, (DRAW, 1, ""), number) == 75
    assert saved(root) == [2]
    assert (
        start(
            root,
            ("experiments.training.trainer:EntropyControlTrainer._clip_grad_norm", 3, ""),
            number,
        )
        == 75
    )
    assert saved(root) == [2, 6], "two more rollouts"
    assert "asked to stop" in (root / "log").read_text()
    assert (
        start(
            root,
            ("experiments.training.trainer:EntropyControlTrainer._clip_grad_norm", 4, ""),
            number,
        )
        == 0
    ), "the last one"
    assert outcome(root) == quiet


def test_a_second_ctrl_c_ends_a_run_at_once_and_a_second_sigterm_does_not(
    quiet: dict[str, Any], tmp_path: Path
) -> None:
    twice = ("experiments.training.trainer:EntropyControlTrainer._clip_grad_norm", range(3, 5), "")
    for name in ("interrupted", "terminated"):
        (tmp_path / name).mkdir()
    root = make_root(tmp_path / "interrupted")
    assert start(root, twice, signal.SIGINT) == -signal.SIGINT
    assert saved(root) == [2]
    assert start(root) == 0
    assert outcome(root) == quiet
    root = make_root(tmp_path / "terminated")
    assert start(root, twice, signal.SIGTERM) == 75
    assert start(root) == 0
    assert outcome(root) == quiet
