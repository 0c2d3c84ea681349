"""Tables of settings in the docs, made from the classes that define them, so that a default stands
in one place.

    python -m experiments.reference           rewrites the tables in docs/

A page marks a table's place with `<!-- settings: ClassName -->` … `<!-- end -->`. Name, type, default and meaning are
read from the class's source lines, `name: type = default  # meaning`; the meaning may stand on comment lines above.
"""

import inspect
import re
from pathlib import Path
from typing import get_args

from experiments.spec import schema, training_settings
from experiments.sweep import settings as study_settings
from experiments.sweep import sweep_file as study
from methods import AnyMethod

DOCS = Path(__file__).parents[1] / "docs"
CLASSES = [
    *get_args(AnyMethod),
    *(schema.Experiment, schema.TinyPolicy, schema.MiniaturePolicy, schema.HubPolicy, schema.Task),
    *(
        training_settings.Training,
        training_settings.Lora,
        schema.Arm,
        schema.Benchmark,
        schema.Evaluation,
        schema.Analysis,
    ),
    *(
        study.Study,
        study.Search,
        study_settings.Range,
        study_settings.Choices,
        study_settings.Objective,
        study_settings.Sampler,
    ),
    *(study_settings.WilcoxonPruning, study_settings.MedianPruning),
]
FIELD = re.compile(
    r"^    (?P<name>[A-Za-z]\w*): (?P<type>(?!ClassVar)[^=#]+?)(?: = (?P<default>.+?))?(?:  # (?P<meaning>.+))?$"
)
RANGES = {
    "Share": "in [0, 1]",
    "Fraction": "in (0, 1]",
    "Port": "port",
    "NonNegative": "≥ 0",
    "Coefficient": "≥ 0",
    "Positive": "> 0",
    "Epsilon": "in (0, 1)",
    "Clip": "(low, high)",
    "WideClip": "(low, high), low up to 1",
    "OpenFraction": "in (0, 1)",
    "Nats": "≥ 0",
    "Nats | None": "≥ 0, or None",
    "tuple[Nats, Nats]": "(start, end), ≥ 0",
    "AtLeastOne": "≥ 1",
    "Count": "integer ≥ 1",
    "Natural": "integer ≥ 0",
    "Trials": "integer in [1, 100,000]",
    "Workers": "integer in [1, 1,000]",
    "Commit | None": "40 hexadecimal digits",
}
MARK = re.compile(r"(<!-- settings: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def table(cls: type) -> str:
    """Markdown: one row per field of the class. Its meaning stands behind the field or above it."""
    lines = ["| setting | type | default | meaning |", "|---|---|---|---|"]
    above: list[str] = []
    for line in inspect.getsource(cls).splitlines():
        if line.startswith("    # "):
            above.append(line.removeprefix("    # "))
            continue
        if field := FIELD.match(line):
            kind = RANGES.get(field["type"], field["type"])
            default = "required" if field["default"] is None else f"`{field['default']}`"
            meaning = field["meaning"] or " ".join(above)
            cells = [f"`{field['name']}`", kind, default, meaning]
            lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
        above = []
    return "\n".join(lines) + "\n"


def filled(page: str) -> str:
    """The page with every marked table made anew."""
    classes = {cls.__name__: cls for cls in CLASSES}
    return MARK.sub(lambda mark: mark[1] + table(classes[mark[2]]) + mark[3], page)


def main() -> None:
    for path in sorted(DOCS.rglob("*.md")):
        page = path.read_text(encoding="utf-8")
        if filled(page) != page:
            path.write_text(filled(page), encoding="utf-8")


if __name__ == "__main__":
    main()
