"""Writes the tables of settings in docs/ from the classes that define the settings.

    python -m experiments.reference           rewrites the tables in docs/

A page marks the place of a table by `<!-- settings: ClassName -->` … `<!-- end -->`. Name, type,
default and meaning are read from the source of the class, `name: type = default  # meaning`; the
meaning can also be in comment lines above. So a default is written in one place, its class.
"""

import inspect
import json
import re
import sys
from pathlib import Path
from typing import get_args

from eval.files.command_line import command_parser
from eval.looks.settings import MOST_LOOK_SEEDS, SPENDINGS
from experiments.families import FAMILIES
from experiments.spec import (
    blocks,
    evaluation_settings,
    policy_settings,
    schema,
    seed_looks,
    training_settings,
)
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
FIELD = re.compile(
    r"^    (?P<name>[A-Za-z]\w*): (?P<type>(?!ClassVar)[^=#]+?)(?: = (?P<default>.+?))?(?:  #"
    r" (?P<meaning>.+))?$"
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
    "Allocation": "equal or neyman",
    "LookSizes": f"list of integers in [2, {MOST_LOOK_SEEDS:,}]",
    "Spending": " or ".join(SPENDINGS),
    "LooksOrNone": "block, or None",
    "Trials": "integer in [1, 100,000]",
    "Workers": "integer in [1, 1,000]",
    "Commit | None": "40 hexadecimal digits",
    "Sha256": "64 hexadecimal digits",
    "PackageName": "name",
    "GgufPath": "relative path of a .gguf file",
}
TABLE_MARK = re.compile(r"(<!-- settings: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def settings_table(cls: type) -> str:
    """A Markdown table with one row per field of the class."""
    lines = ["| setting | type | default | meaning |", "|---|---|---|---|"]
    above: list[str] = []
    for line in inspect.getsource(cls).splitlines():
        if line.startswith("    # "):
            above.append(line.removeprefix("    # "))
            continue
        if field := FIELD.match(line):
            kind = RANGES.get(field["type"], field["type"])
            default = default_cell(cls, field["default"])
            meaning = field["meaning"] or " ".join(above)
            cells = [f"`{field['name']}`", kind, default, meaning]
            lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
        above = []
    return "\n".join(lines) + "\n"


def default_cell(cls: type, default: str | None) -> str:
    """A default as its source says it; where that is a constant's name, its value."""
    if default is None:
        return "required"
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
