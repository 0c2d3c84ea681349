"""The `path` of an entry of the mapping: which files it matches, and what it takes from them."""

import re

from eval.files.errors import BadInput

FIELDS = {"arm": "[^/]+?", "seed": r"\d{1,15}", "benchmark": "[^/]+?", "checkpoint": r"\d{1,15}"}
PIECE = re.compile(r"\{(\w+)\}|(\*\*/?)|(\*)|([^{}*]+)|(.)", re.DOTALL)
MOST_WILD = 12  # fields and stars of a pattern: each can make matching slower


def pattern(path: str) -> re.Pattern[str]:
    """A path with {fields}, * within a folder and ** over folders, as a regular expression."""
    parts: list[str] = []
    wild = 0
    for piece in PIECE.finditer(path):
        name, deep, star, text, odd = piece.groups()
        wild += not text
        if odd or (name and (name not in FIELDS or f"(?P<{name}>" in "".join(parts))):
            raise BadInput(
                f"sources: {path}: fields are {', '.join(f'{{{each}}}' for each in FIELDS)},"
                " each at most once"
            )
        if name:
            parts.append(f"(?P<{name}>{FIELDS[name]})")
        else:
            shown = "(?:.*/)?" if deep == "**/" else ".*" if deep else "[^/]*" if star else None
            parts.append(shown or re.escape(text))
    if wild > MOST_WILD:
        raise BadInput(f"sources: {path}: over {MOST_WILD} fields and stars: split the entry")
    return re.compile("".join(parts), re.DOTALL)
