r"""What a completion answers: the content of its last complete box.

Only the box counts. Mathematics earlier in the text, an unclosed box at the end of a truncated
completion, boxes that stand side by side as a list of guesses, and boxes in a thought that was
opened with <think> and never closed give no answer. Empty boxes (an instruction that is repeated,
"put it in \boxed{}") are skipped. Linear in the length of the text; never raises on any string.
"""

import re
from typing import NamedTuple

MAX_TEXT = 1_000_000  # characters, from the end of the completion, that are searched for a box

_BOX_OR_BRACE = re.compile(r"\\(?:boxed|fbox)\s*\{|\\.|[{}]", re.DOTALL)
_ONLY_SEPARATORS = re.compile(
    r"(?:[\s,;.:$&~*|/-]|\\[\[\](),;:!\\ ]|\\q?quad"
    r"|\\(?:text|mbox)\s*\{\s*(?:and|or)?\s*\}|and|or)*",
    re.IGNORECASE,
)
_MAX_GAP = 80  # characters between two boxes that may still be a list of guesses
_PLACEHOLDER = re.compile(r"(?:[\s.…]|\\[lc]?dots|\\[,;:! ])*")
_ONE_BRACE_TOO_FEW = re.compile(r"\{((?:[^{}]|\{[^{}]*+\})*+)\}(?:[\s.$]|\\[\])])*+")
_THOUGHT, _END_OF_THOUGHT = "<think>", "</think>"


class _Box(NamedTuple):
    start: int
    inside: int
    end: int  # of the content; the closing brace


def _before_first_box(text: str) -> int:
    r"""Where to begin: the backslashes before the first \boxed. Earlier braces are irrelevant."""
    found = [place for name in (r"\boxed", r"\fbox") if (place := text.find(name)) >= 0]
    return len(text[: min(found)].rstrip("\\")) if found else len(text)


def _innermost_boxes(text: str) -> list[_Box]:
    r"""Complete boxes that hold no complete box, in order. One pass: linear on hostile nesting.

    `\boxed{{70}` with one brace too few counts as `\boxed{70}`, but only where the text ends.
    """
    boxes: list[_Box] = []
    open_braces: list[tuple[int, int]] = []  # (start, inside); start is -1: a brace, not a box
    for token in _BOX_OR_BRACE.finditer(text, _before_first_box(text)):
        if token[0] == "{":
            open_braces.append((-1, token.end()))
        elif token[0] == "}" and open_braces:
            start, inside = open_braces.pop()
            if start >= 0 and not (boxes and boxes[-1].start > start):
                boxes.append(_Box(start, inside, token.start()))
        elif len(token[0]) > 2:
            open_braces.append((token.start(), token.end()))
    if len(open_braces) == 1 and open_braces[0][0] >= 0:
        start, inside = open_braces[0]
        if match := _ONE_BRACE_TOO_FEW.fullmatch(text, inside):
            boxes.append(_Box(start, inside + 1, match.end(1)))
    return boxes


def _finished(text: str) -> str:
    """The text without a thought that was begun and not ended: it is not yet an answer."""
    begun = text.rfind(_THOUGHT)
    return text if begun < 0 or text.find(_END_OF_THOUGHT, begun) >= 0 else text[:begun]


def _content(text: str, box: _Box) -> str:
    r"""Stripped. A backslash at the end is what is left of a control space, `\ `."""
    content = text[box.inside : box.end].strip()
    if content.endswith("\\") and (len(content) - len(content.rstrip("\\"))) % 2:
        content = content[:-1].rstrip()
    return content


def extract(completion: str) -> str | None:
    r"""Content of the last complete \boxed{...} or \fbox{...} that is not empty, stripped.

    None if there is none, or if the last boxes stand together with different contents: a list of
    guesses is not an answer.
    """
    text = _finished(completion[-MAX_TEXT:])
    answer, place = None, 0
    for box in reversed(_innermost_boxes(text)):
        content = _content(text, box)
        if not content.isalnum() and _PLACEHOLDER.fullmatch(content):
            continue
        if answer is not None:
            gap = text[box.end + 1 : place]
            if len(gap) > _MAX_GAP or not _ONLY_SEPARATORS.fullmatch(gap):
                break
            if content != answer:
                return None
        answer, place = content, box.start
    return answer
