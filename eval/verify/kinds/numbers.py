r"""Exact numbers, read and compared without computer algebra.

Integers, decimals, fractions, mixed numbers, percentages and scientific notation become fractions
of integers. Numbers in another base are compared digit by digit, never by value.
"""

import re
from fractions import Fraction
from typing import NamedTuple

MAX_DIGITS = 400  # of a number, and of a power of ten: beyond it computer algebra decides
# Relative tolerance where one side is a decimal; math-verify's six decimals apply beside it.
DECIMAL_TOLERANCE = Fraction(1, 100_000)
ROUNDING = 6  # decimals


class Number(NamedTuple):
    value: Fraction
    decimals: int | None  # digits after the point as written; None for an exact number
    is_percent: bool = False


_DECIMAL = r"(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)"
_SIGNED = rf"[+-]?\s*{_DECIMAL}"
_BLANK = r"\s*"
_POWER = r"10\s*\^\s*(?:\{\s*([+-]?\s*[0-9]{1,3})\s*\}|([0-9]))"
_PLAIN_NUMBER = re.compile(_DECIMAL)
_SCIENTIFIC_NUMBER = re.compile(rf"(?:({_DECIMAL})\s*(?:\\times|\\cdot|\*|\\ast)\s*)?{_POWER}")
_FRACTION = re.compile(rf"\\frac\s*\{{\s*({_SIGNED})\s*\}}\s*\{{\s*({_SIGNED})\s*\}}")
_SLASH = re.compile(rf"({_DECIMAL})\s*/\s*({_DECIMAL})")
_MIXED_NUMBER = re.compile(r"([0-9]+)\s*\\frac\s*\{\s*([0-9]+)\s*\}\s*\{\s*([0-9]+)\s*\}")
_BLANKS_BETWEEN = re.compile(r"[+-]?[0-9]{1,3}(?: [0-9]{3})+(?:\.[0-9]*)?")  # 1 234 567
_COMMAS = re.compile(r"(?<![0-9.,])[0-9]{1,3}(?:,[0-9]{3})+(?![0-9,])")


def _fraction(text: str) -> Fraction:
    return Fraction(re.sub(r"\s", "", text))


def _decimals(text: str) -> int | None:
    return len(text.strip().rpartition(".")[2]) if "." in text else None


def _unsigned(text: str) -> Number | None:
    if _PLAIN_NUMBER.fullmatch(text):
        return Number(_fraction(text), _decimals(text.rstrip(".")))
    if match := _SCIENTIFIC_NUMBER.fullmatch(text):
        power = int(re.sub(r"\s", "", match[2] or match[3]))
        if abs(power) > MAX_DIGITS:
            return None
        digits = match[1] or "1"
        places = _decimals(digits)
        shown = None if places is None else max(places - power, 0)
        return Number(_fraction(digits) * Fraction(10) ** power, shown)
    if match := _FRACTION.fullmatch(text) or _SLASH.fullmatch(text):
        below = _fraction(match[2])
        return Number(_fraction(match[1]) / below, None) if below else None
    if (match := _MIXED_NUMBER.fullmatch(text)) and int(match[2]) < int(match[3]):
        return Number(int(match[1]) + Fraction(int(match[2]), int(match[3])), None)
    return None


def read_number(text: str) -> Number | None:
    """The number that a cleaned answer states, None if it is anything else or too long."""
    if len(text) > MAX_DIGITS:
        return None
    text = text.strip()
    if _BLANKS_BETWEEN.fullmatch(text):
        text = text.replace(" ", "")
    if "(" not in text:  # (1,234) is a pair
        text = _COMMAS.sub(lambda match: match[0].replace(",", ""), text)
    is_percent = text.endswith(r"\%")
    if is_percent:
        text = text[:-2].rstrip()
    negative = False
    while True:
        if text[:1] in ("+", "-"):
            negative, text = negative != (text[0] == "-"), text[1:].lstrip()
            if text[:1] in ("+", "-"):
                return None
        elif (text.startswith("(") and text.endswith(")") and text.count("(") == 1) or (
            text.startswith("{") and text.endswith("}") and text.count("{") == 1
        ):
            text = text[1:-1].strip()
        else:
            break
    number = _unsigned(text)
    if number is None:
        return None
    return Number(-number.value if negative else number.value, number.decimals, is_percent)


def _agree(
    gold: Fraction, answer: Fraction, gold_decimals: int | None, decimals: int | None
) -> bool:
    if gold == answer:
        return True
    if (gold_decimals is None and decimals is None) or not gold or not answer:
        return False
    places = ROUNDING
    if gold_decimals is not None and decimals is not None:
        # two decimals are equal if the longer one rounds to the shorter one
        places = min(gold_decimals, decimals)
        if places < ROUNDING:
            return False
    if abs(answer / gold - 1) > DECIMAL_TOLERANCE:
        return False
    return round(gold, places) == round(answer, places)


def same_number(gold: Number, answer: Number) -> bool:
    r"""Equal values. A percentage may stand for 7.2 or for 0.072 where the other side has no \%."""
    decimals = gold.decimals, answer.decimals
    if gold.is_percent == answer.is_percent:
        return _agree(gold.value, answer.value, *decimals)
    if gold.is_percent:
        return any(_agree(gold.value / by, answer.value, *decimals) for by in (1, 100))
    return any(_agree(gold.value, answer.value / by, *decimals) for by in (1, 100))


def rounds_to(exact: Number, shown: Number) -> bool:
    """`shown` is a decimal, and `exact` rounds to it: 2/3 = 0.67."""
    if shown.decimals is None or shown.is_percent != exact.is_percent:
        return False
    half = Fraction(1, 2) / 10**shown.decimals
    return abs(exact.value - shown.value) <= half


_NAMES = """two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen
sixteen"""
_BASE_NAMES = {name: base for base, name in enumerate(_NAMES.split(), start=2)}
_BASED = re.compile(
    r"(?P<sign>[+-]?)\s*(?:\((?P<a>[0-9A-Z.\s]+)\)|\{(?P<b>[0-9A-Z.\s]+)\}"
    r"|\\text\{(?P<c>[0-9A-Z.\s]+)\}"
    r"|(?P<d>[0-9A-Z.\s]+?))\s*"
    r"(?:_\s*(?:\{\s*(?:\\text\{\s*)?(?P<base>[0-9]{1,2}|[a-z]+)\s*\}?\s*\}|(?P<digit>[0-9]))"
    r"|\\text\{\s*\(?\s*(?:in )?base[ -]?(?P<word>[0-9]{1,2}|[a-z]+)\s*\)?\s*\}"
    r"|\\text\{\s*\(?\s*(?:in )?base\s*\}\s*(?P<after>[0-9]{1,2})"
    r"|\s+\(?\s*(?:in )?base[ -]?(?P<bare>[0-9]{1,2}|[a-z]+)\s*\)?)"
)


_IN_BRACKETS = re.compile(r"\(([^()]*)\)")


class Based(NamedTuple):
    digits: str  # canonical: no leading zeros, none at the end after a point
    base: int


def canonical_digits(text: str) -> str:
    whole, _, part = text.partition(".")
    part = part.rstrip("0")
    return (whole.lstrip("0") or "0") + (f".{part}" if part else "")


def read_based(text: str) -> Based | None:
    r"""1202_3, (1202)_{3}, 1202_{\text{three}}, 1202\text{ (base 3)}: digits and base."""
    inside = _IN_BRACKETS.fullmatch(text)
    match = _BASED.fullmatch(inside[1] if inside else text)
    if not match:
        return None
    digits = re.sub(r"\s", "", next(match[name] for name in "abcd" if match[name]))
    said = match["base"] or match["digit"] or match["word"] or match["after"] or match["bare"]
    base = int(said) if said.isdigit() else _BASE_NAMES.get(said, 0)
    # A_2 and x_1 are variables: a number has a digit first, or letters that its base allows
    if not base or digits.count(".") > 1 or not re.search("[0-9]", digits):
        return None
    return Based(match["sign"].replace("+", "") + canonical_digits(digits), base)
