"""Worker processes: a hostile answer, a killed worker or a dead parent costs nothing but itself."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from eval.verify.pool import Pool, _Task, _Worker
from eval.verify.verifier import Verifier
from tests.hostile import PATHOLOGICAL

HALF = (r"\frac{1}{2}", "0.5")

needs_proc = pytest.mark.skipif(
    not Path("/proc/self/limits").exists(), reason="reads the kernel's /proc"
)


@pytest.fixture
def pool() -> Iterator[Pool]:
    pool = Pool(workers=1, limit_s=20, memory_mb=512)
    yield pool
    pool.close()


def test_ten_pathological_answers_among_a_thousand_completions_cost_only_themselves() -> None:
    usual = [
        (r"\frac{1}{2}", "0.5"),
        (r"\frac{1}{2}", "0.6"),
        ("7", "7"),
        ("7", "8"),
        ("x+1", "1+x"),
        ("7", "7!"),
    ]
    pairs = [usual[place % len(usual)] for place in range(990)]
    for place, answer in enumerate(PATHOLOGICAL):
        pairs.insert(97 * place, ("7", answer))
    with Verifier(workers=2, limit_s=1.0) as verifier:
        verdicts = verifier.verify(
            [rf"\boxed{{{answer}}}" for _, answer in pairs], [gold for gold, _ in pairs]
        )
    timeouts = [
        pair for pair, verdict in zip(pairs, verdicts, strict=True) if verdict.status == "timeout"
    ]
    assert timeouts == [("7", answer) for answer in PATHOLOGICAL]
    expected = dict(zip(usual, [True, False, True, False, True, False], strict=True))
    rest = [
        (pair, verdict)
        for pair, verdict in zip(pairs, verdicts, strict=True)
        if pair not in timeouts
    ]
    assert len(rest) == 990
    assert all(
        verdict.status == "ok" and verdict.correct == expected[pair] for pair, verdict in rest
    )


def test_a_huge_or_deep_answer_reaches_no_worker() -> None:
    with Verifier(workers=1) as verifier:
        answers = ["9" * 1_000_000 + ".5", "{" * 10_000 + "1" + "}" * 10_000, "(" * 100_000]
        verdicts = verifier.verify(
            [rf"\boxed{{{answer}}}" for answer in answers], [r"\frac{1}{2}"] * 3
        )
        assert [verdict.status for verdict in verdicts] == ["unparsed"] * 3
        assert verifier._pool.pids() == []


def test_a_worker_killed_while_idle_is_replaced(pool: Pool) -> None:
    assert pool.compare([HALF]) == [(True, "ok")]
    for _ in range(10):  # the new child's two lines may come together or apart
        os.kill(pool.pids()[1], signal.SIGKILL)
        assert pool.compare([HALF, HALF]) == [(True, "ok")] * 2
    os.kill(pool.pids()[0], signal.SIGKILL)
    assert pool.compare([HALF, HALF]) == [(True, "ok")] * 2


def test_a_worker_killed_at_work_costs_no_verdict(pool: Pool) -> None:
    pairs = [HALF, ("x^2-1", "(x-1)(x+1)"), (r"\frac{1}{2}", "0.6")]
    pool.compare([HALF])
    worker = pool._workers[0]
    give = worker.give

    def give_and_kill_once(task: _Task) -> None:
        give(task)
        os.kill(worker.pids()[1], signal.SIGKILL)
        worker.give = give

    worker.give = give_and_kill_once
    assert pool.compare(pairs) == [(True, "ok"), (True, "ok"), (False, "ok")]


def test_an_answer_that_always_kills_its_worker_is_an_error(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    give = _Worker.give

    def give_or_die(worker: _Worker, task: _Task) -> None:
        give(worker, task)
        if task.pair[1] == "deadly":
            os.kill(worker.pids()[1], signal.SIGKILL)

    monkeypatch.setattr(_Worker, "give", give_or_die)
    # a kill may come after the answer was written: then the verdict stands
    slow = pool.compare([(r"\frac{1}{2}", "deadly"), HALF])
    assert slow[0] in [(False, "error"), (False, "ok")]
    assert slow[1] == (True, "ok")


def test_a_worker_that_cannot_start_says_why(
    pool: Pool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\necho 'no module named math_verify' >&2\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(broken))
    with pytest.raises(RuntimeError, match=r"while starting: no module named math_verify"):
        pool.compare([HALF])
    monkeypatch.undo()
    assert pool.compare([HALF]) == [(True, "ok")]


def test_an_interrupted_batch_leaves_nothing_behind(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(pool, "_wait", interrupted)
    with pytest.raises(KeyboardInterrupt):
        pool.compare([HALF])
    assert pool.pids() == []
    monkeypatch.undo()
    assert pool.compare([HALF]) == [(True, "ok")]


@needs_proc
def test_a_worker_is_fenced_in(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    pool.compare([HALF])
    process, pid = pool.pids()
    folder = Path(f"/proc/{pid}")
    limits = {
        line[:26].strip(): line[26:].split()[0]
        for line in (folder / "limits").read_text().splitlines()
    }
    assert limits["Max address space"] == str(512 * 2**20)
    assert limits["Max core file size"] == "0"
    assert "torch" not in (folder / "maps").read_text()
    environment = (folder / "environ").read_bytes()
    assert b"PYTHONHASHSEED=0" in environment
    assert b"hf_secret" not in environment
    assert (
        os.getsid(pid) == process != os.getsid(0)
    )  # Ctrl-C in the parent's terminal does not reach it
    assert os.readlink(folder / "fd" / "0") == os.readlink(folder / "fd" / "1") == os.devnull


def has_ended(pid: int) -> bool:
    """Also true of a zombie, which nobody may be there to reap."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except FileNotFoundError:
        return True


ORPHANING = r"""
import json, threading
from eval.verify.verifier import Verifier
verifier = Verifier(workers=1, limit_s=2)
verifier.verify([r"\boxed{0.5}"], [r"\frac{1}{2}"])
print(json.dumps(verifier._pool.pids()), flush=True)
verifier.verify([r"\boxed{9^{9^{9^9}}}"], ["7"])
"""


@needs_proc
def test_workers_end_with_a_parent_that_is_killed() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", ORPHANING], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout
        pids = json.loads(parent.stdout.readline())
        parent.kill()
    waiter = threading.Event()
    ended = (all(map(has_ended, pids)) or waiter.wait(0.1) for _ in range(600))
    assert len(pids) == 2
    assert any(ended)


def test_a_forked_child_leaves_its_parents_workers_alone() -> None:
    program = r"""
import os, signal
from eval.verify.verifier import default_verifier, is_correct
assert is_correct(r"\boxed{0.5}", r"\frac{1}{2}").correct
before = default_verifier()._pool.pids()
child = os.fork()
if child == 0:
    ok = is_correct(r"\boxed{0.25}", r"\frac{1}{4}").correct and default_verifier()._pool.pids() != before
    default_verifier().close()
    os._exit(0 if ok else 1)
assert os.waitpid(child, 0)[1] == 0
assert is_correct(r"\boxed{0.75}", r"\frac{3}{4}").correct and default_verifier()._pool.pids() == before
"""
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert (run.returncode, run.stderr) == (0, "")


def test_threads_take_turns() -> None:
    verdicts: dict[int, bool] = {}
    with Verifier(workers=1) as verifier:

        def ask(number: int) -> None:
            (verdict,) = verifier.verify([rf"\boxed{{{number}/7}}"], [rf"\frac{{{number}}}{{7}}"])
            verdicts[number] = verdict.correct

        threads = [threading.Thread(target=ask, args=(number,)) for number in (1, 2, 3, 4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert verdicts == dict.fromkeys((1, 2, 3, 4), True)


@needs_proc
def test_a_starved_worker_is_waited_for(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    pool.compare([HALF])
    worker = pool._workers[0]
    worker.task = _Task(0, HALF, number=-1)
    worker._began, worker._limit_s = 100.0, 2.0
    clock, used = iter([101.0, 102.0, 103.9, 105.5, 120.0]), iter([0.0, 0.5, 0.5, 1.9, 0.0])
    monkeypatch.setattr("eval.verify.pool.time.monotonic", lambda: next(clock))
    monkeypatch.setattr("eval.verify.pool._processor_s", lambda _: next(used))
    worker._used_s, worker.deadline = 0.0, 102.0
    assert not worker.is_over()  # before the deadline
    assert not worker.is_over()  # 0.5 s of 2 s: waits until 103.5
    assert worker.deadline == 103.5
    assert not worker.is_over()  # still 0.5 s
    assert worker.is_over()  # 1.9 s of 2 s is near enough
    assert worker.is_over()  # ten times the limit is the end, however little it ran
    monkeypatch.undo()
    worker.task = None
