"""What tables, figures, report and looks are made from, part by part, for their marks."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from eval.files.code_digest import code_digest
from eval.files.looks import look_file
from eval.files.marks import Parts, digest_of, sha256
from eval.files.results_layout import run_folder

EVIDENCE = (
    "problems/checksums.json",
    "base/eval/*.scored",
    "*/seed-*/checksums.json",
    "*/seed-*/eval/*.scored",
    "*/seed-*/on_the_way/*/eval/*.scored",
    "looks/*.checksums.json",
)
"""Marks of the steps that an analysis reads. A mark lists the digests of its step's files."""


def analysis_parts(root: Path, entry: str, spec: bytes) -> Parts:
    """Part → digest. `root`: the results folder; `entry`: the analysis' module, `analysis.tables`;
    `spec`: content of the resolved spec.
    """
    marks = {path for pattern in EVIDENCE for path in root.glob(pattern) if path.is_file()}
    return {
        "settings": hashlib.sha256(spec).hexdigest()[:16],
        "code": code_digest(entry),
        "evidence": digest_of({str(path.relative_to(root)): sha256(path) for path in marks}),
    }


def analysis_made_from(root: Path, entry: str) -> Parts:
    """The same for a results folder with the spec that lies in it; empty without one."""
    spec = root / "spec.yaml"
    return analysis_parts(root, entry, spec.read_bytes()) if spec.is_file() else {}


def look_parts(root: Path, seeds: int, spec: Mapping[str, Any]) -> Parts:
    """Part → digest of the look after so many seeds per arm. `spec`: the resolved settings."""
    sets, asked = spec["evaluation"]["benchmarks"], spec.get("analysis") or {}
    settings = {
        **{key: spec.get(key) for key in ("reference", "seeds", "looks")},
        "arms": list(spec["arms"]),
        "k": {name: (benchmark or {}).get("k") for name, benchmark in sets.items()},
        "analysis": {key: asked.get(key) for key in ("draws", "seed", "pairing")},
    }
    earlier = [look_file(root, each) for each in spec["looks"]["after"] if each < seeds]
    runs = [run_folder(root, arm, seed) for arm in spec["arms"] for seed in spec["seeds"][:seeds]]
    scored = [path for run in runs for path in run.glob("eval/*.scored")]
    files = [path for path in (*earlier, *scored) if path.is_file()]
    return {
        "settings": digest_of(settings),
        "code": code_digest("analysis.look"),
        "evidence": digest_of({str(path.relative_to(root)): sha256(path) for path in files}),
    }
