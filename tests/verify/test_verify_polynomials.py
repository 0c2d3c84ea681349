"""The exact form of polynomials: by hand, and in agreement with computer algebra."""

import random
from fractions import Fraction

import pytest

from eval.verify.kinds.polynomials import read_polynomial, same_polynomial
from eval.verify.spelling.normalise import clean


def test_the_form_by_hand() -> None:
    assert read_polynomial(r"\sqrt{12} + 1") == {(3, ()): Fraction(2), (1, ()): Fraction(1)}
    assert read_polynomial(r"\frac{5\pi}{7}") == {(1, ((r"\pi", 1),)): Fraction(5, 7)}
    assert read_polynomial("2x^2y - x") == {
        (1, (("x", 2), ("y", 1))): Fraction(2),
        (1, (("x", 1),)): Fraction(-1),
    }
    assert read_polynomial("x - x") == {}


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (r"2\sqrt{3}", r"\sqrt{12}", True),
        (r"\sqrt{2}\sqrt{6}", r"2\sqrt{3}", True),
        (r"\sqrt{6}\sqrt{10}", r"2\sqrt{15}", True),
        (r"\frac{1+\sqrt{5}}{2}", r"\frac{1}{2} + \frac{\sqrt{5}}{2}", True),
        (r"-\frac{-1+\sqrt{5}}{2}", r"\frac{1-\sqrt{5}}{2}", True),
        ("x^2-5x+9", "9 - 5 x + x^{2}", True),
        (r"\sqrt{2}+\sqrt{3}", r"\sqrt{5}", False),
        (r"\sqrt{2}+\sqrt{2}", r"\sqrt{4}", False),
        ("x^2", "x^3", False),
        ("xy", "x+y", False),
        (r"3\pi", "3", False),
        ("3+4i", "3-4i", False),
    ],
)
def test_equal_exactly_if_the_forms_are(one: str, other: str, same: bool) -> None:
    assert same_polynomial(one, other) is same


NOT_READ = ["2 3", r"2\frac{1}{3}", "x--1", "x +", "0.5x", r"\frac{1}{x}", "(x+1)^2", "x_1", "5!"]
NOT_READ += ["e^2", r"\sin x", "", "-", r"\cdot x", r"2 \cdot", "x^{-1}", "x^{21}", r"5\%", "x2"]
NOT_READ += [r"\sqrt{2}^2", r"\sqrt{x}", r"\frac{1}{0}", r"\frac{1}{2}^2", "2^3", r"\sqrt[3]{2}"]


@pytest.mark.parametrize("text", NOT_READ)
def test_what_is_left_to_computer_algebra(text: str) -> None:
    assert read_polynomial(text) is None


def test_letters_of_both_cases_and_powers_of_i_are_left_to_computer_algebra() -> None:
    for one, other in (("R+r", "r+R"), ("2R", "2r"), ("i^2", "x"), (r"i \cdot i", "x")):
        assert same_polynomial(one, other) is None


def test_it_agrees_with_computer_algebra() -> None:
    from eval.verify.comparing.equality import same_mathematics

    rng = random.Random(0)

    def term() -> str:
        coefficient = rng.choice(["", "2", "3", r"\frac{1}{2}", r"\frac{3}{4}", r"\frac{\pi}{3}"])
        factor = rng.choice([r"\sqrt{2}", r"\sqrt{8}", r"\pi", "x", "x^2", "y", "i"])
        return coefficient + factor if rng.random() < 0.7 else (coefficient or "1")

    sums = [rng.choice(["", "-"]) + term() + rng.choice("+-") + term() for _ in range(60)]
    pairs = [(one, rng.choice(sums)) for one in sums] + [(one, one) for one in sums[:5]]
    pairs += [(r"\sqrt{8}x", r"2\sqrt{2}x"), (r"\frac{\pi}{3}x", r"\frac{1}{3}\pi x")]
    for one, other in pairs:
        found = same_polynomial(clean(one), clean(other))
        assert found is not None
        assert found == same_mathematics(clean(one), clean(other)).correct, (one, other)
