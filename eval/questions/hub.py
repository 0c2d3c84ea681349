"""Loads the rows of a named set from the hub, at its pinned revision, as rows of a problems file.

The id of a row is the set's name and the row's position. Only data is loaded, never code from the
repository of the data set.
"""

import re
from collections.abc import Iterable
from typing import Any

from eval.files.errors import BadInput
from eval.questions.named_sets import Source

PlacedRow = tuple[str, dict[str, Any]]  # its place, for messages; the row


def hub_rows(name: str, source: Source) -> list[PlacedRow]:
    """Distinct rows of a set, with fields id, text, answer, level and subject.

    Raises:
        BadInput: no pinned revision, the hub cannot be reached, a field is missing.
    """
    rows = []
    seen: set[tuple[Any, str, str]] = set()
    for position, raw in enumerate(_download(name, source)):
        where = f"set {name} at {source.hub}, row {position}"
        row = _mapped(raw, source, where) | {"id": f"{name}-{position:05d}"}
        if source.distinct:
            key = (nested_field(raw, source.distinct, where), row["text"], row["answer"])
            if key in seen:
                continue
            seen.add(key)
        rows.append((where, row))
    return rows


def nested_field(row: Any, path: str, where: str) -> Any:
    """The value at a path with dots; numbers index into lists."""
    value = row
    for part in path.split("."):
        try:
            value = value[int(part) if part.isdigit() else part]
        except (KeyError, IndexError, TypeError):
            raise BadInput(
                f"{where}: no field {path!r}: the hub's copy has changed: set data_dir to a folder"
                " with the original"
            ) from None
    return value


def last_boxed(solution: str) -> str:
    """The content of the last complete \\boxed{...} with balanced braces, or "" if there is none.

    "\\boxed 7" (a single token without braces) counts too: a few MATH solutions write it.
    """
    closing, found = _closing(solution), slice(0)
    for match in re.finditer(r"\\boxed\s*(?:\{|([^\s{}$.,]))", solution):
        if match[1]:
            found = slice(*match.span(1))
        elif (start := match.end()) - 1 in closing:
            found = slice(start, closing[start - 1])
    return solution[found].strip()


def _closing(text: str) -> dict[int, int]:
    """{position of an opening brace: position of its closing brace}, in time linear in the text.
    Escaped braces do not count.
    """
    opened, closing = list[int](), dict[int, int]()
    for match in re.finditer(r"(?<!\\)[{}]", text):
        if match[0] == "{":
            opened.append(match.start())
        elif opened:
            closing[opened.pop()] = match.start()
    return closing


def _mapped(raw: dict[str, Any], source: Source, where: str) -> dict[str, Any]:
    before, after = source.wrapper
    answer = (
        _gold_answer(nested_field(raw, source.answer, where), source, where)
        or source.empty_gold
        or ""
    )
    level = str(nested_field(raw, source.level, where)) if source.level else ""
    return {
        "text": str(nested_field(raw, source.text, where)).removeprefix(before).removesuffix(after),
        "answer": answer,
        "level": level.removeprefix("Level ").replace("?", ""),
        "subject": nested_field(raw, source.subject, where) if source.subject else "",
    }


def _gold_answer(value: Any, source: Source, where: str) -> str:
    if source.answer_form == "list":
        return ", ".join(map(str, value))
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    text = str(value)
    if source.answer_form == "last_boxed":
        return last_boxed(text)
    if source.answer_form == "after_hashes":
        if "####" not in text:
            raise BadInput(
                f"{where}: no '####' before the answer: the hub's copy has changed: set data_dir to"
                " a folder with the original"
            )
        return text.rsplit("####", 1)[1].strip().replace(",", "")
    return text


def _download(name: str, source: Source) -> Iterable[Any]:
    if source.revision is None:
        raise BadInput(
            f"set {name} has no pinned revision at {source.hub}: give data_dir, or set the revision"
            " in eval/questions/named_sets.py"
        )
    import datasets

    try:
        return datasets.load_dataset(
            source.hub, source.config, split=source.split, revision=source.revision
        )
    # datasets raises many kinds of errors: no network, unknown revision, damaged cache
    except Exception as error:
        raise BadInput(
            f"set {name} cannot be loaded from {source.hub} at {source.revision[:12]}"
            f" ({type(error).__name__}): give data_dir, or connect to the hub"
        ) from error
