"""verl's file logger: `{"step": s, "data": {...}}` per line; older runs have flat rows."""

from pathlib import Path

from analysis.bring.files.reading import as_step, json_lines
from analysis.bring.files.records import Answers, Found, Tool
from analysis.bring.tools.verl_keys import add_verl_row, verl_keys
from eval.files.errors import BadInput


def is_verl_metrics(path: Path, head: bytes) -> bool:
    first = head.split(b"\n", 1)[0]
    named = any(key in head for key in (b'"actor/', b'"val-core/'))
    return path.suffix == ".jsonl" and b'"step"' in first and named


def read_verl_metrics(path: Path, answers: Answers) -> Found:
    found = Found()
    for where, row in json_lines(path, found.findings):
        step, data = as_step(row.get("step")), row.get("data", row)
        if step is None or not isinstance(data, dict):
            raise BadInput(f"{where}: has no step, or no data: correct or delete the line")
        add_verl_row(found, step, {key: value for key, value in data.items() if key != "step"})
    return found


VERL_METRICS = Tool("verl", verl_keys, is_verl_metrics, read_verl_metrics, asks=("loss_agg_mode",))
