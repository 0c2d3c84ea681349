"""Trains on given completions and writes down everything that must not depend on the number of
processes.

    accelerate launch --config_file experiments/launch/ddp.yaml --num_processes 2 -m
    tests.training.process_worker OUT SCENARIO …

The completions are a function of rollout and row, so that one process and many update on the same
batch. Their lengths are as uneven between two processes as they can be: short in the first half of
the rows, long in the second.
"""

import json
import random
import sys
from pathlib import Path
from typing import Any, cast

import torch
from accelerate import PartialState
from accelerate.utils import DistributedType
from safetensors.torch import save_file
from torch import Tensor
from torch.distributed.tensor import DTensor

from experiments.policies.load_save import lora_config, save_policy
from experiments.spec.training_settings import Lora
from experiments.training.rollout.completions_log import KeptRollouts
from experiments.training.trainer import EntropyControlTrainer
from methods import AER, SIREN, ClipCov, FixedCoefficient, Method, NoEntropy
from tests.support.grpo_runs import small_policy, trainer_arguments, training

LIMIT = 12  # tokens
SCENARIOS: dict[str, tuple[Method, dict[str, Any]]] = {
    "one_update": (
        FixedCoefficient(0.3),
        {"per_device_train_batch_size": 4, "gradient_share_every": 1},
    ),
    "masked": (
        AER(tau=1.0, rho=1.0, eta=1.0, alpha_0=0.2),
        {
            "per_device_train_batch_size": 2,
            "mask_truncated_completions": True,
            "gradient_share_every": 2,
        },
    ),
    "sharded": (
        AER(tau=1.0, rho=1.0, eta=1.0, alpha_0=0.2),
        {"per_device_train_batch_size": 4, "checkpoint_every": 1},
    ),
    "mixed": (FixedCoefficient(0.3), {"per_device_train_batch_size": 4, "bf16": True}),
    "adapted": (FixedCoefficient(0.3), {"per_device_train_batch_size": 4}),
    "two_updates": (
        AER(tau=1.0, rho=1.0, eta=1.0),
        {"per_device_train_batch_size": 4, "updates_per_rollout": 2},
    ),
    "shaped": (
        ClipCov(rho=0.2, omega_low=0.0),
        {
            "per_device_train_batch_size": 4,
            "mask_truncated_completions": True,
            "gradient_share_every": 1,
        },
    ),
    "own": (
        SIREN(beta=5.0),
        {"per_device_train_batch_size": 4, "checkpoint_every": 1},
    ),
    "asked": (NoEntropy(), {"per_device_train_batch_size": 4, "checkpoint_every": 0}),
}
"""Name → method, and training settings. In "asked", the last process is asked to stop in the second
rollout of three. "mixed" computes in bfloat16, "adapted" trains adapters. "shaped" has levers on
tokens and draws, "own" an entropy of its own.
"""


SHARDED = ["sharded", "mixed", "adapted", "own"]


class Given(EntropyControlTrainer):
    """Reads its completions instead of sampling them. Of the last rollout it keeps loss and
    gradients of the updates, and per forward pass whether the gradients so far lie in shards.
    """

    asks = False  # to be stopped
    types: frozenset[str] = frozenset()  # of log-probabilities and entropies

    def _generate_single_turn(
        self, prompt_ids: list[list[int]], *args: Any, **kwargs: Any
    ) -> tuple[Any, None]:
        start = self.accelerator.process_index * len(prompt_ids)
        self.loss, self.losses, self.gradients, self.summed = 0.0, [], {}, []
        last = self.accelerator.process_index == self.accelerator.num_processes - 1
        self.stop.asked = self.asks and last and self.progress.rollouts == 1
        self.rollout.generated = [self.completion(start + i) for i in range(len(prompt_ids))]
        return self.rollout.generated, None

    def completion(self, row: int) -> list[int]:
        draw = random.Random(1000 * self.progress.rollouts + row)
        end, pad = cast(int, self._tokenizer.eos_token_id), self._tokenizer.pad_token_id
        words = [i for i in range(len(self._tokenizer)) if i not in (end, pad)]
        length = draw.randint(1, 4) if row < 8 else draw.randint(8, LIMIT)
        return [draw.choice(words) for _ in range(length)] + ([end] if length < LIMIT else [])

    def _get_per_token_logps_and_entropies(self, *args: Any, **kwargs: Any) -> Any:
        logp_BT, entropy_BT, aux = super()._get_per_token_logps_and_entropies(*args, **kwargs)
        self.types |= {str(logp_BT.dtype), str(entropy_BT.dtype)}
        return logp_BT, entropy_BT, aux

    def _compute_loss(self, *args: Any, **kwargs: Any) -> Tensor:
        trained = self.accelerator.unwrap_model(self.model).parameters()
        self.summed.append(all(isinstance(p.grad, DTensor) for p in trained))
        loss = super()._compute_loss(*args, **kwargs)
        self.loss += loss.item() / self.accelerator.num_processes
        return loss

    def _clip_grad_norm(self, model: Any) -> Any:
        parameters = self.accelerator.unwrap_model(self.model).named_parameters()
        self.gradients = {name: whole(p.grad) for name, p in parameters if p.grad is not None}
        self.losses.append(self._gathered(torch.tensor([self.loss])).sum().item())
        self.loss = 0.0
        return super()._clip_grad_norm(model)


def run(name: str, out: Path, resume: str | None = None, label: str | None = None) -> None:
    """Writes <label>.json, <label>.weights and <label>.gradients into `out`, from the main process;
    label None = name.
    """
    method, changes = SCENARIOS[name]
    label = label or name
    rows: list[dict[str, Any]] = []
    adapters = {"peft_config": lora_config(Lora(rank=4, alpha=8))} if name == "adapted" else {}
    kept: dict[str, Any] = {
        "completions": KeptRollouts(out / f"{label}.completions", every=2, rollouts=3)
    }
    trainer = Given(
        **trainer_arguments(method, training(**changes), out / label, rows.append) | adapters | kept
    )
    trainer.asks = name == "asked"
    trainer.train(resume_from_checkpoint=resume)
    weights = {
        name: whole(p)
        for name, p in trainer.accelerator.unwrap_model(trainer.model).named_parameters()
    }
    if trainer.accelerator.is_main_process:
        small_policy().save_pretrained(out / "base")
    save_policy(
        trainer, out / f"{label}.policy", {"pretrained_model_name_or_path": str(out / "base")}
    )
    if trainer.accelerator.is_main_process:
        save_file(weights, out / f"{label}.weights")
        save_file(trainer.gradients, out / f"{label}.gradients")
        (out / f"{label}.json").write_text(
            json.dumps(
                {
                    "rows": rows,
                    "losses": trainer.losses,
                    "summed": trainer.summed,
                    "types": sorted(trainer.types),
                    "interrupted": trainer.interrupted,
                }
            )
        )


def whole(tensor: Tensor) -> Tensor:
    """A copy, gathered where it is spread over processes."""
    return (tensor.full_tensor() if isinstance(tensor, DTensor) else tensor).detach().clone()


def shard_on_the_cpu() -> None:
    """Lets accelerate shard (FSDP2) on the CPU: it does so only for what it takes to be GPUs, torch
    for both.
    """
    start = PartialState.__init__

    def as_gpus(self: PartialState, *args: Any, **kwargs: Any) -> None:
        start(self, *args, **kwargs)
        if self.distributed_type is DistributedType.MULTI_CPU:
            self.distributed_type = DistributedType.MULTI_GPU

    PartialState.__init__ = as_gpus


def main(out: Path, names: list[str]) -> None:
    if set(names) & set(SHARDED):
        shard_on_the_cpu()
    for name in names:
        run(name, out)
    if "sharded" in names:
        run("sharded", out, resume=str(out / "sharded" / "checkpoint-2"), label="resumed")
        run("own", out, resume=str(out / "own" / "checkpoint-2"), label="own_resumed")
        sample(out)


def sample(out: Path) -> None:
    """Two rollouts with completions of its own, which end at different times on different
    processes.
    """
    rows: list[dict[str, Any]] = []
    settings = training(rollouts=2, per_device_train_batch_size=4, max_completion_length=100)
    trainer = EntropyControlTrainer(
        **trainer_arguments(NoEntropy(), settings, out / "sampled", rows.append)
    )
    trainer.train()
    lengths = trainer._gathered(trainer.rollout.rows.length_B).tolist()
    if trainer.accelerator.is_main_process:
        (out / "sampled.json").write_text(json.dumps({"rows": rows, "lengths": lengths}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
