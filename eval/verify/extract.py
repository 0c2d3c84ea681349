r"""What a completion answers: the content of its last complete box, and plain readings of that content.

Only the box counts. Mathematics earlier in the text, an unclosed box at the end of a truncated completion,
and boxes that stand side by side as a list of guesses give no answer. Everything here is linear in the
length of the text, needs no LaTeX parser and never raises on any string.

Three readings need no computer algebra: `integer` (27, 027, 27.0, 1{,}234, 336^\circ), `words`
(\text{east}) and `normal` (a normalised string for the strict verifier).
"""

import re
from typing import NamedTuple

MAX_TEXT = 1_000_000  # characters, from the end of the completion, that are searched for a box
MAX_ANSWER = 2_000  # characters of an answer that are still handed to the parser
# brackets within brackets that are still handed to the parser, whose time is exponential in them
MAX_DEPTH = 10

_TOKEN = re.compile(r"\\(?:boxed|fbox)\s*\{|\\.|[{}]", re.DOTALL)
_ONLY_SEPARATORS = re.compile(
    r"(?:[\s,;.:$&~*|/-]|\\[\[\](),;:!\\"
    r" ]|\\q?quad|\\(?:text|mbox)\s*\{\s*(?:and|or)?\s*\}|and|or)*",
    re.IGNORECASE,
)
_MAX_GAP = 80  # characters between two boxes that may still be a list of guesses


class _Box(NamedTuple):
    start: int
    inside: int
    end: int  # of the content; the closing brace


def _before_first_box(text: str) -> int:
    r"""Where to begin: the backslashes before the first \boxed. Braces before a box do not decide its end."""
    found = [place for name in (r"\boxed", r"\fbox") if (place := text.find(name)) >= 0]
    return len(text[: min(found)].rstrip("\\")) if found else len(text)


def _innermost_boxes(text: str) -> list[_Box]:
    """Complete boxes that hold no complete box, in order. One pass: linear on hostile nesting."""
    boxes: list[_Box] = []
    open_braces: list[
        tuple[int, int]
    ] = []  # (start, inside); start is -1 for a brace that opens no box
    for token in _TOKEN.finditer(text, _before_first_box(text)):
        if token[0] == "{":
            open_braces.append((-1, token.end()))
        elif token[0] == "}" and open_braces:
            start, inside = open_braces.pop()
            if start >= 0 and not (boxes and boxes[-1].start > start):
                boxes.append(_Box(start, inside, token.start()))
        elif len(token[0]) > 2:
            open_braces.append((token.start(), token.end()))
    return boxes


def extract(completion: str) -> str | None:
    r"""Content of the last complete \boxed{...} or \fbox{...}, stripped.

    None if there is none, if it is empty, or if the last boxes stand together with different contents: a list
    of guesses is not an answer.
    """
    text = completion[-MAX_TEXT:]
    boxes = _innermost_boxes(text)
    if not boxes:
        return None
    answer = text[boxes[-1].inside : boxes[-1].end].strip()
    for before, after in zip(boxes[-2::-1], boxes[:0:-1], strict=True):
        gap = text[before.end + 1 : after.start]
        if len(gap) > _MAX_GAP or not _ONLY_SEPARATORS.fullmatch(gap):
            break
        if text[before.inside : before.end].strip() != answer:
            return None
    return answer or None


_DELIMITERS = re.compile(r"(?<!\\)(?:\$|\\[()\[\]])")
_SCIENTIFIC = re.compile(r"([+-]?[0-9]+(?:\.[0-9]+)?)[eE]([+-]?[0-9]{1,3})")
_LOOSE_MARKS = re.compile(r"(?<=[0-9])(?:,\\!|\{,\})(?=[0-9]{3})|(?<=[0-9])\.(?=/)")
_MIXED = re.compile(r"([+-]?[0-9]+)\s+([0-9]+)/([0-9]+)")


def clean(answer: str) -> str:
    r"""The answer without what surrounds mathematics (blanks, $ and \( anywhere, a final stop).

    4.5e33 becomes 4.5 \times 10^{33}, 2 1/3 becomes 2\frac{1}{3}, 1./3 becomes 1/3, and 1{,}000 becomes 1000
    within a fraction too: the parser reads none of them. Of `$5$ + 3` it would read the 5 alone.
    """
    text = _LOOSE_MARKS.sub("", _DELIMITERS.sub(" ", answer).strip())
    if text.endswith(".") and not text.endswith(r"\right."):
        text = text[:-1].rstrip()
    if scientific := _SCIENTIFIC.fullmatch(text):
        return rf"{scientific[1]} \times 10^{{{int(scientific[2])}}}"
    return _MIXED.sub(r"\1\\frac{\2}{\3}", text) if _MIXED.fullmatch(text) else text


_THIN_SPACE = re.compile(r"\{,\}|,\\!|\\[,!; ]|(?<=[0-9])[ \u2009\u202f\u00a0]+(?=[0-9])")
_DEGREES = re.compile(r"\s*(?:\^\s*\\circ|\^\s*\{\s*\\circ\s*\}|\u00b0|\\degree)$")
_INTEGER = re.compile(r"([+-]?)\s*((?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+))(?:\.0*)?")


def integer(cleaned: str) -> str | None:
    """Canonical digits of a plain integer of at most MAX_ANSWER characters, else None. Builds no
    number.
    """
    if len(cleaned) > MAX_ANSWER:
        return None
    text = _DEGREES.sub("", cleaned.replace("\u2212", "-").removeprefix(r"\$"))
    match = _INTEGER.fullmatch(_THIN_SPACE.sub(",", text).strip())
    if not match:
        return None
    digits = match[2].replace(",", "").lstrip("0") or "0"
    return f"-{digits}" if match[1] == "-" and digits != "0" else digits


_TEXT = re.compile(r"\\(?:text|textbf|textit|textrm|mathrm|mathbf|mbox)\s*\{([^{}\\]*)\}")
_LETTERS = re.compile(r"[^\W\d_]+(?:[ '-][^\W\d_]+)*")


def _plain_words(text: str) -> str:
    return (
        " ".join(text.split())
        .removeprefix("(")
        .removesuffix(")")
        .removesuffix(".")
        .strip()
        .casefold()
    )


def words(cleaned: str) -> str | None:
    r"""The words of an answer that is nothing but \text{letters}, else None; \text{(A)} is as \text{A}."""
    match = _TEXT.fullmatch(cleaned)
    text = _plain_words(match[1]) if match else ""
    return text if _LETTERS.fullmatch(text) else None


def as_words(cleaned: str) -> str:
    """Any answer read as words, for comparison with a gold that is words."""
    return _plain_words(_TEXT.sub(r"\1", cleaned))


_NOISE = re.compile(r"\\left(?![a-zA-Z])|\\right(?![a-zA-Z])|\\[,!;: ]|\\q?quad|\s|\$")
_DEGREES_ANYWHERE = re.compile(r"\^\\circ|\^\{\\circ\}|\u00b0|\\degree")


def normal(cleaned: str) -> str:
    """Normal form for the strict verifier: equal strings only, no computer algebra."""
    number = integer(cleaned)
    if number is not None:
        return number
    text = _TEXT.sub(r"\1", cleaned).replace(r"\dfrac", r"\frac").replace(r"\tfrac", r"\frac")
    return _DEGREES_ANYWHERE.sub("", _NOISE.sub("", text)).replace("{,}", ",")


_LONE_NUMBERS = re.compile(r"[0-9.]+(?:(?:\s|~|\\[,;:! ]|\\q?quad\b)+[0-9.]+)+")
_BRACKET = re.compile(r"[{(\[]|[})\]]")


def is_parsable(cleaned: str) -> bool:
    """False for what no parser should see: empty, too long, nested too deep, numbers side by side
    (12 13).
    """
    if not 0 < len(cleaned) <= MAX_ANSWER or _LONE_NUMBERS.fullmatch(cleaned):
        return False
    depth = deepest = 0
    for bracket in _BRACKET.findall(cleaned):
        depth = depth + 1 if bracket in "{([" else max(depth - 1, 0)
        deepest = max(deepest, depth)
    return deepest <= MAX_DEPTH
