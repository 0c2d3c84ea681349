"""GRPO whose entropy term, clip and token levers are set by a method: one subclass of TRL 1.16's
GRPOTrainer.

TRL scores, batches and optimises. This subclass changes four things: completions come from the
suite's own batched generation, each from a random stream of its own (generation.py; vLLM still
generates where it is asked to); the loss is the shared objective of methods/common/objective.py;
the method is asked once per rollout for its levers and shown once what the rollout's entropy was;
and every rollout becomes one row of numbers (rollout_row.py).

    rollout:  generate → verdicts → group accuracy → control → (score → shape) → updates …
              → entropy → observe → row

When entropy is measured: where TRL scores the rollout before its first update (more than one update
per rollout, or vLLM), in that pass; with a single update, in that update's own forward pass, whose
policy is still the one that generated the rollout. A method with `shape` needs a scoring pass
before the first update. Where TRL makes none, one is made for its signals alone: the ratio stays
exactly 1, as without it.

TRL's seams: `_tokenize_prompts` turns a prompt into the tokens that are generated from, and
`_generate_single_turn` those into completions;
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
from trl.models.utils import disable_gradient_checkpointing, unwrap_model_for_generation
from trl.trainer.grpo_config import GRPOConfig
from trl.trainer.grpo_trainer import GRPOTrainer

from eval.files.durable import empty
from eval.files.jsonl import Row
from eval.sampling.batched_generation import NonFiniteLogits
from eval.sampling.prompts import encode_prompts
from experiments.run.checkpoint import Progress, read_progress, seal, staging_in
from experiments.run.explosion import Limits, observe
from experiments.run.numerics import FAULT_FOLDER, UNDRAWABLE, Guard
from experiments.run.stopping import AfterUpdate, StopRequest
from experiments.training.rollout.completions_log import CompletionsLog, KeptRollouts
from experiments.training.rollout.data_order import skip_passes
from experiments.training.rollout.flipped_verdicts import flip_verdicts
from experiments.training.rollout.generation import complete_prompts, prepare_generation
from experiments.training.rollout.rollout_checks import are_checked, check_rollout, check_scores
from experiments.training.rollout.rollout_in_progress import RolloutInProgress, Scores
from experiments.training.rollout.rollout_row import Labels, Rows, summarise, truncated
from experiments.training.update.acted import added_to_plain, lever_numbers, unlike_plain
from experiments.training.update.gradient_share import GradientShare
from experiments.training.update.lean_updates import head_tile, train_once
from experiments.training.update.own_entropy import attach_own_entropy, own_scores
from experiments.training.update.sharding import prepare_shards
from experiments.training.update.token_levers import levers_in, local_rows, whole_rollout
from methods.common.control import (
    Control,
    Method,
    OwnEntropy,
    OwnSurrogate,
    Shape,
    Signals,
    acts_on_the_ratio,
    is_shaping,
    needs_scoring,
)
from methods.common.objective import clipped, grpo_objective


class EntropyControlTrainer(GRPOTrainer):
    """GRPOTrainer on the shared objective, steered by a method.

    The data set has the columns prompt, answer, level and stratum (the last two: codes into
    `labels`). The first reward function is the verifier's verdict. `on_row` receives each finished
    rollout's row, on the main process. Once any process' `stop` is asked, all save at the end of
    the rollout and `train` returns, with `interrupted` set. `guard` ends the run at a number that
    is not finite; `limits` say what an explosion is. `completions`: which rollouts keep theirs.
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
        flipped_verdicts: float = 0.0,
        stop: StopRequest | None = None,
        guard: Guard | None = None,
        limits: Limits | None = None,
        completions: KeptRollouts | None = None,
        **trl: Any,
    ) -> None:
        # One device per process: where a machine has more, transformers would spread the batch over
        # all of them.
        trl["args"]._n_gpu = min(trl["args"].n_gpu, 1)
        super().__init__(**trl)
        # its summary would stand on stdout; train.jsonl has it all
        self.remove_callback(PrinterCallback)
        self.add_callback(AfterUpdate(self))
        self.method, self.labels, self.on_row = method, labels, on_row
        self.gradient_share_every, self.mask_truncated = gradient_share_every, mask_truncated
        self.flipped = flipped_verdicts
        self.stop, self.interrupted, self.limits = stop or StopRequest(), False, limits or Limits()
        self.completions = CompletionsLog(completions or KeptRollouts())
        self.guard = guard or Guard(Path(str(self.args.output_dir)) / FAULT_FOLDER, "this run")
        # asked in every update, and slow to ask of a protocol
        self.own_entropy = method if isinstance(method, OwnEntropy) else None
        self.own_surrogate = method if isinstance(method, OwnSurrogate) else None
        # whether it sets the surrogate or the clip itself, rather than trains with one
        self.sets_surrogate = acts_on_the_ratio(method) or self.own_surrogate is not None
        if self.own_entropy:
            attach_own_entropy(self.model, self.own_entropy.entropy_of, self.temperature)
        train_once(cast(Any, self.model).train())
        prepare_shards(self)
        prepare_generation(self)
        self.progress = Progress(rollouts=0, tokens_generated=0, state=method.init())
        self.rollout, self.was_checked = RolloutInProgress(), False
        self._ends = cast(list[int], [*self.eos_token_ids, self._tokenizer.pad_token_id])
        steps = cast(int, self.args.steps_per_generation) * self.num_iterations
        self.vocabulary = cast(Any, self.model).config.get_text_config().vocab_size  # tokens
        self.updates_per_rollout = steps // self.args.gradient_accumulation_steps
        self._seconds = {"rollout": 0.0, "scoring": 0.0, "update": 0.0}
        self._row_written = time.perf_counter()
        self._prompt_order: Any = None  # TRL's sampler, once training has begun

    # ---- a rollout begins

    def _generate_and_score_completions(self, inputs: list[Row]) -> dict[str, Any]:
        start = time.perf_counter()
        self.rollout = RolloutInProgress()
        try:
            batch = super()._generate_and_score_completions(inputs)
        except NonFiniteLogits:
            self.guard.stop(self, UNDRAWABLE, math.nan)
        self.rollout.is_checked = are_checked(self)
        if self.rollout.is_checked:
            check_rollout(self, inputs, batch)
        self._begin_rollout(inputs, batch)
        scoring = self.rollout.seconds_scoring
        self._seconds["scoring"] += scoring
        self._seconds["rollout"] += time.perf_counter() - start - scoring
        return batch

    def _tokenize_prompts(self, prompts: list[str]) -> tuple[list[list[int]], None, dict[str, Any]]:
        # as evaluation does; TRL would let the tokenizer add special tokens of its own
        distinct = list(dict.fromkeys(prompts))
        ids = dict(zip(distinct, encode_prompts(distinct, self.processing_class), strict=True))
        return [ids[prompt] for prompt in prompts], None, {}

    def _generate_single_turn(
        self, prompt_ids: list[list[int]], *args: Any, **kwargs: Any
    ) -> tuple[list[list[int]], Any]:
        """(tokens of each completion, log-probabilities or None), of this process' prompts."""
        if self.use_vllm:
            made = super()._generate_single_turn(prompt_ids, *args, **kwargs)
            self.rollout.generated = made[0]
            return made
        with unwrap_model_for_generation(
            self.model_wrapped,
            self.accelerator,
            gather_deepspeed3_params=self.args.ds3_gather_for_generation,
            gradient_checkpointing_kwargs=cast(Any, self.args.gradient_checkpointing_kwargs),
        ) as policy:
            made = complete_prompts(self, policy, prompt_ids, self.progress.rollouts)
        self.rollout.generated = made
        return made, None

    def _calculate_rewards(self, *args: Any) -> Tensor:
        rewards = super()._calculate_rewards(*args)
        self.rollout.verified = args[2]
        rewards[:, 0] = flip_verdicts(
            rewards[:, 0], self.flipped, self.args.seed, self.progress.rollouts
        )
        unscored_B = rewards.isnan().all(1)
        weighted = rewards * self.reward_weights.to(rewards.device)
        self.rollout.verdict_B = rewards[:, 0]
        self.rollout.reward_B = weighted.nansum(1).masked_fill(unscored_B, math.nan)
        return rewards

    def _get_per_token_logps_and_entropies(
        self, *args: Any, compute_entropy: bool = False, **kwargs: Any
    ) -> Any:
        """(log-probabilities, entropy, the method's own entropy or None).

        The third stands where TRL returns a mixture of experts' loss, which no run here asks for.
        """
        with head_tile(self.vocabulary):
            if self.own_entropy:
                scores = own_scores(cast(Any, self.accelerator.autocast), *args, **kwargs)
            else:
                logp_BT, entropy_BT, _ = super()._get_per_token_logps_and_entropies(
                    *args, compute_entropy=True, **kwargs
                )
                scores = Scores(logp_BT, entropy_BT, None)
        if not compute_entropy:  # a pass before the rollout's first update
            self.rollout.scores = scores.detached()
        return tuple(scores)

    def _begin_rollout(self, inputs: list[Row], batch: dict[str, Any]) -> None:
        """Asks the method for its levers, and starts this process' table of rows."""
        rollout = self.rollout
        local = self._local(len(inputs))
        group = cast(int, self.num_generations)
        accuracy_B = rollout.verdict_B.view(-1, group).nanmean(1).repeat_interleave(group)
        rollout.control = self.method.control(self.progress.state, accuracy_B)
        mask_BT = batch["completion_mask"]
        nothing_B = torch.zeros(len(inputs), dtype=torch.float64, device=mask_BT.device)
        rollout.rows = Rows(
            length_B=mask_BT.sum(1),
            truncated_B=truncated(batch["completion_ids"], mask_BT, self._ends),
            reward_B=rollout.reward_B[local].nan_to_num(nan=0.0),
            correct_B=rollout.verdict_B[local],
            accuracy_B=accuracy_B[local],
            weight_B=rollout.control.weight_B[local],
            level_B=torch.tensor([row["level"] for row in inputs], device=mask_BT.device),
            stratum_B=torch.tensor([row["stratum"] for row in inputs], device=mask_BT.device),
            entropy_B=nothing_B.clone(),
            own_entropy_B=nothing_B.clone(),
            logp_B=nothing_B.clone(),
        )
        self.completions.begin(self, inputs, batch)
        if rollout.scores is None and needs_scoring(self.method):
            self._score(batch)
        if rollout.scores is not None:
            rollout.measure(slice(None), mask_BT, rollout.scores)
        batch["row"] = torch.arange(len(inputs), device=mask_BT.device)
        batch["weight"] = rollout.control.weight_B[local]
        if self.mask_truncated:
            batch["counted"] = rollout.rows.truncated_B == 0
            counted_tokens = (mask_BT * batch["counted"].unsqueeze(1)).sum()
            batch["num_items_in_batch"] = self._gathered(counted_tokens).sum()
        if is_shaping(self.method):
            seen = whole_rollout(self, batch, accuracy_B)
            shape = self.method.shape(self.progress.state, seen)
            batch.update(local_rows(shape, local, mask_BT.shape[1]))
            rollout.levers, rollout.note = lever_numbers(shape, seen), dict(shape.note)
        rollout.share = self._new_share()

    def _score(self, batch: dict[str, Any]) -> None:
        """A forward pass over the rollout for `shape`'s signals: TRL does not make one itself."""
        start = time.perf_counter()
        kept = cast(Any, self.args.gradient_checkpointing_kwargs)
        with torch.no_grad(), disable_gradient_checkpointing(cast(Any, self.model), kept):
            self._get_per_token_logps_and_entropies(
                self.model,
                *prompts_and_completions(batch),
                batch["completion_mask"].shape[1],
                batch_size=self.args.per_device_train_batch_size,
            )
        self.rollout.seconds_scoring = time.perf_counter() - start

    def _new_share(self) -> GradientShare | None:
        every = self.gradient_share_every
        if every == 0 or self.progress.rollouts % every:
            return None
        parameters = list(self.accelerator.unwrap_model(self.model).parameters())
        return GradientShare(
            parameters, lambda local: cast(Tensor, self.accelerator.reduce(local, reduction="mean"))
        )

    def _local(self, rows: int) -> slice:
        """This process' rows among those of all processes."""
        return slice(
            self.accelerator.process_index * rows, (self.accelerator.process_index + 1) * rows
        )

    def _gathered(self, local: Tensor) -> Tensor:
        """The tensors of all processes, joined along the first axis."""
        return cast(Tensor, self.accelerator.gather(local))

    # ---- its updates

    def training_step(self, *args: Any, **kwargs: Any) -> Tensor:
        def generating() -> float:
            return self._seconds["rollout"] + self._seconds["scoring"]

        start, before = time.perf_counter(), generating()
        loss = super().training_step(*args, **kwargs)
        self._seconds["update"] += time.perf_counter() - start - (generating() - before)
        return loss

    def _compute_loss(self, model: Any, inputs: dict[str, Any]) -> Tensor:
        rollout, mask_BT = self.rollout, inputs["completion_mask"]
        scores = Scores(
            *self._get_per_token_logps_and_entropies(
                model, *prompts_and_completions(inputs), mask_BT.size(1), compute_entropy=True
            )
        )
        if rollout.scores is None:
            rollout.measure(inputs["row"], mask_BT, scores.detached())
        if rollout.is_checked:  # the rollout's first micro-batch
            check_scores(self, inputs, scores)
            rollout.is_checked, self.was_checked = False, True
        if self.mask_truncated:
            mask_BT = mask_BT * inputs["counted"].unsqueeze(1)
        old_logp_BT = inputs.get("old_per_token_logps")
        old_logp_BT = scores.logp_BT.detach() if old_logp_BT is None else old_logp_BT
        control = Control(inputs["weight"], rollout.control.clip)
        tokens = self._tokens_per_update(inputs["num_items_in_batch"])
        shape, own = levers_in(inputs), self.own_surrogate
        common = (
            scores.logp_BT,
            old_logp_BT,
            inputs["advantages"],
            scores.of_the_method(),
            mask_BT,
        )
        correction_BT = inputs.get("importance_sampling_ratio")
        loss = grpo_objective(*common, control, tokens, correction_BT, shape, own)
        self.guard.saw(inputs, tokens, control.clip, loss.total, scores.entropy_BT)
        self._note_update(scores, old_logp_BT, mask_BT, control, inputs, shape)
        if rollout.share is not None and self._measures_share():
            kinds = bool(shape.tensors()), self.sets_surrogate
            added = added_to_plain(loss, common, control, tokens, correction_BT, *kinds)
            rollout.share.add(added)
        return loss.total

    def _note_update(
        self,
        scores: Scores,
        old_logp_BT: Tensor,
        mask_BT: Tensor,
        control: Control,
        inputs: dict[str, Any],
        shape: Shape,
    ) -> None:
        """Adds a micro-batch to the sums over the rollout's updates."""
        advantage = inputs["advantages"] if shape.advantage is None else shape.advantage
        ratio = scores.logp_BT.detach(), old_logp_BT, advantage
        low_BT, high_BT = clipped(*ratio, control.clip)
        sums = {"entropy": scores.entropy_BT, "clipped_low": low_BT, "clipped_high": high_BT}
        if self.sets_surrogate:
            sums["unlike_plain"] = unlike_plain(*ratio, mask_BT, control.clip, self.own_surrogate)
        self.rollout.totals.add(mask_BT, **sums)

    def _tokens_per_update(self, tokens_of_rollout: Tensor) -> Tensor:
        """T of the objective, as this process' share: the order of operations is TRL's, for
        equality bit for bit.
        """
        share = tokens_of_rollout.clamp(min=1.0) / self.accelerator.num_processes
        return share * self.current_gradient_accumulation_steps / self.args.steps_per_generation

    def _is_at_boundary(self) -> bool:
        """During an update: it is the rollout's first. After one: it was the rollout's last."""
        return self.state.global_step % self.updates_per_rollout == 0

    def _measures_share(self) -> bool:
        """Whether the gradient's share is measured in this update: the rollout's first, or its last
        for a method that acts through the ratio, which is 1 in the first.
        """
        last = self.updates_per_rollout - 1 if acts_on_the_ratio(self.method) else 0
        return self.state.global_step % self.updates_per_rollout == last

    def _clip_grad_norm(self, model: Any) -> Any:
        rollout = self.rollout
        if rollout.share is not None and self._measures_share():
            rollout.gradient_share, rollout.share = rollout.share.close(), None
        norm = super()._clip_grad_norm(model)
        rollout.grad_norm = math.nan if norm is None else float(cast(Tensor, norm))
        self.guard.check(self, rollout.grad_norm)
        return norm

    # ---- and ends

    def after_update(self) -> None:
        """Called after each optimizer step; after the last one of a rollout, shows it to the method
        and logs it.
        """
        if not self._is_at_boundary():
            return
        rows = Rows.from_columns(self._gathered(self.rollout.rows.columns()).cpu())
        totals = self.rollout.totals.vector().to(self.accelerator.device).unsqueeze(0)
        summary = summarise(rows, self._gathered(totals).sum(0).cpu(), self.labels)
        if not self.own_entropy:
            summary["own_entropy"] = None
        entropy, own_entropy = (cast(float, summary[key]) for key in ("entropy", "own_entropy"))
        number = self.progress.rollouts
        seen = Signals(number, entropy, rows.accuracy_B, own_entropy, self.rollout.note)
        self.progress = Progress(
            rollouts=number + 1,
            tokens_generated=self.progress.tokens_generated + int(rows.length_B.sum()),
            state=self.method.observe(self.progress.state, seen),
            vitals=observe(
                self.progress.vitals, self.limits, number, entropy, cast(Any, summary["reward"])
            ),
        )
        self.completions.end(self)
        if self.accelerator.is_main_process:
            self.on_row(self._row(number, summary))

    def has_exploded(self) -> bool:
        """Whether an explosion ends the run."""
        return self.limits.stop and self.progress.vitals.exploded is not None

    def agree_to_stop(self) -> bool:
        """At the end of a rollout, sets `interrupted` on all processes if any of them has been
        asked to stop. Returns it.
        """
        if self._is_at_boundary():
            asked = torch.tensor([self.stop.asked], device=self.accelerator.device)
            self.interrupted = bool(self._gathered(asked).any())
        return self.interrupted

    def _row(self, number: int, summary: Row) -> Row:
        now = time.perf_counter()
        elapsed, self._row_written = now - self._row_written, now
        spent, self._seconds = self._seconds, dict.fromkeys(self._seconds, 0.0)
        return {
            "rollout": number,
            "updates": self.state.global_step,
            "tokens_generated": self.progress.tokens_generated,
            "levers": self.rollout.levers | self._levers_on_the_ratio(summary),
            **summary,
            "gradient_share": self.rollout.gradient_share,
            "grad_norm": self.rollout.grad_norm,
            "state": self.progress.state,
            **{f"seconds_{name}": seconds for name, seconds in spent.items()},
            "seconds_rest": elapsed - sum(spent.values()),
        }

    def _levers_on_the_ratio(self, summary: Row) -> dict[str, dict[str, float]]:
        """Share of the updates' tokens that a surrogate of the method's own, or the clip that it
        sets, treats unlike plain GRPO.
        """
        touched = summary.pop("unlike_plain")
        if self.own_surrogate:
            return {"surrogate": {"touched": touched}}
        return {"clip": {"touched": touched}} if acts_on_the_ratio(self.method) else {}

    # ---- checkpoints

    def _get_output_dir(self, trial: Any) -> str:
        # where a checkpoint is filled before it is sealed and moved into place
        return str(staging_in(Path(cast(str, self.args.output_dir))))

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

    def _get_dataloader(self, dataset: Any, *args: Any, **kwargs: Any) -> Any:
        loader = super()._get_dataloader(dataset.to_list(), *args, **kwargs)  # see lean_updates.py
        loader.device = None  # text and whole numbers: nothing to move
        return loader

    def _get_train_sampler(self, dataset: Any = None) -> Any:
        self._prompt_order = super()._get_train_sampler(dataset)
        return self._prompt_order

    def _run_epoch(self, *args: Any, **epoch: Any) -> None:
        # A run that died after its last rollout is complete. Hugging Face would make one more
        # update before it looks.
        if self.state.global_step < self.state.max_steps and not self.has_exploded():
            super()._run_epoch(*args, **epoch)


def prompts_and_completions(batch: dict[str, Any]) -> tuple[Tensor, Tensor]:
    """(B, L) tokens and their attention mask."""
    return (
        torch.cat([batch["prompt_ids"], batch["completion_ids"]], dim=1),
        torch.cat([batch["prompt_mask"], batch["completion_mask"]], dim=1),
    )
