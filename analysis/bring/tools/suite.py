"""The suite's own export: `study.jsonl`, a row per rollout, run and evaluation, beside counts.csv.

    {"kind": "rollout", "arm": ..., "seed": ..., "row": a row of train.jsonl}
    {"kind": "run", "arm": ..., "seed": ..., "row": run.json}
    {"kind": "measures", "arm": ..., "seed": ..., "benchmark": ..., "row": measures.json}
    {"kind": "contamination", "row": problems/contamination.json}

Names are the suite's own already, so rows are kept as they are.
"""

from pathlib import Path

from analysis.bring.files.reading import as_step, as_text, json_lines, safe_name
from analysis.bring.files.records import Answers, CurveRow, Found, Place, Tool, no_keys
from eval.files.errors import BadInput

STUDY = "study.jsonl"


def is_study(path: Path, head: bytes) -> bool:
    return path.name == STUDY and head.startswith(b'{"kind"')


def read_exported_study(path: Path, answers: Answers) -> Found:
    found = Found()
    for where, line in json_lines(path, found.findings):
        row, kind = line.get("row"), line.get("kind")
        place = Place(
            safe_name(as_text(line.get("arm")) or ""),
            as_step(line.get("seed")),
            safe_name(as_text(line.get("benchmark")) or ""),
        )
        if not isinstance(row, dict):
            raise BadInput(f"{where}: holds no row: export the study again")
        if kind == "rollout":
            step = as_step(row.get("rollout"))
            if step is None:
                raise BadInput(f"{where}: the row has no rollout: export the study again")
            found.curves.append(CurveRow(place, step, row))
        elif kind == "run":
            found.runs[place] = row
        elif kind == "measures":
            found.measures[place] = row
        elif kind == "contamination":
            found.settings["contamination"] = row
        else:
            raise BadInput(f"{where}: kind is {kind!r}: export the study again")
    return found


SUITE = Tool("suite", no_keys, is_study, read_exported_study, as_is=True)
