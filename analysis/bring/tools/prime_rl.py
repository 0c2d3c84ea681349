"""prime-rl: `metrics.jsonl`, `{"step": s, "time": t, key: value}` per line, appended to on resume.

Its keys are `train/<environment>/...`, and none is mapped by itself: which of them is the suite's
quantity depends on the environment and on whether dropped rollouts count (`effective`). Say it in
the mapping file: `keys: {train/math/effective/reward/mean: reward}`.
"""

from pathlib import Path

from analysis.bring.files.reading import as_step, json_lines, plain_number
from analysis.bring.files.records import Answers, CurveRow, Found, Place, Tool, no_keys
from eval.files.errors import BadInput


def is_prime_rl(path: Path, head: bytes) -> bool:
    return path.name == "metrics.jsonl" and b'"step"' in head and b'"actor/' not in head


def read_prime_rl(path: Path, answers: Answers) -> Found:
    found = Found()
    for where, row in json_lines(path, found.findings):
        step = as_step(row.get("step"))
        if step is None:
            raise BadInput(f"{where}: has no step: correct or delete the line")
        values = {
            key: number
            for key, value in row.items()
            if key not in ("step", "time") and (number := plain_number(value)) is not None
        }
        if values:
            found.curves.append(CurveRow(Place(), step, values))
    return found


PRIME_RL = Tool("prime_rl", no_keys, is_prime_rl, read_prime_rl)
