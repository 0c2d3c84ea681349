r"""Chains of equalities, and values by name: x = 5, 2/3 = 0.67, (x, y) = (1, 2)."""

import re
from collections.abc import Sequence
from itertools import pairwise

from eval.verify.kinds import structure
from eval.verify.kinds.numbers import read_number, rounds_to, same_number
from eval.verify.kinds.quantities import is_number, read_quantity
from eval.verify.kinds.units import separate
from eval.verify.outcome import RIGHT, UNPARSED, WRONG, Outcome, Same
from eval.verify.spelling.normal_form import normal


def without_name(text: str) -> str:
    members = structure.chain(text)
    return members[1] if len(members) == 2 and structure.is_name(members[0]) else text


def compare_assigned(gold: str, answer: str, same: Same) -> Outcome | None:
    """(x, y) = (1, 2) and x = 1, y = 2 say the same: value by value, by name."""
    ours, theirs = _assignments(gold), _assignments(answer)
    if ours is None and theirs is not None:
        return _compare_in_order(gold, theirs, same)
    if ours is None or theirs is None:
        return None
    if ours.keys() != theirs.keys():
        return None
    outcomes = [same(ours[name], theirs[name]) for name in ours]
    return next((outcome for outcome in outcomes if not outcome.correct), RIGHT)


def _compare_in_order(gold: str, values: dict[str, str], same: Same) -> Outcome | None:
    """y = 4, x = 3 is the point (3, 4), where the names are neighbours in the alphabet."""
    point = structure.items(gold)
    if (point.opening, point.closing) != ("(", ")") or len(point.members) != len(values):
        return None
    names = sorted(values)
    if "".join(names) not in "abcdefghijklmnopqrstuvwxyz":
        return None
    outcomes = [same(one, values[name]) for one, name in zip(point.members, names, strict=True)]
    return next((outcome for outcome in outcomes if not outcome.correct), RIGHT)


def _assignments(text: str) -> dict[str, str] | None:
    """Values by name, None if the answer is anything but values of two or more distinct names."""
    found = structure.items(text)
    pairs = [structure.chain(member) for member in found.members]
    if len(pairs) == 1 and len(pairs[0]) == 2:
        names, values = (structure.items(side) for side in pairs[0])
        if not names.opening == values.opening == "(":
            return None
        if len(names.members) != len(values.members):
            return None
        pairs = [list(pair) for pair in zip(names.members, values.members, strict=True)]
    if len(pairs) < 2 or not all(len(pair) == 2 and structure.is_name(pair[0]) for pair in pairs):
        return None
    values_of = {normal(name): value for name, value in pairs}
    return values_of if len(values_of) == len(pairs) else None


def compare_chains(gold: str, answer: str, same: Same) -> Outcome | None:
    r"""x = 5, 5 = x and 2/3 \approx 0.67 state a value; a contradictory one states none."""
    if any(structure.is_inequality(text) for text in (gold, answer)):
        return None
    if any(_is_bare_list(text) for text in (gold, answer)):
        return None
    ours, theirs = structure.chain(gold), structure.chain(answer)
    if len(ours) == 1 and len(theirs) == 1:
        if ours[0] == gold and theirs[0] == answer:
            return None
        return same(ours[0], theirs[0])  # \approx 8.24
    if not (ours and theirs):
        return UNPARSED if not theirs else WRONG
    if not _consistent(theirs):
        return WRONG
    our_values, their_values = _values(ours), _values(theirs)
    if len(ours) > 1 and len(theirs) > 1:
        return _two_equations(ours, theirs, same)
    if len(ours) > 1 and not ((our_values and len(our_values) < len(ours)) or _all_numbers(ours)):
        # an equation in variables: its sides are no values, and 0 is not x + y = 0
        return WRONG if is_number(theirs[0]) else None
    if len(their_values) == len(theirs) > 1 and _is_unsolved(theirs[0]):
        return WRONG
    if not our_values or not their_values:
        return None
    return _any_member(our_values, their_values, same)


def _is_bare_list(text: str) -> bool:
    return len(structure.split(text)) > 1 and not is_number(text)


def _two_equations(ours: list[str], theirs: list[str], same: Same) -> Outcome | None:
    our_values, their_values = _values(ours), _values(theirs)
    if len(our_values) < len(ours) and len(their_values) < len(theirs):
        our_name, their_name = _name(ours), _name(theirs)
        if our_values and their_values and normal(our_name) == normal(their_name):
            outcome = _any_member(our_values, their_values, same)
            return outcome if outcome.correct or len(ours) > 2 or len(theirs) > 2 else None
        if all(read_number(member) for member in our_values + their_values):
            return WRONG  # x = 4 is not z = 4
    if _all_numbers(ours) and _all_numbers(theirs):
        return _any_member(ours, theirs, same)
    return None


def _any_member(ours: Sequence[str], theirs: Sequence[str], same: Same) -> Outcome:
    """The last member counts, and with it all numbers if it is one: 2/3 = 0.67."""
    last = WRONG
    for one in _stated(ours):
        for other in _stated(theirs):
            last = same(one, other)
            if last.correct:
                return last
    return last


def _stated(members: Sequence[str]) -> list[str]:
    if not is_number(members[-1]):
        return [members[-1]]
    return [member for member in reversed(members) if is_number(member)]


def _all_numbers(members: Sequence[str]) -> bool:
    return all(is_number(member) for member in members)


def _values(members: Sequence[str]) -> list[str]:
    """The chain without names at its ends."""
    kept = list(members)
    while kept and structure.is_name(kept[0]):
        kept.pop(0)
    if len(kept) > 1 and structure.is_name(kept[-1]) and is_number(kept[0]):
        kept.pop()
    return kept


_APPLIED = re.compile(r"\\?[a-zA-Z]+(?:\^\{?[0-9-]+\}?)?\s*(?:\(.*\)|\\?[a-zA-Z]+)")
_VARIABLE_NAME = re.compile(r"(?<![a-zA-Z])[a-zA-Z](?:_\{?[a-zA-Z0-9]+\}?)?(?![a-zA-Z])")
_COMMAND = re.compile(r"\\text\{[^{}]*\}|\\[a-zA-Z]+")


def _is_unsolved(side: str) -> bool:
    """2x, -x and x^2 say nothing about x. a + b and sin x may be what the problem asks for."""
    variables = set(_VARIABLE_NAME.findall(_COMMAND.sub(" ", side)))
    return len(variables) == 1 and not _APPLIED.fullmatch(side)


def _name(members: Sequence[str]) -> str:
    return members[0] if structure.is_name(members[0]) else members[-1]


def _consistent(members: Sequence[str]) -> bool:
    """No two numbers of the chain contradict each other; a rounded value does not."""
    quantities = [separate(member) for member in members]
    numbers = [number for q in quantities if (number := read_quantity(q)) is not None]
    return all(
        same_number(one, other) or rounds_to(one, other) or rounds_to(other, one)
        for one, other in pairwise(numbers)
    )
