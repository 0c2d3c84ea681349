r"""Is an answer the same as the gold? Rules from the cheap and exact to the general.

1. Equal after normalisation.                      4. Chains of equalities: x = 2/3 = 0.67.
2. Numbers, with units and percentages, exactly.   5. Lists, tuples, sets: member by member.
3. Numbers in a base; words.                       6. Polynomials, exactly.
                                                   7. The rest: computer algebra.

Rules 1 to 6 are string operations and exact fractions. The last one is handed in by the caller: a
worker process has `equality.same_mathematics`, the main process has none and learns
from `NeedsAlgebra` that the pair belongs to a worker. Both run the same rules, so that a verdict
does not depend on where it was reached.
"""

import re

from eval.verify.kinds.chains import compare_assigned, compare_chains, without_name
from eval.verify.kinds.lists import compare_lists, compare_ratios
from eval.verify.kinds.numbers import canonical_digits, read_based
from eval.verify.kinds.polynomials import same_polynomial
from eval.verify.kinds.quantities import compare_quantities, separated
from eval.verify.kinds.structure import is_balanced, without_parentheses
from eval.verify.kinds.text_answers import is_words, same_letters, same_words, segments
from eval.verify.kinds.units import conflict, separate
from eval.verify.outcome import RIGHT, UNPARSED, WRONG, NeedsAlgebra, Outcome, Same
from eval.verify.spelling.normal_form import integer, is_parsable, normal

_SIDE_BY_SIDE = re.compile(r"(?<![_^.0-9])[0-9]+(?:\.[0-9]*)?\s+[0-9.]")  # 12 13
_ELLIPSIS = re.compile(r"\\(?:[lcv]?dots|dotsc|dotsb)(?![a-zA-Z])|\.\.\.")
_BASED_PART = re.compile(r"[0-9)]\s*_\s*\{?\s*[0-9]")


def no_algebra(gold: str, answer: str) -> Outcome:
    raise NeedsAlgebra


def compare(gold: str, answer: str, algebra: Same = no_algebra) -> Outcome:
    """Gold and answer are cleaned. Not symmetric: the gold's form decides what is unwrapped.

    Raises NeedsAlgebra where only computer algebra can tell and `algebra` is left out.
    """
    ours, theirs = integer(gold), integer(answer)
    if ours is not None and theirs is not None:  # the most frequent case
        return Outcome(ours == theirs, "ok")
    if not (is_parsable(answer) and is_parsable(gold)):
        return UNPARSED
    if normal(gold) == normal(answer) != "":
        return RIGHT
    bare = without_parentheses(gold), without_parentheses(answer)
    if bare != (gold, answer):
        return compare(*bare, algebra)
    if len(_ELLIPSIS.findall(gold)) != len(_ELLIPSIS.findall(answer)):
        return WRONG  # 0.3... is not 0.3, and the parser drops what it cannot read

    def same(one: str, other: str) -> Outcome:
        return compare(one, other, algebra)

    for rule in _RULES:
        outcome = rule(gold, answer, same)
        if outcome is not None:
            return outcome
    return _by_algebra(gold, answer, algebra)


def _by_algebra(gold: str, answer: str, algebra: Same) -> Outcome:
    """Without units, and only where nothing is left that the parser would drop or misread."""
    if not is_balanced(answer) or _SIDE_BY_SIDE.search(answer):
        return UNPARSED  # 12 13: the parser would add them
    if _BASED_PART.search(gold) or _BASED_PART.search(answer):
        return WRONG  # the parser drops the base
    if gold.count("'") != answer.count("'"):
        return WRONG  # y' is not y; the parser drops the prime
    ours, theirs = separated(gold, answer)
    if ours.scale != theirs.scale or conflict(ours.unit, theirs.unit):
        return WRONG
    exact = same_polynomial(ours.value, theirs.value)
    return Outcome(exact, "ok") if exact is not None else algebra(ours.value, theirs.value)


def _compare_based(gold: str, answer: str, _: Same) -> Outcome | None:
    """The problem may say the base that only the gold has; one that only the answer has differs."""
    ours, theirs = read_based(gold), read_based(without_name(answer))
    if ours is None and theirs is None:
        return None
    if ours is None:
        return WRONG
    if theirs is not None:
        return Outcome(ours == theirs, "ok")
    digits = re.sub(r"[\s,]|\\text|[{}()]", "", without_name(answer))
    if re.fullmatch(r"-?[0-9A-Z]+(?:\.[0-9A-Z]+)?", digits):
        sign = "-" * digits.startswith("-")
        return Outcome(ours.digits == sign + canonical_digits(digits.lstrip("-")), "ok")
    return None


def _compare_words(gold: str, answer: str, _: Same) -> Outcome | None:
    if separate(gold, True).unit:
        return None
    if is_words(gold):
        return Outcome(same_words(gold, without_name(answer)), "ok")
    return RIGHT if same_letters(gold, answer) else None


def _compare_mixed(gold: str, answer: str, same: Same) -> Outcome | None:
    r"""Words between mathematics, 3\text{ ft }6\text{ in}: the same words in the same places."""
    ours, theirs = separated(gold, answer)
    if r"\text{" not in ours.value + theirs.value or _in_subscript(gold):
        return None
    one, other = segments(gold), segments(answer)
    if len(one) != len(other):
        return WRONG
    if len(one) == 1:  # no words between, as in a group that is never closed
        return None
    for place, (mine, yours) in enumerate(zip(one, other, strict=True)):
        if mine == yours:
            continue
        if place % 2:
            if not same_words(rf"\text{{{mine}}}", rf"\text{{{yours}}}"):
                return WRONG
        elif not mine or not yours:
            return WRONG
        elif not (outcome := same(mine, yours)).correct:
            return outcome
    return RIGHT


def _in_subscript(text: str) -> bool:
    return bool(re.search(r"[_^]\s*\{?\s*\\text", text))


_RULES = (
    _compare_based,
    compare_quantities,
    _compare_words,
    compare_assigned,
    compare_ratios,
    compare_chains,
    compare_lists,
    _compare_mixed,
)
