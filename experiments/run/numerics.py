"""Ends the run at a number that is not finite, and dumps what is needed to compute it again.

Loss, entropy and gradient norm of every update are looked at before the optimizer acts on them, on
all processes together. NaN or an infinity in any of them, or next-token probabilities from which
nothing can be drawn, becomes

    <run>/fault/fault.json               which number, rollout and update; the run's settings
               /policy/                  the weights at that moment
               /batch-<process>.safetensors   micro-batches: all that the loss depends on,
                                         and the loss, entropy and T that were found

and one message. `python -m experiments.reproduce <run>/fault` computes the same numbers from these
files alone. (With DeepSpeed, which steps in its backward pass, the weights are those after the
update.)
"""

import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NoReturn

import torch
from safetensors.torch import save_file
from torch import Tensor

from eval.files.durable import empty, publish, write_text
from eval.files.errors import BadInput
from experiments.run.processes import on_main

FAULT_FOLDER = "fault"
UNDRAWABLE = "the policy's next-token probabilities are not finite"


class Guard:
    """Keeps an update's micro-batches until its numbers have been looked at."""

    def __init__(
        self,
        folder: Path,
        where: str,
        settings: Mapping[str, Any] | None = None,
        save: Callable[[Any, Path], None] = lambda trainer, folder: trainer.save_model(str(folder)),
    ) -> None:
        """folder: for the dump. where: "arm aer, seed 1". save: writes a trainer's policy, called
        on all processes.
        """
        self.folder, self.where, self.settings, self.save = folder, where, settings or {}, save
        self.batches: list[dict[str, Tensor]] = []
        self._is_checked = False

    def saw(
        self,
        inputs: Mapping[str, Any],
        tokens: Tensor,
        clip: tuple[float, float],
        loss: Tensor,
        entropy_BT: Tensor,
    ) -> None:
        """A micro-batch of the present update; `tokens` is T of the objective."""
        if self._is_checked:
            self.batches, self._is_checked = [], False
        mask_BT = inputs["completion_mask"]
        found = {
            "loss": loss,
            "entropy": (entropy_BT * mask_BT).sum() / mask_BT.sum().clamp(min=1),
            "tokens": tokens,
            "clip": torch.tensor(clip, dtype=torch.float64),
        }
        kept = {name: value for name, value in inputs.items() if isinstance(value, Tensor)}
        self.batches.append(
            kept | {f"found.{name}": value.detach() for name, value in found.items()}
        )

    def check(self, trainer: Any, gradient_norm: float) -> None:
        """Raises: BadInput on all processes if a number of this update is not finite on any of
        them.
        """
        self._is_checked = True
        found = {
            name: torch.stack([batch[f"found.{name}"] for batch in self.batches])
            for name in ("loss", "entropy")
        }
        broken = [not bool(value.isfinite().all()) for value in found.values()] + [
            not math.isfinite(gradient_norm)
        ]
        anywhere = (
            trainer.accelerator.gather(torch.tensor([broken], device=trainer.accelerator.device))
            .any(0)
            .tolist()
        )
        if any(anywhere):
            names = [
                name for name, is_so in zip((*found, "gradient"), anywhere, strict=True) if is_so
            ]
            self.stop(trainer, f"not finite in an update: {', '.join(names)}", gradient_norm)

    def stop(self, trainer: Any, what: str, gradient_norm: float) -> NoReturn:
        """Writes the dump, of the last update that was begun, and ends the run."""
        rollout, update = trainer.progress.rollouts, trainer.state.global_step
        staging = on_main(lambda: empty(self.folder.with_name(f".{FAULT_FOLDER}.new")))
        self.save(trainer, staging / "policy")
        named = {
            f"{i}.{name}": value.clone(memory_format=torch.contiguous_format)
            for i, batch in enumerate(self.batches)
            for name, value in batch.items()
        }
        save_file(named, staging / f"batch-{trainer.accelerator.process_index}.safetensors")
        trainer.accelerator.wait_for_everyone()
        if trainer.accelerator.is_main_process:
            fault = {
                "what": what,
                "where": self.where,
                "rollout": rollout,
                "update": update,
                "gradient_norm": repr(gradient_norm),  # NaN is no JSON
                "processes": trainer.accelerator.num_processes,
                **self.settings,
            }
            write_text(staging / "fault.json", json.dumps(fault, indent=2) + "\n")
            publish(staging, self.folder)
        raise BadInput(said(self.folder, fault_words(self.where, rollout, update, what)))


def refuse_after_fault(folder: Path) -> None:
    """Raises: BadInput if the run has ended with a fault before: it would do so again."""
    if not (folder / "fault.json").exists():
        return
    try:
        fault = json.loads((folder / "fault.json").read_text())
        words = fault_words(*(fault[key] for key in ("where", "rollout", "update", "what")))
    except (ValueError, KeyError, TypeError):
        raise BadInput(
            f"{folder}: its fault.json is damaged: delete this folder to resume the run"
        ) from None
    raise BadInput(said(folder, words))


def fault_words(where: str, rollout: int, update: int, what: str) -> str:
    return f"{where}, rollout {rollout}, update {update}: {what}"


def said(folder: Path, words: str) -> str:
    return (
        f"{words}: `python -m experiments.reproduce {folder}` shows it again; change the run's"
        " settings and delete"
        f" {folder.parent}, or delete {folder} alone to try once more from the last checkpoint"
    )
