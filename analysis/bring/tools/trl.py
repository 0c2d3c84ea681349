"""TRL and transformers: `checkpoint-N/trainer_state.json`, the log of the whole run until then.

A row every `logging_steps`, each a mean over the steps since the row before. Of an evaluation row
only the keys `eval_*` are read, and none of them is mapped. TRL's `entropy` is exact, but under the
policy of each micro-step and averaged over micro-batches, so it is the suite's `entropy_update`.
Steps count optimizer steps.
"""

from collections.abc import Mapping
from pathlib import Path

from analysis.bring.files.reading import as_step, json_file, plain_number
from analysis.bring.files.records import Answers, CurveRow, Found, Place, Tool
from eval.files.errors import BadInput

TRL_KEYS = {
    "reward": "reward",
    "entropy": "entropy_update",
    "completions/mean_length": "length_mean",
    "completion_length": "length_mean",  # 0.15 and older
    "completions/mean_terminated_length": "length_terminated",
    "completions/clipped_ratio": "truncated",
    "clip_ratio/low_mean": "clip_low",
    "clip_ratio/high_mean": "clip_high",
    "grad_norm": "grad_norm",
    "kl": "kl",
}


def trl_keys(answers: Answers) -> Mapping[str, str]:
    return TRL_KEYS


def is_trainer_state(path: Path, head: bytes) -> bool:
    return path.name.endswith("trainer_state.json")


def read_trainer_state(path: Path, answers: Answers) -> Found:
    state, found = json_file(path), Found()
    history = state.get("log_history")
    if not isinstance(history, list):
        raise BadInput(f"{path}: has no log_history: it is no trainer_state.json, leave it out")
    for row in history:
        if not isinstance(row, dict):
            continue
        if any(key.startswith("eval_") for key in row):
            row = {key: row[key] for key in row if key == "step" or key.startswith("eval_")}
        step = as_step(row.get("step"))
        values = {
            key: number
            for key, value in row.items()
            if key != "step" and (number := plain_number(value)) is not None
        }
        if step is not None and values:
            found.curves.append(CurveRow(Place(), step, values | {"updates": step}))
    return found


TRL = Tool("trl", trl_keys, is_trainer_state, read_trainer_state)
