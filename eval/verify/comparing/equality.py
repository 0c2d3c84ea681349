r"""Is an answer the same mathematics as the gold? math-verify on the box, false verdicts repaired.

Gold and answer are each wrapped exactly once in \boxed{}: given bare, math-verify misreads every
fifth gold of MATH. Its rule for units is off, because it drops everything from the first \text to
the last brace; `kinds/units.py` has a narrow one. Version 0.9 takes 1/2004! and 1/2006! for
equal, because both are zero to fifteen decimals, and 0.0000001 and 0.0000002, which round to the
same six. So numbers must also agree relative to their size:

    |answer / gold - 1| <= 1e-9, or <= 1e-5 when one of them is a decimal fraction.

Equations that differ by a constant factor only are the same equation; math-verify compares the
sides' difference without one.

Runs in the worker processes only: this is the one module that imports math-verify, and with it
sympy. It sets no time limit; the caller does.
"""

import logging
import re
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

from math_verify import LatexExtractionConfig, parse, verify
from sympy import Eq, Expr, Float, Symbol, UnevaluatedExpr, cancel, nsimplify, simplify

from eval.verify.comparing import latex_parser
from eval.verify.outcome import RIGHT, UNPARSED, WRONG, Outcome
from eval.verify.spelling.normal_form import is_parsable

EXACT, DECIMAL = 1e-9, 1e-5  # relative tolerances
PARSED = 512  # expressions kept: a gold is compared with many answers

latex_parser.install()
# it warns that its own time limit is off
logging.getLogger("math_verify").setLevel(logging.CRITICAL)
_DEFAULTS = LatexExtractionConfig(boxed_match_priority=0)
_READING = replace(
    _DEFAULTS, normalization_config=replace(_DEFAULTS.normalization_config, units=False)
)
_ROUND_DEGREES = re.compile(r"\^\s*\\circ(?![a-zA-Z])")
# math-verify looks for an i that stands alone to decide whether letters are complex: the i of 2i
# and the i of 2 i must not be different variables
_IMAGINARY = re.compile(r"(?<=[0-9.}])i(?![a-zA-Z])")
# sympy takes the derivative of a symbol for 0: dx/dt becomes a name of its own
_DERIVATIVE = re.compile(
    r"\\frac\s*\{\s*(?:d|\\partial)\s*(\\?[a-zA-Z]+(?:\s*\([a-z]\))?)\s*\}"
    r"\s*\{\s*(?:d|\\partial)\s*(\\?[a-zA-Z]+)\s*\}"
)
_SIGN_AFTER_SIGN = re.compile(r"([+-])\s*([+-])\s*(?=[0-9a-z.\\])")


_NO_LETTERS = re.compile(r"\\(?:text|mathbb|mathcal|operatorname)\{[^{}]*\}|\\[a-zA-Z]+")
_LETTER = re.compile(
    r"(\\(?:text|mathbb|mathcal|operatorname)\{[^{}]*\}|\\[a-zA-Z]+)|([A-Z])(?!\s*_)"
)


def _letters(text: str) -> set[str]:
    return set(re.findall(r"[a-zA-Z]", _NO_LETTERS.sub(" ", text)))


def _with_cases(gold: str, answer: str) -> tuple[str, str]:
    """The parser takes R for r. Where both occur, capital ones become letters of their own."""
    letters = _letters(gold) | _letters(answer)
    both = {letter for letter in letters if letter.isupper() and letter.lower() in letters}

    def marked(match: re.Match[str]) -> str:
        letter = match[2]
        return rf"{{{letter.lower()}_{{u}}}}" if letter in both else match[0]

    if not both:
        return gold, answer
    return _LETTER.sub(marked, gold), _LETTER.sub(marked, answer)


def _derivative(match: re.Match[str]) -> str:
    return f"D_{{{re.sub(r'[^a-zA-Z]', '', match[1] + 'by' + match[2])}}}"


@lru_cache(maxsize=PARSED)
def _parsed(answer: str) -> tuple[Any, ...]:
    """(expression, string), (string,) if only the string could be read, or ()."""
    no_limit: Any = None  # typed as a number, documented as optional
    text = _ROUND_DEGREES.sub("", answer).strip()
    text = _DERIVATIVE.sub(_derivative, _IMAGINARY.sub(" i", text))
    text = _SIGN_AFTER_SIGN.sub(lambda m: "+" if m[1] == m[2] else "-", text)
    # first_match: if the whole box cannot be read, a fraction somewhere in it is no reading of it
    box = rf"\boxed{{{text}}}"
    return tuple(parse(box, [_READING], extraction_mode="first_match", parsing_timeout=no_limit))


def _is_read(parsed: Sequence[Any]) -> bool:
    return any(not isinstance(item, str) for item in parsed)


def _value(parsed: Sequence[Any]) -> Expr | None:
    """The number an answer states, also as y = number; None if it states no single number."""
    expression = parsed[0]
    if isinstance(expression, Eq):
        if not isinstance(expression.lhs, Symbol):
            return None  # 2x + 4y = 6 states no number
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


def _exact(expression: Any) -> Any:
    """Decimals as fractions: 14.0 - 1.0i is 14 - i."""
    return nsimplify(expression, rational=True) if isinstance(expression, Expr) else expression


def _same_with_decimals(gold: Any, answer: Any) -> bool:
    """Expressions in variables (i among them) with decimal coefficients, compared exactly."""
    if not (isinstance(gold, Expr) and isinstance(answer, Expr)):
        return False
    if not (gold.has(Float) or answer.has(Float)) or gold.free_symbols != answer.free_symbols:
        return False
    return bool(gold.free_symbols) and bool(simplify(_exact(gold) - _exact(answer)).is_zero)


def _proportional(gold: Any, answer: Any) -> bool:
    """Equations in the same variables whose difference of sides has a constant ratio."""
    if not (isinstance(gold, Eq) and isinstance(answer, Eq)):
        return False
    sides: Any = (gold.lhs, gold.rhs, answer.lhs, answer.rhs)
    if not all(isinstance(side, Expr) for side in sides):  # x \in [0, 1]: a side is a set
        return False
    one, other = sides[0] - sides[1], sides[2] - sides[3]
    if one.free_symbols != other.free_symbols or not one.free_symbols or one.has(Float):
        return False
    ratio = cancel(one.doit() / other.doit())
    return bool(ratio.is_number and ratio.is_finite and ratio.is_nonzero)


def same_mathematics(gold: str, answer: str) -> Outcome:
    """Gold and answer are cleaned and without units. Not symmetric, as math-verify is not."""
    if not (is_parsable(gold) and is_parsable(answer)):
        return UNPARSED
    gold, answer = _with_cases(gold, answer)
    parsed_gold, parsed_answer = list(_parsed(gold)), list(_parsed(answer))
    if not _is_read(parsed_gold):  # only as a string, and that one may be truncated
        return WRONG if _is_read(parsed_answer) else UNPARSED
    if not _is_read(parsed_answer):
        return UNPARSED
    size, answer_size = _value(parsed_gold), _value(parsed_answer)
    if size is not None and answer_size is not None and not _same_size(size, answer_size):
        return WRONG
    same = (
        verify(parsed_gold, parsed_answer, allow_set_relation_comp=True, timeout_seconds=None)
        or _proportional(parsed_gold[0], parsed_answer[0])
        or _same_with_decimals(parsed_gold[0], parsed_answer[0])
    )
    return RIGHT if same else WRONG
