"""Writes the tables of settings in docs/ from the classes that define the settings.

    python -m experiments.reference           rewrites the tables in docs/

A page marks the place of a table by `<!-- settings: ClassName -->` … `<!-- end -->`. Name, default
and meaning are read from the source of the class, `name: type = default  # meaning`, on one line or
several; the meaning can also be in comment lines above. So a default is written in one place, its
class.
"""

import ast
import inspect
import io
import json
import re
import sys
import textwrap
import tokenize
from pathlib import Path
from typing import NamedTuple, get_args, get_type_hints

from eval.files.command_line import command_parser
from experiments.families import FAMILIES
from experiments.spec import (
    blocks,
    evaluation_settings,
    policy_settings,
    schema,
    seed_looks,
    training_settings,
)
from experiments.spec.type_words import worded
from experiments.sweep import settings, sweep_file
from methods import AnyMethod

DOCS = Path(__file__).parents[1] / "docs"
CLASSES = [
    *get_args(AnyMethod),
    *FAMILIES.values(),
    *(
        schema.Experiment,
        policy_settings.TinyPolicy,
        policy_settings.MiniaturePolicy,
        policy_settings.HubPolicy,
    ),
    *(policy_settings.PackagePolicy, blocks.Task, seed_looks.AskedLooks),
    *(training_settings.Training, training_settings.Lora, blocks.Arm),
    *(evaluation_settings.Benchmark, evaluation_settings.Evaluation, blocks.Analysis),
    *(sweep_file.TuningStudy, sweep_file.SearchSpace, settings.Range, settings.Choices),
    *(settings.Objective, settings.Sampler, settings.WilcoxonPruning, settings.MedianPruning),
]
WORDS = {
    "FolderName": "name: lower case, digits, _",
    "Clip": "(low in (0, 1), high > 0)",
    "WideClip": "(low in (0, 1], high > 0)",
    "Commit | None": "40 hexadecimal digits, or None",
    "Sha256": "64 hexadecimal digits",
    "PackageName": "name of a Python package",
    "GgufPath": "relative path of a .gguf file",
}
"""Types of which a pattern, and no bound, says what is allowed."""
TABLE_MARK = re.compile(r"(<!-- settings: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def settings_table(cls: type) -> str:
    """A Markdown table with one row per field of the class."""
    lines = ["| setting | type | default | meaning |", "|---|---|---|---|"]
    kinds = get_type_hints(cls, include_extras=True)
    for field in fields_in(textwrap.dedent(inspect.getsource(cls))):
        kind = WORDS.get(field.kind) or worded(kinds[field.name])
        cells = [f"`{field.name}`", kind, default_cell(cls, field.default), field.meaning]
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines) + "\n"


class Field(NamedTuple):
    """A setting as the source of its class says it."""

    name: str
    kind: str
    default: str | None
    meaning: str


def fields_in(source: str) -> list[Field]:
    """The settings of a class, in the order of its source."""
    comments = {
        token.start[0]: token.string.lstrip("# ")
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type == tokenize.COMMENT
    }
    (definition,) = ast.parse(source).body
    assert isinstance(definition, ast.ClassDef)
    nodes = [node for node in definition.body if isinstance(node, ast.AnnAssign)]
    found = [
        Field(
            ast.unparse(node.target),
            source_of(source, node.annotation),
            source_of(source, node.value) if node.value else None,
            meaning_of(node, comments, definition.body),
        )
        for node in nodes
    ]
    return [each for each in found if not each.kind.startswith("ClassVar")]


def source_of(source: str, node: ast.expr) -> str:
    """The text of an expression, on one line."""
    return " ".join((ast.get_source_segment(source, node) or "").split())


def meaning_of(field: ast.AnnAssign, comments: dict[int, str], body: list[ast.stmt]) -> str:
    """The comments on a field's own lines; without one, those on the lines above it."""
    own = [comments[n] for n in range(field.lineno, (field.end_lineno or 0) + 1) if n in comments]
    if own:
        return " ".join(own)
    statement_ends = {each.end_lineno for each in body}
    above: list[str] = []
    line = field.lineno - 1
    while line in comments and line not in statement_ends:
        above.insert(0, comments[line])
        line -= 1
    return " ".join(above)


def default_cell(cls: type, default: str | None) -> str:
    """A default as its source says it; of a constant its value; of a block no more than that."""
    if default is None or default.startswith("Field("):
        return "required"
    if re.fullmatch(r"[A-Z]\w+\(\)", default):
        return "its defaults"
    constants = vars(sys.modules[cls.__module__])
    return f"`{json.dumps(constants[default]) if default in constants else default}`"


def filled(page: str) -> str:
    """The text of a page with all its marked tables written anew."""
    classes = {cls.__name__: cls for cls in CLASSES}
    return TABLE_MARK.sub(lambda mark: mark[1] + settings_table(classes[mark[2]]) + mark[3], page)


def main() -> None:
    command_parser("experiments.reference", __doc__).parse_args()
    for path in sorted(DOCS.rglob("*.md")):
        page = path.read_text(encoding="utf-8")
        if filled(page) != page:
            path.write_text(filled(page), encoding="utf-8")


if __name__ == "__main__":
    main()
