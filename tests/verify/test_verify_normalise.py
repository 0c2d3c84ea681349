"""One spelling for many: blanks, fonts, Unicode, thousands; and the strict normal form."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval.verify.kinds.text_answers import is_words, same_words
from eval.verify.spelling.normal_form import MAX_ANSWER, MAX_DEPTH, integer, is_parsable, normal
from eval.verify.spelling.normalise import clean


@given(st.text(alphabet="\\{}boxed[]()$ 1x", max_size=40))
def test_readings_never_raise(text: str) -> None:
    cleaned = clean(text)
    assert isinstance(normal(cleaned), str)
    assert is_words(cleaned) in (True, False)
    assert is_parsable(cleaned) in (True, False)


@pytest.mark.parametrize(
    ("answer", "digits"),
    [
        ("7", "7"),
        ("007", "7"),
        ("000", "0"),
        ("-0", "0"),
        ("+5", "5"),
        ("-12", "-12"),
        ("\u221212", "-12"),
        ("27.0", "27"),
        ("27.", "27"),
        ("1,234", "1234"),
        ("1{,}234", "1234"),
        (r"1,\!234", "1234"),
        (r"1\,234\,567", "1234567"),
        ("1 234", "1234"),
        (r"336^\circ", "336"),
        (r"336^{\circ}", "336"),
        ("336°", "336"),
        (r"\$5", "5"),
        (r"$42$", "42"),
        (r"\(42\)", "42"),
        (" 42. ", "42"),
    ],
)
def test_integers_in_other_spellings(answer: str, digits: str) -> None:
    assert integer(clean(answer)) == digits


NO_INTEGERS = [
    "",
    "-",
    "27.5",
    "1,23",
    "12,34",
    "1,2345",
    ",123",
    "1, 234",
    "12 13",
    r"50\%",
    "5x",
    "5!",
    "2^3",
]
NO_INTEGERS.extend(["1/2", "\u0663", "5 cm", "1e3", "--5", "(5)", "x=5", "5, 6", r"\pm 5"])


@pytest.mark.parametrize("answer", NO_INTEGERS)
def test_what_is_no_plain_integer(answer: str) -> None:
    assert integer(clean(answer)) is None


def test_integers_are_bounded_in_length() -> None:
    assert integer("9" * MAX_ANSWER) == "9" * MAX_ANSWER
    assert integer("9" * (MAX_ANSWER + 1)) is None


@given(st.integers())
def test_integers_read_as_python_does(number: int) -> None:
    assert integer(str(number)) == str(number)
    assert integer(f"{number:,}") == str(number)
    assert integer(f"{number}.00") == str(number)


def test_words() -> None:
    assert is_words(clean(r"\text{east}"))
    assert is_words(clean(r"\text{(B)}"))
    assert not is_words(clean("east"))
    assert not is_words(clean(r"\text{a} + \text{b}"))
    assert same_words(clean(r"\text{East}"), clean(r"\textbf{ east. }"))
    assert not same_words(clean(r"\text{P, Q}"), clean(r"\text{Q, P}"))
    assert same_words(clean(r"\text{P, Q}"), clean(r"\{Q, P\}"))


def test_clean_reads_what_the_parser_cannot() -> None:
    assert clean("4.5e33") == r"4.5 \times 10^{33}"
    assert clean("-2E-7") == r"-2 \times 10^{-7}"
    assert clean("2 1/3") == r"2\frac{1}{3}"
    assert clean(r"$a$,\(b\) and \$5 \\[2pt]") == r"a , b and 5 \\[2pt]"
    assert clean(r"\left. x \right.") == "x"
    assert clean(r"\bigl( 1, \textcolor{red}{2} \bigr)") == "( 1, {2} )"
    assert clean(r"0.1\overline{6}") == r"\frac{15}{90}"
    assert clean("3√12") == r"3\sqrt{12}"
    assert clean("x²") == "x^{2}"
    assert clean("2½") == r"2\frac{1}{2}"
    assert clean(r"\mathbf{i}\sin\mathrm{e}") == r"i\sin e"
    assert clean(r"111, \! 111, \! 111") == "111111111"
    assert clean(r"5~\mathrm{cm}\ ") == r"5 \text{cm}"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (r"\dfrac{1}{2}", r"\frac{1}{2}"),
        (r"\left( 1, 2 \right)", "(1,2)"),
        ("025", "25"),
        (r"90^\circ - x", "90-x"),
        (r"\frac12", r"\frac{1}{2}"),
        ("x y", "xy"),
    ],
)
def test_the_strict_normal_form(one: str, other: str) -> None:
    assert normal(clean(one)) == normal(clean(other))


def test_the_strict_normal_form_keeps_values_apart() -> None:
    different = [
        "1",
        "-1",
        "0.5",
        r"\frac{1}{2}",
        "12 13",
        "1213",
        "(1,2)",
        "[1,2]",
        "1,2",
        "x",
        "X",
        r"\le",
        r"\leftarrow",
    ]
    assert len({normal(clean(answer)) for answer in different}) == len(different)


def test_what_the_parser_never_sees() -> None:
    assert is_parsable("{" * MAX_DEPTH + "1" + "}" * MAX_DEPTH)
    assert not is_parsable("{" * (MAX_DEPTH + 1) + "1" + "}" * (MAX_DEPTH + 1))
    assert is_parsable("(1)" * 50)
    assert not is_parsable("1+" * MAX_ANSWER)
    assert not is_parsable("")
    assert not is_parsable("12 13")
    assert not is_parsable(clean(r"12\,13"))


TEXT = st.text(alphabet=st.characters(), max_size=60)
LATEX = st.lists(
    st.sampled_from(
        [r"\text{", r"\mathrm{", "}", "{", r"\frac", "^", "√", "²", "½", "1", ",", " ", "\\"]
    ),
    max_size=30,
).map("".join)


@given(TEXT | LATEX)
def test_cleaning_never_raises_and_keeps_a_spelling_that_is_clean(text: str) -> None:
    once = clean(text)
    assert normal(clean(once)) == normal(once) or once != clean(once)
    assert integer(once) is None or integer(once) == integer(clean(once))
