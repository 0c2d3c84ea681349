r"""Is an answer the same as the gold? Rules from the cheap and exact to the general.

1. Equal after normalisation.                      4. Chains of equalities: x = 2/3 = 0.67.
2. Numbers, with units and percentages, exactly.   5. Lists, tuples, sets: member by member.
3. Numbers in a base; words.                       6. The rest: computer algebra.

Rules 1 to 5 are string operations and exact fractions. The last one is handed in by the caller: a
worker process has `eval.verify.equality.same_mathematics`, the main process has none and learns
from `NeedsAlgebra` that the pair belongs to a worker. Both run the same rules, so that a verdict
does not depend on where it was reached.
"""

import re
from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

from eval.verify import structure
from eval.verify.normalise import is_parsable, normal
from eval.verify.numbers import Number, canonical_digits, read_based, read_number, rounds_to, same_number
from eval.verify.text_answers import is_words, same_letters, same_words, segments
from eval.verify.units import Quantity, conflict, has_variables, separate

Status = Literal["ok", "unparsed", "timeout", "error"]


class Outcome(NamedTuple):
    correct: bool
    status: Status


_SIDE_BY_SIDE = re.compile(r"(?<![_^.0-9])[0-9]+(?:\.[0-9]*)?\s+[0-9.]")  # 12 13: the parser would add them
_BASED_PART = re.compile(r"[0-9)]\s*_\s*\{?\s*[0-9]")
Algebra = Callable[[str, str], Outcome]
RIGHT, WRONG, UNPARSED = Outcome(True, "ok"), Outcome(False, "ok"), Outcome(False, "unparsed")
MAX_MEMBERS = 60  # of a list that is matched member by member: pairs grow with the square


class NeedsAlgebra(Exception):
    """Raised in a process that has no computer algebra."""


def no_algebra(gold: str, answer: str) -> Outcome:
    raise NeedsAlgebra


def compare(gold: str, answer: str, algebra: Algebra = no_algebra) -> Outcome:
    """Gold and answer are cleaned. Not symmetric: the gold's form decides what is unwrapped."""
    if not (is_parsable(answer) and is_parsable(gold)):
        return UNPARSED
    if normal(gold) == normal(answer) != "":
        return RIGHT
    return _compare(gold, answer, algebra)


def _compare(gold: str, answer: str, algebra: Algebra) -> Outcome:
    for rule in (_based, _quantities, _in_words, _assigned, _ratios, _chains, _listed, _mixed):
        outcome = rule(gold, answer, algebra)
        if outcome is not None:
            return outcome
    if not structure.is_balanced(answer) or _SIDE_BY_SIDE.search(answer):
        return UNPARSED
    if _BASED_PART.search(gold) or _BASED_PART.search(answer):
        return WRONG  # computer algebra drops the base
    if gold.count("'") != answer.count("'"):  # y' is not y; computer algebra drops the prime
        return WRONG
    ours, theirs = _separated(gold, answer)
    if ours.scale != 1 or theirs.scale != 1:
        return WRONG
    if conflict(ours.unit, theirs.unit):
        return WRONG
    return algebra(ours.value, theirs.value)


def _based(gold: str, answer: str, _: Algebra) -> Outcome | None:
    """A base that only the gold has is taken from the problem; one that only the answer has differs."""
    ours, theirs = read_based(gold), read_based(_without_name(answer))
    if ours is None and theirs is None:
        return None
    if ours is None:
        return WRONG
    if theirs is not None:
        return Outcome(ours == theirs, "ok")
    digits = re.sub(r"[\s,]|\\text|[{}()]", "", _without_name(answer))
    if re.fullmatch(r"-?[0-9A-Z]+(?:\.[0-9A-Z]+)?", digits):
        sign = "-" * digits.startswith("-")
        return Outcome(ours.digits == sign + canonical_digits(digits.lstrip("-")), "ok")
    return None


def _without_name(text: str) -> str:
    members = structure.chain(text)
    return members[1] if len(members) == 2 and structure.is_name(members[0]) else text


def _separated(gold: str, answer: str) -> tuple[Quantity, Quantity]:
    return separate(gold, True), separate(answer, has_variables(gold))


def _number(quantity: Quantity) -> Number | None:
    number = read_number(quantity.value)
    return None if number is None else number._replace(value=number.value * quantity.scale)


def _quantities(gold: str, answer: str, _: Algebra) -> Outcome | None:
    ours, theirs = _separated(gold, answer)
    one, other = _number(ours), _number(theirs)
    if one is None or other is None:
        return None
    if one.is_percent and theirs.unit or other.is_percent and ours.unit:
        return WRONG  # 20% is not 20 degrees
    return Outcome(same_number(one, other) and not conflict(ours.unit, theirs.unit), "ok")


def _in_words(gold: str, answer: str, _: Algebra) -> Outcome | None:
    if separate(gold, True).unit:
        return None
    if is_words(gold):
        return Outcome(same_words(gold, _without_name(answer)), "ok")
    return RIGHT if same_letters(gold, answer) else None


def _ratios(gold: str, answer: str, algebra: Algebra) -> Outcome | None:
    """1:2:3 is 2:4:6, member by member: computer algebra would divide twice."""
    ours, theirs = gold.split(":"), answer.split(":")
    if len(ours) < 3 or len(theirs) < 3:
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
    return _same_sequence(ours, theirs, algebra)


def _assigned(gold: str, answer: str, algebra: Algebra) -> Outcome | None:
    """(x, y) = (1, 2) and x = 1, y = 2 say the same: value by value, by name."""
    ours, theirs = _assignments(gold), _assignments(answer)
    if ours is None or theirs is None:
        return None
    if ours.keys() != theirs.keys():
        return _different(list(theirs.values()), algebra)
    outcomes = [compare(ours[name], theirs[name], algebra) for name in ours]
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


def _chains(gold: str, answer: str, algebra: Algebra) -> Outcome | None:
    r"""x = 5, 5 = x and 2/3 \approx 0.67 state a value; a chain that contradicts itself states none."""
    if any(structure.is_inequality(text) for text in (gold, answer)):
        return None
    if any(_is_bare_list(text) for text in (gold, answer)):
        return None
    ours, theirs = structure.chain(gold), structure.chain(answer)
    if len(ours) == 1 and len(theirs) == 1:
        if ours[0] == gold and theirs[0] == answer:
            return None
        return _compare(ours[0], theirs[0], algebra)  # \approx 8.24
    if not (ours and theirs):
        return UNPARSED if not theirs else WRONG
    if not _consistent(theirs):
        return WRONG
    our_values, their_values = _values(ours), _values(theirs)
    if len(ours) > 1 and len(theirs) > 1:
        return _two_equations(ours, theirs, algebra)
    if len(ours) > 1 and not (our_values and len(our_values) < len(ours) or _all_numbers(ours)):
        return None  # an equation in variables: its sides are no values
    if not our_values or not their_values:
        return None
    return _any_member(our_values, their_values, algebra)


def _is_bare_list(text: str) -> bool:
    return len(structure.split(text)) > 1 and not _is_number(text)


def _two_equations(ours: list[str], theirs: list[str], algebra: Algebra) -> Outcome | None:
    our_values, their_values = _values(ours), _values(theirs)
    if len(our_values) < len(ours) and len(their_values) < len(theirs):
        our_name, their_name = _name(ours), _name(theirs)
        if our_values and their_values and normal(our_name) == normal(their_name):
            outcome = _any_member(our_values, their_values, algebra)
            return outcome if outcome.correct or len(ours) > 2 or len(theirs) > 2 else None
        if all(read_number(member) for member in our_values + their_values):
            return WRONG  # x = 4 is not z = 4
    if _all_numbers(ours) and _all_numbers(theirs):
        return _any_member(ours, theirs, algebra)
    return None


def _any_member(ours: Sequence[str], theirs: Sequence[str], algebra: Algebra) -> Outcome:
    """The last member counts, and with it all numbers if it is one: 2/3 = 0.67."""
    last = WRONG
    for one in _stated(ours):
        for other in _stated(theirs):
            last = compare(one, other, algebra)
            if last.correct:
                return last
    return last


def _stated(members: Sequence[str]) -> list[str]:
    if not _is_number(members[-1]):
        return [members[-1]]
    return [member for member in reversed(members) if _is_number(member)]


def _is_number(text: str) -> bool:
    return read_number(separate(text).value) is not None


def _all_numbers(members: Sequence[str]) -> bool:
    return all(_is_number(member) for member in members)


def _values(members: Sequence[str]) -> list[str]:
    """The chain without names at its ends."""
    kept = list(members)
    while kept and structure.is_name(kept[0]):
        kept.pop(0)
    if len(kept) > 1 and structure.is_name(kept[-1]) and _is_number(kept[0]):
        kept.pop()
    return kept


def _name(members: Sequence[str]) -> str:
    return members[0] if structure.is_name(members[0]) else members[-1]


def _consistent(members: Sequence[str]) -> bool:
    """No two numbers of the chain contradict each other; a rounded value does not."""
    quantities = [separate(member) for member in members]
    numbers = [number for q in quantities if (number := _number(q)) is not None]
    return all(
        same_number(one, other) or rounds_to(one, other) or rounds_to(other, one)
        for one, other in zip(numbers, numbers[1:], strict=False)
    )


def _listed(gold: str, answer: str, algebra: Algebra) -> Outcome | None:
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
        return compare(ours.members[0], theirs.members[0], algebra)
    if max(len(ours.members), len(theirs.members)) > MAX_MEMBERS:
        return None
    if len(ours.members) < 2 or len(theirs.members) < 2:
        single = gold if len(ours.members) < 2 else answer
        if _may_hold_many(single):
            return None
        return _different(theirs.members, algebra)
    if min(len(ours.members), len(theirs.members)) > 2:  # no interval
        ours, theirs = _as_tuple(ours), _as_tuple(theirs)
    brackets = ours.opening + ours.closing, theirs.opening + theirs.closing
    if brackets[0] != brackets[1] and any("[" in pair or "]" in pair for pair in brackets):
        return _different(theirs.members, algebra) if all(brackets) else None
    if brackets == (r"\{\}", r"\{\}"):
        return _same_set(ours.members, theirs.members, algebra)
    if len(ours.members) != len(theirs.members):
        return _different(theirs.members, algebra)
    if ours.opening in ("(", "[") or _is_assigned(ours.members) and not _is_assigned(theirs.members):
        return _same_sequence(ours.members, theirs.members, algebra)
    return _same_multiset(ours.members, theirs.members, algebra)


def _as_tuple(found: structure.Items) -> structure.Items:
    return found._replace(opening="(", closing=")") if found.opening == "[" else found


def _members(text: str) -> structure.Items:
    """15,600 is one number."""
    return structure.Items("", [text], "") if _is_number(text) else structure.items(text)


_AMBIGUOUS = re.compile(r"[0-9]{1,3}(?:,[0-9]{3})+")  # 70,110: a number, or a list of two


_MANY = re.compile(r"\\(?:cup|cap|in|mathbb|setminus|pm|mp|begin|le|ge|ne|lt|gt|emptyset|text)(?![a-zA-Z])|[<>|]")


def _may_hold_many(single: str) -> bool:
    r"""Something that is no list and may equal one: \{1\} \cup \{2\}, x^2 = 4, 0 < x < 1."""
    return bool(_MANY.search(single))


def _is_assigned(members: Sequence[str]) -> bool:
    names = [structure.chain(member)[0] for member in members if len(structure.chain(member)) > 1]
    return len(set(names)) == len(members) > 1 and all(structure.is_name(name) for name in names)


def _different(members: Sequence[str], algebra: Algebra) -> Outcome:
    """Wrong, or unparsed if a member cannot be read."""
    for member in members:
        if not _is_number(member) and compare("1", member, algebra).status == "unparsed":
            return UNPARSED
    return WRONG


def _same_sequence(ours: list[str], theirs: list[str], algebra: Algebra) -> Outcome:
    outcomes = [compare(one, other, algebra) for one, other in zip(ours, theirs, strict=True)]
    return next((outcome for outcome in outcomes if not outcome.correct), RIGHT)


def _same_multiset(ours: list[str], theirs: list[str], algebra: Algebra) -> Outcome:
    left = list(theirs)
    for one in ours:
        outcomes = []
        for place, other in enumerate(left):
            outcomes.append(compare(one, other, algebra))
            if outcomes[-1].correct:
                del left[place]
                break
        else:
            return next((outcome for outcome in outcomes if outcome.status != "ok"), WRONG)
    return RIGHT


def _same_set(ours: list[str], theirs: list[str], algebra: Algebra) -> Outcome:
    for ones, others, flip in ((ours, theirs, False), (theirs, ours, True)):
        for one in ones:
            pairs = [(other, one) if flip else (one, other) for other in others]
            outcomes = (compare(gold, answer, algebra) for gold, answer in pairs)
            if not any(outcome.correct for outcome in outcomes):
                return _different(theirs, algebra)
    return RIGHT


def _mixed(gold: str, answer: str, algebra: Algebra) -> Outcome | None:
    r"""Words between mathematics: 3\text{ ft }6\text{ in} needs the same words in the same places."""
    ours, theirs = _separated(gold, answer)
    if r"\text{" not in ours.value + theirs.value or _in_subscript(gold):
        return None
    one, other = segments(gold), segments(answer)
    if len(one) != len(other):
        return WRONG
    for place, (mine, yours) in enumerate(zip(one, other, strict=True)):
        if mine == yours:
            continue
        if place % 2:
            if not same_words(rf"\text{{{mine}}}", rf"\text{{{yours}}}"):
                return WRONG
        elif not mine or not yours:
            return WRONG
        elif not (outcome := compare(mine, yours, algebra)).correct:
            return outcome
    return RIGHT


def _in_subscript(text: str) -> bool:
    return bool(re.search(r"[_^]\s*\{?\s*\\text", text))
