"""Checks, in a run's first rollout and every so often, what its numbers rest on.

What tests on this machine cannot see (another GPU, another vLLM or transformers) shows here: an
engine with old weights, a mask that is off by one token, text that was tokenized again, old
log-probabilities of another rollout, advantages of another group, entropy at another temperature.
The peer for such checks is GRPO-Guard (hxm2023).

    after generation       tokens, their mask, their text, prompts, groups, advantages, weights' age
    in its first update    log-probabilities: of this pass, of the pass before (ratio 1), of the
                           engine, and of a plain forward pass over one completion without padding;
                           entropy likewise

Log-probabilities are compared by the mean of |Δ| over tokens, because single tokens differ by much
more between an engine and the trainer in bfloat16. A finding on one process ends all.

Shapes: B = this process' completions, T = their tokens, N = all processes' completions.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from zlib import crc32

import torch
from torch import Tensor

from eval.files.errors import BadInput
from eval.sampling.prompts import encode_prompts
from experiments.training.rollout.rollout_in_progress import RolloutInProgress, Scores

EVERY = 50
"""Rollouts between checks, after the run's first and that after a resume."""
PLAIN_TOKENS = 32
"""Tokens of the one completion that is scored again; its logits are kept whole."""

EXACT_NATS, ROUNDED_NATS = 0.005, 0.1
"""Nats per token that |Δ| may have in the mean: all in float32; with bfloat16 or another engine."""


def are_checked(trainer: Any) -> bool:
    """Whether the rollout under way is checked; not if a caller gives the completions."""
    due = not trainer.was_checked or trainer.progress.rollouts % EVERY == 0
    return due and trainer.rollout_func is None


def check_rollout(trainer: Any, inputs: Sequence[Mapping[str, Any]], batch: dict[str, Any]) -> None:
    """Checks tokens, mask, text, prompts, groups and weights, before the first update.

    inputs: rows of the data set, one per completion.

    Raises:
        BadInput: a check failed; the message has what differs, and in how many rows.
    """
    rollout = trainer.rollout
    findings = [
        *wrong_tokens(batch, rollout),
        *wrong_mask(batch, trainer.eos_token_ids),
        *wrong_text(batch, rollout, trainer.processing_class),
        *wrong_prompts(batch, inputs, trainer.processing_class),
        *old_weights(trainer),
        *wrong_groups(trainer, batch),
    ]
    end_if_any(trainer, findings)


def wrong_tokens(batch: Mapping[str, Any], rollout: RolloutInProgress) -> list[str]:
    """The tokens that are trained on are those that were generated, and not their text's."""
    trained = unpadded(batch["completion_ids"], batch["completion_mask"])
    unlike = sum(a != b for a, b in zip(trained, rollout.generated, strict=True))
    if not unlike:
        return []
    return [
        f"{unlike} of {len(trained)} completions are trained on other tokens than were generated"
        " (tokenized again from their text, or cut)"
    ]


def wrong_mask(batch: Mapping[str, Any], ends: Sequence[int]) -> list[str]:
    """Every token up to the first end token counts, that one too, and none after it."""
    ids_BT, mask_BT = batch["completion_ids"], batch["completion_mask"]
    is_end_BT = torch.isin(ids_BT, torch.tensor(list(ends), device=ids_BT.device)).int()
    wanted_BT = (is_end_BT.cumsum(1) - is_end_BT == 0).int()
    unlike = int((mask_BT.int() != wanted_BT).sum())
    if not unlike:
        return []
    return [
        f"the mask of the completions is wrong for {unlike} of {mask_BT.numel()} tokens: it must"
        " hold every token up to the end token, and none after it"
    ]


def wrong_text(batch: Mapping[str, Any], rollout: RolloutInProgress, tokenizer: Any) -> list[str]:
    """The verifier saw the text of the tokens that are trained on."""
    tokens = unpadded(batch["completion_ids"], batch["completion_mask"])
    texts = tokenizer.batch_decode(tokens, skip_special_tokens=True)
    unlike = sum(a != b for a, b in zip(texts, rollout.verified, strict=True))
    if not unlike:
        return []
    return [
        f"in {unlike} of {len(texts)} rows the verifier saw another text than the text of the"
        " tokens that are trained on"
    ]


def wrong_prompts(
    batch: Mapping[str, Any], inputs: Sequence[Mapping[str, Any]], tokenizer: Any
) -> list[str]:
    """Completions follow the tokens that evaluation would give the policy for these prompts."""
    trained = unpadded(batch["prompt_ids"], batch["prompt_mask"])
    evaluated = encode_prompts([row["prompt"] for row in inputs], tokenizer)
    unlike = sum(a != b for a, b in zip(trained, evaluated, strict=True))
    if not unlike:
        return []
    return [f"{unlike} of {len(trained)} prompts have other tokens than evaluation gives them"]


def old_weights(trainer: Any) -> list[str]:
    """The engine of another process or library has been sent the weights of this update."""
    if not trainer.use_vllm:
        return []  # generates with the trainer's own weights
    sent, now = trainer._last_loaded_step, trainer.state.global_step
    if sent == now:
        return []
    return [f"the engine has the weights of update {sent}, the trainer those of update {now}"]


def wrong_groups(trainer: Any, batch: Mapping[str, Any]) -> list[str]:
    """Completions of a group have one prompt, and their advantages follow from their rewards."""
    group = trainer.num_generations
    prompts = unpadded(batch["prompt_ids"], batch["prompt_mask"])
    codes = [crc32(",".join(map(str, ids)).encode()) for ids in prompts]
    device = batch["advantages"].device
    prompt_N = trainer.accelerator.gather(torch.tensor(codes, device=device))
    advantage_N = trainer.accelerator.gather(batch["advantages"]).double()
    reward_N = trainer.rollout.reward_B.to(device).double()
    if len(prompt_N) % group:
        return [f"{len(prompt_N)} completions do not make groups of {group}"]
    prompt_GN = prompt_N.view(-1, group)
    if mixed := int((prompt_GN != prompt_GN[:, :1]).any(1).sum()):
        return [f"{mixed} groups hold completions of different prompts"]
    return wrong_advantages(advantage_N.view(-1, group), reward_N.view(-1, group))


def wrong_advantages(advantage_GN: Tensor, reward_GN: Tensor) -> list[str]:
    """They sum to 0 in each group, and are proportional to reward minus the group's mean.

    reward_GN: NaN = unscored, whose advantage is 0.
    """
    sums_G = advantage_GN.sum(1).abs()
    if (worst := float(sums_G.max())) > 1e-3 * advantage_GN.shape[1]:
        return [f"advantages of a group sum to {worst:.3g} instead of 0"]
    centred_GN = (reward_GN - reward_GN.nanmean(1, keepdim=True)).nan_to_num(nan=0.0)
    unlike_G = direction(advantage_GN, 1e-3) - direction(centred_GN, 1e-5)
    if groups := int((unlike_G.norm(dim=1) > 0.01).sum()):
        return [
            f"in {groups} of {len(unlike_G)} groups the advantages do not follow from the rewards"
            " of the group"
        ]
    return []


def direction(value_GN: Tensor, least: float) -> Tensor:
    """Each row divided by its norm; 0 where the norm is below `least`, which is rounding."""
    norm_G1 = value_GN.norm(dim=1, keepdim=True)
    return torch.where(norm_G1 < least, 0.0, value_GN / norm_G1.clamp(min=least))


# ---- in the first update, when the policy is still the one that generated


def check_scores(trainer: Any, inputs: Mapping[str, Any], scores: Scores) -> None:
    """inputs: the first micro-batch of the rollout's first update. scores: of its forward pass.

    Raises:
        BadInput: what is off, and by how much.
    """
    mask_BT, found = inputs["completion_mask"], scores.detached()
    least = tolerance(trainer)
    old_BT, engine_BT = inputs.get("old_per_token_logps"), inputs.get("sampling_per_token_logps")
    findings: list[str] = []
    if old_BT is not None:
        what = "the pass before the first update and those of the update"
        findings += unlike_logps(what, old_BT, found.logp_BT, mask_BT, least)
    if engine_BT is not None:
        what = f"generation ({engine(trainer)}) and those of the trainer"
        findings += unlike_logps(what, engine_BT, found.logp_BT, mask_BT, least)
    findings += unlike_plain_pass(trainer, inputs, found, least)
    end_if_any(trainer, findings)


def unlike_logps(
    what: str, one_BT: Tensor, other_BT: Tensor, mask_BT: Tensor, least: float
) -> list[str]:
    """Compares log-probabilities of the same tokens. NaN, which an engine may return, is left
    out.
    """
    counted_BT = mask_BT.bool() & one_BT.isfinite()
    if not counted_BT.any():
        return []
    difference = (other_BT - one_BT)[counted_BT].double()
    mean, worst = float(difference.abs().mean()), float((difference.exp() - 1).abs().max())
    if mean <= least:
        return []
    return [
        f"log-probabilities of {what} differ by {mean:.3g} nats per token on average"
        f" ({least:g} is allowed); the ratio furthest from 1 is off by {worst:.3g}"
    ]


def unlike_plain_pass(
    trainer: Any, inputs: Mapping[str, Any], scores: Scores, least: float
) -> list[str]:
    """Scores the first tokens of the first completion as generation does: without padding, from
    dense logits divided by the sampling temperature.
    """
    prompt_ids = inputs["prompt_ids"][0][inputs["prompt_mask"][0].bool()]
    length = min(int(inputs["completion_mask"][0].sum()), PLAIN_TOKENS)
    chosen = inputs["completion_ids"][0, :length]
    logits_TV = plain_logits(trainer, torch.cat([prompt_ids, chosen]), length)
    logp_TV = torch.log_softmax(logits_TV / trainer.temperature, dim=1)
    if length == 0:
        return []
    logp_T = logp_TV.gather(1, chosen[:, None]).squeeze(1)
    entropy = float(-(logp_TV.exp() * logp_TV).sum(1).mean())
    whole_T = torch.ones_like(chosen)
    what = "a pass without padding and those of the trainer"
    findings = unlike_logps(what, logp_T, scores.logp_BT[0, :length], whole_T, least)
    measured = float(scores.entropy_BT[0, :length].double().mean())
    if abs(measured - entropy) > least * max(1.0, entropy):
        findings.append(
            f"entropy at temperature {trainer.temperature:g} is {entropy:.4g} nats per token where"
            f" the trainer finds {measured:.4g}"
        )
    return findings


def plain_logits(trainer: Any, ids_L: Tensor, tokens: int) -> Tensor:
    """(tokens, V), float64: logits from which the last `tokens` of the sequence were drawn."""
    model = trainer.accelerator.unwrap_model(trainer.model)
    was_training = model.training
    model.eval()  # no gradient checkpointing
    with torch.no_grad(), trainer.accelerator.autocast():
        output = model(input_ids=ids_L[None], logits_to_keep=tokens + 1)
    model.train(was_training)
    return output.logits[0, -tokens - 1 : -1].double()


def tolerance(trainer: Any) -> float:
    """Nats per token."""
    rounded = trainer.use_vllm or trainer.args.bf16 or trainer.args.fp16
    dtype = next(trainer.model.parameters()).dtype
    return ROUNDED_NATS if rounded or dtype != torch.float32 else EXACT_NATS


def engine(trainer: Any) -> str:
    dtype = str(next(trainer.model.parameters()).dtype).removeprefix("torch.")
    return f"{'vLLM' if trainer.use_vllm else 'transformers'}, trainer in {dtype}"


def unpadded(ids_BT: Tensor, mask_BT: Tensor) -> list[list[int]]:
    """Tokens of each row where the mask is 1."""
    rows = zip(ids_BT.tolist(), mask_BT.tolist(), strict=True)
    return [[each for each, is_in in zip(ids, mask, strict=True) if is_in] for ids, mask in rows]


def end_if_any(trainer: Any, findings: Sequence[str]) -> None:
    """Raises: BadInput on all processes if one of them has a finding."""
    here = torch.tensor([bool(findings)], device=trainer.accelerator.device)
    if not bool(trainer.accelerator.gather(here).any()):
        return
    said = "; ".join(findings) or "the log of another process names the failed check"
    raise BadInput(
        f"{trainer.guard.where}, rollout {trainer.progress.rollouts}: the run was stopped, because"
        f" a check failed: {said}. Its numbers would be wrong. Check the versions of trl,"
        " transformers and vllm against pyproject.toml"
    )
