"""What a look at the verdicts is made from, part by part, for its mark."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from eval.files.code_digest import code_digest
from eval.files.marks import Parts, digest_of, sha256
from eval.files.results_layout import run_folder
from eval.looks.record import look_file


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
