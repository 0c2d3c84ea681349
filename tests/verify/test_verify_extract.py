"""The answer in a completion: the last complete box and nothing else, on any text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval.verify.spelling.extract import extract


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
        r"put it in \boxed{ }, as in \boxed{...}",
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
    placeholder = not inside.strip(" .…\t\r\n\f\v") or not inside.strip()
    if not placeholder and "<think>" not in before + inside + after:
        assert extract(rf"{before}\boxed{{{inside}}}{after}") == inside.strip()


@pytest.mark.parametrize(
    "text",
    [
        r"I must put it in \boxed{}. So it is \boxed{7}.",
        r"So it is \boxed{7}. I have put it in \boxed{}, as you asked.",
        r"\boxed{7} (in a box: \boxed{\ldots})",
        r"\boxed{}, \boxed{7}",
    ],
)
def test_an_empty_box_of_a_repeated_instruction_is_skipped(text: str) -> None:
    assert extract(text) == "7"


def test_a_box_in_an_unfinished_thought_is_no_answer() -> None:
    assert extract(r"<think> it may be \boxed{7}, but") is None
    assert extract(r"\boxed{6}. <think> rather \boxed{7}") == "6"
    assert extract(r"<think> it is \boxed{7} </think>") == "7"
    assert extract(r"<think> \boxed{6}? </think> It is \boxed{7}.") == "7"
    assert extract(r"it is \boxed{7} </think>") == "7"  # the prompt opened the thought


def test_one_brace_too_few_is_forgiven_at_the_end_of_the_text_only() -> None:
    assert extract(r"so $\boxed{{7}$.") == "7"
    assert extract(r"so \boxed{{7} + 1") is None
    assert extract(r"so \boxed{{7}, or rather") is None
    assert extract(r"so \boxed{7") is None


def test_a_control_space_at_the_end_of_a_box() -> None:
    assert extract(r"\boxed{7\ }") == "7"
    assert extract("\\boxed{7\\\\ }") == "7\\\\"
