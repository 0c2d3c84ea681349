"""How far a start of Snakemake is: jobs done, what each training run shows, time left.

The numbers of a training run are those of the last row of its train.jsonl, which the run appends
to after each rollout.

Time left = (sum of what is left of every job) / (jobs side by side)

where a rule's jobs are taken to last as long as the mean of those that are done, and a training run
as long as its own pace says. Rules of which nothing is known count nothing; the answer is then a
lower bound. The rules of a battery's probes count together: hot_train and cold_train as train.
"""

import json
import time
from collections import Counter, defaultdict
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from experiments.workflow.layout import StudyLayout
from experiments.workflow.screen.learnable import doubts_of_row

TARGETS = ("all", "battery", "sweep")  # rules that make nothing themselves
CLOCK_TICK = 0.1  # seconds by which the date of a file may lag behind the clock
TAIL_BYTES = 1 << 18  # more than a row has


@dataclass
class ActiveJob:
    """A job that runs now."""

    kind: str  # its rule, without the name of a battery's probe
    name: str  # rule and wildcards, for the screen
    logs: tuple[str, ...]
    started: float  # seconds of time.monotonic
    date: float  # the same moment, seconds since 1970
    rows: Path | None = None  # train.jsonl of a training run
    rollouts: int = 0  # of the whole run
    resumed_at: int = -1  # rollouts that were done at the first look; -1 before it
    limit: int = 0  # tokens of a completion, of a training run
    judged: bool = False  # whether it has been said that there is nothing to learn, if so


@dataclass
class StudyProgress:
    """Jobs of one start of Snakemake."""

    # beginning of a study's rules → its layout; "" = the study itself, hot_ = a battery's probe
    layouts: dict[str, StudyLayout] = field(default_factory=dict)
    total: int = 0
    done: int = 0
    left: Counter[str] = field(default_factory=Counter)  # kind of rule → jobs that are not done
    active: dict[int, ActiveJob] = field(default_factory=dict)  # number of the job → job
    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    graph: Any = None  # Snakemake's graph of jobs: a look at the verdicts adds some

    def plan(self, stats: Mapping[str, int]) -> None:
        """Takes the number of jobs per rule, and `total`."""
        self.total = stats.get("total", 0)
        self.left = Counter()
        for rule, count in stats.items():
            if rule != "total":
                self.left[self.study_of(rule)[1]] += count

    def study_of(self, rule: str) -> tuple[StudyLayout | None, str]:
        """The study that a rule belongs to, and what the rule is called there."""
        for beginning in sorted(self.layouts, key=len, reverse=True):
            if rule.startswith(beginning):
                return self.layouts[beginning], rule.removeprefix(beginning)
        return None, rule

    def count_again(self) -> None:
        """Takes the numbers anew where the graph has grown."""
        if self.graph is not None and len(self.graph) != self.total:
            self.plan(self.graph.stats()[1])
            self.left -= Counter({rule: len(taken) for rule, taken in self.seconds.items()})

    def start(self, number: int, rule: str, wildcards: Mapping[str, Any], logs: Any) -> ActiveJob:
        """A job starts."""
        name = " ".join([rule, *(f"{key} {value}" for key, value in wildcards.items())])
        study, kind = self.study_of(rule)
        job = ActiveJob(
            kind, name.replace("arm ", ""), tuple(logs or ()), time.monotonic(), time.time()
        )
        if study and kind == "train" and wildcards["arm"] in study.experiment.arms:
            job.rows = study.run(wildcards["arm"], wildcards["seed"]) / "train.jsonl"
            training = study.experiment.training_of(wildcards["arm"])
            job.rollouts, job.limit = training.rollouts, training.max_completion_length
        self.active[number] = job
        return job

    def finish(self, number: int) -> tuple[ActiveJob, float] | None:
        """A job is done: the job and its seconds; None if its start was not seen."""
        job = self.active.pop(number, None)
        if job is None:
            return None
        taken = time.monotonic() - job.started
        self.done += 1
        self.left[job.kind] -= 1
        self.seconds[job.kind].append(taken)
        return job, taken

    def time_left(self) -> tuple[float, bool]:
        """Seconds, and whether every job that is left is counted in them."""
        now, waiting = time.monotonic(), Counter(+self.left)
        sums: float = 0
        is_whole = True
        paces: dict[str, list[float]] = defaultdict(list)
        for job in [*self.active.values()]:
            waiting[job.kind] -= 1
            spent, share = now - job.started, finished_share(job)
            # Rollouts that another start has done cost this one nothing.
            whole = spent / share if share else self.mean_seconds(job.kind)
            if whole is None:
                is_whole = False
            else:
                paces[job.kind].append(whole)
                sums += max(0.0, whole - spent)
        for rule, count in (+waiting).items():
            known = self.seconds[rule] or paces[rule]
            if known:
                sums += count * sum(known) / len(known)
            elif rule not in TARGETS:
                is_whole = False
        return sums / max(1, len(self.active)), is_whole

    def new_doubts(self) -> list[str]:
        """Lines on training runs that, by their first row, have nothing to learn; each once."""
        lines = []
        for job in [*self.active.values()]:
            # The first row, for a policy that exploded later on had something to learn from.
            if not job.judged and row_of(job) and job.rows and (row := first_row(job.rows)):
                job.judged = True
                lines += [
                    f"warning: {job.name}: {doubt}" for doubt in doubts_of_row(row, job.limit)
                ]
        return lines

    def mean_seconds(self, rule: str) -> float | None:
        """Of the jobs of a rule that are done; None if there is none."""
        known = self.seconds[rule]
        return sum(known) / len(known) if known else None


def finished_share(job: ActiveJob) -> float:
    """Share of a training run's work of this start that is done, in [0, 1]; 0 for other jobs."""
    row = row_of(job)
    done = row["rollout"] + 1 if row else 0
    if job.resumed_at < 0 or done < job.resumed_at:
        job.resumed_at = done
    left = job.rollouts - job.resumed_at
    return (done - job.resumed_at) / left if left > 0 else 0.0


def progress_values(job: ActiveJob) -> dict[str, str]:
    """Rollout, reward and entropy (nats) of a training run, as text; empty before the first row."""
    row = row_of(job)
    if row is None:
        return {}
    shown = {"rollout": f"{row['rollout'] + 1}/{job.rollouts}"}
    for name in ("reward", "entropy"):
        value = row.get(name)
        shown[name] = "-" if value is None else f"{value:.3f}"
    return shown


def row_of(job: ActiveJob) -> dict[str, Any] | None:
    """The last row of a training run that this job has kept or written.

    A job writes its file anew before its first rollout; until then the rows may be an older run's.
    """
    with suppress(OSError):
        if job.rows and job.rows.stat().st_mtime > job.date - CLOCK_TICK:
            return last_row(job.rows)
    return None


def first_row(path: Path) -> dict[str, Any] | None:
    """The first row of a file that is being appended to; None if there is none yet."""
    with suppress(OSError, ValueError), path.open("rb") as file:
        row = json.loads(file.readline())
        return row if isinstance(row, dict) and "rollout" in row else None
    return None


def last_row(path: Path) -> dict[str, Any] | None:
    """The last whole row of a file that is being appended to; None if there is none."""
    with suppress(OSError), path.open("rb") as file:
        file.seek(max(0, file.seek(0, 2) - TAIL_BYTES))
        lines = file.read().split(b"\n")[:-1]
        for line in reversed(lines):
            with suppress(ValueError):
                row = json.loads(line)
                return row if isinstance(row, dict) and "rollout" in row else None
    return None


def clock_text(seconds: float) -> str:
    """Seconds as `45 s`, `3 min 20 s`, `2 h 5 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"
