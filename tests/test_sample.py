"""Sampling: the draw, the seeds, what a restart keeps, and what is refused."""

import json
import math
import multiprocessing
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from eval.engine_transformers import TransformersEngine, draw, uniform
from eval.engines import Completion, Key, Request, Sampling, end_ids, sample_seed
from eval.errors import BadInput, exit_with_message
from eval.jsonl import read_rows
from eval.sample import main
from eval.score import SETTINGS
from tests.tiny_policy import VOCABULARY, write_policy, write_sums

SAMPLES = 10


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a policy, a problems file, and the samples of a quiet run in `quiet`."""
    folder = tmp_path_factory.mktemp("sampling")
    write_policy(folder / "policy")
    write_sums(folder / "sums.jsonl", 7)
    main(arguments(folder, folder / "quiet"))
    return folder


def arguments(home: Path, out: Path, **changed: Any) -> list[str]:
    """A command line; a keyword replaces or adds an option, `label` adds one."""
    options = {
        "policy": home / "policy",
        "problems": home / "sums.jsonl",
        "samples": SAMPLES,
        "out": out,
        "template": "arithmetic",
        "temperature": 1.0,
        "top-p": 0.9,
        "max-tokens": 12,
        "seed": 5,
        "batch": 16,
    } | {name.replace("_", "-"): value for name, value in changed.items()}
    return [part for name, value in options.items() for part in (f"--{name}", str(value))]


def file_of(out: Path) -> Path:
    return out / "sums.samples.jsonl"


def load(home: Path, sampling: Sampling, batch: int = 16) -> tuple[TransformersEngine, Any]:
    tokenizer: Any = AutoTokenizer.from_pretrained(home / "policy")
    return TransformersEngine(home / "policy", tokenizer, sampling, batch), tokenizer


def requests_for(tokenizer: Any, texts: list[str], samples: int) -> list[Request]:
    return [
        Request(Key(text, i), tuple(tokenizer(text)["input_ids"]), sample_seed(0, "set", text, i))
        for text in texts
        for i in range(samples)
    ]


def complete(engine: TransformersEngine, requests: list[Request]) -> dict[Key, Completion]:
    return {request.key: made for rows in engine.complete(requests, set()) for request, made in rows}


# The draw


def drawn(p: list[float], u: float, temperature: float = 1.0, top_p: float = 1.0) -> int:
    logits_BV = torch.tensor([p], dtype=torch.float64).log() + 3.0
    return int(draw(logits_BV, torch.tensor([u], dtype=torch.float64), temperature, top_p))


def test_draw_inverts_the_distribution():
    p = [0.2, 0.5, 0.3]
    assert [drawn(p, u) for u in (0.0, 0.19, 0.21, 0.69, 0.71, 1 - 2**-53)] == [0, 0, 1, 1, 2, 2]


def test_top_p_keeps_the_smallest_set_with_its_mass():
    p = [0.2, 0.5, 0.3]  # 0.5 alone is below 0.6, so 0.3 stays and 0.2 goes: 0.625 and 0.375
    assert [drawn(p, u, top_p=0.6) for u in (0.0, 0.624, 0.626, 1 - 2**-53)] == [1, 1, 2, 2]
    assert drawn(p, 1 - 2**-53, top_p=1e-9) == 1


def test_temperature_divides_the_logits():
    # p ∝ sqrt: sqrt(.8) / (sqrt(.8) + sqrt(.2)) = 2/3
    assert [drawn([0.8, 0.2], u, temperature=2.0) for u in (0.666, 0.667)] == [0, 1]
    assert drawn([0.2, 0.5, 0.3], 0.99, temperature=0.0) == 1


@pytest.mark.parametrize("top_p", [1.0, 0.99])
def test_impossible_tokens_are_never_drawn(top_p: float):
    p = [0.0, 0.5, 0.0, 0.5, 0.0]
    assert {drawn(p, u, top_p=top_p) for u in (0.0, 0.25, 0.5, 0.75, 1 - 2**-53)} == {1, 3}


def test_logits_that_are_not_finite_are_refused():
    with pytest.raises(BadInput, match="not finite"):
        draw(torch.tensor([[0.0, float("nan")]]), torch.tensor([0.5], dtype=torch.float64), 1.0, 1.0)


def test_uniform_is_splitmix64():
    # first outputs of the reference implementation from state 0, cut to 53 bits
    expected = [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F]
    seed_B = np.zeros(1, dtype=np.uint64)
    assert [uniform(seed_B, i)[0] for i in range(3)] == [(x >> 11) / 2**53 for x in expected]


def test_uniform_looks_uniform_and_independent():
    seed_B = np.array([sample_seed(1, "set", "p", i) for i in range(4000)], dtype=np.uint64)
    u_BT = np.stack([uniform(seed_B, t) for t in range(8)], axis=1)
    assert u_BT.min() >= 0
    assert u_BT.max() < 1
    assert abs(u_BT.mean() - 0.5) < 5 / math.sqrt(12 * u_BT.size)
    assert np.abs(np.corrcoef(u_BT.T) - np.eye(8)).max() < 5 / math.sqrt(4000)
    assert np.abs(np.corrcoef(u_BT[:8]) - np.eye(8)).max() < 0.99
    counts = np.histogram(u_BT, bins=20, range=(0, 1))[0]
    assert ((counts - u_BT.size / 20) ** 2 / (u_BT.size / 20)).sum() < 60  # chi-square, 19 degrees of freedom


def test_seeds_are_distinct_stable_and_exact_in_json():
    seeds = [sample_seed(r, b, p, i) for r in range(3) for b in "ab" for p in ("1", "11") for i in range(50)]
    assert len(set(seeds)) == len(seeds)
    assert max(seeds) < 2**53
    assert sample_seed(0, "aime_2024", "7", 3) == 3343171387921575


# The engine


def test_frequencies_are_the_policys_probabilities(home: Path):
    engine, tokenizer = load(home, Sampling(1.3, 1.0, 1), batch=4096)
    made = complete(engine, requests_for(tokenizer, ["3+4="], 4096))
    model: Any = AutoModelForCausalLM.from_pretrained(home / "policy").eval()
    with torch.no_grad():
        p_V = torch.softmax(
            model(**tokenizer("3+4=", return_tensors="pt")).logits[0, -1].double() / 1.3, 0
        ).numpy()
    visible = [text for text in VOCABULARY if not text.startswith("<")]
    for text in visible:
        p = p_V[VOCABULARY.index(text)]
        share = sum(completion.text == text for completion in made.values()) / len(made)
        assert abs(share - p) < 5 * math.sqrt(p * (1 - p) / len(made)) + 1e-3


def test_greedy_equals_generate_on_prompts_of_all_lengths(home: Path):
    engine, tokenizer = load(home, Sampling(0.0, 1.0, 12))
    texts = ["1+2=", "3+4+5=", "9+9+9+9=", "7"]
    made = complete(engine, requests_for(tokenizer, texts, 1))
    model: Any = AutoModelForCausalLM.from_pretrained(home / "policy").eval()
    for text in texts:
        inputs = tokenizer(text, return_tensors="pt")
        out = model.generate(**inputs, do_sample=False, max_new_tokens=12)[0, inputs["input_ids"].shape[1] :]
        assert made[Key(text, 0)].text == tokenizer.decode(out, skip_special_tokens=True)


@pytest.mark.parametrize("batch", [1, 7, 512])
def test_a_sample_does_not_depend_on_what_else_is_in_the_batch(home: Path, batch: int):
    sampling, texts = Sampling(1.0, 0.95, 12), ["1+2=", "3+4+5=", "9+9+9+9="]
    engine, tokenizer = load(home, sampling)
    requests = requests_for(tokenizer, texts, 12)
    engine.batch = batch
    assert complete(engine, requests[::-1]) == complete(load(home, sampling, 16)[0], requests)


def test_end_and_limit(home: Path):
    rows = read_rows(file_of(home / "quiet"))
    assert {row["finish_reason"] for row in rows} == {"stop", "length"}
    for row in rows:
        assert 1 <= row["tokens"] <= 12
        assert "<" not in row["text"]
        assert row["finish_reason"] == "stop" or row["tokens"] == 12


def test_end_tokens_of_the_generation_config_count_too(home: Path, tmp_path: Path):
    write_policy(tmp_path)
    tokenizer: Any = AutoTokenizer.from_pretrained(tmp_path)
    assert end_ids(tmp_path, tokenizer) == [1]
    (tmp_path / "generation_config.json").write_text(json.dumps({"eos_token_id": [1, 5]}))
    assert end_ids(tmp_path, tokenizer) == [1, 5]


# The file


def test_every_sample_once_with_all_fields(home: Path):
    rows = read_rows(file_of(home / "quiet"))
    assert sorted({(row["problem_id"], row["index"]) for row in rows}) == sorted(
        (f"sum-{i}", j) for i in range(7) for j in range(SAMPLES)
    )
    assert len(rows) == 7 * SAMPLES
    fields = "run arm train_seed step benchmark problem_id template prompt_hash index seed text tokens"
    assert {*fields.split(), *SETTINGS} <= rows[0].keys()
    assert all(row["seed"] == sample_seed(5, "sums", row["problem_id"], row["index"]) for row in rows)


def test_restart_from_any_prefix_gives_the_same_bytes(home: Path, tmp_path: Path):
    whole = file_of(home / "quiet").read_bytes()
    for cut in (0, 1, len(whole) // 3, len(whole) // 2 + 7, len(whole) - 1, len(whole)):
        file_of(tmp_path).write_bytes(whole[:cut])
        main(arguments(home, tmp_path))
        assert file_of(tmp_path).read_bytes() == whole


def test_a_whole_file_needs_no_policy_loaded(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    file_of(tmp_path).write_bytes(file_of(home / "quiet").read_bytes())
    monkeypatch.setattr("eval.sample.make_engine", lambda *_: pytest.fail("loaded"))
    main(arguments(home, tmp_path))


def test_more_samples_extend_a_file(home: Path, tmp_path: Path):
    file_of(tmp_path).write_bytes(file_of(home / "quiet").read_bytes())
    main(arguments(home, tmp_path, samples=SAMPLES + 3))
    fresh = tmp_path / "fresh"
    main(arguments(home, fresh, samples=SAMPLES + 3))
    assert sorted(file_of(tmp_path).read_text().splitlines()) == sorted(
        file_of(fresh).read_text().splitlines()
    )


def test_sigkill_at_any_moment_loses_and_repeats_nothing(home: Path, tmp_path: Path):
    """Killed once its file has reached each of these sizes, started again each time, at last left alone."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["eval.engine_transformers", "transformers.models.qwen3.modeling_qwen3"])
    whole = file_of(home / "quiet").read_bytes()
    killed = 0
    for share in (0.0, 0.3, 0.7):
        process = context.Process(target=main, args=(arguments(home, tmp_path),))
        process.start()
        while process.is_alive() and size(file_of(tmp_path)) <= share * len(whole):
            time.sleep(0)
        process.kill()
        process.join()
        killed += process.exitcode == -9
        assert whole.startswith(file_of(tmp_path).read_bytes())
    assert killed >= 2
    main(arguments(home, tmp_path))
    assert file_of(tmp_path).read_bytes() == whole


def size(path: Path) -> int:
    return path.stat().st_size if path.exists() else -1


# What is refused


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"temperature": 0.9}, "temperature = 1.0, now it is 0.9"),
        ({"top_p": 1.0}, "top_p = 0.9, now it is 1.0"),
        ({"max_tokens": 13}, "max_tokens = 12, now it is 13"),
        ({"seed": 6}, "seed = "),
        ({"template": "plain"}, "template = 'arithmetic', now it is 'plain'"),
        ({"label": "arm=aer"}, "arm = None, now it is 'aer'"),
        ({"dtype": "bfloat16"}, "dtype = 'float32', now it is 'bfloat16'"),
        ({"samples": SAMPLES - 1}, "sample 9 of problem 'sum-0' is not asked for now"),
    ],
)
def test_rows_of_other_settings_are_not_mixed(home: Path, tmp_path: Path, changed: dict[str, Any], said: str):
    before = file_of(home / "quiet").read_bytes()
    file_of(tmp_path).write_bytes(before)
    with pytest.raises(BadInput, match=said):
        main(arguments(home, tmp_path, **changed))
    assert file_of(tmp_path).read_bytes() == before


def test_rows_of_another_policy_or_prompt_are_not_mixed(home: Path, tmp_path: Path):
    file_of(tmp_path).write_bytes(file_of(home / "quiet").read_bytes())
    with pytest.raises(BadInput, match="policy = "):
        main(arguments(home, tmp_path, policy=write_policy(tmp_path / "other", seed=1)))
    changed = (home / "sums.jsonl").read_text().replace('"3+4+5="', '"3+4+6="')
    (tmp_path / "sums.jsonl").write_text(changed)
    with pytest.raises(BadInput, match=r"problem 'sum-1' was made with prompt_hash"):
        main(arguments(home, tmp_path, problems=tmp_path / "sums.jsonl"))


def test_a_repeated_row_is_refused(home: Path, tmp_path: Path):
    data = file_of(home / "quiet").read_bytes()
    file_of(tmp_path).write_bytes(data + data.splitlines(keepends=True)[0])
    with pytest.raises(BadInput, match=r"line 71: sample 0 of problem 'sum-0' is there twice"):
        main(arguments(home, tmp_path))


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"policy": "/nowhere"}, "no config.json"),
        ({"problems": "/nowhere.jsonl"}, "cannot be read"),
        ({"samples": 0}, "--samples"),
        ({"temperature": -1}, "temperature is -1.0"),
        ({"temperature": "nan"}, "temperature is nan"),
        ({"top_p": 0}, "top_p is 0.0"),
        ({"max_tokens": 0}, "max_tokens is 0"),
        ({"max_tokens": 250}, "must have 1 to 6"),
        ({"batch": 0}, "--batch"),
        ({"template": "nonsense"}, "unknown prompt template"),
        ({"label": "colour=red"}, "--label colour=red"),
        ({"label": "step=last"}, "step must be a whole number"),
    ],
)
def test_bad_commands_are_one_line_and_exit_2(
    home: Path, tmp_path: Path, changed: dict[str, Any], said: str, capsys: pytest.CaptureFixture[str]
):
    with pytest.raises(SystemExit) as exit_code, exit_with_message():
        main(arguments(home, tmp_path, **changed))
    error = capsys.readouterr().err
    assert exit_code.value.code == 2
    assert said in error
    assert error.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_a_damaged_policy_is_refused(home: Path, tmp_path: Path):
    policy = write_policy(tmp_path / "policy")
    os.truncate(policy / "model.safetensors", 1000)
    with pytest.raises(BadInput, match="not a policy that transformers can load"):
        main(arguments(home, tmp_path / "out", policy=policy))


def test_a_policy_with_absent_weights_is_refused(home: Path, tmp_path: Path):
    policy = write_policy(tmp_path / "policy")
    config = json.loads((policy / "config.json").read_text()) | {"num_hidden_layers": 3, "layer_types": None}
    (policy / "config.json").write_text(json.dumps(config))
    with pytest.raises(BadInput, match=r"weights are absent, such as model\.layers\.2"):
        main(arguments(home, tmp_path / "out", policy=policy))
