"""What experiments/training/update/lean_updates.py takes away around an update, and that nothing else
changes.
"""

import torch
from trl.trainer import utils

from experiments.training.update.lean_updates import HEAD_TILE, head_tile, train_once
from tests.support.grpo_runs import small_policy

PROMPT, WORDS = 3, 12


def scores_and_gradient(width: int | None) -> list[torch.Tensor]:
    """Log-probabilities, entropies and the head's gradient; tiles of TRL's width, or narrower."""
    policy = small_policy()
    utils.add_fused_lm_head(policy, 0.7, outputs=("log_probs", "entropy"))
    ids_BL = torch.arange(4 * WORDS).view(4, WORDS) % policy.config.vocab_size
    labels_BL = ids_BL.clone()
    labels_BL[:, :PROMPT] = -100
    wide = getattr(utils, HEAD_TILE)
    with head_tile(width or wide):
        assert getattr(utils, HEAD_TILE) == (width or wide)
        output = policy(input_ids=ids_BL, labels=labels_BL, fused_lm_head=True)
    assert getattr(utils, HEAD_TILE) == wide
    (output.log_probs.sum() + 0.1 * output.entropy.sum()).backward()
    gradients = [p.grad for p in policy.parameters() if p.grad is not None]
    return [output.log_probs.detach(), output.entropy.detach(), *gradients]


def test_a_tile_as_wide_as_the_vocabulary_gives_equal_bits() -> None:
    wide = scores_and_gradient(None)
    narrow = scores_and_gradient(small_policy().config.vocab_size)
    assert all(torch.equal(a, b) for a, b in zip(wide, narrow, strict=True))
    assert wide[0].abs().sum() > 0


def test_a_tile_is_never_wider_than_trl_s() -> None:
    wide = getattr(utils, HEAD_TILE)
    with head_tile(10 * wide):
        assert getattr(utils, HEAD_TILE) == wide


def test_training_mode_is_set_where_it_is_not_set_yet() -> None:
    policy = small_policy().eval()
    train_once(policy)
    assert all(not each.training for each in policy.modules())
    assert policy.train() is policy
    assert all(each.training for each in policy.modules())
    assert policy.eval() is policy
    assert all(not each.training for each in policy.modules())
