r"""Units: 5\text{ cm}, 20\ \frac{\text{m}}{\text{s}}, 90 degrees, 5 million.

An answer may name a unit where the gold has none, and may leave one out. What counts as a unit is
narrow, because everything after it would be dropped from the answer: it stands at the very end, and
it consists of nothing but words, blanks, `/`, `\cdot` and exponents. Words that carry meaning
(and, to, factorial, if, a.m.) are never part of a unit. Two units that are both known must agree.
"""

import re
from collections import Counter
from typing import NamedTuple

from eval.verify.kinds.unit_names import FRACTION, MEANING, POWER_WORDS, SCALES, UNITS


class Quantity(NamedTuple):
    value: str
    unit: str  # as written, empty if there is none
    scale: int = 1  # 10^6 for `5 million`


_WORD = r"[A-Za-zµΩ]+(?:\.[A-Za-z]+)*\.?"
_EXPONENT = r"(?:\s*\^\s*(?:\{\s*-?[0-9]\s*\}|-?[0-9]))"
_TEXT_GROUP = rf"\\text\{{[^{{}}]*\}}{_EXPONENT}?"
_RATIO = rf"\\frac\s*\{{\s*{_TEXT_GROUP}\s*\}}\s*\{{\s*{_TEXT_GROUP}\s*\}}"
_JOIN = r"\s*(?:/|\\cdot|\*)?\s*"
_TEXT_TAIL = re.compile(rf"(?:{_RATIO}|{_TEXT_GROUP})(?:{_JOIN}(?:{_RATIO}|{_TEXT_GROUP}))*\s*\.?$")
_BARE_TAIL = re.compile(
    rf"(?<![A-Za-z\\_^{{])(?P<gap>\s*){_WORD}{_EXPONENT}?"
    rf"(?:(?:\s+|\s*/\s*|\s*\\cdot\s*){_WORD}{_EXPONENT}?)*$"
)
_DEGREE_TAIL = re.compile(r"\s*\^\s*\\circ\s*(?:\\text\{\s*([CF])\s*\}|([CF]))?\s*$")
_TEMPERATURES = {"": "", "C": " celsius", "F": " fahrenheit"}
_INSIDE = re.compile(r"\s*[A-Za-zµΩ.'\s/^{}0-9\\-]*")
_PARTS = re.compile(rf"({_WORD})\s*(?:\^\s*\{{?\s*(-?[0-9])\s*\}}?)?|/|per\b")
_COMMANDS = re.compile(r"\\(?:text|frac|cdot)(?![a-zA-Z])|[{}]")
_NO_VARIABLE = re.compile(r"\\text\{[^{}]*\}|\\[a-zA-Z]+")
_BARE_LETTER = re.compile(r"(?<![a-zA-Z])[a-zA-Z](?![a-zA-Z])")
_PERCENT = re.compile(
    r"\s*(?:\\text\{\s*(?:\\%|percent|per cent|percentage|pct)\s*\}|percent|per cent)\s*\.?$"
)


def _words(unit: str) -> list[str]:
    return re.findall(_WORD, _COMMANDS.sub(" ", unit))


def _is_unit(unit: str, only_known: bool) -> bool:
    """`only_known`: each word is in the table, or says square or cubic."""
    words = _words(unit)
    plain = [word.rstrip(".") for word in words]
    if all(word.lower() in POWER_WORDS for word in plain):  # 12 squared is 144
        return False
    lower = [word.lower() for word in plain]
    if any(word in MEANING or word in SCALES or FRACTION.fullmatch(word) for word in lower):
        return False
    if only_known:
        return all(_known(w) or w.lower() in POWER_WORDS or w == "per" for w in plain)
    # a single letter is a variable unless it is a unit's symbol
    return all(len(word) > 1 or word in UNITS for word in plain) and not re.search(
        r"[0-9]", _without_powers(unit)
    )


def _known(word: str) -> str | None:
    """The unit that a word names. A letter alone has one meaning in each case: m, not M."""
    return UNITS.get(word) or (UNITS.get(word.lower()) if len(word) > 1 else None)


def _without_powers(unit: str) -> str:
    return re.sub(_EXPONENT, "", unit)


_LETTERLESS = re.compile(r"(?:\\(?:frac|sqrt|pi|times|cdot|binom)(?![a-zA-Z])|[^a-zA-Z\\]|\\%)+")


def is_numeric(value: str) -> bool:
    r"""No variable and no word in it: 3, \frac{1}{2}\pi, 2 \times 10^{6}."""
    return bool(value) and bool(_LETTERLESS.fullmatch(value))


def _scaled(value: str, unit: str, had_gap: bool) -> Quantity | None:
    """`5 million dollars` is 5 x 10^6 with the unit dollars."""
    words = _words(unit)
    if words and words[0].lower() in SCALES and is_numeric(value):
        rest = unit.replace(words[0], "", 1)
        rest = "" if not _words(rest) else rest
        if rest and not _is_unit(rest, only_known=False):
            return None
        return Quantity(value, rest, SCALES[words[0].lower()])
    return None


def has_variables(text: str) -> bool:
    r"""Whether there is a letter that is neither in a command nor in \text."""
    return bool(_BARE_LETTER.search(_NO_VARIABLE.sub(" ", text)))


def separate(text: str, letters_are_variables: bool = False) -> Quantity:
    """Value and unit of a cleaned answer. Without a unit that can be told from it, all is value.

    `letters_are_variables`: 5 m is a multiple of m, as in every gold and every answer to a gold
    that has a letter in it.
    """
    percent = _PERCENT.search(text)
    if percent and percent.start() and is_numeric(text[: percent.start()]):
        return Quantity(text[: percent.start()] + r"\%", "")
    degree = _DEGREE_TAIL.search(text)
    if degree and degree.start():
        scale = _TEMPERATURES[degree[1] or degree[2] or ""]
        return Quantity(text[: degree.start()].rstrip(), f"degree{scale}")
    tail = _TEXT_TAIL.search(text)
    if tail and tail.start():
        value, unit = text[: tail.start()].rstrip(), tail[0].strip()
        if scaled := _scaled(value, unit, True):
            return scaled
        inside = all(_INSIDE.fullmatch(group) for group in re.findall(r"\\text\{([^{}]*)\}", unit))
        is_joined = value.endswith(("+", "-", "=", r"\cdot", "*", "/", "^", "_", ",", ";"))
        is_unit = _is_unit(unit, only_known=not is_numeric(value))
        if inside and is_unit and not is_joined:
            return Quantity(value, unit)
        return Quantity(text, "")
    tail = _BARE_TAIL.search(text)
    if tail and tail.start() and is_numeric(value := text[: tail.start()].rstrip()):
        unit = tail[0].strip()
        if scaled := _scaled(value, unit, bool(tail["gap"])):
            return scaled
        first = _words(unit)[0]
        # 5m may be a variable, 5 m is typeset as a unit; 5i, 5e, 5n are never one
        is_symbol = len(first) > 1 or (bool(tail["gap"]) and not letters_are_variables)
        if _is_unit(unit, only_known=True) and is_symbol:
            return Quantity(value, unit)
    return Quantity(text, "")


def _dimension(unit: str) -> Counter[str]:
    """Powers of the known units in it; words that are none are left out."""
    powers: Counter[str] = Counter()
    sign, pending = 1, 1
    text = re.sub(r"\\frac\s*\{(.*?\}(?:\^[^}]*)?)\s*\}\s*\{", r"\1 / {", unit)
    for part in _PARTS.finditer(_COMMANDS.sub(" ", text.replace("^{", "^"))):
        if part[0].strip() in ("/", "per"):
            sign = -1
            continue
        word = part[1].rstrip(".")
        if word.lower() in POWER_WORDS:
            if word.lower() in ("squared", "cubed") and powers:
                last = list(powers)[-1]
                powers[last] *= POWER_WORDS[word.lower()]
            else:
                pending = POWER_WORDS[word.lower()]
        elif known := _known(word):
            powers[known] += sign * pending * int(part[2] or 1)
            pending = 1
    if powers.keys() & {"celsius", "fahrenheit"}:
        del powers["degree"]
    return powers


def conflict(gold: str, answer: str) -> bool:
    """True where both name known units and these differ: 5 dollars, 5 cents each.

    `units` fits every unit of the same power, and a degree those of temperature.
    """
    if not gold or not answer:
        return False
    one, other = _dimension(gold), _dimension(answer)
    if not one or not other:
        return sorted(re.findall(_EXPONENT, gold)) != sorted(re.findall(_EXPONENT, answer))
    if one.keys() == {"unit"} or other.keys() == {"unit"}:
        powers = sum(one.values()), sum(other.values())
        return powers[0] != powers[1] and 1 not in powers
    if {"degree"} in (one.keys(), other.keys()):
        return not (one.keys() | other.keys() <= {"degree", "celsius", "fahrenheit"})
    return one != other
