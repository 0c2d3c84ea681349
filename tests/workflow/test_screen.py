"""The screen of a study, from the records that Snakemake logs; and which failures are retried."""

import io
import json
import logging
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from experiments.spec.experiment_file import load_experiment
from experiments.workflow.forcing import forget
from experiments.workflow.layout import StudyLayout
from experiments.workflow.refusals import NoRetryOfRefusals, refusal
from experiments.workflow.screen.progress import clock_text, last_row
from experiments.workflow.screen.view import LiveScreen, StudyScreen

STATS = {"train": 6, "tables": 1, "all": 1, "total": 8}


def log(screen: logging.Handler, event: str | None = None, text: str = "", **given: Any) -> None:
    level = logging.ERROR if event == "job_error" else logging.INFO
    record = logging.makeLogRecord({"msg": text, "levelno": level, "event": event, **given})
    screen.handle(record)


def start(
    screen: logging.Handler, number: int, rule: str, logs: Any = (), **wildcards: str
) -> None:
    log(screen, "job_info", jobid=number, rule_name=rule, wildcards=wildcards, log=logs)


@pytest.fixture
def layout(tmp_path: Path) -> StudyLayout:
    layout = StudyLayout(load_experiment("smoke"), tmp_path)
    run = layout.run("aer", 1)
    run.mkdir(parents=True)
    rows = [{"rollout": i, "reward": 0.25, "entropy": 2.5 - i} for i in range(2)]
    text = "".join(json.dumps(row) + "\n" for row in rows)
    (run / "train.jsonl").write_text(text + '{"rollout": 2, "rew')  # is being written
    os.utime(run / "train.jsonl", (0, 0))
    return layout


def screen_of(layout: StudyLayout, out: io.StringIO) -> StudyScreen:
    screen = StudyScreen("smoke", out, lambda: ["Report: here"])
    screen.progress.layouts[""] = layout
    return screen


def written_now(layout: StudyLayout) -> None:
    (layout.run("aer", 1) / "train.jsonl").touch()


def test_plain_lines(layout: StudyLayout) -> None:
    out = io.StringIO()
    screen = screen_of(layout, out)
    log(screen, text="Building DAG of jobs...")
    log(screen, "run_info", "Job stats", stats=STATS)
    start(screen, 1, "train", arm="aer", seed="1")
    start(screen, 2, "train", arm="none", seed="1")
    assert "rollout" not in screen.status_text()  # the rows may be an older run's
    written_now(layout)
    assert screen.status_text().partition("; now: ")[2] == (
        "train aer seed 1 rollout 2/3 reward 0.250 entropy 1.500; train none seed 1"
    )
    log(screen, "job_finished", job_id=1)
    screen.close()
    said = out.getvalue().splitlines()
    assert said[0] == "smoke: 8 jobs"
    assert said[1].endswith(
        "] 1 of 8 train aer seed 1: 0 s, rollout 2/3 reward 0.250 entropy 1.500"
    )
    assert len(said) == 2


def test_jobs_that_a_look_adds_are_counted(layout: StudyLayout) -> None:
    out = io.StringIO()
    screen = screen_of(layout, out)
    log(screen, "run_info", "Job stats", stats={"look": 1, "tables": 1, "all": 1, "total": 3})
    screen.progress.graph = Graph({"look": 1, "tables": 1, "all": 1})
    start(screen, 1, "look", look="3")
    log(screen, "job_finished", job_id=1)
    screen.progress.graph = Graph({"look": 1, "train": 2, "tables": 1, "all": 1})
    start(screen, 2, "train", arm="aer", seed="4")
    log(screen, "job_finished", job_id=2)
    assert [line.partition("] ")[2] for line in out.getvalue().splitlines()[1:]] == [
        "1 of 3 look look 3: 0 s",
        "2 of 5 train aer seed 4: 0 s",
    ]
    assert +screen.progress.left == {"train": 1, "tables": 1, "all": 1}
    screen.close()


class Graph(dict[str, int]):
    """Snakemake's graph of jobs, as far as the screen reads it."""

    def __len__(self) -> int:
        return sum(self.values())

    def stats(self) -> tuple[str, dict[str, int]]:
        return "Job stats", {**self, "total": len(self)}


def test_a_failed_job_shows_its_message_and_its_log(layout: StudyLayout, tmp_path: Path) -> None:
    out, path = io.StringIO(), tmp_path / "train.log"
    path.write_text("loading\nerror: eta: must be positive\n")
    screen = screen_of(layout, out)
    start(screen, 1, "train", [str(path)], arm="aer", seed="1")
    log(screen, "job_error", jobid=1, rule_name="train", log=[str(path)])
    assert (
        out.getvalue() == f"failed: train aer seed 1\nerror: eta: must be positive\nlog: {path}\n"
    )
    path.write_text("Traceback (most recent call last)\nValueError: no\n")
    log(screen, "job_error", jobid=1, rule_name="train", log=[str(path)])
    assert "ValueError: no" in out.getvalue()


def test_nothing_to_do_ends_with_the_report(layout: StudyLayout) -> None:
    out = io.StringIO()
    log(screen_of(layout, out), text="Nothing to be done (all requested files are there).")
    assert out.getvalue().splitlines()[1:] == ["Report: here"]


def test_warnings_are_shown_but_for_the_expected_one(layout: StudyLayout) -> None:
    """Who makes a policy may sample it; another file that was not to be there is news."""
    out = io.StringIO()
    screen = screen_of(layout, out)
    for rule in ("sample", "hot_sample", "base_sample", "hot_base_sample", "tables"):
        text = f"Warning: the following output files of rule {rule} were not present when"
        screen.handle(logging.makeLogRecord({"msg": text, "levelno": logging.WARNING}))
    assert out.getvalue().splitlines() == [text]


def test_runs_of_a_batterys_probes_count_together(layout: StudyLayout, tmp_path: Path) -> None:
    """Each shows the rows of its own study, and its pace tells of the other probe's runs."""
    out = io.StringIO()
    screen = StudyScreen("battery", out, list)
    screen.progress.layouts |= {
        "hot_": layout,
        "cold_": StudyLayout(layout.experiment, tmp_path / "c"),
    }
    log(screen, "run_info", stats={"hot_train": 2, "cold_train": 3, "battery": 1, "total": 6})
    assert screen.progress.left == {"train": 5, "battery": 1}
    start(screen, 1, "hot_train", arm="aer", seed="1")
    start(screen, 2, "cold_train", arm="aer", seed="1")
    written_now(layout)
    assert screen.status_text().partition("; now: ")[2] == (
        "hot_train aer seed 1 rollout 2/3 reward 0.250 entropy 1.500; cold_train aer seed 1"
    )
    log(screen, "job_finished", job_id=1)
    assert screen.progress.time_left()[1]  # all that is left is of a kind that is known
    screen.close()
    assert out.getvalue().startswith("battery: 6 jobs\n")


def test_time_left_follows_the_pace_of_the_runs(
    layout: StudyLayout, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    monkeypatch.setattr(
        "experiments.workflow.screen.progress.time",
        SimpleNamespace(monotonic=lambda: now[0], time=lambda: 0.0),
    )
    progress = screen_of(layout, io.StringIO()).progress
    progress.plan({"train": 3, "all": 1, "total": 4})
    file = layout.run("aer", 1) / "train.jsonl"
    file.write_text("")
    progress.start(1, "train", {"arm": "aer", "seed": "1"}, ())
    assert progress.time_left() == (0.0, False)  # nothing is known yet
    now[0] = 20.0
    file.write_text('{"rollout": 0}\n')  # a third: 60 s each, of this one 40 are left
    assert progress.time_left() == pytest.approx((40 + 2 * 60, True))
    now[0] = 60.0
    progress.finish(1)
    progress.start(2, "train", {"arm": "none", "seed": "1"}, ())
    progress.start(3, "train", {"arm": "none", "seed": "2"}, ())
    now[0] = 90.0
    assert progress.time_left() == pytest.approx((30.0, True))  # 30 s each, side by side


def test_live_view(layout: StudyLayout) -> None:
    out = io.StringIO()
    screen = LiveScreen("smoke", out, list)
    screen.progress.layouts[""] = layout
    screen.progress.plan(STATS)
    start(screen, 1, "train", arm="aer", seed="1")
    written_now(layout)
    screen.console.print(screen.view())
    assert "smoke: 0 of 8 jobs done" in out.getvalue()
    line = next(line for line in out.getvalue().splitlines() if "train aer" in line)
    assert line.split()[-3:] == ["2/3", "0.250", "1.500"]


@pytest.mark.parametrize(
    ("seconds", "text"), [(44.6, "45 s"), (200, "3 min 20 s"), (7500, "2 h 5 min")]
)
def test_clock(seconds: float, text: str) -> None:
    assert clock_text(seconds) == text


def test_last_row_of_no_file(tmp_path: Path) -> None:
    assert last_row(tmp_path / "none") is None
    (tmp_path / "torn").write_text('{"rollout": 0')
    assert last_row(tmp_path / "torn") is None


@pytest.mark.parametrize(
    ("text", "said", "attempt"),
    [
        ("x\nerror: bad\n  hint\n", "error: bad\n  hint", 4),
        ("error: bad\nTraceback (most recent call last)\nKeyError\n", "", 1),
        ("Killed\n", "", 1),
    ],
)
def test_only_refusals_use_up_the_attempts(
    text: str, said: str, attempt: int, tmp_path: Path
) -> None:
    path = tmp_path / "log"
    path.write_text(text)
    assert refusal([path]) == said
    job = SimpleNamespace(attempt=1, restart_times=3)
    log(NoRetryOfRefusals({7: job}.__getitem__), "job_error", jobid=7, log=[str(path)])
    assert job.attempt == attempt


def test_what_a_forced_job_forgets(tmp_path: Path) -> None:
    for name in ("checksums.json", "run.json", "checkpoints/lock", "checkpoints/checkpoint-2/a"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    forget(tmp_path / "checksums.json")
    left = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert left == {"run.json", "checkpoints/lock"}
