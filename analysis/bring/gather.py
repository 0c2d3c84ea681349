"""Files and mapping -> what was read, each piece at its place: arm, seed, benchmark, checkpoint."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from analysis.bring.files.reading import read_bytes
from analysis.bring.files.records import CurveRow, Finding, Found, Tool
from analysis.bring.findings.curves import Starts
from analysis.bring.mapping_file.mapping import OPEN, BringFile, SourceEntry
from analysis.bring.mapping_file.path_pattern import pattern
from analysis.bring.mapping_file.placing import missing_labels, put
from analysis.bring.tools.table import BY_NAME
from eval.files.errors import BadInput


@dataclass(frozen=True)
class SourceFile:
    """One file that was brought."""

    name: str
    path: Path
    tool: str
    sha256: str


@dataclass
class Gathered:
    """Everything that the sources hold, in the suite's names."""

    found: Found = field(default_factory=Found)
    files: list[SourceFile] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    unmapped: dict[str, set[str]] = field(default_factory=dict)  # tool -> keys without a name


def gather_sources(mapping: BringFile, files: dict[str, Path], links: Sequence[str]) -> Gathered:
    """Reads every file that an entry of the mapping matches; of several entries the first.

    Files are read by the numbers in their names: checkpoint-200 before checkpoint-1000.
    BadInput lists what no file and no entry says.
    """
    patterns = [pattern(entry.path) for entry in mapping.sources]
    whole, starts = Gathered(), Starts()
    used: set[int] = set()
    asked: dict[str, str] = {}  # question -> first file that raises it
    for name in sorted(files, key=by_numbers):
        matches = ((i, at) for i, each in enumerate(patterns) if (at := each.fullmatch(name)))
        index, match = next(matches, (None, None))
        if index is None or match is None:
            whole.left_out.append(name)
            continue
        used.add(index)
        entry = mapping.sources[index]
        placed = read_placed(name, files[name], entry, match.groupdict(), mapping, whole)
        for lacking in missing_labels(placed):
            asked.setdefault(f"sources: {entry.path}: {lacking}", name)
        starts.check(placed.curves, name)
        whole.found.add(placed)
    check_gathered(whole, [e.path for i, e in enumerate(mapping.sources) if i not in used], asked)
    whole.found.findings += [Finding("link", name, "a link was not followed") for name in links]
    return whole


def by_numbers(name: str) -> list[tuple[int, str]]:
    """Order of names in which numbers count as such."""
    return [
        (int(part), "") if part.isdecimal() else (-1, part)
        for part in re.split(r"(\d{1,18})", name)
    ]


def read_placed(
    name: str,
    path: Path,
    entry: SourceEntry,
    fields: dict[str, str],
    mapping: BringFile,
    whole: Gathered,
) -> Found:
    """What a file holds, at its places and under the suite's names; the file goes on the list."""
    tool = tool_named(entry)
    read = tool.read(path, entry.model_dump())
    placed = put(read, entry, fields, mapping.base)
    rename_keys(placed, tool, entry, whole.unmapped)
    if not placed.places() and not read.settings:
        said = f"the file has no row in the format of {tool.name}"
        placed.findings = [*placed.findings, Finding("nothing read", name, said)]
    placed.findings = [*placed.findings, *contradicted(read, placed, mapping, name)]
    whole.found.settings |= read.settings if "contamination" in read.settings else {}
    digest = hashlib.sha256(read_bytes(path)).hexdigest()
    whole.files.append(SourceFile(name, path, tool.name, digest))
    return placed


def check_gathered(whole: Gathered, unused: Sequence[str], asked: dict[str, str]) -> None:
    """BadInput: an entry without a file, nothing read, or questions that nothing answers."""
    if unused:
        raise BadInput(f"sources: {unused[0]} matches no file: correct the path or remove it")
    if not whole.found.places():
        names = ", ".join(file.name for file in whole.files[:3])
        raise BadInput(f"no run and no evaluation was read from {names}: check path and tool")
    if asked:
        raise BadInput(
            "the files do not have these settings: add them to the mapping file:\n"
            + "\n".join(f"- {said} ({name})" for said, name in asked.items())
        )


def contradicted(read: Found, placed: Found, mapping: BringFile, name: str) -> list[Finding]:
    """Where a file states another temperature than the mapping does for its arm."""
    stated = read.settings.get("temperature")
    arms = dict.fromkeys(at.arm for at in placed.places() if at.arm in mapping.arms)
    mapped = {arm: mapping.arms[arm].temperature for arm in arms}
    return [
        Finding("temperature", arm, f"{name} says {stated:g}, the mapping {value:g}")
        for arm, value in mapped.items()
        if stated is not None and not isinstance(value, str) and value != stated
    ]


def tool_named(entry: SourceEntry) -> Tool:
    """The entry's tool. BadInput where there is none of that name, or it lacks an answer."""
    if entry.tool not in BY_NAME:
        raise BadInput(
            f"sources: {entry.path}: unknown tool {entry.tool!r}: choose one of"
            f" {', '.join(BY_NAME)}"
        )
    tool = BY_NAME[entry.tool]
    for asked in tool.asks:
        if getattr(entry, asked) in (None, OPEN):
            raise BadInput(
                f"sources: {entry.path}: {asked} is missing. It decides what the files of"
                f" {tool.name} mean: set it in this entry (docs/bring.md)"
            )
    return tool


def rename_keys(
    found: Found, tool: Tool, entry: SourceEntry, unmapped: dict[str, set[str]]
) -> None:
    """Curves under the suite's names; what has none is kept under `foreign`, and listed."""
    if tool.as_is:
        return
    keys = {**tool.keys(entry.model_dump()), **entry.keys, "updates": "updates"}
    renamed = []
    for row in found.curves:
        known = {keys[key]: value for key, value in row.values.items() if key in keys}
        rest = {key: value for key, value in row.values.items() if key not in keys}
        unmapped.setdefault(tool.name, set()).update(rest)
        renamed.append(CurveRow(row.place, row.step, known | ({"foreign": rest} if rest else {})))
    found.curves = renamed
