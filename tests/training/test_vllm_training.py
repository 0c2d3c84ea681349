"""The whole path of vLLM rollouts, with a stand-in engine at TRL's own seam (`VLLMGeneration`).

The stand-in is handed what TRL hands the real one, and returns completions with log-probabilities
that differ from the trainer's by a known amount, so that the importance ratio in the objective is
known beforehand. What it cannot show: the engine itself and the transfer of weights to it, which
need a GPU.
"""

import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from accelerate.utils import set_seed
from torch import Tensor
from trl.trainer import grpo_trainer

from eval.files.errors import BadInput
from experiments.policies.load_save import lora_config
from experiments.spec.experiment_file import load_experiment
from experiments.spec.training_settings import Lora
from experiments.training import trainer as trainer_module
from experiments.training.rollout.generation import LOGPROBS, check_server, engine_seed
from experiments.training.update.sharding import prepare_shards
from experiments.training.vllm_server import serve_command
from methods import FixedCoefficient
from methods.common.objective import Loss, grpo_objective
from tests.support.grpo_runs import ours, training

RATIOS = (1.0, 2.0, 4.0, 0.25)
"""π_trainer / π_engine of a whole completion, by row modulo 4; all of it falls on the completion's
first token.
"""


class Engine:
    """Completions of random words; remembers what it was asked and when its weights were
    renewed.
    """

    seed = engine_seed(7)

    def __init__(self, **settings: Any) -> None:
        self.settings, self.syncs, self.asked = settings, [], []
        self.generation_kwargs = settings["generation_kwargs"] or {}
        info = {"model_config": {"seed": self.seed, "logprobs_mode": LOGPROBS}}
        self.vllm_client = SimpleNamespace(get_server_info=lambda: info)
        torch.manual_seed(
            settings["accelerator"].process_index
        )  # as TRL seeds the engine in this process

    def sync_weights(self) -> None:
        self.syncs.append(next(self.settings["model"].parameters()).detach().clone())

    def generate(
        self, prompts: list[list[int]], images: None, num_generations: int, profiler: Any
    ) -> tuple[list[list[int]], list[list[int]], list[list[list[float]]], None]:
        self.asked.append((prompts, num_generations))
        completions = [
            [*torch.randint(2, 12, (3 + i % 4,)).tolist(), 1] for i in range(len(prompts))
        ]
        logprobs = [
            self.score(p, c, RATIOS[i % 4])
            for i, (p, c) in enumerate(zip(prompts, completions, strict=True))
        ]
        return prompts, completions, logprobs, None

    @torch.no_grad()
    def score(self, prompt: list[int], completion: list[int], ratio: float) -> list[list[float]]:
        ids_1T = torch.tensor([prompt + completion])
        logits_TV = (
            self.settings["model"](ids_1T).logits[0, len(prompt) - 1 : -1]
            / self.settings["temperature"]
        )
        logp_T = (
            logits_TV.log_softmax(-1).gather(1, torch.tensor(completion).unsqueeze(1)).squeeze(1)
        )
        logp_T[0] -= math.log(ratio)
        return [[value] for value in logp_T.tolist()]


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[tuple[Any, ...], Loss]]:
    """Arguments and outcome of every call of the objective, with the stand-in as TRL's engine."""
    made: list[tuple[tuple[Any, ...], Loss]] = []

    # this engine's log-probabilities are off on purpose; rollout_checks.py would end the run
    monkeypatch.setattr("experiments.training.rollout.rollout_checks.ROUNDED_NATS", math.inf)

    def recorded(*arguments: Any) -> Loss:
        made.append((arguments, grpo_objective(*arguments)))
        return made[-1][1]

    monkeypatch.setattr(grpo_trainer, "VLLMGeneration", Engine)
    monkeypatch.setattr(trainer_module, "grpo_objective", recorded)
    return made


def corrected(mode: str, ratio: float) -> float:
    """By hand, at a cap of 3 and a floor of 0.5."""
    if mode.endswith("truncate"):
        return min(max(ratio, 0.5), 3.0)
    return ratio if 0.5 <= ratio <= 3.0 else 0.0


@pytest.mark.parametrize(
    "mode", ["token_truncate", "token_mask", "sequence_truncate", "sequence_mask"]
)
def test_the_ratio_enters_the_objective(mode: str, calls: list[Any], tmp_path: Path) -> None:
    settings = training(
        rollouts=1,
        vllm="server",
        vllm_importance_sampling_mode=mode,
        vllm_importance_sampling_clip_min=0.5,
    )
    ours(FixedCoefficient(0.1), settings, tmp_path).train()
    [(arguments, loss)] = calls
    logp_BT, _, advantage_B, entropy_BT, mask_BT, control, tokens, correction, *_ = arguments
    assert correction.shape == ((16, 1) if mode.startswith("sequence") else mask_BT.shape)
    expected = sorted(corrected(mode, ratio) for ratio in RATIOS * 4)
    assert sorted(correction[:, 0].tolist()) == pytest.approx(expected, rel=1e-4)
    if mode.startswith("token"):
        assert correction[:, 1:][mask_BT[:, 1:] > 0].sub(1).abs().max() < 1e-4, (
            "only the first token differs"
        )
    # One update: the probability ratio is 1, so that the policy term is what can be added up by
    # hand.
    weight_BT: Tensor = correction.expand_as(mask_BT) * mask_BT
    policy = -(advantage_B.unsqueeze(1) * weight_BT).sum() / mask_BT.sum()
    torch.testing.assert_close(loss.policy, policy)
    bonus = (control.weight_B.unsqueeze(1) * entropy_BT * mask_BT).sum() / mask_BT.sum()
    torch.testing.assert_close(
        loss.bonus, bonus, msg="the correction leaves the entropy term alone"
    )
    assert float(tokens) == float(mask_BT.sum())
    assert logp_BT.requires_grad


def test_without_correction_there_is_no_ratio(calls: list[Any], tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = []
    settings = training(rollouts=1, vllm="server", vllm_importance_sampling_correction=False)
    ours(FixedCoefficient(0.1), settings, tmp_path, rows.append).train()
    assert calls[0][0][-1] is None
    assert rows[0]["entropy"] > 0, "measured in the update's own pass"


def test_weights_are_sent_before_every_rollout(calls: list[Any], tmp_path: Path) -> None:
    settings = training(
        rollouts=3,
        updates_per_rollout=2,
        per_device_train_batch_size=8,
        vllm="server",
        temperature=0.7,
    )
    trainer = ours(FixedCoefficient(0.1), settings, tmp_path)
    trainer.train()
    engine: Any = trainer.vllm_generation
    assert len(engine.syncs) == len(engine.asked) == 3
    assert not torch.equal(engine.syncs[0], engine.syncs[1])
    assert [(len(prompts), count) for prompts, count in engine.asked] == [(16, 4)] * 3
    told = {
        name: engine.settings[name]
        for name in ("mode", "temperature", "max_completion_length", "server_host")
    }
    assert told == {
        "mode": "server",
        "temperature": 0.7,
        "max_completion_length": 12,
        "server_host": "127.0.0.1",
    }
    assert engine.generation_kwargs == {"stop_token_ids": trainer.eos_token_ids}
    assert len(calls) == 3 * 2


def test_a_colocated_engine_draws_by_the_runs_seed(calls: list[Any], tmp_path: Path) -> None:
    """The engine in this process draws from its generators, which TRL leaves at the rank."""
    ours(FixedCoefficient(0.1), training(vllm="colocate"), tmp_path)
    found = torch.rand(3)
    set_seed(engine_seed(7))
    assert torch.equal(found, torch.rand(3))


def test_a_prompt_that_leaves_no_room_is_refused(calls: list[Any], tmp_path: Path) -> None:
    """The prompts have 4 tokens, a completion up to 12; vLLM would cut that one without a word."""
    ours(FixedCoefficient(0.1), training(vllm="colocate", vllm_max_model_length=16), tmp_path)
    with pytest.raises(BadInput, match=r"longest prompt has 4 tokens .* set it to 16 or more"):
        ours(FixedCoefficient(0.1), training(vllm="colocate", vllm_max_model_length=15), tmp_path)


@pytest.mark.parametrize("kind", ["is_fsdp_enabled", "is_deepspeed_enabled"])
def test_what_shards_cannot_do_is_refused(kind: str, calls: list[Any], tmp_path: Path) -> None:
    settings = training(vllm="colocate", gradient_share_every=1)
    trainer = ours(FixedCoefficient(0.1), settings, tmp_path, peft_config=lora_config(Lora(rank=2)))
    prepare_shards(trainer)
    setattr(trainer, kind, True)
    with pytest.raises(
        BadInput, match=r"training\.gradient_share_every cannot be measured on sharded parameters"
    ):
        prepare_shards(trainer)
    trainer.gradient_share_every = 0
    with pytest.raises(BadInput, match=r"training\.lora with vllm on sharded parameters"):
        prepare_shards(trainer)
    trainer.use_vllm = False
    prepare_shards(trainer)


def test_a_server_with_another_seed_is_refused(
    calls: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Engine, "seed", 0)
    with pytest.raises(
        BadInput,
        match=r"has seed 0 and this run needs 7000021.*experiments\.training\.vllm_server",
    ):
        ours(FixedCoefficient(0.1), training(vllm="server"), tmp_path)
    with pytest.raises(BadInput, match="logprobs_mode 'raw_logprobs'"):
        check_server({"seed": engine_seed(7), "logprobs_mode": "raw_logprobs"}, 7)


def test_engines_of_all_runs_differ() -> None:
    assert len({engine_seed(seed, engine) for seed in range(100) for engine in range(64)}) == 6400


def test_the_servers_command(tmp_path: Path) -> None:
    experiment = load_experiment("smoke")
    with pytest.raises(BadInput, match=r"training\.vllm is 'none' in arm aer"):
        serve_command(experiment, "aer", 1, tmp_path, [])
    served = experiment.training.model_copy(update={"vllm": "server", "vllm_server_port": 8010})
    experiment = experiment.model_copy(update={"training": served})
    with pytest.raises(BadInput, match="safetensors only"):
        serve_command(experiment, "aer", 1, tmp_path, [])
    (tmp_path / "base" / "policy").mkdir(parents=True)
    (tmp_path / "base" / "policy" / "model.safetensors").touch()
    command = serve_command(experiment, "aer", 1, tmp_path, ["--tensor-parallel-size", "2"])
    assert command[:3] == ["vllm", "serve", str(tmp_path / "base" / "policy")]
    said = " ".join(command)
    assert "--host 127.0.0.1 --port 8010 --seed 1000003 --logprobs-mode processed_logprobs" in said
    assert said.endswith("--tensor-parallel-size 2")
