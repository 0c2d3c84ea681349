"""The entropy of a method's own (`entropy_of`, as in AEnt and SIREN), from the policy's logits.

TRL's fused head returns log-probabilities and the full softmax' entropy without ever holding the
logits of more than a tile of tokens, and offers no place for another function of them. So the
policy's forward pass is wrapped: it keeps the last hidden states of a scored pass, projects them
onto the vocabulary again, `CHUNK` tokens at a time, and returns the method's entropy beside the
fused head's numbers. The logits of a chunk are computed again in the backward pass rather than
kept: with 151,936 words, 1,024 tokens of float32 logits are 0.6 GB.

It has to happen inside the forward pass of the outermost module: there alone FSDP2 holds the whole
head, and only what that pass returns takes part in its backward pass.
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from accelerate.utils import is_peft_model
from torch import Tensor
from torch.distributed.tensor import DTensor
from torch.nn.functional import linear
from torch.utils.checkpoint import checkpoint
from trl.trainer.utils import FusedCausalLMOutput

from eval.files.errors import BadInput
from experiments.training.rollout.rollout_in_progress import Scores

CHUNK = 1024  # tokens whose logits exist at a time
UNSUPPORTED = ("final_logit_softcapping", "logit_scale", "logits_scaling", "lm_head_multiplier")
"""Settings of models that change logits after the head; TRL's fused head knows them, this one does
not.
"""
EntropyOf = Callable[[Tensor], Tensor]


@dataclass
class ScoredOutput(FusedCausalLMOutput):
    """What a scored forward pass returns, and (B, T) the method's own entropy, nats."""

    own_entropy: Tensor | None = None


def attach_own_entropy(model: Any, entropy_of: EntropyOf, temperature: float) -> None:
    """Call once TRL has given the model its fused head and before accelerate wraps it.

    Raises: BadInput for a model that changes its logits after the head.
    """
    policy = model.get_base_model() if is_peft_model(model) else model
    check_head(policy.config.get_text_config())
    fused, hidden = policy.forward, list[Tensor]()

    def keep(module: Any, arguments: Any, output: Any) -> None:
        hidden[:] = [output.last_hidden_state]

    @functools.wraps(fused)
    def forward(
        *arguments: Any, labels: Any = None, fused_lm_head: bool = False, **more: Any
    ) -> Any:
        if not fused_lm_head:  # generation
            return fused(*arguments, **more | ({} if labels is None else {"labels": labels}))
        handle = policy.base_model.register_forward_hook(keep)
        try:
            output = fused(*arguments, labels=labels, fused_lm_head=True, **more)
        finally:
            handle.remove()
        head = policy.get_output_embeddings()
        scored_BT = labels[:, 1:] != -100
        own_N = in_chunks(hidden.pop()[:, :-1][scored_BT], head, entropy_of, temperature)
        own_BT = own_N.new_zeros(scored_BT.shape).masked_scatter(scored_BT, own_N)
        return ScoredOutput(**output, own_entropy=own_BT)

    policy.forward = forward


def check_head(config: Any) -> None:
    """Raises: BadInput where logits are changed after the head."""
    if found := [name for name in UNSUPPORTED if getattr(config, name, None) not in (None, 1.0)]:
        raise BadInput(
            f"this policy's logits are changed after its head ({', '.join(found)}), which methods"
            " with an entropy of their own do not support: choose another policy or method"
        )


def in_chunks(hidden_ND: Tensor, head: Any, entropy_of: EntropyOf, temperature: float) -> Tensor:
    """(N,) nats, float32."""
    weight, bias = (
        part.full_tensor() if isinstance(part, DTensor) else part
        for part in (head.weight, head.bias)
    )

    def entropy(hidden_CD: Tensor) -> Tensor:
        return entropy_of(linear(hidden_CD, weight, bias).float() / temperature)

    chunks = [checkpoint(entropy, chunk, use_reentrant=False) for chunk in hidden_ND.split(CHUNK)]
    return torch.cat([torch.as_tensor(chunk) for chunk in chunks])


def own_scores(
    autocast: Callable[[], Any],
    model: Any,
    ids_BL: Tensor,
    attention_BL: Tensor,
    tokens: int,
    batch_size: int | None = None,
    **_: Any,
) -> Scores:
    """As TRL's `_get_per_token_logps_and_entropies`, with the method's own entropy beside.

    L: tokens of prompt and completion; tokens: T, those of the completion; batch_size: rows per
    forward pass, None = all.
    """
    found, size = list[Scores](), batch_size or len(ids_BL)
    for ids, attention in zip(ids_BL.split(size), attention_BL.split(size), strict=True):
        labels = ids.masked_fill(attention == 0, -100)
        labels[:, :-tokens] = -100
        with autocast():
            output = model(
                input_ids=ids, attention_mask=attention, labels=labels, fused_lm_head=True
            )
        parts = (output.log_probs, output.entropy, output.own_entropy)
        found.append(Scores(*(part[:, -tokens:] for part in parts)))
    return Scores(*(torch.cat(parts) for parts in zip(*found, strict=True)))
