r"""Is an answer the same mathematics as the gold? math-verify on the box, false verdicts repaired.

Gold and answer are each wrapped exactly once in \boxed{}: given bare, math-verify misreads every fifth gold
of MATH. Version 0.9 takes 1/2004! and 1/2006! for equal, because both are zero to fifteen decimals, and
0.0000001 X

    |answer / gold - 1| <= 1e-9, or <= 1e-5 when one of them is a decimal fraction.

Runs in the worker processes only: this is the one module that imports math-verify, and with it sympy. It
sets no time limit; the caller does.
"""

import logging
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from math_verify import LatexExtractionConfig, parse, verify
from sympy import Eq, Expr, Float, UnevaluatedExpr

from eval.verify import latex_parser
from eval.verify.extract import normal
from eval.verify.pool import Status

EXACT, DECIMAL = 1e-9, 1e-5  # relative tolerances

latex_parser.install()
logging.getLogger("math_verify").setLevel(
    logging.CRITICAL
)  # it warns that its own time limit is off
# A variable that the parser takes for a unit and drops: 4t would be 4, p - t would not be read at
# all.
_BARE_TAIL = re.compile(r"(?<![a-zA-Z\\])[a-zA-Z]+$")
_VARIABLE = re.compile(r"(?<![a-zA-Z\\])[a-zA-Z](?![a-zA-Z])")
_BASE = re.compile(r"[0-9]+_\{?([0-9]+)\}?")
_READING = LatexExtractionConfig(boxed_match_priority=0)
_READING_LETTERS = replace(
    _READING, normalization_config=replace(_READING.normalization_config, units=False)
)


class Outcome(NamedTuple):
    correct: bool
    status: Status


def _parsed(answer: str, reading: LatexExtractionConfig) -> list[Any]:
    """[expression, string], [string] if only the string could be read, or []."""
    no_limit: Any = None  # typed as a number, documented as optional
    box = rf"\boxed{{{answer}}}"
    # first_match: if the whole box cannot be read, a fraction somewhere in it is no reading of it
    return parse(box, [reading], extraction_mode="first_match", parsing_timeout=no_limit)


def _is_read(parsed: Sequence[Any]) -> bool:
    return any(not isinstance(item, str) for item in parsed)


def _letters_count(gold: str, answer: str) -> bool:
    """Letters at the end are variables, not units, if the gold ends in letters or has a variable at
    all.
    """
    return bool(_BARE_TAIL.search(gold) or (_BARE_TAIL.search(answer) and _VARIABLE.search(gold)))


def _value(parsed: Sequence[Any]) -> Expr | None:
    """The number an answer states, also as y = number; None if it states no single number."""
    expression = parsed[0]
    if isinstance(expression, Eq):
        expression = expression.rhs
    if not isinstance(expression, Expr) or not expression.is_number:
        return None
    # 50\% is kept as 50 times an unevaluated 1/100 and may stand for 50 as well as for 0.5
    return None if expression.has(UnevaluatedExpr) else expression


def _same_size(gold: Expr, answer: Expr) -> bool:
    if gold == answer:
        return True
    gold, answer = gold.doit(), answer.doit()
    if not gold.is_finite or not answer.is_finite:
        return True
    if gold.is_zero or answer.is_zero:
        return bool(gold.is_zero and answer.is_zero)
    tolerance = DECIMAL if gold.has(Float) or answer.has(Float) else EXACT
    return bool(abs((answer / gold - 1).evalf(20)) <= tolerance)


def _bases_differ(gold: str, answer: str) -> bool:
    base, other = _BASE.fullmatch(gold), _BASE.fullmatch(answer)
    return bool(base and other and base[1] != other[1])


def compare(gold: str, answer: str) -> Outcome:
    """Gold and answer are bare LaTeX. Not symmetric: the gold's form decides what is unwrapped."""
    if _bases_differ(gold, answer):
        return Outcome(False, "ok")
    reading = _READING_LETTERS if _letters_count(gold, answer) else _READING
    parsed_gold, parsed_answer = _parsed(gold, reading), _parsed(answer, reading)
    if not _is_read(parsed_gold):  # only as a string, and that one may be cut short
        same = normal(gold) == normal(answer) != ""
        return Outcome(same, "ok" if same or _is_read(parsed_answer) else "unparsed")
    if not _is_read(parsed_answer):
        return Outcome(False, "unparsed")
    size, answer_size = _value(parsed_gold), _value(parsed_answer)
    if size is not None and answer_size is not None and not _same_size(size, answer_size):
        return Outcome(False, "ok")
    return Outcome(
        verify(parsed_gold, parsed_answer, allow_set_relation_comp=True, timeout_seconds=None), "ok"
    )
