"""Rewrites pydantic's validation errors for people: file, key, what is wrong, what to do."""

import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from experiments.spec.known_keys import advice

UNKNOWN_KEY = ("extra_forbidden", "unexpected_keyword_argument")


def describe_findings(
    error: ValidationError,
    path: Path,
    content: Mapping[str, Any],
    model: type[BaseModel] | None = None,
) -> str:
    """All findings of an error, one line each: `file: key: what is wrong: what to do`.

    `content`: what was read from the file. `model`: the class that was validated; with it, the
    message on an unknown key names the nearest known key.
    """
    lines = []
    for finding in error.errors(include_url=False):
        said = describe_finding(finding)
        if model and finding["type"] in UNKNOWN_KEY:
            said = f"unknown key: {advice(model, finding['loc'])}"
        place = _place(finding["loc"], content, _is_whole(finding))
        lines.append(f"{path}: {place}: {said}")
    return "\nerror: ".join(lines)


def _is_whole(finding: ErrorDetails) -> bool:
    """Whether the finding is about a block that is in the file, rather than a key that may not
    be.
    """
    return finding["type"] == "value_error"


def _place(location: Sequence[str | int], content: Any, is_whole: bool) -> str:
    """The path of a finding as keys of the file, joined by dots.

    For a union, pydantic adds the tag (as `pretrained`) to the path; tags are not keys of the file
    and are left out.
    """
    keys: list[str] = []
    here: Any = content
    for i, key in enumerate(location):
        inside: Any = dict(enumerate(here)) if isinstance(here, list) else here
        present = isinstance(inside, Mapping) and key in inside
        if not present and (is_whole or i < len(location) - 1):
            continue
        keys.append(str(key))
        here = inside[key] if present else None
    return ".".join(keys) or "the whole file"


def describe_finding(finding: ErrorDetails) -> str:
    """Says what is wrong with a key and what to do, without naming file and key."""
    kind, context = finding["type"], finding.get("ctx", {})
    match kind:
        case kind if kind in UNKNOWN_KEY:
            return "unknown key: correct its spelling or remove it"
        case "missing":
            return "is missing: add it"
        case "union_tag_invalid":
            return _suggest_nearest(
                f"unknown {context['discriminator'].strip(chr(39))} {context['tag']!r}", context
            )
        case "union_tag_not_found":
            return f"needs a key {context['discriminator']} that says which kind it is"
        case "value_error":
            return str(context["error"])
        case _:
            return f"{finding['msg']}, not {finding['input']!r}"


def _suggest_nearest(what: str, context: Mapping[str, Any]) -> str:
    known = [tag.strip(" '") for tag in context["expected_tags"].split(",")]
    close = difflib.get_close_matches(context["tag"], known, n=1)
    hint = f"did you mean {close[0]!r}? " if close else ""
    return f"{what}: {hint}Choose one of {', '.join(known)}"
