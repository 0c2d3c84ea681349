"""Numbers that are not finite end a run and can be seen again; explosions are told by hand-made
rollouts.
"""

import json
import math
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from safetensors.torch import save, save_file

from eval.files.errors import BadInput
from experiments import reproduce
from experiments.run import explosion, fault_dump
from experiments.run.explosion import Limits, Vitals, observe
from experiments.run.numerics import Guard, refuse_after_fault
from experiments.training.trainer import EntropyControlTrainer
from methods import CEGPPO, SIREN, AnyMethod, EntropyAdvantage, FixedCoefficient
from tests.support.grpo_runs import ours, training

MANY: dict[str, Any] = {
    "updates_per_rollout": 2,
    "per_device_train_batch_size": 4,
}  # two micro-batches per update


BONUS = FixedCoefficient(0.1)


def guarded(out: Path, method: AnyMethod = BONUS, **changes: Any) -> EntropyControlTrainer:
    """A trainer whose faults are dumped into <out>/fault."""
    settings = training(**changes)
    said = {"seed": 7, "method": vars(method), "training": settings.model_dump(mode="json")}
    guard = Guard(out / "fault", "arm x, seed 7", said)
    return ours(method, settings, out / "checkpoints", guard=guard)


def after_updates(trainer: EntropyControlTrainer, updates: int, do: Any) -> None:
    """Calls `do` once, when so many updates have been made."""
    usual = trainer.after_update

    def after() -> None:
        usual()
        if trainer.state.global_step == updates:
            do(trainer)

    trainer.after_update = after  # type: ignore[method-assign]


def spoil_a_weight(trainer: Any) -> None:
    with torch.no_grad():
        next(iter(trainer.model.parameters()))[5, 0] = math.nan


def test_a_loss_that_is_not_finite_ends_the_run_and_is_reproduced(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer = guarded(tmp_path, BONUS, **MANY)
    after_updates(trainer, 3, spoil_a_weight)
    with pytest.raises(
        BadInput,
        match="arm x, seed 7, rollout 1, update 3: not finite in an update: loss, entropy, gradient",
    ):
        trainer.train()
    dump = tmp_path / "fault"
    names = sorted(path.name for path in dump.iterdir())
    assert names == ["batch-0.safetensors", "fault.json", "policy"]
    numbers, broken = reproduce.reproduce(dump)
    assert broken == 1
    assert [name for name, *_ in numbers][-1] == "gradient norm"
    assert len(numbers) == 5
    assert all(math.isnan(then) and math.isnan(now) for _, then, now in numbers)
    monkeypatch.setattr("sys.argv", ["reproduce", str(dump)])
    with pytest.raises(SystemExit) as ended:
        reproduce.main()
    assert ended.value.code == 0
    assert re.search(
        r"^loss of micro-batch 0 +found nan +now nan$", capsys.readouterr().out, re.MULTILINE
    )


@pytest.mark.parametrize(
    "method",
    [BONUS, EntropyAdvantage(), SIREN(beta=1.0), CEGPPO()],
    ids=lambda method: method.name,
)
def test_the_numbers_of_a_dump_are_the_runs_bit_for_bit(
    method: AnyMethod, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of an update in the middle of a healthy run, told to be a fault: with masking and an old
    policy; with a bonus, levers on tokens, an entropy or a surrogate of the method's own.
    """
    usual = Guard.check

    def check(guard: Guard, trainer: Any, norm: float) -> None:
        usual(guard, trainer, norm)
        if trainer.state.global_step == 3:
            guard.stop(trainer, "told to", norm)

    monkeypatch.setattr(Guard, "check", check)
    masked = {"mask_truncated_completions": True, "max_completion_length": 9}
    with pytest.raises(BadInput, match="told to"):
        guarded(tmp_path, method, num_generations=8, **masked, **MANY).train()
    numbers, broken = reproduce.reproduce(tmp_path / "fault")
    assert broken == 0
    assert len(numbers) == 9
    for name, then, now in numbers:
        assert then == now, name
    # The loss of one micro-batch is 0: its rows were truncated, or had no advantage.
    assert sum(then != 0 for _, then, _ in numbers) >= 8


def test_a_policy_that_nothing_can_be_drawn_from_is_told(tmp_path: Path) -> None:
    trainer = guarded(tmp_path)
    after_updates(trainer, 2, spoil_a_weight)
    with pytest.raises(
        BadInput, match="rollout 2, update 2: the policy's next-token probabilities are not finite"
    ):
        trainer.train()
    numbers, broken = reproduce.reproduce(tmp_path / "fault")
    assert broken == 1
    assert math.isnan(dict((name, now) for name, _, now in numbers)["loss of micro-batch 0"])


def test_a_run_that_ended_in_a_fault_is_not_begun_again(tmp_path: Path) -> None:
    refuse_after_fault(tmp_path / "fault")
    trainer = guarded(tmp_path)
    with pytest.raises(BadInput) as first:
        trainer.guard.stop(trainer, "told to", 1.0)
    with pytest.raises(BadInput) as second:
        refuse_after_fault(tmp_path / "fault")
    (tmp_path / "fault" / "fault.json").write_text('{"where": ')
    with pytest.raises(BadInput, match=r"its fault\.json is damaged: delete this folder"):
        refuse_after_fault(tmp_path / "fault")
    assert str(first.value) == str(second.value)
    assert f"delete {tmp_path}/fault alone" in str(first.value)


def test_one_number_of_one_process_is_enough_to_end_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The loss of one of two micro-batches here, the entropy on the other process."""
    there = torch.tensor([[False, True, False]])
    accelerator = SimpleNamespace(device="cpu", gather=lambda here: torch.cat([here, there]))
    told: list[str] = []
    monkeypatch.setattr(Guard, "stop", lambda guard, trainer, what, norm: told.append(what))
    guard = Guard(tmp_path / "fault", "arm x, seed 7")
    guard.batches = [
        {"found.loss": torch.tensor(loss), "found.entropy": torch.ones(())}
        for loss in (1.0, math.nan)
    ]
    guard.check(SimpleNamespace(accelerator=accelerator), 1.0)
    assert told == ["not finite in an update: loss, entropy"]


def a_dump(folder: Path) -> Path:
    """With one micro-batch of zeros."""
    (folder / "policy").mkdir(parents=True)
    fault = {
        "what": "told to",
        "where": "arm x",
        "rollout": 1,
        "update": 2,
        "gradient_norm": "nan",
        "processes": 1,
    }
    settings = {"seed": 7, "training": training().model_dump(mode="json")}
    (folder / "fault.json").write_text(json.dumps(fault | settings))
    names = [*fault_dump.INPUTS, *(f"found.{name}" for name in fault_dump.FOUND)]
    zeros = {f"0.{name}": torch.zeros(2 if name == "found.clip" else 1) for name in names}
    save_file(zeros, folder / "batch-0.safetensors")
    return folder


CUT = {
    "an empty batch": ("batch-0.safetensors", b""),
    "a cut batch": ("batch-0.safetensors", None),
    "a batch without what was found": (
        "batch-0.safetensors",
        save({"0.prompt_ids": torch.zeros(1)}),
    ),
    "a batch of no number": ("batch-0.safetensors", save({"x": torch.zeros(1)})),
    "a cut fault": ("fault.json", b'{"what": '),
    "a list": ("fault.json", b"[]"),
    "an empty fault": ("fault.json", b"{}"),
    "a deep fault": ("fault.json", b"[" * 100_000),
    "no settings": ("fault.json", b'{"training": {}}'),
}


@pytest.mark.parametrize("name", CUT)
def test_a_damaged_dump_is_one_sentence(name: str, tmp_path: Path) -> None:
    file, data = CUT[name]
    path = a_dump(tmp_path) / file
    path.write_bytes(path.read_bytes()[:-4] if data is None else data)
    with pytest.raises(BadInput, match="the dump of the fault is damaged") as refused:
        reproduce.reproduce(tmp_path)
    assert str(refused.value).startswith(f"{path}: ")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("name", ["batch-0.safetensors", "policy"])
def test_a_dump_that_lacks_a_part_is_one_sentence(name: str, tmp_path: Path) -> None:
    path = a_dump(tmp_path) / name
    path.rmdir() if path.is_dir() else path.unlink()
    with pytest.raises(BadInput, match=rf"{name}: the dump of the fault is damaged"):
        reproduce.reproduce(tmp_path)


def test_a_folder_that_is_no_dump_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="not the dump of a fault"):
        reproduce.reproduce(tmp_path)


def seen(limits: Limits, entropies: list[float], rewards: list[float] | None = None) -> Vitals:
    vitals = Vitals()
    for rollout, entropy in enumerate(entropies):
        vitals = observe(vitals, limits, rollout, entropy, rewards[rollout] if rewards else 1.0)
    return vitals


def test_entropy_above_the_limit_for_some_rollouts_is_an_explosion() -> None:
    limits = Limits(share=0.5, vocabulary=100, rollouts=2)  # log 100 = 4.61: the limit is 2.30 nats
    assert seen(limits, [1.0, 2.4, 2.2, 2.4, 2.2]).exploded is None, "never two in a row"
    found = seen(limits, [1.0, 2.4, 2.2, 2.4, 2.5, 1.0])
    assert (found.exploded, found.why) == (4, "entropy above 2.3 nats for 2 rollouts")
    assert seen(limits, [1.2, 2.39, 2.39, 2.39]).exploded is None, "not twice the initial entropy"
    assert seen(limits, [4.6, 4.6, 4.6]).exploded is None, "a policy that began at random"


def test_reward_that_goes_for_long_is_an_explosion() -> None:
    limits = Limits(unrewarded=3)
    low = [0.1] * 6
    assert seen(limits, low, [0.0] * 6).exploded is None, "there was none to lose"
    assert seen(limits, low, [0.2, 0.0, 0.0, 0.1, 0.0, 0.0]).exploded is None
    found = seen(limits, low, [0.2, 0.0, 0.0, 0.0, 0.0, 0.3])
    assert (found.exploded, found.why) == (3, "no reward for 3 rollouts")


def test_an_exploded_run_ends_early_where_it_is_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(explosion, "GROWN", 0.0)  # the tiny policy begins near uniform
    for stop, rollouts in ((False, 4), (True, 2)):
        settings = training(rollouts=4, checkpoint_every=4)
        limits = Limits(share=0.1, vocabulary=18, rollouts=2, stop=stop)
        trainer = ours(FixedCoefficient(0.1), settings, tmp_path / str(stop), limits=limits)
        trainer.train()
        assert trainer.progress.rollouts == rollouts
        assert trainer.progress.vitals.exploded == 1
        assert not trainer.interrupted
    again = ours(FixedCoefficient(0.1), settings, tmp_path / "True", limits=limits)
    again.train(resume_from_checkpoint=str(tmp_path / "True" / "checkpoint-2"))
    assert again.progress == trainer.progress, "nothing more is trained"
