"""What only one process of a run may do, and all of them must know.

Every process of a run reads the same folders; the main one alone changes them. Its answers go to
the others, and so do its refusals: a process that waits for one that has given up would wait for
ever.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeVar, cast

import torch
from accelerate import PartialState
from accelerate.utils import broadcast_object_list

from eval.files.errors import BadInput

T = TypeVar("T")

PATIENCE = timedelta(hours=2)
"""How long processes wait for each other: the slowest one's rollout decides. The backends' own
limit is 10 minutes.
"""


def world() -> PartialState:
    """This process among the others; the first call connects them."""
    # Without a GPU accelerate has to be told: it would otherwise take several processes for one
    # each.
    return PartialState(cpu=not torch.cuda.is_available(), timeout=PATIENCE)


def on_main(do: Callable[[], T]) -> T:
    """Calls `do` in the main process; every process gets what it returned, or its BadInput."""
    outcome: list[Any] = [None, None]
    if world().is_main_process:
        try:
            outcome[0] = do()
        except BadInput as error:
            outcome[1] = str(error)
    broadcast_object_list(outcome)
    if outcome[1] is not None:
        raise BadInput(outcome[1])
    return cast(T, outcome[0])
