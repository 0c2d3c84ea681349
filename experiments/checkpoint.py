"""What a run must remember beside TRL's own checkpoint: how far it is, and the method's state (H_0, α, …).

Without it a resumed run would anchor its target on a collapsed policy.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from eval.errors import BadInput
from eval.problems import write_text
from methods import State

FILE = "method_state.json"


@dataclass(frozen=True)
class Progress:
    """Where a run stands after a rollout."""

    rollouts: int  # finished
    tokens_generated: int
    state: State  # the method's


def resume_point(folder: Path, spec_hash: str) -> Path | None:
    """The last complete checkpoint of a run that was interrupted, or None where it starts anew.

    A checkpoint is complete once it holds the run's progress, which is written last and in one piece.

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
    complete = [path.parent for path in folder.glob(f"checkpoint-*/{FILE}")]
    return max(complete, key=lambda path: int(path.name.removeprefix("checkpoint-")), default=None)


def write_progress(folder: Path, progress: Progress) -> None:
    write_text(folder / FILE, json.dumps(asdict(progress), allow_nan=False) + "\n")


def read_progress(folder: Path) -> Progress:
    try:
        return Progress(**json.loads((folder / FILE).read_text()))
    except (OSError, ValueError, TypeError) as error:
        raise BadInput(f"{folder / FILE}: not a run's progress ({error}): delete this checkpoint") from None
