r"""Is this completion right? One verifier for the training reward and for the evaluation.

A completion's answer is the content of its last complete box (`spelling/extract.py`), brought to
one spelling (`spelling/normalise.py`). The rules of `comparing/compare.py` decide what needs no
computer algebra in this process; everything else goes to worker processes that add math-verify,
with a wall-clock and a memory limit per answer (`workers/pool.py`), each distinct (gold, answer)
once. The verdict depends on the two strings only: not on order, batch, or number of workers. A
strict verdict (equal integers or equal normalised strings) is given beside it, so that their
disagreement can be reported.

docs/verification.md lists what is accepted and the departures from math-verify.
"""

import os
import threading
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from typing import NamedTuple

from eval.files.errors import BadInput
from eval.verify.comparing.compare import compare
from eval.verify.outcome import NeedsAlgebra, Status
from eval.verify.spelling.extract import extract
from eval.verify.spelling.normal_form import integer, normal
from eval.verify.spelling.normalise import clean
from eval.verify.workers.pool import Pair, Pool, Result

VERIFIER_VERSION = f"2 (math-verify {version('math-verify')}, sympy {version('sympy')})"
CACHED = 200_000  # (gold, answer) pairs kept over calls


class Verdict(NamedTuple):
    correct: bool
    answer: str | None  # what was extracted; None if there is no answer
    status: Status
    strict: bool  # the second verifier: equal integers or equal normalised strings


def _without_algebra(pair: Pair) -> Result | None:
    """(correct, status) where no computer algebra is needed, else None."""
    try:
        return compare(*pair)
    except NeedsAlgebra:
        return None


def _is_strict(pair: Pair) -> bool:
    return normal(pair[0]) == normal(pair[1]) != ""


def _unwrapped(gold: str) -> str:
    r"""A gold may come bare, in $...$ or in a box; from here on it is bare."""
    return clean(extract(gold) or gold)


def _verdict(pair: Pair, answer: str, result: Result) -> Verdict:
    correct, status = result
    return Verdict(correct, answer, status, _is_strict(pair))


class Verifier:
    """Verifies batches. Workers start with the first pair that needs one and end with `close`.

    `workers`: default one per usable core, at most 4. `limit_s`: seconds per distinct pair.
    `memory_mb`: address space of a worker, MiB. `cached`: distinct pairs whose outcome is kept.
    Safe to call from several threads; they take turns. Raises BadInput for unusable settings.
    """

    def __init__(
        self,
        workers: int | None = None,
        limit_s: float = 5.0,
        memory_mb: int = 1024,
        cached: int = CACHED,
    ) -> None:
        cores = (
            len(os.sched_getaffinity(0))
            if hasattr(os, "sched_getaffinity")
            else os.cpu_count() or 1
        )
        workers = min(cores, 4) if workers is None else workers
        if not (workers >= 1 and limit_s > 0 and memory_mb >= 256):
            raise BadInput(
                f"verifier: workers = {workers}, limit_s = {limit_s}, memory_mb = {memory_mb}: "
                "give at least 1 worker, a limit above 0 s and 256 MiB"
            )
        self._cached = cached
        self._pool = Pool(workers, limit_s, memory_mb)
        self._known: OrderedDict[Pair, Result] = OrderedDict()
        self._turn = threading.Lock()

    def __enter__(self) -> "Verifier":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        with self._turn:
            self._pool.close()

    def pids(self) -> list[int]:
        """Of the worker processes that are alive; empty before the first pair that needs one."""
        return self._pool.pids()

    def verify(self, completions: Sequence[str], golds: Sequence[str]) -> list[Verdict]:
        """One verdict per completion. Raises ValueError if there are not as many golds as
        completions.
        """
        bare = {gold: _unwrapped(gold) for gold in set(golds)}
        answers = [extract(completion) for completion in completions]
        asked = list(zip(golds, answers, strict=True))
        pairs = {
            (gold, answer): (bare[gold], clean(answer)) for gold, answer in set(asked) if answer
        }
        results = self._compare(set(pairs.values()))
        verdicts = {key: _verdict(pair, key[1], results[pair]) for key, pair in pairs.items()}
        none = Verdict(False, None, "unparsed", False)
        return [verdicts[gold, answer] if answer else none for gold, answer in asked]

    def equivalent(self, answers: Sequence[str | None]) -> list[int]:
        """Class of equivalent answers for each, numbered by first appearance; -1 for None and the
        unreadable.

        Equality is not transitive (50, 50%, 0.5), so classes grow around representatives: the
        shortest answer that is in no class yet takes all that accept it and that it accepts. The
        partition depends on the set of answers only, not on their order or number.
        """
        cleaned = [None if answer is None else clean(answer) for answer in answers]
        names = [None if text is None else integer(text) or text for text in cleaned]
        group = self._groups({name for name in names if name is not None})
        numbers: dict[str, int] = {}
        found = [None if name is None else group.get(name) for name in names]
        return [-1 if first is None else numbers.setdefault(first, len(numbers)) for first in found]

    def _groups(self, distinct: set[str]) -> dict[str, str]:
        """The representative of each answer that can be read in time."""
        probe = self._compare({("1", answer) for answer in distinct})
        readable = {answer for answer in distinct if probe["1", answer][1] == "ok"}
        left = sorted(readable, key=lambda answer: (len(answer), answer))
        group: dict[str, str] = {}
        while left:
            first, others = left[0], left[1:]
            forth = self._compare({(first, other) for other in others})
            back = self._compare({(other, first) for other in others if forth[first, other][0]})
            group |= {first: first} | {
                other: first for (other, _), (same, _) in back.items() if same
            }
            left = [other for other in others if other not in group]
        return group

    def _compare(self, pairs: set[Pair]) -> dict[Pair, Result]:
        """Results of distinct pairs: without a parser, from the cache, or from the pool."""
        results = {pair: result for pair in pairs if (result := _without_algebra(pair)) is not None}
        rest = sorted(pairs - results.keys())
        with self._turn:
            new = [pair for pair in rest if pair not in self._known]
            self._known.update(zip(new, self._pool.compare(new), strict=True))
            for pair in rest:
                self._known.move_to_end(pair)
                results[pair] = self._known[pair]
            while len(self._known) > self._cached:
                self._known.popitem(last=False)
        return results

    def check_golds(self, golds: Iterable[str]) -> None:
        """Raises BadInput, which names the first gold that cannot be read, or that is not verified
        as equal to itself.
        """
        bare = {gold: _unwrapped(gold) for gold in golds}
        results = self._compare({(gold, gold) for gold in bare.values()})
        for given, gold in bare.items():
            correct, status = results[gold, gold]
            if not correct:
                reason = {
                    "unparsed": "cannot be read",
                    "ok": "is not verified as equal to itself",
                }.get(status, f"cannot be compared with itself ({status})")
                raise BadInput(
                    f"gold answer {given[:80]!r} {reason}: fix or remove the problem that has it"
                )
