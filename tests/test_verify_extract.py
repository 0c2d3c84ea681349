"""The answer in a completion: the last complete box and nothing else, on any text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval.verify.extract import (
    MAX_ANSWER,
    MAX_DEPTH,
    as_words,
    clean,
    extract,
    integer,
    is_parsable,
    normal,
    words,
)


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (r"so \boxed{7}", "7"),
        (r"so $\boxed {7}$.", "7"),
        ("so \\boxed\n{ 7 }", "7"),
        (r"\fbox{7}", "7"),
        (r"\boxed{\frac{1}{2}}", r"\frac{1}{2}"),
        (r"\boxed{\{1, 2\}}", r"\{1, 2\}"),
        (r"\boxed{\left\{ x \right.}", r"\left\{ x \right."),
        (r"\boxed{1} is wrong, rather \boxed{2}", "2"),
        (r"\boxed{1}. Checking once more shows that it has to be \boxed{2", "1"),
        (r"\boxed{3 is what it seems, but \boxed{4}", "4"),
        (r"\boxed{\boxed{5}}", "5"),
        (r"\boxed{x = \fbox{5}}", "5"),
        (r"} } \boxed{6} }", "6"),
        (r"{ \frac{1 \boxed{6} and { \fbox{7}", "7"),
        ("next \\\\\\boxed{6}", "6"),
        (r"\boxed{7} and again $\boxed{7}$", "7"),
        (r"\boxed{1}, \boxed{2} were guesses; after some thought the sum is \boxed{3}", "3"),
    ],
)
def test_the_last_complete_box_counts(text: str, answer: str) -> None:
    assert extract(text) == answer


@pytest.mark.parametrize(
    "text",
    [
        "",
        "the answer is 7",
        "so $x = 7$",
        r"so $x=3$. the answer is \boxed{2",
        r"\boxed{}",
        r"\boxed{7} no: \boxed{ }",
        r"\boxed 7",
        r"\boxedanswer{7}",
        r"boxed{7}",
        r"a line break \\boxed{7}",
        "\\boxed{" * 50,
    ],
)
def test_without_a_complete_box_there_is_no_answer(text: str) -> None:
    assert extract(text) is None


@pytest.mark.parametrize(
    "gap",
    [
        "",
        " ",
        ", ",
        " and ",
        r" or ",
        "; ",
        ".\n\n",
        r"$, $",
        r"\quad ",
        r" \text{ or } ",
        r"\) or \(",
        "\n- ",
    ],
)
def test_a_list_of_guesses_is_no_answer(gap: str) -> None:
    assert extract(rf"so \boxed{{1}}{gap}\boxed{{2}}") is None
    assert extract(rf"so \boxed{{2}}{gap}\boxed{{1}}{gap}\boxed{{2}}") is None
    assert extract(rf"so \boxed{{2}}{gap}\boxed{{2}}") == "2"


def test_boxes_that_stand_far_apart_are_no_list() -> None:
    assert extract(r"so \boxed{1}" + " " * 80 + r"\boxed{2}") is None
    assert extract(r"so \boxed{1}" + " " * 81 + r"\boxed{2}") == "2"


@pytest.mark.parametrize(
    "unit", ["{", "}", "\\", "\\boxed{", "\\boxed ", "\\boxed{1}", "\\boxed{" + "x", "a\x00\ud800"]
)
def test_ten_megabytes_of_anything_are_read(unit: str) -> None:
    text = unit * (10_000_000 // len(unit))
    assert extract(text) in (None, "1")
    assert extract(text + r"\\ so the answer has to be \boxed{7}") == "7"


@given(
    st.text(alphabet=st.characters(), max_size=80) | st.text(alphabet=r"\{}boxed 1$,.", max_size=60)
)
def test_an_answer_is_part_of_the_text(text: str) -> None:
    answer = extract(text)
    assert answer is None or (answer == answer.strip() != "" and answer in text)


BRACELESS = st.text(alphabet=st.characters(exclude_characters="\\{}"), min_size=1, max_size=20)


@given(BRACELESS, BRACELESS, BRACELESS)
def test_a_box_gives_back_what_was_put_in(before: str, inside: str, after: str) -> None:
    assert extract(rf"{before}\boxed{{{inside}}}{after}") == (inside.strip() or None)


@given(st.text(alphabet="\\{}boxed[]()$ 1x", max_size=40))
def test_readings_never_raise(text: str) -> None:
    cleaned = clean(text)
    assert isinstance(normal(cleaned) + as_words(cleaned), str)
    assert words(cleaned) is None or words(cleaned) == as_words(cleaned)
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
    assert words(r"\text{East}") == words(r"\text{ east. }") == "east"
    assert words(r"\text{(A)}") == "a"
    assert as_words("East") == as_words(r"\textbf{east}") == "east"
    assert words("east") is None
    assert words(r"\text{5 cm}") is None
    assert words(r"\text{a} + \text{b}") is None


def test_clean_reads_what_the_parser_cannot() -> None:
    assert clean("4.5e33") == r"4.5 \times 10^{33}"
    assert clean("-2E-7") == r"-2 \times 10^{-7}"
    assert clean("2 1/3") == r"2\frac{1}{3}"
    assert clean(r"$a$,\(b\) and \$5 \\[2pt]") == r"a , b  and \$5 \\[2pt]"
    assert clean(r"\left. x \right.") == r"\left. x \right."


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (r"\dfrac{1}{2}", r"\frac{1}{2}"),
        (r"\left( 1, 2 \right)", "(1,2)"),
        ("025", "25"),
        (r"90^\circ - x", "90-x"),
    ],
)
def test_the_strict_normal_form(one: str, other: str) -> None:
    assert normal(one) == normal(other)


def test_the_strict_normal_form_keeps_values_apart() -> None:
    different = [
        "1",
        "-1",
        "0.5",
        r"\frac{1}{2}",
        r"\frac12",
        "(1,2)",
        "[1,2]",
        "1,2",
        "x",
        "X",
        r"\leq",
        r"\leftarrow",
    ]
    assert len({normal(answer) for answer in different}) == len(different)


def test_what_the_parser_never_sees() -> None:
    assert is_parsable("{" * MAX_DEPTH + "1" + "}" * MAX_DEPTH)
    assert not is_parsable("{" * (MAX_DEPTH + 1) + "1" + "}" * (MAX_DEPTH + 1))
    assert is_parsable("(1)" * 50)
    assert not is_parsable("1+" * MAX_ANSWER)
    assert not is_parsable("")
    assert not is_parsable("12 13")
    assert not is_parsable(r"12\,13")
