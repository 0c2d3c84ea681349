"""One file of each tool, written as the tool writes it: what is read, and what is named."""

import json
import sqlite3
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from analysis.bring.files.records import Found, Place
from analysis.bring.findings.curves import run_series
from analysis.bring.gather import gather_sources
from analysis.bring.mapping_file.mapping import BringFile
from analysis.bring.tools.table import BY_NAME, recognised
from analysis.bring.tools.tensorboard import masked_crc32c
from eval.files.errors import BadInput

FOREIGN = Path(__file__).parent / "foreign"
RUN = Place("a", 1)


def read(path: Path, tool: str, **answers: Any) -> Found:
    """The file through an entry of a mapping that puts it to arm a, seed 1."""
    found = recognised(path)
    assert found is not None
    assert found.name == tool
    entry = {"path": path.name, "tool": tool, "arm": "a", "seed": 1, **answers}
    mapping = BringFile.model_validate({"name": "x", "sources": [entry]})
    return gather_sources(mapping, {path.name: path}, []).found


def lines(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def whole(path: Path, value: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value))
    return path


def curve(found: Found) -> dict[int, dict[str, Any]]:
    series, _ = run_series(found)
    return series[RUN]


def test_trl(tmp_path: Path) -> None:
    history = [
        {"step": 1, "reward": 0.5, "entropy": 1.25, "completions/clipped_ratio": 0.1, "kl": None},
        {"step": 1, "eval_reward": 0.9, "reward": 7.0},
        {"step": 2, "reward": float("nan"), "num_tokens": 900.0},
    ]
    path = whole(tmp_path / "checkpoint-2" / "trainer_state.json", {"log_history": history})
    rows = curve(read(path, "trl"))
    assert rows[1].pop("foreign") == {"eval_reward": 0.9}  # and not the reward of training
    assert rows[1] == {"reward": 0.5, "entropy_update": 1.25, "truncated": 0.1, "updates": 1}
    # num_tokens counts prompts, too
    assert rows[2] == {"foreign": {"num_tokens": 900.0}, "updates": 2}


VERL = {"actor/entropy": 0.4, "critic/score/mean": 0.25, "actor/pg_clipfrac": 0.01}


@pytest.mark.parametrize("mode", ["token-mean", "seq-mean-token-mean"])
def test_verl_metrics(tmp_path: Path, mode: str) -> None:
    rows = [
        {"step": 1, "data": {**VERL, "val-core/openai/gsm8k/acc/mean@4": 0.5}},
        {"step": 2, **VERL, "val-core/openai/gsm8k/acc/best@4/mean": 0.7},  # an older, flat row
    ]
    found = read(lines(tmp_path / "e.jsonl", rows), "verl", loss_agg_mode=mode)
    name = "entropy" if mode == "token-mean" else "entropy_seq_mean"
    expected = {name: 0.4, "reward": 0.25, "foreign": {"actor/pg_clipfrac": 0.01}}
    assert curve(found) == {1: expected, 2: expected}
    assert [
        (each.place.benchmark, each.place.checkpoint, each.metric) for each in found.claims
    ] == [
        ("openai_gsm8k", 1, "mean@4"),
        ("openai_gsm8k", 2, "best@4"),
    ]


def test_verl_asks_how_its_entropy_is_averaged(tmp_path: Path) -> None:
    path = lines(tmp_path / "e.jsonl", [{"step": 1, "data": VERL}])
    with pytest.raises(BadInput, match="loss_agg_mode is missing"):
        read(path, "verl")


def test_verl_console() -> None:
    path = FOREIGN / "verl" / "console_quickstart.txt"
    found = read(path, "verl_console", loss_agg_mode="token-mean")
    rows = curve(found)
    assert [rows[step]["entropy_update"] for step in (0, 1)] == [0.433, 0.44]
    assert rows[0]["length_mean"] == 239.133
    assert rows[0]["foreign"]["critic/lr(1e-4)"] == 0.1
    twice = [each.what for each in found.findings if each.kind == "key twice in a line"]
    assert twice == ["step 1: actor/reward_kl_penalty has two values in one line: left out"]
    assert "actor/reward_kl_penalty" not in rows[1]["foreign"]


def test_verl_console_of_ray(tmp_path: Path) -> None:
    path = tmp_path / "run.log"
    path.write_text("(TaskRunner pid=7) step:3 - actor/entropy:np.float64(0.5) - actor/x:nan\n")
    rows = curve(read(path, "verl_console", loss_agg_mode="token-mean"))
    assert rows == {3: {"entropy": 0.5}}


def test_verl_validation_dump(tmp_path: Path) -> None:
    row = {"output": r"\boxed{2}", "gts": "2", "score": 1.0, "step": 20, "acc": True}
    rows = [{"input": question, **row} for question in ("p", "p", "q", "q", "r", "r", "r", "r")]
    found = read(lines(tmp_path / "20.jsonl", rows), "verl_generations", benchmark="b")
    assert {each.place for each in found.samples} == {Place("a", 1, "b", 20)}
    assert [each.number for each in found.samples] == [0, 1, 0, 1, 0, 1, 2, 3]
    assert found.samples[0][3:] == (r"\boxed{2}", "2", 1.0)
    assert found.findings[0].kind == "merged questions"


def test_prime_rl_after_a_resume(tmp_path: Path) -> None:
    key = "train/math/effective/reward/mean"
    rows = [
        {"step": step, "time": 0.0, key: value} for step, value in ((1, 0.1), (2, 0.2), (2, 0.3))
    ]
    found = read(lines(tmp_path / "metrics.jsonl", rows), "prime_rl", keys={key: "reward"})
    series, findings = run_series(found)
    assert [row["reward"] for row in series[RUN].values()] == [0.1, 0.3]
    assert findings[0].kind == "steps twice"
    assert "2 to 2" in findings[0].what


LIGHTEVAL = {
    "config_general": {"model_name": "m"},
    "results": {
        "custom|aime24|0": {"extractive_match": 0.3, "extractive_match_stderr": 0.1},
        "custom|amc23|0": {"extractive_match": 0.51},
        "all": {"extractive_match": 0.405},
    },
    "config_tasks": {
        "custom|aime24": {"effective_num_docs": 30},
        "custom|amc23": {"effective_num_docs": 40},
    },
}


def test_lighteval_results(tmp_path: Path) -> None:
    found = read(whole(tmp_path / "results_t.json", LIGHTEVAL), "lighteval")
    assert [(each.place.benchmark, each.questions) for each in found.totals] == [
        ("aime24", 30),
        ("amc23", 40),
    ]
    assert found.findings[0].kind == "mean over tasks"


def test_lighteval_details(tmp_path: Path) -> None:
    path = tmp_path / "details_custom|aime24|0_2025-03-15T02.parquet"
    doc = {"id": "7", "choices": ["12", "13"], "gold_index": [1]}
    frame = pd.DataFrame(
        {"__doc__": [doc], "__model_response__": [{"text": ["x"]}], "__metric__": [{"em": 1.0}]}
    )
    frame.to_parquet(path)
    found = read(path, "lighteval_details")
    assert found.samples == [(Place("a", 1, "aime24"), "7", 0, "x", "13", 1.0)]


def test_lm_eval_wants_one_filter(tmp_path: Path) -> None:
    row = {"doc_id": 0, "target": "5", "resps": [["so 5"]], "metrics": ["em"], "em": 1.0}
    rows = [{**row, "filter": "strict", "em": 0.0}, {**row, "filter": "flexible"}]
    path = lines(tmp_path / "samples_gsm8k_2025-03-15T02-14-11.1.jsonl", rows)
    with pytest.raises(BadInput, match=r"rows of several filters .flexible, strict"):
        read(path, "lm_eval")
    found = read(path, "lm_eval", filter="strict")
    assert found.samples == [(Place("a", 1, "gsm8k"), "0", 0, "so 5", "5", 0.0)]


def test_qwen_math(tmp_path: Path) -> None:
    rows = [{"idx": 3, "gt": "4", "code": ["x", "y"], "pred": ["4", "5"], "score": [True, False]}]
    path = tmp_path / "math500" / "test_qwen_-1_seed0_t0.6_s0_e-1.jsonl"
    found = read(lines(path, rows), "qwen_math")
    place = Place("a", 1, "math500")
    assert found.samples == [(place, "3", 0, "x", "4", 1.0), (place, "3", 1, "y", "4", 0.0)]


def test_opencompass(tmp_path: Path) -> None:
    row = {"origin_prompt": "q", "prediction": "x", "gold": "4"}
    found = read(whole(tmp_path / "predictions" / "m" / "aime.json", {"0": row}), "opencompass")
    assert found.samples == [(Place("a", 1, "aime"), "0", 0, "x", "4", None)]
    details = {"accuracy": 40.0, "accuracy (4 runs average)": 38.0, "details": [{"correct": True}]}
    path = whole(tmp_path / "results" / "m" / "aime.json", details)
    found = read(path, "opencompass_results")
    assert [(each.metric, each.value) for each in found.claims] == [
        ("pass@1", 0.4),
        ("avg@4", 0.38),
    ]
    assert found.samples[0].claimed == 1.0


def test_evalchemy(tmp_path: Path) -> None:
    task = {
        "examples": [{"expected_answer": 4, "model_answers": ["4"], "model_outputs": ["x", "y"]}],
        "run_stats": [{"num_total": 1, "num_solved": 1}, {"num_total": 1, "num_solved": 0}],
    }
    found = read(whole(tmp_path / "results_t.json", {"results": {"AIME24": task}}), "evalchemy")
    assert [each.text for each in found.samples] == ["x", "y"]
    assert found.claims == [(Place("a", 1, "AIME24"), "pass@1", 0.5)]


def test_wandb(tmp_path: Path) -> None:
    path = tmp_path / "history.csv"
    path.write_text("_step,train/reward,train/entropy,note\n0,0.5,1.5,x\n2,0.6,,y\n")
    found = read(path, "wandb")
    assert curve(found) == {0: {"reward": 0.5, "entropy_update": 1.5}, 2: {"reward": 0.6}}
    assert [each.kind for each in found.findings] == ["step of wandb", "steps missing"]
    assert "2 of the 3 steps" in found.findings[1].what
    page = tmp_path / "page.csv"
    page.write_text('"Step","one - train/reward","one - train/reward__MIN"\n"4","0.5","0.4"\n')
    assert curve(read(page, "wandb")) == {4: {"reward": 0.5}}


def event(step: int, tag: str, value: float, tensor: bool = False, kind: int = 1) -> bytes:
    """A record as TensorFlow writes it."""

    def field(number: int, content: bytes) -> bytes:
        return bytes([number << 3 | 2, len(content)]) + content

    number = struct.pack("<f", value)
    scalar = (
        field(8, bytes([8, kind]) + field(4, number)) if tensor else bytes([2 << 3 | 5]) + number
    )
    body = bytes([2 << 3, step]) + field(5, field(1, field(1, tag.encode()) + scalar))
    size = struct.pack("<Q", len(body))
    return (
        size
        + struct.pack("<I", masked_crc32c(size))
        + body
        + struct.pack("<I", masked_crc32c(body))
    )


def test_checksum_of_records() -> None:
    """The check value of CRC-32C is e3069283; the mask is TensorFlow's."""
    rotated = (0xE3069283 >> 15 | 0xE3069283 << 17) & 0xFFFFFFFF
    assert masked_crc32c(b"123456789") == (rotated + 0xA282EAD8) & 0xFFFFFFFF


def test_tensorboard(tmp_path: Path) -> None:
    path = tmp_path / "events.out.tfevents.1700000000.host"
    records = event(5, "train/reward", 0.5) + event(5, "train/kl", 0.25, tensor=True)
    path.write_bytes(records + event(6, "train/reward", 1.0)[:-3])
    found = read(path, "tensorboard")
    assert curve(found) == {5: {"reward": 0.5, "kl": 0.25}}
    assert found.findings[0].kind == "damaged log"


def test_trackio(tmp_path: Path) -> None:
    path = tmp_path / "project.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE metrics (run_name TEXT, step INTEGER, metrics TEXT)")
    row = ("one", 3, json.dumps({"train/entropy": 0.5, "other": "x"}))
    connection.execute("INSERT INTO metrics VALUES (?, ?, ?)", row)
    connection.commit()
    connection.close()
    before = path.read_bytes()
    assert curve(read(path, "trackio")) == {3: {"entropy_update": 0.5}}
    assert path.read_bytes() == before


def test_trackio_reads_a_table_and_no_view(tmp_path: Path) -> None:
    path = tmp_path / "project.db"
    connection = sqlite3.connect(path)
    endless = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n)"
    connection.execute(f"CREATE VIEW metrics AS {endless} SELECT x AS run_name FROM n")
    connection.close()
    with pytest.raises(BadInput, match="no table metrics"):
        read(path, "trackio")


def test_every_tool_is_told_in_the_docs() -> None:
    text = (Path(__file__).parents[2] / "docs" / "bring.md").read_text()
    assert [name for name in BY_NAME if f"`{name}`" not in text] == []


WRONG: dict[str, tuple[str, Callable[[Path], Path]]] = {
    "a log that is a list": (
        "trl",
        lambda at: whole(at / "trainer_state.json", {"log_history": 1}),
    ),
    "no step": ("prime_rl", lambda at: lines(at / "metrics.jsonl", [{"x": 1, "step": -1}])),
    "a share above 1": (
        "scores_csv",
        lambda at: text(at / "s.csv", "arm,benchmark,pass_at_1\na,b,40.0\n"),
    ),
    "more right than asked": (
        "counts_csv",
        lambda at: text(at / "c.csv", "problem_id,n,correct\nq,1,2\n"),
    ),
    "no SQLite": ("trackio", lambda at: text(at / "x.db", "SQLite format 3\0" + "x" * 200)),
}


def text(path: Path, content: str) -> Path:
    path.write_text(content)
    return path


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_file_is_named(name: str, tmp_path: Path) -> None:
    tool, write = WRONG[name]
    path = write(tmp_path)
    with pytest.raises(BadInput, match=path.name):
        read(path, tool)
