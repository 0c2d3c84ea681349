"""A small file of every tool that analysis.bring reads, for the fuzz targets to change."""

import io
import json
import sqlite3
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import pandas as pd

from tests.analysis.test_bring_tools import LIGHTEVAL, VERL, event


class ForeignFile(NamedTuple):
    """Its name, its content (a JSON value, rows of JSON lines, or bytes), what the mapping says."""

    name: str
    content: Any
    answers: Mapping[str, Any] = MappingProxyType({})

    def data(self) -> bytes:
        if isinstance(self.content, bytes):
            return self.content
        rows = self.content if isinstance(self.content, list) else [self.content]
        return b"\n".join(json.dumps(row).encode() for row in rows) + b"\n"


def database() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "x.db")
        connection = sqlite3.connect(path)
        connection.execute("CREATE TABLE metrics (run_name TEXT, step INTEGER, metrics TEXT)")
        connection.execute("INSERT INTO metrics VALUES ('one', 3, '{\"train/entropy\": 0.5}')")
        connection.commit()
        connection.close()
        return path.read_bytes()


def parquet(columns: dict[str, list[Any]]) -> bytes:
    buffer = io.BytesIO()
    pd.DataFrame(columns).to_parquet(buffer)
    return buffer.getvalue()


DETAILS = {
    "__doc__": [{"id": "7", "choices": ["12", "13"], "gold_index": [1]}],
    "__model_response__": [{"text": ["x"]}],
    "__metric__": [{"em": 1.0}],
}
DUMP = {"input": "p", "output": "x", "gts": "2", "score": 1.0, "step": 20}
LM_EVAL = {
    "doc_id": 0,
    "target": "5",
    "resps": [["5"]],
    "metrics": ["em"],
    "em": 1.0,
    "filter": "f",
}
EXAMPLES = [{"expected_answer": "4", "model_outputs": ["x"]}]
STATS = [{"num_total": 1, "num_solved": 1}]
STUDY_ROWS = [
    {"kind": "run", "arm": "a", "seed": 1, "row": {"status": "finished"}},
    {"kind": "rollout", "arm": "a", "seed": 1, "row": {"rollout": 0, "entropy": 0.5}},
    {"kind": "measures", "arm": "a", "seed": 1, "benchmark": "b", "row": {"maj_at_k": {"8": 0.5}}},
]
FILES_BY_TOOL = {
    "trl": ForeignFile("trainer_state.json", {"log_history": [{"step": 1, "reward": 0.5}]}),
    "verl": ForeignFile("e.jsonl", [{"step": 1, "data": VERL}], {"loss_agg_mode": "token-mean"}),
    "verl_console": ForeignFile(
        "x.log", b"step:1 - actor/entropy:0.5 - a:np.float64(1)\n", {"loss_agg_mode": "token-mean"}
    ),
    "verl_generations": ForeignFile("20.jsonl", [DUMP], {"benchmark": "b"}),
    "verl_rollouts": ForeignFile("20.jsonl", [DUMP]),
    "prime_rl": ForeignFile("metrics.jsonl", [{"step": 1, "x": 0.5}], {"keys": {"x": "reward"}}),
    "lighteval": ForeignFile("results_t.json", LIGHTEVAL),
    "lighteval_details": ForeignFile("details_custom|a|0_t.parquet", parquet(DETAILS)),
    "lm_eval": ForeignFile("samples_a_2025-03-15T02.jsonl", [LM_EVAL]),
    "qwen_math": ForeignFile(
        "a_-1_seed0_t0.6_s0_e-1.jsonl", [{"idx": 3, "code": ["x"], "score": [1]}]
    ),
    "qwen_math_metrics": ForeignFile("a_p_metrics.json", {"num_samples": 30, "acc": 43.3}),
    "opencompass": ForeignFile("aime.json", {"0": {"prediction": "x", "gold": "4"}}),
    "opencompass_results": ForeignFile(
        "aime.json", {"accuracy": 4.0, "details": [{"correct": True}]}
    ),
    "evalchemy": ForeignFile(
        "results_t.json", {"results": {"A": {"examples": EXAMPLES, "run_stats": STATS}}}
    ),
    "counts_csv": ForeignFile(
        "c.csv", b"arm,seed,benchmark,checkpoint,problem_id,n,correct,level\na,1,b,5,q,4,2,x\n"
    ),
    "scores_csv": ForeignFile("s.csv", b"arm,seed,benchmark,language,pass_at_1\na,1,b,en,0.5\n"),
    "wandb": ForeignFile("history.csv", b"_step,train/reward,one - x\n0,0.5,1.5\n"),
    "tensorboard": ForeignFile("events.out.tfevents.1", event(5, "train/reward", 0.5)),
    "trackio": ForeignFile("x.db", database()),
    "suite": ForeignFile("study.jsonl", STUDY_ROWS),
}
