"""Workers that start at once, die and come back: the number of trials stays exact. No training
here.
"""

import math
import os
import signal
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

import pytest
from optuna.trial import TrialState

from eval.files.errors import BadInput
from eval.files.locks import locked
from experiments.sweep.journal import (
    SPARE_WORKERS,
    Journal,
    TakenTrial,
    ended_trials,
    first_tries,
    make_sampler,
)
from experiments.sweep.sweep_file import TuningStudy
from tests.sweep.test_sweep_study import SMOKE

WORKER = """
import sys
from pathlib import Path
from tests.sweep.test_sweep_journal import journal
own = journal(Path(sys.argv[1]), int(sys.argv[2]))
with own.signed_on(sys.argv[3]):
    print("ready", flush=True)
    sys.stdin.readline()
    while taken := own.take(sys.argv[3]):
        if sys.argv[4] == "hang":
            print("took", flush=True)
            sys.stdin.readline()
        taken.study.tell(taken.trial, taken.values["method.tau"])
"""


def journal(folder: Path, trials: int, **changes: object) -> Journal:
    searches = {
        "one": SMOKE["searches"]["aer"],
        "two": {"arm": "aer", "settings": {"method.tau": {"low": 0.1, "high": 0.9}}},
    }
    study = TuningStudy.model_validate({**SMOKE, "searches": searches, "trials": trials, **changes})
    return Journal(folder, study, {"one": "one-1", "two": "two-1"})


def worker(folder: Path, trials: int, name: str, how: str = "work") -> subprocess.Popen[str]:
    command = [sys.executable, "-c", WORKER, str(folder), str(trials), name, how]
    return subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )


def go(*workers: subprocess.Popen[str]) -> None:
    """Lets them start at once, each waiting at the same line."""
    for each in workers:
        assert each.stdout
        assert each.stdout.readline() == "ready\n"
    for each in workers:
        assert each.stdin
        each.stdin.write("\n")
        each.stdin.flush()


def states(own: Journal) -> Counter[str]:
    return Counter(trial.state.name for search in own.names for trial in own.open(search).trials)


def take(own: Journal, name: str = "0") -> TakenTrial:
    taken = own.take(name)
    assert taken is not None
    return taken


def test_four_workers_at_once_make_exactly_the_trials_that_were_asked_for(tmp_path: Path) -> None:
    four = [worker(tmp_path, 9, str(number)) for number in range(4)]
    go(*four)
    assert [each.wait() for each in four] == [0, 0, 0, 0]
    own = journal(tmp_path, 9)
    assert states(own) == {"COMPLETE": 18}
    assert [trial.params["method.tau"] for trial in own.open("one").trials[:2]] == [0.2, 0.8]
    assert (
        len({trial.params["method.tau"] for trial in own.open("two").trials}) == 9
    )  # no two draw the same stream


def test_a_killed_workers_trial_is_failed_and_its_values_are_tried_again(tmp_path: Path) -> None:
    victim = worker(tmp_path, 3, "0", "hang")
    go(victim)
    assert victim.stdout
    assert victim.stdout.readline() == "took\n"
    victim.kill()
    victim.wait()
    journal_file = tmp_path / "journal.log"
    journal_file.write_bytes(
        journal_file.read_bytes() + b'{"op_code": 5, "wor'
    )  # and it died while it wrote
    again = [worker(tmp_path, 3, name) for name in ("0", "1")]
    go(*again)
    assert [each.wait() for each in again] == [0, 0]
    own = journal(tmp_path, 3)
    assert states(own) == {"COMPLETE": 6, "FAIL": 1}
    lost = next(trial for trial in own.open("one").trials if trial.state == TrialState.FAIL)
    retry = next(
        trial for trial in own.open("one").trials if trial.user_attrs.get("retry_of") == lost.number
    )
    assert retry.params == lost.params
    assert len(ended_trials(own.open("one"))) == 3


def test_a_living_workers_trial_is_left_alone(tmp_path: Path) -> None:
    busy = worker(tmp_path, 2, "0", "hang")
    go(busy)
    assert busy.stdout
    assert busy.stdout.readline() == "took\n"
    own = journal(tmp_path, 2)
    assert take(own, "1").search == "two"  # the search that is behind
    take(own, "1")  # its first trial was not ended: that one is taken for dead
    assert states(own) == {"RUNNING": 2, "FAIL": 1, "WAITING": 2}
    assert own.open("one").trials[0].state == TrialState.RUNNING
    os.kill(busy.pid, signal.SIGKILL)
    busy.wait()


def test_a_worker_is_at_work_once(tmp_path: Path) -> None:
    own = journal(tmp_path, 2)
    with (
        own.signed_on("0"),
        pytest.raises(BadInput, match=r"0\.lock: another process is at work here"),
        own.signed_on("0"),
    ):
        pass
    with own.signed_on("0"):
        pass


@pytest.mark.parametrize("name", ["../escaped", "/tmp/escaped", "a" * 300, "", 5])
def test_a_worker_is_called_by_nothing_that_leads_elsewhere(name: object, tmp_path: Path) -> None:
    """The journal may be anybody's: who signed a trial so is no worker of ours, and dead."""
    (tmp_path / "study" / "workers").mkdir(parents=True)
    own = journal(tmp_path / "study", 2)
    take(own, "0").trial.set_user_attr("worker", name)
    take(own, "1")
    assert states(own)["FAIL"] == 1
    assert not list(tmp_path.rglob("*escaped*"))
    with (
        pytest.raises(BadInput, match="give a name of letters"),
        own.signed_on(str(name) if name != 5 else "a/b"),
    ):
        pass


def test_a_worker_signs_on_while_another_looks_whether_it_lives(tmp_path: Path) -> None:
    own = journal(tmp_path, 2)

    def sign_on() -> str:
        with own.signed_on("0"):
            return "signed on"

    with ThreadPoolExecutor() as threads:
        with (
            locked(tmp_path / "queue.lock"),
            locked(tmp_path / "workers" / "0.lock"),
        ):  # as one that takes a trial
            signing = threads.submit(sign_on)
            assert not wait([signing], timeout=0.2).done
        assert signing.result() == "signed on"


def test_more_trials_continue_a_study_and_as_many_have_nothing_to_do(tmp_path: Path) -> None:
    for trials, total in ((2, 4), (2, 4), (5, 10)):
        own = journal(tmp_path, trials)
        while taken := own.take("0"):
            taken.study.tell(taken.trial, 0.5)
        assert states(own) == {"COMPLETE": total}
    assert [trial.user_attrs["origin"] for trial in own.open("one").trials] == [
        "grid",
        "grid",
        "tpe",
        "tpe",
        "tpe",
    ]


def test_a_trial_that_fails_every_time_counts_once(tmp_path: Path) -> None:
    own = journal(tmp_path, 2, retries=1)
    while taken := own.take("0"):
        own.fail(taken, "out of memory")
    assert states(own) == {"FAIL": 8}  # 2 searches, 2 trials, 2 tries each
    found = own.open("one")
    assert len(first_tries(found)) == len(ended_trials(found)) == 2
    assert {trial.user_attrs["remarks"] for trial in found.trials} == {"out of memory"}


def test_what_failed_for_the_last_time_is_tried_again_once_per_start(tmp_path: Path) -> None:
    own = journal(tmp_path, 2, retries=1)

    def fail_all(start: str) -> Counter[str]:
        own.renew(start)
        while taken := own.take("0"):
            own.fail(taken, "no driver")
        return states(own)

    assert fail_all("first") == fail_all("first") == {"FAIL": 8}
    assert fail_all("second") == {"FAIL": 16}  # with a fresh count
    own.renew("third")
    tried = []
    while taken := own.take("0"):
        taken.study.tell(taken.trial, 0.5)
        tried.append(taken.values["method.tau"])
    assert states(own) == {"FAIL": 16, "COMPLETE": 4}
    own.renew("fourth")
    assert own.take("0") is None
    assert [len(ended_trials(own.open(search))) for search in own.names] == [2, 2]
    assert {trial.params["method.tau"] for trial in own.open("two").trials} | {0.2, 0.8} == set(
        tried
    )


def test_a_trial_that_kills_every_worker_is_given_up_across_starts(tmp_path: Path) -> None:
    own = journal(tmp_path, 2, retries=1)
    for start in range(4 * (1 + 1 + SPARE_WORKERS)):
        own.renew(str(start))
        take(own)  # and dies
    own.renew("last")
    assert own.take("0") is None
    assert [len(ended_trials(own.open(search))) for search in own.names] == [2, 2]


def test_the_death_of_a_worker_uses_up_no_retry(tmp_path: Path) -> None:
    own = journal(tmp_path, 2, retries=0)
    for _ in range(4):
        take(own)  # and dies: the same worker comes back
    while taken := own.take("0"):
        taken.study.tell(taken.trial, 0.5)
    assert states(own) == {"FAIL": 4, "COMPLETE": 4}
    assert [len(ended_trials(own.open(search))) for search in own.names] == [2, 2]


def test_a_trial_that_kills_every_worker_is_given_up(tmp_path: Path) -> None:
    own = journal(tmp_path, 2, retries=1)
    while own.take("0"):
        pass
    assert states(own) == {
        "FAIL": 4 * (1 + 1 + SPARE_WORKERS)
    }  # 2 searches, 2 trials, each tried once and then again
    assert [len(ended_trials(own.open(search))) for search in own.names] == [2, 2]


def test_a_worker_that_dies_while_it_tells_of_a_failure_loses_no_trial(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dies(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    own = journal(tmp_path, 2, retries=1)
    taken = take(own)
    for method in ("enqueue_trial", "tell"):
        with monkeypatch.context() as patched:
            patched.setattr(taken.study, method, dies)
            with pytest.raises(KeyboardInterrupt):
                own.fail(taken, "out of luck")
    while found := own.take("0"):
        found.study.tell(found.trial, 0.5)
    assert states(own) == {"FAIL": 1, "COMPLETE": 4}
    assert len(ended_trials(own.open("one"))) == 2


def test_an_append_that_the_disk_cut_leaves_the_journal_whole(tmp_path: Path) -> None:
    taken = take(journal(tmp_path, 2))
    with (tmp_path / "journal.log").open("ab") as log:
        log.write(b'{"op_code": 5, "wor')  # another worker's, while this one lives
    taken.study.tell(taken.trial, 0.5)
    assert journal(tmp_path, 2).open("one").trials[0].value == 0.5


def test_a_sampler_repeats_itself_only_for_the_same_worker_and_trial(tmp_path: Path) -> None:
    study = journal(tmp_path, 2, sampler={"name": "random"}).study

    def first(*place: object) -> float:
        return float(make_sampler(study, *place)._rng.rng.uniform())  # type: ignore[arg-type, attr-defined]

    assert first("one", "0", 3) == first("one", "0", 3)
    assert (
        len(
            {first("one", "0", 3), first("one", "1", 3), first("one", "0", 4), first("two", "0", 3)}
        )
        == 4
    )


def test_a_value_that_is_no_number_is_still_a_record(tmp_path: Path) -> None:
    """Optuna's journal has NaN where a score was not a number."""
    own = journal(tmp_path, 2)
    trial = own.open("one").ask()
    trial.report(float("nan"), 1)
    assert "NaN" in (tmp_path / "journal.log").read_text()
    assert math.isnan(journal(tmp_path, 2).open("one").trials[0].intermediate_values[1])


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("", "is blank"),
        ('{"op_code": 99, "worker_id": "a"}', "is not an Optuna record"),
        ('{"a": 1}', "is not an Optuna record"),
        ("[1]", "is not an Optuna record"),
        ("not JSON", "is not an Optuna record"),
    ],
)
@pytest.mark.parametrize("at", [1, -1])
def test_a_line_that_is_no_record_gives_a_sentence(
    line: str, said: str, at: int, tmp_path: Path
) -> None:
    own = journal(tmp_path, 2)
    own.open("one")
    file = tmp_path / "journal.log"
    lines = file.read_text().splitlines()
    number = len(lines) + 1 if at < 0 else 2
    lines.insert(number - 1, line)
    file.write_text("\n".join(lines) + "\n")
    with pytest.raises(BadInput, match=rf"journal.log, line {number}: {said}: delete this line"):
        journal(tmp_path, 2).open("one")
