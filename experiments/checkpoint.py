"""What a run must remember beside TRL's own checkpoint: how far it is, and the method's state (H_0, α, …).

Without it a resumed run would anchor its target on a collapsed policy.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from eval.errors import BadInput
from methods import State

FILE = "method_state.json"


@dataclass(frozen=True)
class Progress:
    """Where a run stands after a rollout."""

    rollouts: int  # finished
    tokens_generated: int
    state: State  # the method's


def write_progress(folder: Path, progress: Progress) -> None:
    (folder / FILE).write_text(json.dumps(asdict(progress), allow_nan=False) + "\n")


def read_progress(folder: Path) -> Progress:
    try:
        return Progress(**json.loads((folder / FILE).read_text()))
    except (OSError, ValueError, TypeError) as error:
        raise BadInput(f"{folder / FILE}: not a run's progress ({error}): delete this checkpoint") from None
