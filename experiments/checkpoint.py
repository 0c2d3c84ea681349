"""What a run must remember beside TRL's own checkpoint: how far it is, and the method's state (H_0, α, …).

Without it a resumed run would anchor its target on a collapsed policy.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from transformers.trainer_utils import get_last_checkpoint

from eval.errors import BadInput
from methods import State

FILE = "method_state.json"


@dataclass(frozen=True)
class Progress:
    """Where a run stands after a rollout."""

    rollouts: int  # finished
    tokens_generated: int
    state: State  # the method's


def resume_point(folder: Path, spec_hash: str) -> Path | None:
    """The last checkpoint of a run that was interrupted, or None where it starts anew.

    Raises:
        BadInput: the interrupted run had another spec.
    """
    mark = folder / "spec_hash"
    if mark.exists() and mark.read_text() != spec_hash:
        raise BadInput(
            f"{folder}: was begun under another spec ({mark.read_text()}, now {spec_hash}): to start this run anew"
            f" delete {folder.parent}, to go on with the old one restore its settings"
        )
    folder.mkdir(parents=True, exist_ok=True)
    mark.write_text(spec_hash)
    last = get_last_checkpoint(str(folder))
    return Path(last) if last else None


def write_progress(folder: Path, progress: Progress) -> None:
    (folder / FILE).write_text(json.dumps(asdict(progress), allow_nan=False) + "\n")


def read_progress(folder: Path) -> Progress:
    try:
        return Progress(**json.loads((folder / FILE).read_text()))
    except (OSError, ValueError, TypeError) as error:
        raise BadInput(f"{folder / FILE}: not a run's progress ({error}): delete this checkpoint") from None
