"""What tables, figures and report are made from, part by part, for their marks."""

import hashlib
from pathlib import Path

from eval.files.code_digest import code_digest
from eval.files.marks import Parts, digest_of, sha256

EVIDENCE = (
    "problems/checksums.json",
    "base/policy/checksums.json",
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
