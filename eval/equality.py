r"""Is one answer the same mathematics as the gold? math-verify on the box alone, and repairs of its false verdicts.

Gold and answer are each wrapped exactly once in \boxed{}: given bare, math-verify misreads every fifth MATH gold.
math-verify 0.9 takes 1/2004! and 1/2006! for equal, because both are zero to fifteen decimals, and 0.0000001 and
0.0000002 because both round to zero at six. So two numbers that it calls equal must also agree relative to their size:

    |answer / gold − 1| ≤ 1e-9, or ≤ 1e-5 when one of them is a decimal fraction.

Runs in the worker processes only: this is the one module that imports math-verify, and with it sympy. It sets no
time limit; the caller does.
"""

import logging
from typing import Literal, NamedTuple

from math_verify import LatexExtractionConfig, parse, verify
from sympy import Eq, Expr, Float, UnevaluatedExpr

Status = Literal["ok", "unparsed", "timeout", "error"]
EXACT, DECIMAL = 1e-9, 1e-5  # relative tolerances

logging.getLogger("math_verify").setLevel(logging.CRITICAL)  # it warns once that its own time limit is off
_BOX_FIRST = [LatexExtractionConfig(boxed_match_priority=0)]


class Outcome(NamedTuple):
    correct: bool
    status: Status


def _parsed(answer: str) -> list:
    """[expression, string], [string] if only the string could be read, or []."""
    return parse(rf"\boxed{{{answer}}}", _BOX_FIRST, parsing_timeout=None)  # type: ignore[arg-type]


def _value(parsed: list) -> Expr | None:
    """The number an answer states, also as y = number; None if it states no single number."""
    expression = parsed[0]
    if isinstance(expression, Eq):
        expression = expression.rhs
    is_number = isinstance(expression, Expr) and expression.is_number
    # 50\% is kept as 50 · unevaluated 1/100 and may stand for 50 as well as for 0.5
    return expression if is_number and not expression.has(UnevaluatedExpr) else None


def _same_size(gold: Expr, answer: Expr) -> bool:
    gold, answer = gold.doit(), answer.doit()
    if gold == answer or not gold.is_finite or not answer.is_finite:
        return True
    if gold.is_zero or answer.is_zero:
        return bool(gold.is_zero and answer.is_zero)
    tolerance = DECIMAL if gold.has(Float) or answer.has(Float) else EXACT
    return bool(abs((answer / gold - 1).evalf(20)) <= tolerance)


def compare(gold: str, answer: str) -> Outcome:
    """Gold and answer are LaTeX without delimiters. Not symmetric: the gold's form decides what is unwrapped."""
    parsed_gold, parsed_answer = _parsed(gold), _parsed(answer)
    correct = verify(parsed_gold, parsed_answer, allow_set_relation_comp=True, timeout_seconds=None)
    if not correct:
        is_read = any(not isinstance(item, str) for item in parsed_answer)
        return Outcome(False, "ok" if is_read else "unparsed")
    gold_value, answer_value = _value(parsed_gold), _value(parsed_answer)
    if gold_value is None or answer_value is None:
        return Outcome(True, "ok")
    return Outcome(_same_size(gold_value, answer_value), "ok")
