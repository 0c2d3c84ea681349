r"""Is this completion right? One verifier for the training reward and for the evaluation.

A completion's answer is the content of its last complete box (`eval.extract`). Two plain integers, and a gold that is
nothing but words, are compared here; everything else goes to math-verify in worker processes with a wall-clock and a
memory limit per answer (`eval.verify_pool`, `eval.equality`), each distinct (gold, answer) once. The verdict depends
on the two strings only: not on order, batch, or number of workers. Beside it stands a strict verdict (equal integers
or equal normalised strings), so that their disagreement can be reported.

Differs from calling math-verify on the whole completion: docs/verification.md lists the verdicts that change.
"""

import atexit
import os
import threading
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from typing import Literal, NamedTuple

from eval.errors import BadInput
from eval.extract import as_words, clean, extract, integer, is_parsable, normal, words
from eval.verify_pool import Pair, Pool, Result

__all__ = ["VERIFIER_VERSION", "Status", "Verdict", "Verifier", "check_gold", "check_golds", "extract", "is_correct"]

Status = Literal["ok", "unparsed", "timeout", "error"]
VERIFIER_VERSION = f"1 (math-verify {version('math-verify')}, sympy {version('sympy')})"
CACHED = 200_000  # (gold, answer) pairs kept over calls


class Verdict(NamedTuple):
    correct: bool
    answer: str | None  # what was extracted; None if there is no answer
    status: Status
    strict: bool  # the second verifier: equal integers or equal normalised strings


def _without_parser(pair: Pair) -> Result | None:
    """(correct, status) where no computer algebra is needed, else None."""
    gold, answer = pair
    gold_integer, answer_integer = integer(gold), integer(answer)
    if gold_integer is not None and answer_integer is not None:
        return gold_integer == answer_integer, "ok"
    if not is_parsable(answer):
        return False, "unparsed"
    gold_words = words(gold)
    if gold_words is not None:
        return gold_words == as_words(answer), "ok"
    return None


def _is_strict(pair: Pair) -> bool:
    return normal(pair[0]) == normal(pair[1]) != ""


def _unwrapped(gold: str) -> str:
    r"""A gold may come bare, in $...$ or in a box; from here on it is bare."""
    return clean(extract(gold) or gold)


class Verifier:
    """Verifies batches. Worker processes start with the first pair that needs one and end with `close`.

    Args: workers (default: one per usable core, at most 4), limit_s (seconds of wall clock per distinct pair),
    memory_mb (address space of a worker, MiB). Safe to call from several threads; they take turns.
    """

    def __init__(self, workers: int | None = None, limit_s: float = 5.0, memory_mb: int = 1024) -> None:
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        workers = min(cores, 4) if workers is None else workers
        if workers < 1 or limit_s <= 0 or memory_mb < 256:
            raise BadInput(
                f"verifier: workers = {workers}, limit_s = {limit_s}, memory_mb = {memory_mb}: "
                "give at least 1 worker, a limit above 0 s and 256 MiB"
            )
        self._pool = Pool(workers, limit_s, memory_mb)
        self._known: OrderedDict[Pair, Result] = OrderedDict()
        self._turn = threading.RLock()

    def __enter__(self) -> "Verifier":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        with self._turn:
            self._pool.close()

    def verify(self, completions: Sequence[str], golds: Sequence[str]) -> list[Verdict]:
        """One verdict per completion. Raises ValueError if there are not as many golds as completions."""
        answers = [extract(completion) for completion in completions]
        pairs = [
            None if answer is None else (_unwrapped(gold), clean(answer))
            for answer, gold in zip(answers, golds, strict=True)
        ]
        results = self._compare({pair for pair in pairs if pair})
        return [
            Verdict(False, None, "unparsed", False)
            if pair is None
            else Verdict(results[pair][0], answer, results[pair][1], _is_strict(pair))  # type: ignore[arg-type]
            for pair, answer in zip(pairs, answers, strict=True)
        ]

    def equivalent(self, answers: Sequence[str | None]) -> list[int]:
        """Class of equivalent answers for each, numbered by first appearance; -1 for None and what cannot be read.

        Equality is not transitive (50, 50%, 0.5), so classes grow around representatives: the shortest answer not yet
        in a class takes all that accept it and that it accepts. The partition depends on the set of answers only.
        """
        cleaned = [None if answer is None else clean(answer) for answer in answers]
        names = {text: text if (number := integer(text)) is None else number for text in cleaned if text is not None}
        group = self._groups(set(names.values()))
        numbers: dict[str, int] = {}
        keys = [None if text is None else group.get(names[text]) for text in cleaned]
        return [-1 if key is None else numbers.setdefault(key, len(numbers)) for key in keys]

    def _groups(self, distinct: set[str]) -> dict[str, str]:
        """Representative of each answer that can be read."""
        probe = self._compare({("1", answer) for answer in distinct})
        left = sorted((a for a in distinct if probe["1", a][1] == "ok"), key=lambda a: (len(a), a))
        group: dict[str, str] = {}
        while left:
            first = left[0]
            forth = self._compare({(first, other) for other in left[1:]})
            found = {other for other in left[1:] if forth[first, other][0]}
            back = self._compare({(other, first) for other in found})
            members = {first} | {other for other in found if back[other, first][0]}
            group |= dict.fromkeys(members, first)
            left = [answer for answer in left if answer not in members]
        return group

    def _compare(self, pairs: set[Pair]) -> dict[Pair, Result]:
        """Results of distinct pairs, from the cache, without a parser, or from the pool."""
        results = {pair: result for pair in pairs if (result := _without_parser(pair)) is not None}
        rest = sorted(pairs - results.keys())
        with self._turn:
            new = [pair for pair in rest if pair not in self._known]
            self._known.update(zip(new, self._pool.compare(new), strict=True))
            for pair in rest:
                self._known.move_to_end(pair)
                results[pair] = self._known[pair]
            while len(self._known) > CACHED:
                self._known.popitem(last=False)
        return results

    def check_golds(self, golds: Iterable[str]) -> None:
        """Raises BadInput naming the first gold that cannot be read or is not accepted as its own answer."""
        own = [(gold, _unwrapped(gold)) for gold in golds]
        results = self._compare({(gold, gold) for _, gold in own})
        for given, gold in own:
            correct, status = results[gold, gold]
            if not correct or not is_parsable(gold):
                reason = "it cannot be read" if status == "unparsed" else f"verification ended with {status}"
                raise BadInput(f"answer {given[:80]!r} is not accepted as its own answer ({reason}): mend or drop it")


_default: Verifier | None = None
_creating = threading.Lock()


def default_verifier() -> Verifier:
    """The one this process shares; made when first asked for, closed when the process ends."""
    global _default
    with _creating:
        if _default is None:
            _default = Verifier()
            atexit.register(_default.close)
        return _default


def is_correct(completion: str, gold: str) -> Verdict:
    return default_verifier().verify([completion], [gold])[0]


def check_gold(gold: str) -> None:
    """Raises BadInput if the gold cannot be read or is not accepted as its own answer."""
    default_verifier().check_golds([gold])


def check_golds(golds: Iterable[str]) -> None:
    """As check_gold for many at once: far quicker, because the workers share them."""
    default_verifier().check_golds(golds)
