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

from eval.verify.verifier import Verifier
from eval.verify.workers.pool import Pool
from tests.support.hostile import PATHOLOGICAL

HALF = (r"\frac{1}{2}", "0.5")

needs_proc = pytest.mark.skipif(
    not Path("/proc/self/limits").exists(), reason="reads the kernel's /proc"
)


@pytest.fixture
def pool() -> Iterator[Pool]:
    pool = Pool(workers=1, limit_s=20, memory_mb=512)
    yield pool
    pool.close()


@pytest.fixture
def hostile() -> Iterator[Pool]:
    """Its workers do to answers what tests/verify/hostile_worker.py tells."""
    pool = Pool(workers=1, limit_s=0.5, memory_mb=512, program="tests.verify.hostile_worker")
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
        assert verifier.pids() == []


def test_a_worker_killed_while_idle_is_replaced(pool: Pool) -> None:
    assert pool.compare([HALF]) == [(True, "ok")]
    for _ in range(10):  # the new child's two lines may come together or apart
        os.kill(pool.pids()[1], signal.SIGKILL)
        assert pool.compare([HALF, HALF]) == [(True, "ok")] * 2
    os.kill(pool.pids()[0], signal.SIGKILL)
    assert pool.compare([HALF, HALF]) == [(True, "ok")] * 2


def test_a_worker_killed_at_work_costs_no_verdict(hostile: Pool, tmp_path: Path) -> None:
    pairs = [("7", "7"), ("7", f"once {tmp_path / 'died'}"), ("7", "8")]
    assert hostile.compare(pairs) == [(True, "ok"), (True, "ok"), (False, "ok")]
    assert (tmp_path / "died").exists()


def test_an_answer_that_always_kills_its_worker_is_an_error(hostile: Pool) -> None:
    pairs = [("7", "7"), ("7", "deadly"), ("7", "8"), ("7", "deadly")]
    expected = [(True, "ok"), (False, "error"), (False, "ok"), (False, "error")]
    assert hostile.compare(pairs) == expected


def test_an_answer_that_works_for_ever_is_a_timeout(hostile: Pool) -> None:
    pairs = [("7", "spin"), ("7", "7")]
    assert hostile.compare(pairs) == [(False, "timeout"), (True, "ok")]


@needs_proc
def test_a_worker_that_does_not_get_the_processor_is_waited_for(hostile: Pool) -> None:
    """It may take ten times its limit of wall clock, as long as it has not used its limit."""
    assert hostile.compare([("7", "sleep 1.0"), ("7", "8")]) == [(True, "ok"), (False, "ok")]
    assert hostile.compare([("7", "hang"), ("7", "7")]) == [(False, "timeout"), (True, "ok")]


def test_a_worker_that_cannot_start_says_why() -> None:
    pool = Pool(workers=1, limit_s=20, memory_mb=512, program="tests.no_such_worker")
    with pytest.raises(RuntimeError, match=r"while starting: .*No module named"):
        pool.compare([HALF])
    assert pool.pids() == []


@pytest.fixture
def ctrl_c_raises() -> Iterator[None]:
    """A shell that starts the tests in the background has told them to ignore Ctrl-C."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("ctrl_c_raises")
def test_an_interrupted_batch_leaves_nothing_behind(hostile: Pool, tmp_path: Path) -> None:
    """Ctrl-C in the middle of an answer: the workers end, and the next batch works."""
    begun = tmp_path / "begun"

    def interrupt_once_it_has_begun() -> None:
        waiter = threading.Event()
        while not begun.exists():
            waiter.wait(0.02)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt_once_it_has_begun)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        hostile.compare([("7", f"begin {begun}")])
    thread.join()
    assert hostile.pids() == []
    assert hostile.compare([("7", f"begin {begun}"), ("7", "8")]) == [(True, "ok"), (False, "ok")]


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
verifier.verify([r"\boxed{(x+1)^2}"], ["x^2+2x+1"])
print(json.dumps(verifier.pids()), flush=True)
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
import os
from eval.verify.verifier import Verifier
verifier = Verifier(workers=1)
def is_right(square):
    completion = rf"\boxed{{(x+1)(x+{square})}}"
    return verifier.verify([completion], [f"x^2+{square + 1}x+{square}"])[0].correct
assert is_right(3)
before = verifier.pids()
child = os.fork()
if child == 0:
    ok = is_right(5) and verifier.pids() != before
    verifier.close()
    os._exit(0 if ok else 1)
assert os.waitpid(child, 0)[1] == 0
assert is_right(7) and verifier.pids() == before
verifier.close()
"""
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert (run.returncode, run.stderr) == (0, "")


def test_threads_take_turns() -> None:
    verdicts: dict[int, bool] = {}
    with Verifier(workers=1) as verifier:

        def ask(number: int) -> None:
            (verdict,) = verifier.verify(
                [rf"\boxed{{(x+1)(x+{number})}}"], [f"x^2+{number + 1}x+{number}"]
            )
            verdicts[number] = verdict.correct

        threads = [threading.Thread(target=ask, args=(number,)) for number in (2, 3, 5, 7)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert verdicts == dict.fromkeys((2, 3, 5, 7), True)
