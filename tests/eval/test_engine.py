"""The transformers back end: the draw, its uniform numbers, samples that depend on their seed
only.
"""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from eval.files.errors import BadInput
from eval.sampling.batched_generation import draw_tokens, uniform_draws
from eval.sampling.engine_interface import Completion, Key, Request, Sampling, sample_seed
from eval.sampling.engine_transformers import TransformersEngine
from eval.sampling.policy_folder import end_ids
from tests.support.tiny_policy import VOCABULARY, write_policy


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("engine")
    write_policy(folder / "policy")
    return folder


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
    return {
        request.key: made for rows in engine.complete(requests, set()) for request, made in rows
    }


def drawn(p: list[float], u: float, temperature: float = 1.0, top_p: float = 1.0) -> int:
    logits_BV = torch.tensor([p], dtype=torch.float64).log() + 3.0
    return int(draw_tokens(logits_BV, torch.tensor([u], dtype=torch.float64), temperature, top_p))


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
        draw_tokens(
            torch.tensor([[0.0, float("nan")]]), torch.tensor([0.5], dtype=torch.float64), 1.0, 1.0
        )


def test_uniform_is_splitmix64():
    # first outputs of the reference implementation from state 0, cut to 53 bits
    expected = [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F]
    assert uniform_draws([0], 3)[0].tolist() == [(x >> 11) / 2**53 for x in expected]


def test_uniform_looks_uniform_and_independent():
    u_BT = uniform_draws([sample_seed(1, "set", "p", i) for i in range(4000)], 8)
    assert u_BT.min() >= 0
    assert u_BT.max() < 1
    assert abs(u_BT.mean() - 0.5) < 5 / math.sqrt(12 * u_BT.size)
    assert np.abs(np.corrcoef(u_BT.T) - np.eye(8)).max() < 5 / math.sqrt(4000)
    assert np.abs(np.corrcoef(u_BT[:8]) - np.eye(8)).max() < 0.99
    counts = np.histogram(u_BT, bins=20, range=(0, 1))[0]
    assert (
        (counts - u_BT.size / 20) ** 2 / (u_BT.size / 20)
    ).sum() < 60  # chi-square, 19 degrees of freedom


def test_seeds_are_distinct_stable_and_exact_in_json():
    seeds = [
        sample_seed(r, b, p, i)
        for r in range(3)
        for b in "ab"
        for p in ("1", "11")
        for i in range(50)
    ]
    assert len(set(seeds)) == len(seeds)
    assert max(seeds) < 2**53
    assert sample_seed(0, "aime_2024", "7", 3) == 3343171387921575


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
        out = model.generate(**inputs, do_sample=False, max_new_tokens=12)[
            0, inputs["input_ids"].shape[1] :
        ]
        assert made[Key(text, 0)].text == tokenizer.decode(out, skip_special_tokens=True)


@pytest.mark.parametrize("batch", [1, 7, 512])
def test_a_sample_does_not_depend_on_what_else_is_in_the_batch(home: Path, batch: int):
    sampling, texts = Sampling(1.0, 0.95, 12), ["1+2=", "3+4+5=", "9+9+9+9="]
    engine, tokenizer = load(home, sampling)
    requests = requests_for(tokenizer, texts, 12)
    engine.batch = batch
    assert complete(engine, requests[::-1]) == complete(load(home, sampling, 16)[0], requests)


def test_end_tokens_of_the_generation_config_count_too(home: Path, tmp_path: Path):
    write_policy(tmp_path)
    tokenizer: Any = AutoTokenizer.from_pretrained(tmp_path)
    assert end_ids(tmp_path, tokenizer) == [1]
    (tmp_path / "generation_config.json").write_text(json.dumps({"eos_token_id": [1, 5]}))
    assert end_ids(tmp_path, tokenizer) == [1, 5]
