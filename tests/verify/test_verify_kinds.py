"""Every kind of answer, in both directions: what a gold accepts, and what it refuses."""

from collections.abc import Iterator

import pytest

from eval.verify.verifier import Verifier
from tests.verify.verifier_kinds import KINDS
from tests.verify.verifier_traps import TRAPS

ALL = KINDS | TRAPS


@pytest.fixture(scope="module")
def verifier() -> Iterator[Verifier]:
    with Verifier(workers=2, limit_s=20) as shared:
        yield shared


def correct(verifier: Verifier, pairs: list[tuple[str, str]]) -> list[bool]:
    completions = [rf"so \boxed{{{answer}}}." for _, answer in pairs]
    return [v.correct for v in verifier.verify(completions, [gold for gold, _ in pairs])]


@pytest.mark.parametrize("kind", ALL)
def test_right_answers_of_a_kind_are_accepted(kind: str, verifier: Verifier) -> None:
    pairs = [(gold, answer) for gold, accepted, _ in ALL[kind] for answer in [gold, *accepted]]
    verdicts = correct(verifier, pairs)
    assert [pair for pair, right in zip(pairs, verdicts, strict=True) if not right] == []


@pytest.mark.parametrize("kind", ALL)
def test_wrong_answers_of_a_kind_are_refused(kind: str, verifier: Verifier) -> None:
    pairs = [(gold, answer) for gold, _, refused in ALL[kind] for answer in refused]
    verdicts = correct(verifier, pairs)
    assert [pair for pair, right in zip(pairs, verdicts, strict=True) if right] == []


def test_wrong_answers_share_no_class_with_right_ones(verifier: Verifier) -> None:
    """What maj@k counts together: an answer that is refused must not vote for the gold."""
    for kind in ("units", "bases", "lists_sets_and_intervals"):
        for gold, _, refused in KINDS[kind]:
            if refused:
                classes = verifier.equivalent([gold, *refused])
                assert classes.count(classes[0]) == 1, (gold, refused)
