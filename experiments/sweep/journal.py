"""Optuna's journal, shared by several workers of which each may be killed at any time.

The number of trials stays exact. All trials of a search are queued, the grid first and then trials
without values, which the sampler chooses when a worker takes them. Taking a trial (queue what is
missing, take, choose values, record the worker) happens under one lock, so that workers which start
at once never take the same trial or too many. A worker holds a second lock while it lives. If that
lock is free, its worker is dead: its RUNNING trial is marked as failed and its values are queued
again.

Along the tries of a trial two things are counted: its failures, which `retries` limits, and the
deaths of its workers, which are seldom its fault. A trial counts once it is complete, pruned, or
failed for the last time. Trials that failed for the last time are queued again when the sweep is
started again, because a full disk or a broken driver uses up the retries of every trial.

Locks are flock's: the kernel frees them when their process dies. Linux forwards them to NFS
servers of version 4.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeGuard, cast

import optuna
from optuna.pruners import BasePruner, MedianPruner, NopPruner, WilcoxonPruner
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, Trial, TrialState

from eval.files.errors import BadInput
from eval.files.json_text import parse
from eval.files.jsonl import drop_torn_line
from eval.files.locks import locked
from experiments.spec.schema import spec_hash
from experiments.sweep.settings import Choices, MedianPruning, WilcoxonPruning
from experiments.sweep.sweep_file import SearchSpace, TuningStudy, Values

SPARE_WORKERS = 10
"""Deaths of workers, beyond `retries`, after which their trial counts as the cause and is given up
(it may use up the memory).
"""


OPERATIONS = range(11)
"""Codes of the operations in a journal, of Optuna 5."""


class JournalLock:
    """The lock under which Optuna appends to journal.log, with the methods that Optuna calls."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._held = ExitStack()

    def acquire(self) -> bool:
        self._held.enter_context(locked(self._path, wait=True))
        # A line is incomplete if its writer was killed or the disk was full. What is appended to
        # such a line could not be read.
        cut_torn_line(self._path.with_suffix(".log"))
        return True

    def release(self) -> None:
        self._held.close()


def is_free(path: Path) -> bool:
    """Whether no living process holds the lock of a file. Holds it for a moment to find out."""
    with suppress(BadInput), locked(path):
        return True
    return False


def is_worker_name(worker: object) -> TypeGuard[str]:
    """Whether this can be the name of one of our workers.

    A journal may come from anywhere, and a worker's name becomes part of a path.
    """
    return isinstance(worker, str) and re.fullmatch(r"[\w-]{1,64}", worker) is not None


@dataclass(frozen=True)
class TakenTrial:
    """A trial that a worker has taken from the queue, to run it."""

    search: str
    study: optuna.Study
    trial: Trial
    values: Values


@dataclass(frozen=True)
class Journal:
    """All searches of a sweep, in one file."""

    folder: Path  # of the sweep
    study: TuningStudy
    names: Mapping[str, str]  # search → name of its Optuna study, with its search_hash

    @contextmanager
    def signed_on(self, worker: str) -> Iterator[None]:
        """Shows that this worker is alive, while the block runs.

        Raises:
            BadInput: the name is in use, or cannot be a file name.
        """
        if not is_worker_name(worker):
            raise BadInput(
                f"worker {worker!r}: give a name of letters, digits, '-' and '_', at most 64"
            )
        with ExitStack() as life:
            # Other workers test under this lock whether ours is free; it must not look free.
            with self._queue_locked():
                life.enter_context(locked(self._lifeline(worker)))
            yield

    def open(self, search: str, worker: str = "reader") -> optuna.Study:
        """The Optuna study of a search, as it is in the journal now.

        Raises:
            BadInput: a line of the journal is no record of Optuna's.
        """
        check_journal(self.folder / "journal.log")
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        lock = JournalLock(self.folder / "journal.lock")
        backend = JournalFileBackend(str(self.folder / "journal.log"), cast(Any, lock))
        found = optuna.create_study(
            storage=JournalStorage(backend),
            study_name=self.names[search],
            load_if_exists=True,
            direction="maximize",
            pruner=make_pruner(self.study),
        )
        taken = len(found.trials) - len(in_state(found, TrialState.WAITING))
        found.sampler = make_sampler(self.study, search, worker, taken)
        return found

    def renew(self, start: str) -> None:
        """Queues trials again that failed for the last time, once per start of the sweep: the cause
        may be gone.

        Not queued again are trials that were given up because their workers died. Most starts
        follow a death, so such a trial would never be given up.
        `start`: what tells this start of the sweep from others (claim.holder).
        """
        with self._queue_locked():
            for search, settings in self.study.searches.items():
                found = self.open(search)
                if found.user_attrs.get("start") != start:
                    for trial in failed_for_good(found):
                        self._queue_again(found, settings, trial, {"failures": 0})
                    found.set_user_attr("start", start)

    def take(self, worker: str) -> TakenTrial | None:
        """Takes the next trial, from the search with the most waiting trials; None if none wait."""
        with self._queue_locked():
            queues = {}
            for search, settings in self.study.searches.items():
                found = self.open(search, worker)
                self._bury_the_dead(found, settings, worker)
                self._fill_queue(found, settings)
                queues[search] = found
            waiting = {
                search: len(in_state(found, TrialState.WAITING)) for search, found in queues.items()
            }
            if not any(waiting.values()):
                return None
            search = max(waiting, key=waiting.__getitem__)
            trial = queues[search].ask()
            trial.set_user_attr("worker", worker)
            return TakenTrial(
                search, queues[search], trial, suggest_values(trial, self.study.searches[search])
            )

    def fail(self, taken: TakenTrial, why: str) -> None:
        """Marks a trial as failed, for the reason `why`, and queues its values again."""
        with self._queue_locked():
            taken.trial.set_user_attr("remarks", why)
            trial = taken.study.trials[taken.trial.number]
            self._bury(taken.study, self.study.searches[taken.search], trial, "failures")

    def _bury_the_dead(self, found: optuna.Study, search: SearchSpace, worker: str) -> None:
        """Marks the RUNNING trials of dead workers as failed, and queues their values again."""
        for trial in in_state(found, TrialState.RUNNING):
            owner = trial.user_attrs.get("worker")
            if owner == worker or not is_worker_name(owner) or is_free(self._lifeline(owner)):
                self._bury(found, search, trial, "deaths")

    def _bury(
        self,
        found: optuna.Study,
        search: SearchSpace,
        trial: FrozenTrial,
        cause: Literal["failures", "deaths"],
    ) -> None:
        """Marks a trial as failed and queues its values again."""
        # In this order, so that the values are not lost if this worker is killed in between.
        self._queue_again(found, search, trial, {cause: trial.user_attrs[cause] + 1})
        found.tell(trial.number, state=TrialState.FAIL)

    def _queue_again(
        self, found: optuna.Study, search: SearchSpace, trial: FrozenTrial, counts: dict[str, int]
    ) -> None:
        """Queues a trial's values for another try, with these counts of failures or deaths.

        Does nothing if they are queued already, or if a count is above its limit.
        """
        about = {key: trial.user_attrs[key] for key in ("origin", "failures", "deaths")} | counts
        again = (
            about["failures"] <= self.study.retries
            and about["deaths"] <= self.study.retries + SPARE_WORKERS
        )
        if again and trial.number not in retried(found.get_trials(deepcopy=False)):
            values = (
                trial.params if set(trial.params) == set(search.settings) else queued_values(trial)
            )
            found.enqueue_trial(values, user_attrs=about | {"retry_of": trial.number})

    def _fill_queue(self, found: optuna.Study, search: SearchSpace) -> None:
        """Queues first tries until there are as many as the sweep file asks for."""
        grid = search.grid()
        for slot in range(len(first_tries(found)), self.study.trials):
            values, origin = (
                (grid[slot], "grid") if slot < len(grid) else ({}, self.study.sampler.name)
            )
            found.enqueue_trial(values, user_attrs={"origin": origin, "failures": 0, "deaths": 0})

    def _queue_locked(self) -> AbstractContextManager[None]:
        return locked(self.folder / "queue.lock", wait=True)

    def _lifeline(self, worker: str) -> Path:
        """The file whose lock a worker holds while it lives."""
        return self.folder / "workers" / f"{worker}.lock"


def in_state(found: optuna.Study, state: TrialState) -> list[FrozenTrial]:
    return found.get_trials(deepcopy=False, states=(state,))


def first_tries(found: optuna.Study) -> list[FrozenTrial]:
    return [
        trial for trial in found.get_trials(deepcopy=False) if "retry_of" not in trial.user_attrs
    ]


def retried(trials: Sequence[FrozenTrial]) -> set[int]:
    """Numbers of the trials whose values were queued again."""
    return {trial.user_attrs["retry_of"] for trial in trials if "retry_of" in trial.user_attrs}


def ended_trials(found: optuna.Study) -> list[FrozenTrial]:
    """Trials that count: complete, pruned, or failed for the last time."""
    trials = found.get_trials(deepcopy=False)
    again = retried(trials)
    return [
        trial
        for trial in trials
        if trial.state in (TrialState.COMPLETE, TrialState.PRUNED)
        or (trial.state == TrialState.FAIL and trial.number not in again)
    ]


def failed_for_good(found: optuna.Study) -> list[FrozenTrial]:
    """Trials that failed for the last time and say why; not those whose worker died."""
    return [
        trial
        for trial in ended_trials(found)
        if trial.state == TrialState.FAIL and trial.user_attrs.get("remarks")
    ]


def queued_values(trial: FrozenTrial) -> Values:
    """The values that a trial was queued with."""
    return trial.system_attrs.get("fixed_params", {})


def suggest_values(trial: Trial, search: SearchSpace) -> Values:
    """A value for every setting: the queued one, or else one that the sampler chooses."""
    found: Values = {}
    for path, setting in search.settings.items():
        if isinstance(setting, Choices):
            found[path] = trial.suggest_categorical(path, setting.choices)
        elif setting.integer:
            found[path] = trial.suggest_int(path, *setting.extremes, log=setting.log)
        else:
            found[path] = trial.suggest_float(path, setting.low, setting.high, log=setting.log)
    return found


def make_sampler(study: TuningStudy, search: str, worker: str, taken: int) -> BaseSampler:
    """The sampler of a search, with its own random stream for each worker and trial, so that a
    restarted worker does not draw the same values again.

    `taken`: number of trials that are no longer waiting.
    """
    origin = {"seed": study.sampler.seed, "search": search, "worker": worker, "taken": taken}
    seed = int(spec_hash(origin)[:8], 16)
    if study.sampler.name == "random":
        return RandomSampler(seed)
    return TPESampler(seed=seed, n_startup_trials=len(study.searches[search].grid()) or 10)


def make_pruner(study: TuningStudy) -> BasePruner:
    match study.pruner:
        case WilcoxonPruning(p_threshold=threshold):
            return WilcoxonPruner(p_threshold=threshold)
        case MedianPruning(startup_trials=startup):
            return MedianPruner(n_startup_trials=startup)
        case _:
            return NopPruner()


def check_journal(path: Path) -> None:
    """Raises BadInput for a whole line that is no record; Optuna would raise at one of the next."""
    if not path.exists():
        return
    *lines, _ = path.read_bytes().split(b"\n")
    for number, line in enumerate(lines, start=1):
        try:
            record = parse(line, nan_is_null=True)  # as Optuna writes a trial without a value
        except ValueError:
            record = None
        known = isinstance(record, dict) and record.get("op_code") in OPERATIONS
        if not known:
            found = "is blank" if not line.strip() else "is not an Optuna record"
            raise BadInput(f"{path}, line {number}: {found}: delete this line, or restore a copy")


def cut_torn_line(path: Path) -> None:
    """Deletes an incomplete last line. Call it only while the journal's lock is held."""
    if path.exists():
        with path.open("rb+") as file:
            drop_torn_line(file.fileno())
