"""The strict verdict's form of an answer, plain integers, and what is never parsed."""

import re

MAX_ANSWER = 2_000  # characters of an answer that are still compared
MAX_DEPTH = 10  # nested brackets that are still parsed: the parser's time is exponential in them

_DEGREES = re.compile(r"\s*\^\s*\\circ(?![a-zA-Z])")
_GROUPING = re.compile(r"[, ]")
_INTEGER = re.compile(r"([+-]?)\s*((?:[0-9]{1,3}(?:[, ][0-9]{3})+|[0-9]+))(?:\.0*)?")


def integer(cleaned: str) -> str | None:
    """Canonical digits of a plain integer of at most MAX_ANSWER characters, else None."""
    if len(cleaned) > MAX_ANSWER:
        return None
    if cleaned.isascii() and cleaned.isdecimal():
        return cleaned.lstrip("0") or "0"
    match = _INTEGER.fullmatch(cleaned) or _INTEGER.fullmatch(_DEGREES.sub("", cleaned).strip())
    if not match:
        return None
    digits = _GROUPING.sub("", match[2]).lstrip("0") or "0"
    return f"-{digits}" if match[1] == "-" and digits != "0" else digits


_WORDS = re.compile(r"\\text\{([^{}]*)\}")
_BLANKS = re.compile(r"(?<![0-9])\s+|\s+(?![0-9])")


def normal(cleaned: str) -> str:
    """Normal form for the strict verdict: equal strings only, no computer algebra.

    A blank between two digits stays: 12 13 is not 1213.
    """
    number = integer(cleaned)
    if number is not None:
        return number
    return _BLANKS.sub("", _DEGREES.sub("", _WORDS.sub(r"\1", cleaned))).replace("{,}", ",")


_LONE_NUMBERS = re.compile(r"[0-9.]+(?:\s+[0-9.]+)+")
_BRACKET = re.compile(r"[{(\[]|[})\]]")


def is_parsable(cleaned: str) -> bool:
    """False for what is never parsed: empty, too long, nested too deep, or 12 13."""
    if not 0 < len(cleaned) <= MAX_ANSWER:
        return False
    if _LONE_NUMBERS.fullmatch(cleaned) and integer(cleaned) is None:
        return False
    depth = deepest = 0
    for bracket in _BRACKET.findall(cleaned):
        depth = depth + 1 if bracket in "{([" else max(depth - 1, 0)
        deepest = max(deepest, depth)
    return deepest <= MAX_DEPTH
