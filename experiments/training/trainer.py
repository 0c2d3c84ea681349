"""GRPO with a method's hand on entropy: one subclass of TRL 1.16's GRPOTrainer.

TRL generates, scores, batches and optimises. This subclass changes three things: the loss is the
shared objective of methods/objective.py; the method is asked once per rollout for its control and
shown once what the rollout's entropy was; and every rollout becomes one row of numbers
(rollout.py).

    rollout:  generate → verdicts → group accuracy → control → updates … → entropy → observe → row

When entropy is measured: where TRL scores the rollout before its first update (more than one update
per rollout, or vLLM), in that pass; with a single update, in that update's own forward pass, whose
policy is still the one that generated the rollout.

TRL's seams: `_tokenize_prompts` turns a prompt into the tokens that are generated from;
`_calculate_rewards` returns all processes' verdicts; tensors added to the dict of
`_generate_and_score_completions` survive its shuffling and splitting; the old-policy pass calls
`_get_per_token_logps_and_entropies` without asking for entropy, which its fused head computes
anyway.
"""

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor
from transformers import PrinterCallback
from trl.trainer.grpo_config import GRPOConfig
from trl.trainer.grpo_trainer import GRPOTrainer

from eval.files.durable import empty
from experiments.run.checkpoint import Progress, read_progress, seal, staging_in
from experiments.run.explosion import Limits, observe
from experiments.run.numerics import FOLDER, Guard
from experiments.run.stopping import AfterUpdate, StopRequest
from experiments.training.data_order import skip_passes
from experiments.training.generation import prepare_generation
from experiments.training.gradient_share import GradientShare
from experiments.training.rollout_row import Labels, Rows, UpdateTotals, summarise, truncated
from experiments.training.sharding import prepare_shards
from methods import Control, Method, Signals
from methods.common.objective import clipped, grpo_objective

Row = dict[str, Any]


class EntropyControlTrainer(GRPOTrainer):
    """GRPOTrainer on the shared objective, steered by a method.

    The data set has the columns prompt, answer, level and stratum (the last two: codes into
    `labels`). The first reward function is the verifier's verdict. `on_row` receives each finished
    rollout's row, on the main process. Once any process' `stop` is asked, all save at the end of
    the rollout and `train` returns, with `interrupted` set. `guard` ends the run at a number that
    is not finite; `limits` say what an explosion is.
    """

    args: GRPOConfig

    def __init__(
        self,
        *,
        method: Method,
        labels: Labels,
        on_row: Callable[[Row], None],
        gradient_share_every: int = 0,
        mask_truncated: bool = False,
        stop: StopRequest | None = None,
        guard: Guard | None = None,
        limits: Limits | None = None,
        **trl: Any,
    ) -> None:
        # One device per process: where a machine has more, transformers would spread the batch over
        # all of them.
        trl["args"]._n_gpu = min(trl["args"].n_gpu, 1)
        super().__init__(**trl)
        self.remove_callback(
            PrinterCallback
        )  # its summary would stand on stdout; train.jsonl has it all
        self.add_callback(AfterUpdate(self))
        self.method, self.labels, self.on_row = method, labels, on_row
        self.gradient_share_every, self.mask_truncated = gradient_share_every, mask_truncated
        self.stop, self.interrupted, self.limits = stop or StopRequest(), False, limits or Limits()
        self.guard = guard or Guard(Path(str(self.args.output_dir)) / FOLDER, "this run")
        prepare_shards(self)
        prepare_generation(self)
        self.progress = Progress(rollouts=0, tokens_generated=0, state=method.init())
        self._ends = cast(list[int], [*self.eos_token_ids, self._tokenizer.pad_token_id])
        steps = cast(int, self.args.steps_per_generation) * self.num_iterations
        self.updates_per_rollout = steps // self.args.gradient_accumulation_steps
        self._seconds = {"rollout": 0.0, "update": 0.0}
        self._row_written = time.perf_counter()

    # ---- a rollout begins
    # -------------------------------------------------------------------------------------------

    def _generate_and_score_completions(self, inputs: list[Row]) -> dict[str, Any]:
        start = time.perf_counter()
        self._scored_before: tuple[Tensor, Tensor] | None = None
        try:
            batch = super()._generate_and_score_completions(inputs)
        except RuntimeError as error:
            self.guard.check_generation(self, error)
            raise
        self._begin_rollout(inputs, batch)
        self._seconds["rollout"] += time.perf_counter() - start
        return batch

    def _tokenize_prompts(self, prompts: list[str]) -> tuple[list[list[int]], None, dict[str, Any]]:
        # As eval/sampling/jobs.py does: templates write out the special tokens they need. TRL would
        # let the tokenizer add its own.
        tokenize = cast(Any, self.processing_class)
        return tokenize(text=prompts, add_special_tokens=False)["input_ids"], None, {}

    def _calculate_rewards(self, *args: Any) -> Tensor:
        rewards = super()._calculate_rewards(*args)
        self._verdict_B, self._reward_B = (
            rewards[:, 0],
            (rewards * self.reward_weights.to(rewards.device)).nansum(1),
        )
        return rewards

    def _get_per_token_logps_and_entropies(
        self, *args: Any, compute_entropy: bool = False, **kwargs: Any
    ) -> Any:
        logp_BT, entropy_BT, aux = super()._get_per_token_logps_and_entropies(
            *args, compute_entropy=True, **kwargs
        )
        if not compute_entropy:
            self._scored_before = logp_BT.detach(), entropy_BT.detach()
        return logp_BT, entropy_BT, aux

    def _begin_rollout(self, inputs: list[Row], batch: dict[str, Any]) -> None:
        """Asks the method for its control and starts this process' table of rows."""
        local = slice(
            self.accelerator.process_index * len(inputs),
            (self.accelerator.process_index + 1) * len(inputs),
        )
        accuracy_B = (
            self._verdict_B.view(-1, self.num_generations)
            .nanmean(1)
            .repeat_interleave(self.num_generations)
        )
        self._control = self.method.control(self.progress.state, accuracy_B)
        mask_BT = batch["completion_mask"]
        nothing_B = torch.zeros(len(inputs), dtype=torch.float64, device=mask_BT.device)
        self._rows = Rows(
            length_B=mask_BT.sum(1),
            truncated_B=truncated(batch["completion_ids"], mask_BT, self._ends),
            reward_B=self._reward_B[local],
            correct_B=self._verdict_B[local],
            accuracy_B=accuracy_B[local],
            weight_B=self._control.weight_B[local],
            level_B=torch.tensor([row["level"] for row in inputs], device=mask_BT.device),
            stratum_B=torch.tensor([row["stratum"] for row in inputs], device=mask_BT.device),
            entropy_B=nothing_B.clone(),
            logp_B=nothing_B.clone(),
        )
        self._totals = UpdateTotals()
        if self._scored_before is not None:
            self._measure(slice(None), mask_BT, *self._scored_before)
        batch["row"] = torch.arange(len(inputs), device=mask_BT.device)
        batch["weight"] = self._control.weight_B[local]
        if self.mask_truncated:
            batch["counted"] = self._rows.truncated_B == 0
            counted_tokens = (mask_BT * batch["counted"].unsqueeze(1)).sum()
            batch["num_items_in_batch"] = self._gathered(counted_tokens).sum()
        self._share = self._new_share()
        self._gradient_share: float | None = None

    def _measure(self, rows: Any, mask_BT: Tensor, logp_BT: Tensor, entropy_BT: Tensor) -> None:
        """Entropy and log-probability of these rows under the policy that generated them."""
        self._rows.entropy_B[rows] = (entropy_BT.double() * mask_BT).sum(1)
        self._rows.logp_B[rows] = (logp_BT.double() * mask_BT).sum(1)

    def _new_share(self) -> GradientShare | None:
        every = self.gradient_share_every
        if every == 0 or self.progress.rollouts % every:
            return None
        parameters = list(self.accelerator.unwrap_model(self.model).parameters())
        return GradientShare(
            parameters, lambda local: cast(Tensor, self.accelerator.reduce(local, reduction="mean"))
        )

    def _gathered(self, local: Tensor) -> Tensor:
        """The tensors of all processes, joined along the first axis."""
        return cast(Tensor, self.accelerator.gather(local))

    # ---- its updates
    # ------------------------------------------------------------------------------------------------

    def training_step(self, *args: Any, **kwargs: Any) -> Tensor:
        start, generating = time.perf_counter(), self._seconds["rollout"]
        loss = super().training_step(*args, **kwargs)
        self._seconds["update"] += (
            time.perf_counter() - start - (self._seconds["rollout"] - generating)
        )
        return loss

    def _compute_loss(self, model: Any, inputs: dict[str, Any]) -> Tensor:
        mask_BT = inputs["completion_mask"]
        logp_BT, entropy_BT, _ = self._get_per_token_logps_and_entropies(
            model,
            torch.cat([inputs["prompt_ids"], inputs["completion_ids"]], dim=1),
            torch.cat([inputs["prompt_mask"], mask_BT], dim=1),
            mask_BT.size(1),
            compute_entropy=True,
        )
        if self._scored_before is None:
            self._measure(inputs["row"], mask_BT, logp_BT.detach(), entropy_BT.detach())
        if self.mask_truncated:
            mask_BT = mask_BT * inputs["counted"].unsqueeze(1)
        old_logp_BT = inputs.get("old_per_token_logps")
        old_logp_BT = logp_BT.detach() if old_logp_BT is None else old_logp_BT
        control = Control(inputs["weight"], self._control.clip)
        tokens = self._tokens_per_update(inputs["num_items_in_batch"])
        loss = grpo_objective(
            logp_BT,
            old_logp_BT,
            inputs["advantages"],
            entropy_BT,
            mask_BT,
            control,
            tokens,
            inputs.get("importance_sampling_ratio"),
        )
        self.guard.saw(inputs, tokens, control.clip, loss.total, entropy_BT)
        with torch.no_grad():
            self._totals.add(
                mask_BT,
                entropy_BT,
                *clipped(logp_BT, old_logp_BT, inputs["advantages"], control.clip),
            )
        if self._share is not None and self._first_update():
            self._share.add(loss.bonus)
        return loss.total

    def _tokens_per_update(self, tokens_of_rollout: Tensor) -> Tensor:
        """T of the objective, as this process' share: the order of operations is TRL's, for
        equality bit for bit.
        """
        share = tokens_of_rollout.clamp(min=1.0) / self.accelerator.num_processes
        return share * self.current_gradient_accumulation_steps / self.args.steps_per_generation

    def _first_update(self) -> bool:
        return self.state.global_step % self.updates_per_rollout == 0

    def _clip_grad_norm(self, model: Any) -> Any:
        if self._share is not None and self._first_update():
            self._gradient_share, self._share = self._share.close(), None
        norm = super()._clip_grad_norm(model)
        self._grad_norm = math.nan if norm is None else float(cast(Tensor, norm))
        self.guard.check(self, self._grad_norm)
        return norm

    # ---- and ends
    # ---------------------------------------------------------------------------------------------------

    def after_update(self) -> None:
        """Called after each optimizer step; after the last one of a rollout, shows it to the method
        and logs it.
        """
        if self.state.global_step % self.updates_per_rollout:
            return
        rows = Rows.from_columns(self._gathered(self._rows.columns()).cpu())
        totals = (
            self._gathered(self._totals.vector().to(self.accelerator.device).unsqueeze(0))
            .sum(0)
            .cpu()
        )
        summary = summarise(rows, totals, self.labels)
        seen = Signals(self.progress.rollouts, cast(float, summary["entropy"]), rows.accuracy_B)
        self.progress = Progress(
            rollouts=self.progress.rollouts + 1,
            tokens_generated=self.progress.tokens_generated + int(rows.length_B.sum()),
            state=self.method.observe(self.progress.state, seen),
            vitals=observe(
                self.progress.vitals,
                self.limits,
                seen.rollout,
                seen.entropy,
                cast(Any, summary["reward"]),
            ),
        )
        if self.accelerator.is_main_process:
            self.on_row(self._row(seen.rollout, summary))

    def has_exploded(self) -> bool:
        """Whether that ends the run."""
        return self.limits.stop and self.progress.vitals.exploded is not None

    def asked_to_stop(self) -> bool:
        """Whether the rollout that is over is to be the last for now; the same answer on every
        process.
        """
        if self._first_update():
            asked = torch.tensor([self.stop.asked], device=self.accelerator.device)
            self.interrupted = bool(self._gathered(asked).any())
        return self.interrupted

    def _row(self, rollout: int, summary: Row) -> Row:
        now = time.perf_counter()
        elapsed, self._row_written = now - self._row_written, now
        spent, self._seconds = self._seconds, {"rollout": 0.0, "update": 0.0}
        return {
            "rollout": rollout,
            "updates": self.state.global_step,
            "tokens_generated": self.progress.tokens_generated,
            **summary,
            "gradient_share": self._gradient_share,
            "grad_norm": self._grad_norm,
            "state": self.progress.state,
            "seconds_rollout": spent["rollout"],
            "seconds_update": spent["update"],
            "seconds_rest": elapsed - sum(spent.values()),
        }

    # ---- checkpoints
    # ------------------------------------------------------------------------------------------------

    def _get_output_dir(self, trial: Any) -> str:
        return str(
            staging_in(Path(cast(str, self.args.output_dir)))
        )  # where a checkpoint is filled, unseen

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        staging = Path(self._get_output_dir(trial))
        if self.args.should_save:
            empty(staging)
        self.accelerator.wait_for_everyone()
        # Past TRL's override, which writes a model card beside every checkpoint.
        super(GRPOTrainer, self)._save_checkpoint(model, trial)
        self.accelerator.wait_for_everyone()
        if self.args.should_save:
            kept = cast(int, self.args.save_total_limit)
            seal(
                staging / f"checkpoint-{self.state.global_step}",
                self.progress,
                kept,
                self.accelerator.num_processes,
            )

    def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
        super()._load_optimizer_and_scheduler(checkpoint)
        if checkpoint is not None:
            self.progress = read_progress(Path(checkpoint))
            skip_passes(self._prompt_order, self.progress.rollouts)

    def _get_train_sampler(self, dataset: Any = None) -> Any:
        self._prompt_order = super()._get_train_sampler(dataset)
        return self._prompt_order

    def _run_epoch(self, *args: Any, **epoch: Any) -> None:
        # A run that died after its last rollout is complete. Hugging Face would make one more
        # update before it looks.
        if self.state.global_step < self.state.max_steps and not self.has_exploded():
            super()._run_epoch(*args, **epoch)
