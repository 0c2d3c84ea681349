r"""Lists, tuples, sets, intervals and ratios, compared member by member."""

import re
from collections.abc import Sequence

from eval.verify.kinds import structure
from eval.verify.kinds.numbers import read_number
from eval.verify.kinds.quantities import is_number
from eval.verify.outcome import RIGHT, UNPARSED, WRONG, Outcome, Same

MAX_MEMBERS = 60  # of a list that is matched member by member: pairs grow with the square
_AMBIGUOUS = re.compile(r"[0-9]{1,3}(?:,[1-9][0-9]{2})+")  # 70,110: a number, or a list of two
# no list itself, but it may equal one: \{1\} \cup \{2\}, x^2 = 4, 0 < x < 1
_MANY = re.compile(
    r"\\(?:cup|cap|in|mathbb|setminus|pm|mp|begin|le|ge|ne|lt|gt|emptyset|text)(?![a-zA-Z])|[<>|]"
)


def compare_lists(gold: str, answer: str, same: Same) -> Outcome | None:
    r"""Members are matched one by one; repeats count, except between two sets in braces.

    A tuple keeps its order. A list or set as gold does not, and accepts a tuple in any order.
    """
    ours, theirs = _members(gold), _members(answer)
    if len(theirs.members) > 1 and theirs.opening != "(" and _AMBIGUOUS.fullmatch(gold):
        ours = structure.items(gold)
    if not (structure.is_balanced(gold) and structure.is_balanced(answer)):
        return None
    if len(ours.members) < 2 and len(theirs.members) < 2:
        if ours.opening != r"\{" and theirs.opening != r"\{":
            return None
        if not ours.members or not theirs.members or ours.opening == theirs.opening == "":
            return None
        return same(ours.members[0], theirs.members[0])
    if max(len(ours.members), len(theirs.members)) > MAX_MEMBERS:
        return None
    if len(ours.members) < 2 or len(theirs.members) < 2:
        single = gold if len(ours.members) < 2 else answer
        if _MANY.search(single):
            return None
        return _different(theirs.members, same)
    if min(len(ours.members), len(theirs.members)) > 2:  # no interval
        ours, theirs = _as_tuple(ours), _as_tuple(theirs)
    brackets = ours.opening + ours.closing, theirs.opening + theirs.closing
    if brackets[0] != brackets[1] and any("[" in pair or "]" in pair for pair in brackets):
        return _different(theirs.members, same) if all(brackets) else None
    if _joins(gold) != _joins(answer) and any(structure.is_inequality(one) for one in ours.members):
        return _different(theirs.members, same)
    if brackets == (r"\{\}", r"\{\}"):
        return _same_set(ours.members, theirs.members, same)
    if len(ours.members) != len(theirs.members):
        return _different(theirs.members, same)
    is_by_name = _is_assigned(ours.members) and not _is_assigned(theirs.members)
    if is_by_name or ours.opening in ("(", "["):
        return _same_sequence(ours.members, theirs.members, same)
    return _same_multiset(ours.members, theirs.members, same)


_AND = re.compile(r"(?<![a-zA-Z])and(?![a-zA-Z])|\\(?:land|wedge)(?![a-zA-Z])")


def _joins(text: str) -> bool:
    """x > 3 and x < 5 is not x > 3 or x < 5."""
    return bool(_AND.search(text))


def _as_tuple(found: structure.Items) -> structure.Items:
    return found._replace(opening="(", closing=")") if found.opening == "[" else found


def _members(text: str) -> structure.Items:
    """15,600 is one number."""
    return structure.Items("", [text], "") if is_number(text) else structure.items(text)


def _is_assigned(members: Sequence[str]) -> bool:
    names = [structure.chain(member)[0] for member in members if len(structure.chain(member)) > 1]
    return len(set(names)) == len(members) > 1 and all(structure.is_name(name) for name in names)


def compare_ratios(gold: str, answer: str, same: Same) -> Outcome | None:
    """1:2:3 is 2:4:6, member by member, and no number: computer algebra would divide twice."""
    ours, theirs = gold.split(":"), answer.split(":")
    if len(ours) < 3 and len(theirs) < 3:
        return None
    if len(ours) != len(theirs):
        return WRONG
    one = [read_number(part) for part in ours]
    other = [read_number(part) for part in theirs]
    if all(one) and all(other):
        values = [(a.value, b.value) for a, b in zip(one, other, strict=True) if a and b]
        (first, second) = values[0]
        if first and second:
            return Outcome(all(a * second == b * first for a, b in values), "ok")
    return _same_sequence(ours, theirs, same)


def _different(members: Sequence[str], same: Same) -> Outcome:
    """Wrong, or unparsed if a member cannot be read."""
    for member in members:
        if not is_number(member) and same("1", member).status == "unparsed":
            return UNPARSED
    return WRONG


def _same_sequence(ours: list[str], theirs: list[str], same: Same) -> Outcome:
    outcomes = [same(one, other) for one, other in zip(ours, theirs, strict=True)]
    return next((outcome for outcome in outcomes if not outcome.correct), RIGHT)


def _same_multiset(ours: list[str], theirs: list[str], same: Same) -> Outcome:
    left = list(theirs)
    for one in ours:
        outcomes = []
        for place, other in enumerate(left):
            outcomes.append(same(one, other))
            if outcomes[-1].correct:
                del left[place]
                break
        else:
            return next((outcome for outcome in outcomes if outcome.status != "ok"), WRONG)
    return RIGHT


def _same_set(ours: list[str], theirs: list[str], same: Same) -> Outcome:
    for ones, others, flip in ((ours, theirs, False), (theirs, ours, True)):
        for one in ones:
            pairs = [(other, one) if flip else (one, other) for other in others]
            outcomes = (same(gold, answer) for gold, answer in pairs)
            if not any(outcome.correct for outcome in outcomes):
                return _different(theirs, same)
    return RIGHT
