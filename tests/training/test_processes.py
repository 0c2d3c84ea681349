"""Two processes give what one gives: control, state, entropy, metrics, loss, gradients and weights,
on the same batch.

Both read the same completions (tests/training/process_worker.py), short ones on the first process and long
ones on the second, so that a token which weighed differently there would show in the gradient.
"""

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

from experiments.workflow.launcher import LAUNCH_FOLDER
from tests.faults.alive import acts, unlearnt
from tests.training.process_worker import SCENARIOS, SHARDED, run

ROOT = Path(__file__).parents[2]
LAUNCH = [sys.executable, "-m", "accelerate.commands.launch", "--num_processes", "2"]
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
TIMES = {"seconds_rollout", "seconds_scoring", "seconds_update", "seconds_rest"}
COUNTED = {
    "rollout", "updates", "tokens_generated", "reward", "accuracy", "length_mean", "length_median", "length_p95",
    "length_terminated", "truncated", "groups_all_right", "groups_all_wrong", "rows_weighted",
}  # fmt: skip
"""Of a row: what comes from counting, and is therefore equal to the last bit."""


UNSHARDED = ["one_update", "masked", "shaped", "two_updates", "asked"]


def launched(configuration: str, out: Path, names: list[str]) -> subprocess.Popen[bytes]:
    """The worker on two processes."""
    config = [
        "--config_file",
        str(LAUNCH_FOLDER / f"{configuration}.yaml"),
        "--main_process_port",
        "0",
    ]
    command = [*LAUNCH, *config, "-m", "tests.training.process_worker", str(out), *names]
    return subprocess.Popen(command, cwd=ROOT, env=ENVIRONMENT)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """Processes → what they wrote."""
    out = {count: tmp_path_factory.mktemp(f"processes_{count}") for count in (1, 2)}
    with launched("ddp", out[2], UNSHARDED) as two:
        for name in SCENARIOS:
            run(name, out[1])
        assert two.wait() == 0
    return out


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What two processes wrote that each hold half of every parameter."""
    out = tmp_path_factory.mktemp("shards")
    with launched("fsdp2", out, SHARDED) as two:
        assert two.wait() == 0
    return out


def close(one: Any, two: Any, relative: float = 1e-5, absolute: float = 1e-7) -> bool:
    """Equal to rounding, whatever the nesting; strings, counts and None exactly."""
    if isinstance(one, dict):
        return one.keys() == two.keys() and all(
            close(one[key], two[key], relative, absolute) for key in one
        )
    return (
        one == two
        if isinstance(one, int | str | None)
        else one == pytest.approx(two, rel=relative, abs=absolute)
    )


def test_a_signal_to_one_process_stops_all_of_them_at_the_same_rollout(
    folders: dict[int, Path],
) -> None:
    """That the launcher has ended says that no process waits for another; both have saved
    together.
    """
    for count, folder in folders.items():
        told = json.loads((folder / "asked.json").read_text())
        assert told["interrupted"]
        assert len(told["rows"]) == 2
        manifest = json.loads((folder / "asked" / "checkpoint-2" / "manifest.json").read_text())
        assert manifest["processes"] == count


@pytest.mark.parametrize("name", ["one_update", "masked", "shaped"])
def test_rows_and_state_are_equal(name: str, folders: dict[int, Path]) -> None:
    """Every rollout: the runs stay together because what they do to the policy is the same."""
    one, two = (
        json.loads((folders[count] / f"{name}.json").read_text())["rows"] for count in (1, 2)
    )
    assert len(one) == len(two) == 3
    for a, b in zip(one, two, strict=True):
        assert {key: a[key] for key in COUNTED} == {key: b[key] for key in COUNTED}
        for key in a.keys() - TIMES:
            assert close(a[key], b[key]), key
    assert any(row["truncated"] for row in one)
    assert one[0]["gradient_share"] > 0
    if name == "shaped":
        assert all(row["levers"]["weight"]["touched"] > 0.05 for row in one)


def test_before_its_updates_a_rollout_is_the_same_however_it_is_split(
    folders: dict[int, Path],
) -> None:
    """With several updates per rollout each process shuffles its own rows, so that other rows meet
    in an update. What was measured and decided before the first update is equal all the same.
    """
    one, two = (
        json.loads((folders[count] / "two_updates.json").read_text())["rows"][0] for count in (1, 2)
    )
    assert {key: one[key] for key in COUNTED} == {key: two[key] for key in COUNTED}
    for key in (
        "entropy",
        "entropy_mc",
        "coefficient_mean",
        "coefficient_max",
        "levels",
        "strata",
        "groups",
        "state",
    ):
        assert close(one[key], two[key]), key


@pytest.mark.parametrize("name", ["one_update", "two_updates"])
def test_completions_of_all_processes_are_kept(name: str, folders: dict[int, Path]) -> None:
    """In the order of the rows, with each token's numbers at its own token."""
    kept = f"{name}.completions/rollout-0000.jsonl.gz"
    one, two = (
        [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]
        for path in (folders[count] / kept for count in (1, 2))
    )
    assert len(one) == len(two) == 16
    for a, b in zip(one, two, strict=True):
        for key in a.keys() - {"entropy", "logp", "advantage"}:
            assert a[key] == b[key], key
        assert a["advantage"] == pytest.approx(b["advantage"], abs=1e-5)
        for key in ("entropy", "logp"):
            assert a[key] == pytest.approx(b[key], abs=2e-4)
    assert len({row["length"] for row in one}) > 3


@pytest.mark.parametrize("name", ["one_update", "masked", "shaped"])
def test_loss_gradients_and_weights_are_equal(name: str, folders: dict[int, Path]) -> None:
    one, two = (
        json.loads((folders[count] / f"{name}.json").read_text())["losses"] for count in (1, 2)
    )
    assert one == pytest.approx(two, rel=1e-5)
    # Gradients: rounding of float32 sums. Weights: three steps of Adam, which divides by the size
    # of the gradient.
    for kind, tolerance in (("gradients", 1e-5), ("weights", 1e-4)):
        a, b = (load_file(folders[count] / f"{name}.{kind}") for count in (1, 2))
        assert a.keys() == b.keys()
        largest = max(value.abs().max().item() for value in a.values())
        assert largest > 0.01
        assert max((a[key] - b[key]).abs().max().item() for key in a) < tolerance * largest


@pytest.mark.parametrize("name", ["sharded", "own"])
def test_shards_give_what_one_process_gives(
    name: str, folders: dict[int, Path], shards: Path
) -> None:
    """FSDP2, with an entropy term that acts: rows, state, gradients, weights. The second has levers
    on tokens and an entropy of its own, computed from the gathered head.
    """
    one, two = (
        json.loads((path / f"{name}.json").read_text())["rows"] for path in (folders[1], shards)
    )
    for a, b in zip(one, two, strict=True):
        for key in a.keys() - TIMES:
            # SIREN's lever: β times two entropies of which the difference is a thousandth.
            rounding = 1e-4 if key == "levers" else 1e-7
            assert close(a[key], b[key], absolute=rounding), key
    if name == "sharded":
        assert all(row["coefficient_mean"] > 0 for row in one)
    else:
        assert all(row["levers"]["worth"]["largest"] > 1e-3 for row in one[1:])
    for kind, tolerance in (("gradients", 1e-5), ("weights", 1e-4)):
        a, b = (load_file(path / f"{name}.{kind}") for path in (folders[1], shards))
        assert a.keys() == b.keys()
        assert max((a[key] - b[key]).abs().max().item() for key in a) < tolerance


def test_shards_take_the_gradients_of_each_forward_pass(shards: Path) -> None:
    """Two passes make an update. Kept whole until the second, the gradients of the first would be
    in no parameter.
    """
    assert json.loads((shards / "sharded.json").read_text())["summed"] == [False, True]


def test_shards_in_bfloat16_return_float32(folders: dict[int, Path], shards: Path) -> None:
    """A ratio of two log-probabilities that were rounded to bfloat16 is 1 or noise. The forward
    pass itself is rounded at other places than one process' autocast does, so norms agree to its 8
    bits.
    """
    one, two = (json.loads((path / "mixed.json").read_text()) for path in (folders[1], shards))
    assert one["types"] == two["types"] == ["torch.float32"]
    for a, b in zip(one["rows"], two["rows"], strict=True):
        assert a["grad_norm"] == pytest.approx(b["grad_norm"], rel=2**-8)
        assert a["entropy"] == pytest.approx(b["entropy"], rel=2**-8)


def test_adapters_on_shards_are_written_merged(folders: dict[int, Path], shards: Path) -> None:
    one, two = (
        load_file(path / "adapted.policy" / "model.safetensors") for path in (folders[1], shards)
    )
    base = load_file(shards / "base" / "model.safetensors")
    assert one.keys() == two.keys() == base.keys()
    # Three steps of Adam, which divides by the size of the gradient.
    assert all(torch.allclose(one[key], two[key], atol=1e-5, rtol=1e-4) for key in one)
    assert max((two[key] - base[key]).abs().max().item() for key in base) > 1e-3


@pytest.mark.parametrize(("name", "resumed"), [("sharded", "resumed"), ("own", "own_resumed")])
def test_shards_resume_from_a_checkpoint(name: str, resumed: str, shards: Path) -> None:
    """The resumed run is the uninterrupted one, bit for bit."""
    whole, rest = (
        json.loads((shards / f"{label}.json").read_text())["rows"] for label in (name, resumed)
    )
    assert not list(unlearnt(whole)), "there is something to lose"
    if name == "sharded":
        assert all(map(acts, whole))
    assert [{k: row[k] for k in row.keys() - TIMES} for row in rest] == [
        {k: row[k] for k in row.keys() - TIMES} for row in whole[2:]
    ]
    a, b = (load_file(shards / f"{label}.weights") for label in (name, resumed))
    assert all(torch.equal(a[key], b[key]) for key in a)


def test_the_policy_of_shards_is_written_whole(shards: Path) -> None:
    written = load_file(shards / "sharded.policy" / "model.safetensors")
    expected = load_file(shards / "sharded.weights")
    assert written.keys() == expected.keys()
    assert all(torch.equal(written[key], expected[key]) for key in written)
    assert AutoModelForCausalLM.from_pretrained(shards / "sharded.policy").num_parameters() > 0


def test_shards_generate_until_the_last_process_has_finished(shards: Path) -> None:
    sampled = json.loads((shards / "sampled.json").read_text())
    first, second = sampled["lengths"][:8], sampled["lengths"][8:]
    assert max(first) != max(second), "the processes end at different times"
    assert [row["rollout"] for row in sampled["rows"]] == [0, 1]
