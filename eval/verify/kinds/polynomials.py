r"""Sums of terms like 2\sqrt{3}x^2 and \frac{5\pi}{7}, compared exactly without a parser.

A polynomial in letters, \pi and square roots of integers, with rational coefficients, has one form:
coefficients by monomial, each with one square-free root. Roots of different square-free integers
are linearly independent over the rationals and \pi is transcendental, so two polynomials are equal
exactly if their forms are. Everything else (brackets, decimals, functions, e, i^2, letters below a
fraction) is left to computer algebra.
"""

import re
from collections import Counter
from fractions import Fraction
from math import gcd

MAX_LENGTH = 200  # characters
MAX_ROOT = 10**6  # below a root; larger ones are not factored here
MAX_DEGREE = 20
_FACTOR = re.compile(
    r"\s*(?:(?P<number>[0-9]+)|(?P<fraction>\\frac)|\\sqrt\s*\{\s*(?P<root>[0-9]+)\s*\}"
    r"|(?P<letter>\\pi(?![a-zA-Z])|[a-zA-Z])"
    r"|(?P<times>\\cdot(?![a-zA-Z])|\\times(?![a-zA-Z])|\*))\s*"
)
_FRACTION_TERM = re.compile(r"\{((?:[^{}]|\{[^{}]*\})*)\}\s*\{\s*([0-9]{1,40})\s*\}\s*")
_WHOLE_EXPONENT = re.compile(r"\^\s*(?:\{\s*([0-9]{1,2})\s*\}|([0-9]))\s*")

Monomial = tuple[int, tuple[tuple[str, int], ...]]  # square-free root, (letter, power) in order
Polynomial = dict[Monomial, Fraction]  # without zeros


def same_polynomial(gold: str, answer: str) -> bool | None:
    """Whether two cleaned texts are the same polynomial; None unless both are polynomials.

    Letters that occur in both cases are left to computer algebra, and so is i times i.
    """
    ours, theirs = read_polynomial(gold), read_polynomial(answer)
    if ours is None or theirs is None:
        return None
    powers = {power for form in (ours, theirs) for _, powers in form for power in powers}
    names = {name for name, _ in powers}
    has_both_cases = any(len(name) == 1 and name.swapcase() in names for name in names)
    if has_both_cases or any(name in "iI" and power > 1 for name, power in powers):
        return None
    return ours == theirs


def read_polynomial(text: str) -> Polynomial | None:
    """The form of a cleaned text, None if it is anything else."""
    terms = _terms(text) if len(text) <= MAX_LENGTH else None
    if terms is None:
        return None
    total: Polynomial = {}
    for sign, term in terms:
        read = _read_term(term)
        if read is None:
            return None
        for monomial, coefficient in read.items():
            total[monomial] = total.get(monomial, Fraction(0)) + sign * coefficient
    return {monomial: coefficient for monomial, coefficient in total.items() if coefficient}


def _terms(text: str) -> list[tuple[int, str]] | None:
    """(sign, term) of a sum; a sign in braces belongs to its term. None for x--1 and for x+."""
    cuts, depth = [], 0
    for place, character in enumerate(text):
        depth += (character == "{") - (character == "}")
        if character in "+-" and depth == 0:
            cuts.append(place)
    starts = [0, *(cut + 1 for cut in cuts)]
    parts = [text[a:b].strip() for a, b in zip(starts, [*cuts, len(text)], strict=True)]
    signs = [1, *(-1 if text[cut] == "-" else 1 for cut in cuts)]
    if len(parts) > 1 and not parts[0]:  # a sign before the first term
        signs, parts = signs[1:], parts[1:]
    return list(zip(signs, parts, strict=True)) if all(parts) else None


def _read_term(text: str) -> Polynomial | None:
    product: Polynomial = {(1, ()): Fraction(1)}
    place, before = 0, "times"
    while place < len(text):
        token = _FACTOR.match(text, place)
        kind = token.lastgroup if token else None
        if token is None or kind is None:
            return None
        if kind == "times":
            if before == "times":
                return None
            place, before = token.end(), kind
            continue
        if kind in ("number", "fraction") and before == "number":
            return None  # 2 3 is no product, and 2\frac{1}{3} is a mixed number
        if kind == "number" and before != "times":
            return None  # x2
        read = _read_factor(kind, token[kind], text, token.end())
        if read is None:
            return None
        factor, place = read
        product, before = _product(product, factor), kind
    return None if before == "times" else product


def _read_factor(kind: str, token: str, text: str, end: int) -> tuple[Polynomial, int] | None:
    """A factor whose first token ends at `end`, and where all of it ends."""
    if kind == "fraction":
        match = _FRACTION_TERM.match(text, end)
        above = read_polynomial(match[1]) if match else None
        if (
            match is None
            or above is None
            or not int(match[2])
            or _WHOLE_EXPONENT.match(text, match.end())
        ):
            return None
        below = Fraction(1, int(match[2]))
        return {monomial: value * below for monomial, value in above.items()}, match.end()
    power = _WHOLE_EXPONENT.match(text, end)
    if kind == "letter":
        degree = int(power[1] or power[2]) if power else 1
        if token in "eE" or not 1 <= degree <= MAX_DEGREE:
            return None
        return {(1, ((token, degree),)): Fraction(1)}, power.end() if power else end
    if power or len(token) > 40:
        return None
    if kind == "number":
        return {(1, ()): Fraction(int(token))}, end
    if not 0 < int(token) <= MAX_ROOT:
        return None
    outside, inside = _square_free(int(token))
    return {(inside, ()): Fraction(outside)}, end


def _product(one: Polynomial, other: Polynomial) -> Polynomial:
    result: Polynomial = {}
    for (root, letters), coefficient in one.items():
        for (root2, letters2), coefficient2 in other.items():
            # both roots are square-free, so what they share comes out as a whole
            shared = gcd(root, root2)
            powers = Counter(dict(letters)) + Counter(dict(letters2))
            monomial = root * root2 // shared**2, tuple(sorted(powers.items()))
            value = coefficient * coefficient2 * shared
            result[monomial] = result.get(monomial, Fraction(0)) + value
    return {monomial: value for monomial, value in result.items() if value}


def _square_free(number: int) -> tuple[int, int]:
    r"""(outside, inside): \sqrt{12} is 2\sqrt{3}."""
    outside, inside, factor = 1, 1, 2
    while factor * factor <= number:
        while number % (factor * factor) == 0:
            number //= factor * factor
            outside *= factor
        if number % factor == 0:
            number //= factor
            inside *= factor
        factor += 1
    return outside, inside * number
