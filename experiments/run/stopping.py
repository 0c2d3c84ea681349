"""Ending a run early. SIGTERM (a machine is taken away) and SIGINT (Ctrl-C) end a run at its next
rollout boundary.

The run saves a checkpoint there, whatever `checkpoint_every` says, and ends with exit code 75;
started again, it goes on as if it had not stopped. A second Ctrl-C ends it at once; what is lost
then is what SIGKILL would lose. A second SIGTERM changes nothing: a cluster signals every process
of a job, and a launcher passes the signal on to those it started. A run that has exploded
(explosion.py) ends too, for good, where its settings say so.
"""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from transformers import TrainerCallback, TrainerControl

TRY_AGAIN = 75
"""Exit code of a run that stopped because it was asked to: EX_TEMPFAIL of sysexits.h."""
SIGNALS = (signal.SIGTERM, signal.SIGINT)
SAID = (
    b"asked to stop: this run saves and ends with its present rollout; a second Ctrl-C ends it at"
    b" once\n"
)


@dataclass
class StopRequest:
    """Whether this process has been asked to stop."""

    asked: bool = False


@contextmanager
def stop_on_signal() -> Iterator[StopRequest]:
    """Within the block the first signal is a request; a second Ctrl-C ends the process."""
    request = StopRequest()
    before = {number: signal.getsignal(number) for number in SIGNALS}

    def note(number: int, _: object) -> None:
        request.asked = True
        if number == signal.SIGINT:
            signal.signal(number, signal.SIG_DFL)
        os.write(2, SAID)  # not print: the signal may have come in the middle of one

    for number in SIGNALS:
        signal.signal(number, note)
    try:
        yield request
    finally:
        for number in SIGNALS:
            signal.signal(number, before[number])


class AfterUpdate(TrainerCallback):
    """Tells the trainer that an optimizer step is over, before a checkpoint of it may be saved, and
    ends a run early.
    """

    def __init__(self, trainer: Any) -> None:
        self.trainer = trainer

    def on_step_end(self, args: Any, state: Any, control: TrainerControl, **kwargs: Any) -> None:
        self.trainer.after_update()
        if not control.should_training_stop and (
            self.trainer.has_exploded() or self.trainer.agree_to_stop()
        ):
            control.should_save = control.should_training_stop = True
