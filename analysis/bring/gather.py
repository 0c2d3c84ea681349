"""Files and mapping -> what was read, each piece at its place: arm, seed, benchmark, checkpoint.

What the mapping says of a file goes before what its path says, and that before what the file says.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from analysis.bring.curves import Starts
from analysis.bring.mapping import OPEN, BringFile, SourceEntry
from analysis.bring.path_pattern import pattern
from analysis.bring.reading import read_bytes, safe_name
from analysis.bring.records import TRAINING, CurveRow, Finding, Found, Place, Sample, Tool
from analysis.bring.tools.table import BY_NAME
from analysis.results.folder import BASE
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
    """Reads every file that an entry of the mapping matches; of several entries the first."""
    patterns = [pattern(entry.path) for entry in mapping.sources]
    whole = Gathered()
    used = [0] * len(patterns)
    starts = Starts()
    asked: dict[str, str] = {}  # question -> first file that raises it
    for name, path in sorted(files.items()):
        matches = ((i, at) for i, each in enumerate(patterns) if (at := each.fullmatch(name)))
        index, match = next(matches, (None, None))
        if index is None or match is None:
            whole.left_out.append(name)
            continue
        used[index] += 1
        entry = mapping.sources[index]
        tool = tool_named(entry)
        read = tool.read(path, entry.model_dump())
        placed = put(read, entry, match.groupdict(), mapping.base)
        for lacking in missing_labels(placed):
            asked.setdefault(f"sources: {entry.path}: {lacking}", name)
        rename_keys(placed, tool, entry, whole.unmapped)
        if not placed.places() and not read.settings:
            said = f"no row of it is one that {tool.name} writes"
            placed.findings = [*placed.findings, Finding("nothing read", name, said)]
        placed.findings = [*placed.findings, *contradicted(read, placed, mapping, name)]
        starts.check(placed.curves, name)
        whole.found.add(placed)
        whole.found.settings |= read.settings if "contamination" in read.settings else {}
        digest = hashlib.sha256(read_bytes(path)).hexdigest()
        whole.files.append(SourceFile(name, path, tool.name, digest))
    for entry, count in zip(mapping.sources, used, strict=True):
        if not count:
            raise BadInput(f"sources: {entry.path} matches no file: correct the path or remove it")
    if not whole.found.places():
        names = ", ".join(file.name for file in whole.files[:3])
        raise BadInput(f"no run and no evaluation was read from {names}: check path and tool")
    if asked:
        raise BadInput(
            "the files do not say, and the mapping has to:\n"
            + "\n".join(f"- {said} ({name})" for said, name in asked.items())
        )
    whole.found.findings += [Finding("link", name, "a link was not followed") for name in links]
    return whole


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
            f"sources: {entry.path}: no tool is called {entry.tool!r}: one of {', '.join(BY_NAME)}"
        )
    tool = BY_NAME[entry.tool]
    for asked in tool.asks:
        if getattr(entry, asked) in (None, OPEN):
            raise BadInput(
                f"sources: {entry.path}: {asked} is not said, and decides what the files of"
                f" {tool.name} mean: see docs/bring.md"
            )
    return tool


def put(found: Found, entry: SourceEntry, fields: dict[str, str], base: str | None) -> Found:
    """The same rows at the places that the mapping and the path give them."""

    def moved(said: Place) -> Place:
        at = place(said, entry, fields)
        return at._replace(arm=BASE, seed=0, checkpoint=None) if at.arm == base else at

    def scored(sample: Sample) -> Sample:
        if entry.right_score is None or sample.claimed is None:
            return sample
        return sample._replace(claimed=float(sample.claimed == entry.right_score))

    there = Found(findings=found.findings, settings=found.settings)
    for name in ("curves", "samples", "counts", "totals", "claims"):
        rows = getattr(found, name)
        setattr(there, name, [row._replace(place=moved(row.place)) for row in rows])
    there.samples = [scored(sample) for sample in there.samples]
    there.runs = {moved(at): row for at, row in found.runs.items()}
    there.measures = {moved(at): row for at, row in found.measures.items()}
    if base != BASE and any(at.arm == BASE for at in there.places()):
        raise BadInput(
            f"sources: {entry.path}: an arm is called {BASE}: say base: {BASE} if it is the"
            " untrained policy, else rename it"
        )
    return there


def place(said: Place, entry: SourceEntry, fields: dict[str, str]) -> Place:
    """The place by mapping, path and file, in this order."""
    arm = safe_name(fields.get("arm", said.arm))
    benchmark = safe_name(fields.get("benchmark", said.benchmark))
    seed = int(fields["seed"]) if "seed" in fields else said.seed
    own_seed = entry.rename.seed.get(arm, entry.seed)
    checkpoint = int(fields["checkpoint"]) if "checkpoint" in fields else said.checkpoint
    return Place(
        _said(entry.arm) or entry.rename.arm.get(arm, arm),
        own_seed if isinstance(own_seed, int) else seed,
        TRAINING
        if said.benchmark == TRAINING
        else _said(entry.benchmark) or entry.rename.benchmark.get(benchmark, benchmark),
        entry.checkpoint if isinstance(entry.checkpoint, int) else checkpoint,
    )


def _said(answer: str | None) -> str:
    return "" if answer in (None, OPEN) else str(answer)


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


def missing_labels(found: Found) -> Iterator[str]:
    """What is needed of the places and not said, by name."""
    evaluated = {row.place for row in (*found.samples, *found.counts, *found.totals)}
    claimed = {row.place for row in found.claims}
    for at in found.places():
        if not at.arm:
            yield "arm"
        if at.seed is None and at not in claimed - evaluated:
            yield "seed"
        if at in evaluated and not at.benchmark:
            yield "benchmark"
