"""The path of a run on real problems, in one process and on made-up ones: tokens, policy, GRPO,
samples, counts.
"""

import csv
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from tokenizers.processors import TemplateProcessing
from transformers import AutoTokenizer

from eval import sample, score
from eval.questions.problems import Problem, write_problems
from eval.sampling.missing_samples import plan_job
from eval.sampling.policy_folder import end_ids
from eval.sampling.prompts import TEMPLATES, render_prompt
from experiments.policies.miniature import (
    END_OF_TEXT,
    document,
    make_miniature_policy,
    train_tokenizer,
)
from experiments.spec.experiment_file import load_experiment
from experiments.spec.schema import Experiment
from experiments.train import train_run
from experiments.training.trainer import EntropyControlTrainer

PROBLEMS = [
    Problem(
        f"p-{i}",
        f"A box holds ${i} + x^2$ balls, \\frac{{{i}}}{{7}} of them red. How many are there?",
        str(i % 3),
        "1",
    )
    for i in range(10)
]
SHRUNK = {"steps": 20, "batch_size": 4, "window": 48, "hidden_size": 32, "vocabulary": 400}


def small() -> Experiment:
    content = load_experiment("maths_mini").model_dump()
    content["model"].update(SHRUNK)
    content["training"].update({"rollouts": 2, "max_completion_length": 6})
    return Experiment.model_validate(content)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A results folder with its training prompts and the base policy."""
    folder, experiment = tmp_path_factory.mktemp("mini"), small()
    write_problems(folder / "problems" / "train.jsonl", PROBLEMS)
    model, tokenizer = make_miniature_policy(experiment.model, PROBLEMS, experiment.task.template)  # pyright: ignore[reportArgumentType]
    model.save_pretrained(folder / "base" / "policy")
    tokenizer.save_pretrained(folder / "base" / "policy")
    return folder


@pytest.fixture(scope="module")
def tokenizer(root: Path) -> Any:
    return AutoTokenizer.from_pretrained(root / "base" / "policy")


def test_the_markup_is_single_tokens_and_every_text_comes_back(tokenizer: Any) -> None:
    for token in ("<|im_start|>", "<|im_end|>", "<|endoftext|>"):
        assert len(tokenizer(token)["input_ids"]) == 1
    for text in ("\\frac{12}{345}", "naïve ∑ 漢字 🙂\n\n  x", " \t", "It's 3.5%"):
        assert tokenizer.decode(tokenizer(text)["input_ids"]) == text
    assert len(tokenizer("345")["input_ids"]) == 3, "a digit is a token"
    assert len(tokenizer) <= SHRUNK["vocabulary"]
    assert tokenizer.decode(
        tokenizer(document(PROBLEMS[0], "qwen_boxed"))["input_ids"], skip_special_tokens=True
    )


def test_both_end_a_completion_at_the_same_token(root: Path, tokenizer: Any) -> None:
    assert end_ids(root / "base" / "policy", tokenizer) == [tokenizer.eos_token_id]
    assert tokenizer.eos_token == "<|im_end|>"
    assert tokenizer.pad_token == END_OF_TEXT


def adds_a_start(tokenizer: Any) -> Any:
    """The tokenizer, made to put a start token before every text, as many do."""
    start = (END_OF_TEXT, tokenizer.pad_token_id)
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(
        single=f"{END_OF_TEXT} $A", special_tokens=[start]
    )
    assert tokenizer("x")["input_ids"][0] == tokenizer.pad_token_id
    return tokenizer


@pytest.mark.parametrize(
    # this tokenizer has neither a chat template nor a bos_token
    "template",
    [name for name, template in TEMPLATES.items() if not (template.chat or name == "plain_bos")],
)
@pytest.mark.parametrize("start", [False, True])
def test_training_and_evaluation_see_the_same_tokens(
    template: str, start: bool, tmp_path: Path
) -> None:
    tokenizer: Any = train_tokenizer([problem.text for problem in PROBLEMS], 400)
    tokenizer = adds_a_start(tokenizer) if start else tokenizer
    prompts = [render_prompt(template, problem.text, tokenizer) for problem in PROBLEMS]
    trainer: Any = SimpleNamespace(processing_class=tokenizer)
    trained = EntropyControlTrainer._tokenize_prompts(trainer, prompts)[0]
    write_problems(tmp_path / "set.jsonl", PROBLEMS)
    job = plan_job(tmp_path / "set.jsonl", 1, tmp_path, {"template": template}, 0, tokenizer)
    evaluated = {request.key.problem_id: list(request.prompt_ids) for request in job.requests}
    assert trained == [evaluated[problem.id] for problem in PROBLEMS]


def test_same_settings_same_policy(root: Path) -> None:
    experiment = small()
    again, _ = make_miniature_policy(experiment.model, PROBLEMS, experiment.task.template)  # pyright: ignore[reportArgumentType]
    first = type(again).from_pretrained(root / "base" / "policy")
    for a, b in zip(again.parameters(), first.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=0)


def test_a_run_trains_answers_and_is_scored(root: Path) -> None:
    experiment = small()
    train_run(experiment, "fixed", 1, root)
    out = root / "fixed" / "seed-1"
    rows = [json.loads(line) for line in (out / "train.jsonl").read_text().splitlines()]
    assert [row["rollout"] for row in rows] == [0, 1]
    assert 0 < rows[0]["entropy"] < torch.tensor(400.0).log()
    settings = [
        "--template",
        "qwen_boxed",
        "--temperature",
        "1",
        "--top-p",
        "1",
        "--max-tokens",
        "8",
    ]
    settings += ["--seed", "1", "--samples", "2"]
    write_problems(root / "problems" / "math_500.jsonl", PROBLEMS[:4])
    problems = ["--problems", str(root / "problems" / "math_500.jsonl")]
    sample.main(["--policy", str(out / "policy"), "--out", str(out / "eval"), *problems, *settings])
    score.main(["--out", str(out / "eval"), *problems, "--workers", "1"])
    with (out / "eval" / "math_500.counts.csv").open(newline="") as file:
        assert [(row["problem_id"], row["n"]) for row in csv.DictReader(file)] == [
            (p.id, "2") for p in PROBLEMS[:4]
        ]
