"""Turns pydantic's findings into one message per problem: file, key, what is wrong, what to do."""

import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from experiments.spec.known_keys import advice

UNKNOWN_KEY = ("extra_forbidden", "unexpected_keyword_argument")


def explain(
    error: ValidationError,
    path: Path,
    content: Mapping[str, Any],
    model: type[BaseModel] | None = None,
) -> str:
    """One line per finding, each `file: key: what is wrong; what to do`. With the `model` that was
    validated, an unknown key is answered with the nearest known one.
    """
    lines = []
    for finding in error.errors(include_url=False):
        said = say(finding)
        if model and finding["type"] in UNKNOWN_KEY:
            said = f"unknown key: {advice(model, finding['loc'])}"
        lines.append(f"{path}: {_place(finding['loc'], content)}: {said}")
    return "\nerror: ".join(lines)


def _place(location: Sequence[str | int], content: Any) -> str:
    """The keys that stand in the file, without the tags that a union adds to the path."""
    keys: list[str] = []
    here: Any = content
    for i, key in enumerate(location):
        inside: Any = dict(enumerate(here)) if isinstance(here, list) else here
        present = isinstance(inside, Mapping) and key in inside
        if not present and i < len(location) - 1:
            continue
        keys.append(str(key))
        here = inside[key] if present else None
    return ".".join(keys) or "the whole file"


def say(finding: ErrorDetails) -> str:
    """What is wrong with a key and what to do, without its place."""
    kind, context = finding["type"], finding.get("ctx", {})
    match kind:
        case kind if kind in UNKNOWN_KEY:
            return "unknown key: correct its spelling or remove it"
        case "missing":
            return "is missing: add it"
        case "union_tag_invalid":
            return _nearest(
                f"unknown {context['discriminator'].strip(chr(39))} {context['tag']!r}", context
            )
        case "union_tag_not_found":
            return f"needs a key {context['discriminator']} that says which kind it is"
        case "value_error":
            return str(context["error"])
        case _:
            return f"{finding['msg']}, not {finding['input']!r}"


def _nearest(what: str, context: Mapping[str, Any]) -> str:
    known = [tag.strip(" '") for tag in context["expected_tags"].split(",")]
    close = difflib.get_close_matches(context["tag"], known, n=1)
    hint = f"did you mean {close[0]!r}? " if close else ""
    return f"{what}: {hint}Choose one of {', '.join(known)}"
