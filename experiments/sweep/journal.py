"""Optuna's journal under several workers that may die: the number of trials stays exact.

All trials of a search are queued, the grid first and then trials without values, which the sampler
fills in when a worker takes them. Taking one (queue what is missing, take, choose values, sign)
happens under one lock, so workers that start at once neither race nor take too many. A worker holds
a second lock for as long as it lives; a RUNNING trial whose worker's lock is free belongs to a dead
one, is marked failed, and its values are queued again.

Two things are counted along the tries of a trial: its own failures, which `retries` limits, and the
deaths of its workers, which seldom are its fault. A trial counts once it is complete, pruned, or
failed for the last time. What failed so is queued again when the sweep is started again: a full
disk or a broken driver uses up the retries of every trial.

Locks are flock's: the kernel frees them when their process dies, and Linux passes them on to an NFS
server of version 4.
"""

import fcntl
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeGuard, cast

import optuna
from optuna.pruners import BasePruner, MedianPruner, NopPruner, WilcoxonPruner
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, Trial, TrialState

from eval.files.durable import locked
from eval.files.errors import BadInput
from eval.files.jsonl import drop_torn_line
from experiments.spec.schema import spec_hash
from experiments.sweep.settings import Choices, MedianPruning, WilcoxonPruning
from experiments.sweep.sweep_file import SearchSpace, TuningStudy, Values

SPARE_WORKERS = 10
"""Deaths beyond `retries` after which a trial is held for their cause, as one that takes all the
memory.
"""


class Flock:
    """A lock as Optuna's journal takes one. Excludes other processes for as long as this one holds
    the file open and locked.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def acquire(self) -> bool:
        self._file = self.path.open("ab")
        fcntl.flock(self._file, fcntl.LOCK_EX)
        return True

    def release(self) -> None:
        self._file.close()


class JournalLock(Flock):
    """The lock under which Optuna appends to journal.log."""

    def acquire(self) -> bool:
        """Cuts off a line that its writer died in, or the disk had no room for: what is appended to
        it cannot be read.
        """
        super().acquire()
        cut_torn_line(self.path.with_suffix(".log"))
        return True


@contextmanager
def held(path: Path) -> Iterator[None]:
    """The lock of a file, waited for."""
    lock = Flock(path)
    lock.acquire()
    try:
        yield
    finally:
        lock.release()


def is_free(path: Path) -> bool:
    """Whether no living process holds the lock of a file. Holds it for a moment itself."""
    with path.open("ab") as file, suppress(BlockingIOError):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False


def is_worker_name(worker: object) -> TypeGuard[str]:
    """Whether a worker of ours is called so. A journal may be anybody's, and the name leads to a
    file.
    """
    return isinstance(worker, str) and re.fullmatch(r"[\w-]{1,64}", worker) is not None


@dataclass(frozen=True)
class TakenTrial:
    """A trial that a worker is to run."""

    search: str
    study: optuna.Study
    trial: Trial
    values: Values


@dataclass(frozen=True)
class Journal:
    """A study's searches in one file. `names`: search → name of its Optuna study, another one where
    its meaning changes.
    """

    folder: Path
    study: TuningStudy
    names: Mapping[str, str]

    @contextmanager
    def signed_on(self, worker: str) -> Iterator[None]:
        """Shows that this worker lives. BadInput if another process works under its name, or it is
        none for a file.
        """
        if not is_worker_name(worker):
            raise BadInput(
                f"worker {worker!r}: give a name of letters, digits, '-' and '_', at most 64"
            )
        with ExitStack() as life:
            with held(
                self.folder / "queue.lock"
            ):  # under which others try whether its lock is free
                life.enter_context(locked(self._lifeline(worker)))
            yield

    def open(self, search: str, worker: str = "reader") -> optuna.Study:
        """The Optuna study of a search, as the journal has it now."""
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
        found.sampler = make_sampler(
            self.study, search, worker, len(found.trials) - len(in_state(found, TrialState.WAITING))
        )
        return found

    def renew(self, start: str) -> None:
        """Queues what failed for the last time again, once for each start of the sweep: its cause
        may be gone.

        What its workers died of over and over is not: most starts follow a death, and such a trial
        would never be given up.
        """
        with held(self.folder / "queue.lock"):
            for search, settings in self.study.searches.items():
                found = self.open(search)
                if found.user_attrs.get("start") != start:
                    for trial in failed_for_good(found):
                        self._queue_again(found, settings, trial, {"failures": 0})
                    found.set_user_attr("start", start)

    def take(self, worker: str) -> TakenTrial | None:
        """The next trial for a worker, of the search that is furthest behind; None where none is
        left to be taken.
        """
        with held(self.folder / "queue.lock"):
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
        """Marks a trial as failed, and queues its values again."""
        with held(self.folder / "queue.lock"):
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
        """Marks a trial as failed. Its values are queued before, so that they are not lost to a
        death in between.
        """
        self._queue_again(found, search, trial, {cause: trial.user_attrs[cause] + 1})
        found.tell(trial.number, state=TrialState.FAIL)

    def _queue_again(
        self, found: optuna.Study, search: SearchSpace, trial: FrozenTrial, counts: dict[str, int]
    ) -> None:
        """Queues a trial's values for another try, with these counts, unless that is done or they
        are too high.
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
        """Queues first tries until there are as many as the study has trials."""
        grid = search.grid()
        for slot in range(len(first_tries(found)), self.study.trials):
            values, origin = (
                (grid[slot], "grid") if slot < len(grid) else ({}, self.study.sampler.name)
            )
            found.enqueue_trial(values, user_attrs={"origin": origin, "failures": 0, "deaths": 0})

    def _lifeline(self, worker: str) -> Path:
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
    """Trials that failed for the last time by a failure of their own, which says why."""
    return [
        trial
        for trial in ended_trials(found)
        if trial.state == TrialState.FAIL and trial.user_attrs.get("remarks")
    ]


def queued_values(trial: FrozenTrial) -> Values:
    """The values that a trial was queued with."""
    return trial.system_attrs.get("fixed_params", {})


def suggest_values(trial: Trial, search: SearchSpace) -> Values:
    """The queued value of every setting, or the sampler's."""
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
    """One with a stream of its own for each worker and each trial, so that a worker started again
    repeats nothing.
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


def cut_torn_line(path: Path) -> None:
    """Cuts off a line that its writer died in. Only while the journal's lock is held."""
    if path.exists():
        with path.open("rb+") as file:
            drop_torn_line(file.fileno())
