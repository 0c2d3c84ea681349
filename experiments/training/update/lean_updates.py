"""Keeps TRL and accelerate from spending more time around an update than in it. No number changes.

    head_tile    TRL's fused head projects onto the vocabulary in tiles of 32,768 words, in a buffer
                 as wide whatever the vocabulary. With 35 words each row of the product lies on a
                 memory page of its own, which the system clears first: 20 times the product's time
    train_once   transformers sets training mode, module by module, in each update
    accelerate   looks twice in each optimizer step whether lomo-optim is installed

TRL also reads a rollout's rows from the data set in each of its updates, and accelerate looks for
tensors in them: the trainer's `_get_dataloader` has them in memory, and nothing to look for.
"""

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from types import MethodType
from typing import Any

import accelerate.optimizer
from trl.trainer import utils

HEAD_TILE = "_CHUNKED_LOGPROB_CHUNK_SIZE"  # of TRL 1.16, which reads it at each call

accelerate.optimizer.is_lomo_available = functools.cache(accelerate.optimizer.is_lomo_available)


@contextmanager
def head_tile(vocabulary: int) -> Iterator[None]:
    """Within it TRL's tiles are no wider than the vocabulary."""
    width = getattr(utils, HEAD_TILE)
    setattr(utils, HEAD_TILE, min(width, vocabulary))
    try:
        yield
    finally:
        setattr(utils, HEAD_TILE, width)


def train_once(model: Any) -> None:
    """Lets `model.train` return at once where the model is in the mode that is asked for."""

    def train(self: Any, mode: bool = True) -> Any:
        return self if self.training == mode else type(self).train(self, mode)

    model.train = MethodType(train, model)  # bound, so that a copy's belongs to the copy
