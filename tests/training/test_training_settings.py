"""Every training setting reaches TRL under TRL's name, and what cannot work is refused before
anything runs.
"""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from eval.files.errors import BadInput
from experiments.policies import load_save as policy
from experiments.policies.load_save import attention_for, lora_config
from experiments.spec.experiment_file import load_experiment
from experiments.spec.schema import run_spec
from experiments.spec.training_settings import MACHINE, Lora, Training
from experiments.train import reward_functions
from experiments.training.grpo_config import PASSED_ON, grpo_config
from experiments.training.rollout.rewards import SoftOverlong, soft_overlong
from experiments.training.update.micro_batches import batch
from tests.support.grpo_runs import training

OTHER: dict[str, Any] = {
    "num_generations": 2,
    "num_iterations": 2,
    "max_completion_length": 99,
    "temperature": 0.7,
    "top_p": 0.9,
    "learning_rate": 3e-5,
    "lr_scheduler_type": "cosine",
    "warmup_steps": 3,
    "weight_decay": 0.1,
    "adam_beta1": 0.8,
    "adam_beta2": 0.95,
    "max_grad_norm": 0.5,
    "scale_rewards": "none",
    "bf16": True,
    "gradient_checkpointing": True,
    "vllm_server_host": "127.0.0.2",
    "vllm_server_port": 8123,
    "vllm_server_timeout": 9.0,
    "vllm_group_port": 51299,
    "vllm_gpu_memory_utilization": 0.55,
    "vllm_tensor_parallel_size": 2,
    "vllm_max_model_length": 4096,
    "vllm_enable_sleep_mode": True,
    "vllm_importance_sampling_correction": False,
    "vllm_importance_sampling_mode": "token_truncate",
    "vllm_importance_sampling_clip_max": 2.0,
    "vllm_importance_sampling_clip_min": 0.5,
}
NEEDS = {
    "vllm_tensor_parallel_size": {"vllm": "colocate"},
    "num_iterations": {"updates_per_rollout": 2},
    "num_generations": {"per_device_train_batch_size": 8},
}


def test_the_table_of_other_values_is_complete() -> None:
    assert set(OTHER) == PASSED_ON
    defaults = training().model_dump()
    assert all(OTHER[name] != defaults[name] for name in PASSED_ON)


@pytest.mark.parametrize("name", sorted(PASSED_ON))
def test_a_setting_reaches_trl(name: str, tmp_path: Path) -> None:
    settings = training(**NEEDS.get(name, {}), **{name: OTHER[name]})
    assert getattr(grpo_config(settings, 7, tmp_path, 1), name) == OTHER[name]


@pytest.mark.parametrize(("who", "uses"), [("none", False), ("colocate", True), ("server", True)])
def test_who_generates(who: str, uses: bool, tmp_path: Path) -> None:
    config = grpo_config(training(vllm=who), 7, tmp_path, 1)
    assert config.use_vllm is uses
    assert not uses or config.vllm_mode == who


def test_gradients_are_summed_in_shards_where_there_are_shards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    summed = []
    for sharded in ("false", "true"):
        monkeypatch.setenv("ACCELERATE_USE_FSDP", sharded)
        config: Any = grpo_config(training(), 7, tmp_path, 1)
        summed.append(config.accelerator_config.gradient_accumulation_kwargs)
    assert summed == [None, {"sync_each_batch": True}]


# processes, per_device_train_batch_size, then size, accumulation, steps per generation
GEOMETRY = [
    (1, 16, (16, 1, 2)),
    (2, 16, (8, 1, 2)),
    (2, 4, (4, 2, 4)),
    (4, 16, (4, 1, 2)),
    (16, 16, (1, 1, 2)),
    (1, 2, (2, 8, 16)),
]


@pytest.mark.parametrize(("processes", "size", "expected"), GEOMETRY)
def test_one_file_on_any_number_of_processes(
    processes: int, size: int, expected: tuple[int, int, int]
) -> None:
    """32 completions per rollout, 16 per update, always."""
    settings = training(
        prompts_per_rollout=8, updates_per_rollout=2, per_device_train_batch_size=size
    )
    per_device, accumulation, steps = batch(settings, processes).values()
    assert (per_device, accumulation, steps) == expected
    assert processes * per_device * accumulation == settings.completions_per_update
    assert processes * per_device * steps == settings.completions_per_rollout


def test_processes_that_do_not_divide_an_update_are_refused() -> None:
    with pytest.raises(BadInput, match="3 processes do not divide the 16 completions"):
        batch(training(), 3)


REFUSED = [
    ({"overlong_buffer": 12}, "overlong_buffer 12 is not below max_completion_length 12"),
    ({"vllm": "server", "vllm_tensor_parallel_size": 2}, "is for vllm: colocate only"),
    ({"vllm": "colocate", "top_p": 0.9}, "top_p 0.9 with vLLM"),
    ({"vllm": "colocate", "vllm_importance_sampling_clip_min": 3.0}, "is not below"),
    (
        {
            "vllm": "server",
            "vllm_importance_sampling_mode": "token_truncate",
            "vllm_importance_sampling_clip_max": None,
        },
        "token_truncate needs",
    ),
    ({"lora": {"target_modules": ["q_proj", "lm_head"]}}, "and not lm_head"),
    ({"lora": {"rank": 0}}, "greater than or equal to 1"),
    ({"vllm_server_port": 70000}, "less than or equal to 65535"),
    ({"attention": "flash"}, "flash_attention_2"),
]


@pytest.mark.parametrize(("settings", "message"), REFUSED, ids=[m for _, m in REFUSED])
def test_what_cannot_work_is_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        training(**settings)


def test_where_an_engine_stands_is_no_part_of_a_run() -> None:
    here, there = load_experiment("smoke"), load_experiment("smoke")
    moved = there.training.model_copy(
        update={"vllm_server_port": 9000, "vllm_gpu_memory_utilization": 0.9}
    )
    there = there.model_copy(update={"training": moved})
    assert run_spec(here, "none", 1) == run_spec(there, "none", 1)
    assert MACHINE.isdisjoint(run_spec(here, "none", 1)["training"])
    assert set(Training.model_fields) >= MACHINE


def test_auto_attention_takes_flash_attention_on_a_gpu_that_has_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert attention_for("eager", "float32") == "eager"
    monkeypatch.setattr(policy, "is_flash_attn_2_available", lambda: True)
    monkeypatch.setattr(policy.torch.cuda, "is_available", lambda: False)
    assert attention_for("auto", "bfloat16") == "sdpa"
    with pytest.raises(BadInput, match="needs a GPU and the package flash-attn"):
        attention_for("flash_attention_2", "bfloat16")
    monkeypatch.setattr(policy.torch.cuda, "is_available", lambda: True)
    for setting in ("auto", "flash_attention_2"):
        assert attention_for(setting, "bfloat16") == "flash_attention_2"
    assert attention_for("auto", "float32") == "sdpa", "the tiny policies have float32 weights"
    with pytest.raises(BadInput, match="flash-attn-3"):
        attention_for("flash_attention_3", "bfloat16")


def test_adapters_are_described_to_peft() -> None:
    assert lora_config(None) is None
    config = lora_config(Lora(rank=4, alpha=8, target_modules=("q_proj", "v_proj")))
    assert (config.r, config.lora_alpha, config.target_modules) == (4, 8, {"q_proj", "v_proj"})


def test_adapters_without_peft_are_one_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "peft", None)
    with pytest.raises(BadInput, match="needs the package peft"):
        lora_config(Lora())


@pytest.mark.parametrize(
    ("length", "reward"),
    [(1, 0.0), (80, 0.0), (85, -0.25), (90, -0.5), (99, -0.95), (100, -1.0), (120, -1.0)],
)
def test_soft_overlong_by_hand(length: int, reward: float) -> None:
    """DAPO's equation at a limit of 100 tokens and a buffer of 20."""
    assert soft_overlong(length, limit=100, buffer=20) == pytest.approx(reward)


def test_the_verdict_stays_the_first_reward(tmp_path: Path) -> None:
    assert [r.__name__ for r in reward_functions(training())] == ["verified"]
    settings = training(overlong_buffer=4, overlong_penalty=0.5)
    first, second = reward_functions(settings)
    assert first.__name__ == "verified"
    assert isinstance(second, SoftOverlong)
    assert second(completion_ids=[[1] * 8, [1] * 10, [1] * 12]) == [0.0, -0.5, -1.0]
    assert grpo_config(settings, 7, tmp_path, 1).reward_weights == [1.0, 0.5]
    assert grpo_config(training(), 7, tmp_path, 1).reward_weights is None
