"""Files of other tools that are easily read wrongly: what is read, refused, or named instead."""

import json
import sqlite3
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd
import pyarrow
import pyarrow.parquet
import pytest
import yaml

from analysis.bring.command import bring
from analysis.bring.counting.evaluate import evaluate
from analysis.bring.files import parquet
from analysis.bring.files.parquet import parquet_rows
from analysis.bring.files.reading import as_step, safe_name
from analysis.bring.files.records import TRAINING, Claim, Found, Place, Sample, Total
from analysis.bring.findings.curves import run_series
from analysis.bring.findings.published import Published, beside_recounts
from analysis.bring.gather import gather_sources
from analysis.bring.mapping_file.mapping import BringFile, read_mapping
from analysis.bring.tools.table import recognised
from analysis.bring.writing.study import make_study
from analysis.results.folder import load_results
from eval.files.errors import BadInput
from tests.analysis.test_bring_tools import LIGHTEVAL, RUN, curve, event, lines, read, text, whole

SET = Place("a", 1, "b")
ARM = {"model": "m", "prompt": "p", "temperature": 1.0}


def mapped(sources: list[dict[str, Any]], **said: Any) -> BringFile:
    content = {"name": "x", "reference": "a", "base": None, "arms": {"a": ARM}}
    return BringFile.model_validate({**content, **said, "sources": sources})


# ---- which run, which step


def test_two_runs_under_one_seed_are_refused_and_a_resume_is_not(tmp_path: Path) -> None:
    def state(folder: str, rewards: dict[int, float]) -> None:
        rows = [{"step": step, "reward": value} for step, value in rewards.items()]
        whole(tmp_path / folder / "trainer_state.json", {"log_history": rows})

    state("checkpoint-2", {1: 0.1, 2: 0.2})
    state("checkpoint-4", {1: 0.1, 2: 0.2, 3: 0.3, 4: 0.4})
    files = {path.parent.name: path for path in tmp_path.rglob("*.json")}
    sources = [{"path": "**", "tool": "trl", "arm": "a", "seed": 1}]
    found = gather_sources(mapped(sources), files, []).found
    series, twice = run_series(found)
    assert [row["reward"] for row in series[RUN].values()] == [0.1, 0.2, 0.3, 0.4]
    assert not twice
    state("checkpoint-10", {1: 0.1, 2: 0.2, 3: 0.9, 10: 1.0})  # resumed at 2: later by its number
    files["checkpoint-10"] = tmp_path / "checkpoint-10" / "trainer_state.json"
    series, (again,) = run_series(gather_sources(mapped(sources), files, []).found)
    assert series[RUN][3]["reward"] == 0.9
    assert again.kind == "steps twice"
    state("other", {1: 0.7, 2: 0.2})
    files["other"] = tmp_path / "other" / "trainer_state.json"
    with pytest.raises(BadInput, match=r"log step 1 with different values, so they are two runs"):
        gather_sources(mapped(sources), files, [])


def test_runs_of_one_file_get_their_arms_and_seeds_by_name(tmp_path: Path) -> None:
    path = text(
        tmp_path / "page.csv", "Step,grpo_s1 - train/reward,grpo_s2 - train/reward\n1,2,3\n"
    )
    rename = {"arm": {"grpo_s1": "a", "grpo_s2": "a"}, "seed": {"grpo_s1": 1, "grpo_s2": 2}}
    sources = [{"path": "*", "tool": "wandb", "rename": rename}]
    found = gather_sources(mapped(sources), {"page.csv": path}, []).found
    series, twice = run_series(found)
    assert {at: rows[1]["reward"] for at, rows in series.items()} == {
        Place("a", 1): 2,
        Place("a", 2): 3,
    }
    assert not twice


def test_wandb_rows_are_placed_by_one_key(tmp_path: Path) -> None:
    content = ",_step,train/global_step,train/reward,note/x\n0,7,5,0.5,\n1,8,,,3\n"
    found = read(text(tmp_path / "history.csv", content), "wandb")
    assert curve(found) == {5: {"reward": 0.5}}
    assert "1 rows have numbers and no train/global_step" in found.findings[0].what


def test_trackio_runs_of_one_name(tmp_path: Path) -> None:
    path = tmp_path / "p.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE metrics (run_id, run_name TEXT, step INTEGER, metrics TEXT)")
    rows = [("id1", "one", 1, '{"reward": 1}'), ("id2", "one", 1, '{"reward": 2}')]
    connection.executemany("INSERT INTO metrics VALUES (?, ?, ?, ?)", rows)
    connection.commit()
    connection.close()
    tool = recognised(path)
    assert tool is not None
    assert [row.place.arm for row in tool.read(path, {}).curves] == ["one-id1", "one-id2"]


def test_console_behind_colours_and_a_progress_bar(tmp_path: Path) -> None:
    bar = "Training: " + "#" * 300 + "\r"
    line = f"{bar}\x1b[36m(TaskRunner pid=7)\x1b[0m step:3 - actor/pg_loss:0.5\x1b[0m - a:1e-05\n"
    found = read(text(tmp_path / "x.log", line), "verl_console", loss_agg_mode="token-mean")
    assert curve(found) == {3: {"foreign": {"actor/pg_loss": 0.5, "a": 1e-05}}}


def test_console_that_ends_within_a_number(tmp_path: Path) -> None:
    path = text(tmp_path / "x.log", "step:1 - actor/pg_loss:0.5 - critic/score/mean:0.4")
    found = read(path, "verl_console", loss_agg_mode="token-mean")
    assert curve(found) == {1: {"foreign": {"actor/pg_loss": 0.5}}}
    assert found.findings[0].kind == "cut off"


def test_tensor_of_whole_numbers_is_no_float(tmp_path: Path) -> None:
    """An int64 of 8 bytes would else be read as a float64 of about 0."""
    record = event(5, "train/reward", 0.5, tensor=True)
    assert b"\x08\x01" in record  # DT_FLOAT
    path = tmp_path / "events.out.tfevents.1.host"
    path.write_bytes(record)
    assert curve(read(path, "tensorboard")) == {5: {"reward": 0.5}}
    path.write_bytes(event(5, "train/reward", 0.5, tensor=True, kind=3))  # DT_INT32
    with pytest.raises(BadInput, match="no run and no evaluation was read"):
        read(path, "tensorboard")


def test_quoted_headings_are_recognised(tmp_path: Path) -> None:
    path = text(tmp_path / "c.csv", '\ufeff"problem_id","n","correct"\r\n"q","2","1"\r\n')
    assert read(path, "counts_csv", benchmark="b").counts[0][1:4] == ("q", 2, 1)


# ---- which questions, which samples


def opencompass(folder: Path, runs: int) -> dict[str, Path]:
    """Two questions, each asked `runs` times: all of run 0 first."""
    predictions, correct = {}, [[r == 0 for r in range(runs)], [True] * runs]
    for run in range(runs):
        for question in range(2):
            answer = 4 if correct[question][run] else 5
            row = {"origin_prompt": [{"role": "HUMAN", "prompt": f"q{question}"}], "gold": "4"}
            predictions[str(len(predictions))] = {**row, "prediction": rf"\boxed{{{answer}}}"}
    details = [{"example_abbr": f"x_{i}", "correct": row} for i, row in enumerate(correct)]
    mean = 100 * sum(map(sum, correct)) / (2 * runs)
    results = {f"accuracy ({runs} runs average)": mean, "details": details}
    return {
        "predictions": whole(folder / "predictions" / "m" / "x.json", predictions),
        "results": whole(folder / "results" / "m" / "x.json", results),
    }


def test_opencompass_runs_are_samples_of_a_question_and_no_questions(tmp_path: Path) -> None:
    files = opencompass(tmp_path, runs=4)
    sources = [
        {"path": "predictions", "tool": "opencompass", "arm": "a", "seed": 1},
        {"path": "results", "tool": "opencompass_results", "arm": "a", "seed": 1},
    ]
    study = make_study(gather_sources(mapped(sources), files, []), mapped(sources))
    (rows,) = study.evaluated.counts.values()
    assert [(row.problem_id, row.n, row.correct) for row in rows] == [("0", 4, 1), ("1", 4, 4)]
    published = {each.claim.metric: each for each in study.published}
    assert published["avg@4"][1:] == (0.625, "verifier")
    assert published["avg@4"].outcome == "equal"


def test_texts_and_scores_that_number_samples_differently_are_refused() -> None:
    texts = [Sample(SET, str(i), 0, r"\boxed{4}", "4", None) for i in range(4)]
    scores = [Sample(SET, str(i), j, None, None, 1.0) for i in range(2) for j in range(2)]
    with pytest.raises(BadInput, match="2 texts have no score and 2 scores have no text"):
        evaluate(Found(samples=[*texts, *scores]), mapped([{"path": "*", "tool": "trl"}]))


def test_lm_eval_questions_are_told_apart_by_their_hash(tmp_path: Path) -> None:
    row = {"doc_id": 0, "target": "5", "resps": [["5"]], "metrics": ["em"], "em": 1.0}
    rows = [{**row, "filter": "f", "doc_hash": "a" * 64, "doc_id": i} for i in range(2)]
    found = read(lines(tmp_path / "samples_x_2025-03-15T02.jsonl", rows), "lm_eval")
    assert [each.problem_id for each in found.samples] == ["a" * 16, "a" * 16 + "-2"]


def test_lm_eval_results_are_not_taken_for_evalchemy(tmp_path: Path) -> None:
    results = {"results": {"gsm8k": {"exact_match,strict": 0.5}}, "n-samples": {}}
    assert recognised(whole(tmp_path / "results_2025.json", results)) is None


def test_a_mean_over_parts_of_a_task_is_no_task(tmp_path: Path) -> None:
    content = json.loads(json.dumps(LIGHTEVAL))
    content["results"]["custom|mmlu:_average|0"] = {"extractive_match": 0.9}
    found = read(whole(tmp_path / "results_t.json", content), "lighteval")
    assert {each.place.benchmark for each in found.totals} == {"aime24", "amc23"}
    assert any("mmlu:_average" in each.what for each in found.findings)


def dump(step: int, questions: list[str]) -> list[dict[str, Any]]:
    row = {"output": r"\boxed{4}", "gts": "4", "score": 1.0, "step": step}
    return [{"input": name, **row} for name in questions]


def test_rollouts_of_training_are_a_curve_and_no_evaluation(tmp_path: Path) -> None:
    wrong = {"output": r"\boxed{5}", "score": 1.0}
    lines(tmp_path / "in" / "1.jsonl", dump(1, ["p", "q"]))
    lines(tmp_path / "in" / "2.jsonl", [*dump(2, ["r"]), {**dump(2, ["s"])[0], **wrong}])
    entry = {"path": "*.jsonl", "tool": "verl_generations", "arm": "a", "seed": 1, "benchmark": "b"}
    mapping = tmp_path / "bring.yaml"
    said = mapped([entry], checkpoint="last", count="claimed").model_dump()
    mapping.write_text(json.dumps(said))
    with pytest.raises(BadInput, match=r"(?s)different questions.*0 in both.*verl_rollouts"):
        bring([tmp_path / "in"], tmp_path / "out", mapping)
    said["sources"][0]["tool"] = "verl_rollouts"
    mapping.write_text(json.dumps(said))
    study = bring([tmp_path / "in"], tmp_path / "out", mapping)
    assert not study.evaluations
    (run,) = load_results(tmp_path / "out").runs
    assert run.series("accuracy").tolist() == [1.0, 0.5]  # the verifier's, whatever is counted
    outcomes = {each.claim.place.checkpoint: each.outcome for each in study.published}
    assert outcomes == {1: "equal", 2: "differs by -50.00 points"}
    assert all(each.claim.place.benchmark == TRAINING for each in study.published)


# ---- which grading


def test_claimed_counts_are_not_their_own_recount() -> None:
    samples = [
        Sample(SET, "q", 0, r"\boxed{4}", "4", 1.0),
        Sample(SET, "r", 0, r"\boxed{5}", "4", 1.0),
    ]
    done = evaluate(Found(samples=samples), mapped([{"path": "*", "tool": "trl"}], count="claimed"))
    assert sum(row.correct for row in done.counts[SET]) == 2
    (published,) = beside_recounts(done.claims, done.recounts, done.counts, done.totals)
    assert published[1:] == (0.5, "verifier")
    assert published.outcome == "differs by -50.00 points"


def test_scores_without_texts_are_not_a_published_figure() -> None:
    samples = [Sample(SET, "q", 0, None, None, 1.0)]
    assert not evaluate(Found(samples=samples), mapped([{"path": "*", "tool": "trl"}])).claims


def test_answers_without_a_box_are_named() -> None:
    samples = [
        Sample(SET, str(i), 0, "#### 4", "so 2 + 2 = 4\n#### 4", 1.0 - i % 2) for i in range(4)
    ]
    mapping = mapped([{"path": "*", "tool": "trl"}], count="recomputed")
    done = evaluate(Found(samples=samples), mapping)
    (finding,) = done.findings
    assert finding.kind == "no boxed answer"
    assert "4 of 4 texts" in finding.what
    assert "counts 2 of them right" in finding.what


def test_the_answer_in_a_worked_gold_is_found_and_a_text_is_none() -> None:
    mapping = mapped([{"path": "*", "tool": "trl"}])
    marked = Sample(SET, "q", 0, r"\boxed{18}", "9 * 2 = 18 dollars\n#### 18", 1.0)
    assert not evaluate(Found(samples=[marked]), mapping).differing
    prose = marked._replace(gold="First we add.\nThen we have eighteen.")
    done = evaluate(Found(samples=[prose]), mapping)
    assert [each.kind for each in done.findings] == ["gold answers"]
    assert done.counts[SET][0].correct == 1  # the tool's


@pytest.mark.parametrize(
    ("published", "recounted", "outcome"),
    [
        (0.75, 0.752, "differs by +0.20 points"),
        (0.752, 0.7524, "equal as rounded"),
        (0.283, 0.2834, "equal as rounded"),
        (28.3 / 100, 0.2834, "equal as rounded"),
        (0.5, 0.5, "equal"),
        (1.0, 0.96, "differs by -4.00 points"),
    ],
)
def test_a_rounded_figure_is_equal_to_what_it_rounds(
    published: float, recounted: float, outcome: str
) -> None:
    assert Published(Claim(SET, "pass@1", published), recounted).outcome == outcome


def test_a_mean_of_other_samples_is_no_recount(tmp_path: Path) -> None:
    rows = [{"idx": 0, "gt": "4", "code": [r"\boxed{4}", "x"], "score": [True, False]}]
    path = lines(tmp_path / "math" / "test_p_-1_seed0_t0.6_s0_e-1.jsonl", rows)
    metrics = whole(tmp_path / "math" / f"{path.stem}_p_metrics.json", {"num_samples": 1, "acc": 1})
    found = read(path, "qwen_math")
    found.add(read(metrics, "qwen_math_metrics"))
    done = evaluate(found, mapped([{"path": "*", "tool": "trl"}]))
    outcomes = {
        each.claim.metric: each.outcome
        for each in beside_recounts(done.claims, done.recounts, done.counts, done.totals)
    }
    assert outcomes == {"acc": "not recounted", "pass@1": "equal"}


def test_a_temperature_that_the_mapping_contradicts_is_named(tmp_path: Path) -> None:
    row = {"idx": 0, "gt": "4", "code": [r"\boxed{4}"], "score": [True]}
    path = lines(tmp_path / "math" / "test_p_-1_seed0_t0.6_s0_e-1.jsonl", [row])
    sources = [{"path": "*", "tool": "qwen_math", "arm": "a", "seed": 1}]
    (finding,) = gather_sources(mapped(sources), {path.name: path}, []).found.findings
    assert finding.what == f"{path.name} says 0.6, the mapping 1"


# ---- what a file may cost


def test_a_small_parquet_that_unpacks_to_100_gigabytes_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet, "LARGEST_BYTES", 1 << 26)
    repeated = pyarrow.DictionaryArray.from_arrays(
        pyarrow.array([0] * 100_000, pyarrow.int32()), pyarrow.array(["x" * 1_000_000])
    )
    path = tmp_path / "bomb.parquet"
    pyarrow.parquet.write_table(pyarrow.table({"a": repeated}), path, compression="gzip")
    with pytest.raises(BadInput, match="categorical"):
        list(parquet_rows(path))
    pyarrow.parquet.write_table(
        pyarrow.table({"a": repeated}), path, compression="gzip", store_schema=False
    )
    assert path.stat().st_size < 10_000
    with pytest.raises(BadInput, match="unpacks to over"):
        list(parquet_rows(path))


def test_details_of_another_version_are_named(tmp_path: Path) -> None:
    path = tmp_path / "details_x_t.parquet"
    pd.DataFrame({"predictions": ["x"]}).to_parquet(path)
    with pytest.raises(BadInput, match="lacks the column __doc__"):
        read(path, "lighteval_details")


def test_a_column_that_a_database_computes_has_a_limit(tmp_path: Path) -> None:
    path = tmp_path / "p.db"
    connection = sqlite3.connect(path)
    connection.execute(
        "CREATE TABLE metrics (run_name TEXT, step INTEGER,"
        " metrics TEXT GENERATED ALWAYS AS (hex(zeroblob(100000000))))"
    )
    connection.execute("INSERT INTO metrics (run_name, step) VALUES ('a', 1)")
    connection.commit()
    connection.close()
    with pytest.raises(BadInput, match="cannot be read as SQLite"):
        read(path, "trackio")


def test_a_line_that_ends_in_the_middle_is_named_and_a_file_of_nothing_is_refused(
    tmp_path: Path,
) -> None:
    path = tmp_path / "metrics.jsonl"
    found = read(text(path, '{"step": 1, "x": 0.5}\n{"step": 2, "x'), "prime_rl")
    assert [row.step for row in found.curves] == [1]
    assert [each.kind for each in found.findings] == ["cut off"]
    with pytest.raises(BadInput, match="is not JSON"):
        read(text(path, '{"step": 2, "step": 3}'), "prime_rl")
    empty = whole(tmp_path / "trainer_state.json", {"log_history": []})
    with pytest.raises(BadInput, match=r"no run and no evaluation was read from trainer_state"):
        read(empty, "trl")


# ---- names, dates, numbers


def test_two_runs_that_would_have_one_name_are_refused(tmp_path: Path) -> None:
    content = 'Step,"a/b - train/reward","a_b - train/reward"\n1,0.1,0.9\n'
    with pytest.raises(BadInput, match=r"'a/b' and 'a_b' would both be called 'a_b': rename"):
        read(text(tmp_path / "page.csv", content), "wandb")
    long = "x" * 100
    content = f'Step,"{long}1 - train/reward","{long}2 - train/reward"\n1,0.1,0.9\n'
    with pytest.raises(BadInput, match="would both be called"):
        read(text(tmp_path / "page.csv", content), "wandb")


def test_a_label_fits_into_a_file_name() -> None:
    assert len(safe_name("策" * 100).encode()) <= 200
    with pytest.raises(BadInput, match="has over 200 bytes"):
        check_names("策" * 90)
    with pytest.raises(BadInput, match=r"arms\.spec\.yaml: results folders use this name"):
        check_names("spec.yaml")


def check_names(arm: str) -> None:
    content = {"name": "x", "reference": arm, "base": None, "arms": {arm: ARM}}
    with TemporaryDirectory() as folder:
        path = Path(folder, "bring.yaml")
        sources = [{"path": "*", "tool": "trl"}]
        path.write_text(yaml.safe_dump({**content, "sources": sources}))
        read_mapping(path)


@pytest.mark.parametrize("arms", [("05", "15"), ("NA", "nan"), ("+kl", "-kl")])
def test_arms_that_look_like_other_things_are_drawn(tmp_path: Path, arms: tuple[str, str]) -> None:
    rows = [
        f"{arm},1,aime,{checkpoint},q{q},8,{q + checkpoint}"
        for arm in arms
        for checkpoint in (1, 2)
        for q in range(4)
    ]
    head = "arm,seed,benchmark,checkpoint,problem_id,n,correct"
    (tmp_path / "in").mkdir()
    text(tmp_path / "in" / "counts.csv", "\n".join([head, *rows]) + "\n")
    mapping, out = tmp_path / "bring.yaml", tmp_path / "out"
    sources = [{"path": "**", "tool": "counts_csv"}]
    said = mapped(sources, reference=arms[0], arms=dict.fromkeys(arms, ARM), checkpoint="last")
    mapping.write_text(yaml.safe_dump(said.model_dump(mode="json"), allow_unicode=True))
    bring([tmp_path / "in"], out, mapping)
    assert (out / "brought" / "selection.png").is_file()


def test_the_base_policy_may_have_another_name(tmp_path: Path) -> None:
    head = "arm,seed,benchmark,problem_id,n,correct"
    rows = [f"{arm},1,aime,q{q},8,{q}" for arm in ("a", "zero") for q in range(4)]
    path = text(tmp_path / "counts.csv", "\n".join([head, *rows]) + "\n")
    sources = [{"path": "*", "tool": "counts_csv"}]
    found = gather_sources(mapped(sources, base="zero"), {path.name: path}, []).found
    assert {(row.place.arm, row.place.seed) for row in found.counts} == {("a", 1), ("base", 0)}
    path.write_text(path.read_text().replace("zero", "base"))
    with pytest.raises(BadInput, match="an arm is called base"):
        gather_sources(mapped(sources, base="zero"), {path.name: path}, [])


def test_a_question_without_answers_does_not_vanish(tmp_path: Path) -> None:
    task = {"examples": [{"expected_answer": 4, "model_outputs": []}]}
    with pytest.raises(BadInput, match="model_outputs is empty"):
        read(whole(tmp_path / "results_t.json", {"results": {"A": task}}), "evalchemy")
    row = {"idx": 0, "gt": "4", "code": [], "score": []}
    with pytest.raises(BadInput, match="code is empty"):
        read(lines(tmp_path / "m" / "test_p_-1_seed0_t0.6_s0_e-1.jsonl", [row]), "qwen_math")


def test_a_score_over_millions_of_questions_is_refused() -> None:
    found = Found(totals=[Total(SET, 3_000_000, 0.5)])
    with pytest.raises(BadInput, match="3,000,000 questions"):
        evaluate(found, mapped([{"path": "*", "tool": "lighteval"}]))


def test_a_date_beyond_those_of_python_is_refused(tmp_path: Path) -> None:
    column = pyarrow.array([2**48], pyarrow.timestamp("ms"))
    pyarrow.parquet.write_table(pyarrow.table({"at": column}), tmp_path / "x.parquet")
    with pytest.raises(BadInput, match="is not readable as parquet"):
        list(parquet_rows(tmp_path / "x.parquet"))


def test_a_step_is_a_number_that_floats_tell_from_its_neighbours() -> None:
    assert as_step(2**53) == 2**53
    assert as_step(1e25) is None
