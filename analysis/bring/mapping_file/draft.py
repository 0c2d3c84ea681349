"""A draft of the mapping file: one entry per tool and folder, a ? for what the files do not say."""

import os
import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from analysis.bring.files.records import Found, Tool
from analysis.bring.mapping_file.mapping import OPEN
from analysis.bring.mapping_file.path_pattern import pattern
from analysis.bring.tools.table import recognised
from eval.files.errors import BadInput

MOST_ENTRIES = 12  # of one tool: beyond, a pattern with fields is what is wanted
HEADING = """\
# What the files do not say. Replace each ?; see docs/bring.md.
# A path may hold {arm}, {seed}, {benchmark}, {checkpoint}: "evals/{arm}_{checkpoint}/**".
# count: recomputed or claimed. checkpoint: last, a step, or one per arm. base: a name, or null.
"""


def draft(name: str, files: dict[str, Path]) -> str:
    """The mapping as text. Raises BadInput where no file is of a known layout."""
    known = {file: tool for file, path in files.items() if (tool := recognised(path))}
    if not known:
        raise BadInput("no file here is of a known layout: see the table in docs/bring.md")
    entries, arms = [], dict[str, None]()
    for tool in dict.fromkeys(known.values()):
        own = [file for file, each in known.items() if each is tool]
        read = peek(tool, files[own[0]])
        arms |= dict.fromkeys(at.arm for at in read.places() if at.arm)
        others = [file for file in files if known.get(file) is not tool]
        entries += [entry(path, tool, read) for path in paths(own, others)]
    asked = {"model": OPEN, "prompt": OPEN, "temperature": OPEN}
    content = {
        "name": name,
        "question": "",
        "reference": OPEN,
        "base": OPEN,
        "count": OPEN,
        "checkpoint": OPEN,
        "arms": {arm: dict(asked) for arm in arms} or {OPEN: asked},
        "sources": entries,
    }
    return HEADING + yaml.safe_dump(content, sort_keys=False, allow_unicode=True)


def peek(tool: Tool, path: Path) -> Found:
    """What the first file of a tool says; nothing where it asks for an answer first."""
    try:
        return tool.read(path, {})
    except BadInput:
        return Found()


def paths(own: Sequence[str], others: Sequence[str]) -> list[str]:
    """Patterns that match a tool's own files and no others: one per folder, or one for all where
    there are many folders.
    """
    folders: dict[str, list[str]] = defaultdict(list)
    for file in own:
        folders[PurePosixPath(file).parent.as_posix()].append(PurePosixPath(file).name)
    if len(folders) > MOST_ENTRIES:
        folders = {"**": [PurePosixPath(file).name for file in own]}
    return [
        path
        for folder, names in folders.items()
        for path in narrowest("" if folder == "." else f"{plain(folder)}/", names, others)
    ]


def narrowest(folder: str, names: Sequence[str], others: Sequence[str]) -> list[str]:
    """By ending; where that matches other files too, by beginning and ending, or name by name."""
    endings = {PurePosixPath(name).suffix for name in names}
    ending = plain(endings.pop()) if len(endings) == 1 else ""
    begin = plain(os.path.commonprefix(list(names)).removesuffix(ending))
    for path in (f"{folder}*{ending}", f"{folder}{begin}*{ending}"):
        if not any(pattern(path).fullmatch(other) for other in others):
            return [path]
    return [f"{folder}{plain(name)}" for name in dict.fromkeys(names)]


def plain(text: str) -> str:
    """Text that a pattern reads as it stands; what it would take for a field is any text."""
    return text if text == "**" else re.sub(r"[{}*]+", "*", text)


def entry(path: str, tool: Tool, read: Found) -> dict[str, Any]:
    """One entry of sources, open where the first file says nothing."""
    places = read.places()
    evaluated = {row.place for row in (*read.samples, *read.counts, *read.totals)}
    found: dict[str, Any] = {"path": path, "tool": tool.name}
    if not places or any(not at.arm for at in places):
        found["arm"] = OPEN
    runs = list(dict.fromkeys(at.arm for at in places if at.arm))
    if len(runs) > 1 and all(at.seed is None for at in places):
        found["rename"] = {"arm": {run: run for run in runs}, "seed": dict.fromkeys(runs, OPEN)}
    elif not places or any(at.seed is None for at in places):
        found["seed"] = OPEN
    if any(not at.benchmark for at in evaluated):
        found["benchmark"] = OPEN
    return found | {asked: OPEN for asked in tool.asks}
