"""Training and evaluation see the same policy: sampling settings, end tokens, prompts, context."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoTokenizer, GenerationConfig

from eval.files.errors import BadInput
from eval.sampling.policy_folder import end_ids
from eval.sampling.prompts import encode_prompts, prompt_hash, render_prompt
from experiments.policies.load_save import load_policy
from experiments.policies.prompts import check_context, check_reloaded
from experiments.spec.policy_settings import HubPolicy
from tests.support.tiny_policy import write_policy

LEAKS = {
    "min_p": 0.999,
    "no_repeat_ngram_size": 2,
    "suppress_tokens": [5],
    "min_new_tokens": 9,
    "stop_strings": ["+"],
    "top_k": 3,
    "top_p": 0.2,
    "temperature": 0.1,
    "repetition_penalty": 1.9,
    "max_length": 20,
    "forced_eos_token_id": 1,
    "do_sample": True,
}


class Experiment:
    """The part of an experiment that a policy is loaded from."""

    def __init__(self, folder: Path) -> None:
        self.model = HubPolicy(source="pretrained", name=str(folder))


def edit(file: Path, **changes: Any) -> None:
    content = json.loads(file.read_text()) if file.exists() else {}
    content |= changes
    kept = {key: value for key, value in content.items() if value is not None}
    file.write_text(json.dumps(kept))


def load(folder: Path) -> tuple[Any, Any]:
    experiment: Any = Experiment(folder)
    return load_policy(experiment, "sdpa", folder.parent)


def test_no_sampling_setting_of_the_folder_reaches_a_run_or_its_trained_policy(
    tmp_path: Path,
) -> None:
    policy = write_policy(tmp_path / "policy")
    edit(policy / "generation_config.json", **LEAKS)
    model, _ = load(policy)
    plain = GenerationConfig(eos_token_id=[1]).to_diff_dict()
    assert model.generation_config.to_diff_dict() == plain
    model.save_pretrained(tmp_path / "trained")
    saved = json.loads((tmp_path / "trained" / "generation_config.json").read_text())
    assert not set(saved) & set(LEAKS)


@pytest.mark.parametrize(
    ("config", "generation", "tokenizer", "wanted"),
    [
        ([1, 5], None, "<end>", [1, 5]),
        (1, [1, 7], "<end>", [1, 7]),
        (5, 7, "<end>", [1, 5, 7]),
        (None, 7, None, [7]),
        (6, None, None, [6]),
    ],
)
def test_training_and_evaluation_end_at_the_same_tokens(
    config: Any, generation: Any, tokenizer: Any, wanted: list[int], tmp_path: Path
) -> None:
    policy = write_policy(tmp_path / "policy")
    (policy / "generation_config.json").unlink()
    edit(policy / "config.json", eos_token_id=config)
    edit(policy / "tokenizer_config.json", eos_token=tokenizer)
    if generation is not None:
        edit(policy / "generation_config.json", eos_token_id=generation)
    assert end_ids(policy, AutoTokenizer.from_pretrained(policy)) == wanted
    model, loaded = load(policy)
    assert model.generation_config.eos_token_id == wanted
    model.save_pretrained(tmp_path / "trained")
    loaded.save_pretrained(tmp_path / "trained")
    trained = end_ids(tmp_path / "trained", AutoTokenizer.from_pretrained(tmp_path / "trained"))
    assert trained == wanted


def test_a_policy_without_an_end_token_is_refused(tmp_path: Path) -> None:
    policy = write_policy(tmp_path / "policy")
    (policy / "generation_config.json").unlink()
    edit(policy / "config.json", eos_token_id=None)
    edit(policy / "tokenizer_config.json", eos_token=None)
    with pytest.raises(BadInput, match="an end token: add eos_token to"):
        load(policy)


@pytest.mark.parametrize("named", ["text", -1, [1, "2"], True, {"a": 1}])
def test_end_tokens_that_are_no_numbers_are_refused(named: Any, tmp_path: Path) -> None:
    policy = write_policy(tmp_path / "policy")
    tokenizer = AutoTokenizer.from_pretrained(policy)
    edit(policy / "generation_config.json", eos_token_id=named)
    with pytest.raises(BadInput, match=r"generation_config.json: eos_token_id is .*whole number"):
        end_ids(policy, tokenizer)


# ---- chat templates


DATED = (
    "{%- if not date_string is defined %}{%- set date_string = strftime_now('%d %b %Y') %}"
    "{%- endif %}Today: {{ date_string }}\n{% for m in messages %}{{ m['content'] | trim }}"
    "{% endfor %}{% if enable_thinking is defined and not enable_thinking %}<quick>{% endif %}"
)


def chat(folder: Path, template: Any) -> Any:
    tokenizer: Any = AutoTokenizer.from_pretrained(write_policy(folder))
    tokenizer.chat_template = template
    return tokenizer


def test_a_template_that_prints_the_date_prints_the_same_on_all_days(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokenizer = chat(tmp_path, DATED)
    today = render_prompt("boxed_chat", "1+1=", tokenizer)
    assert today.startswith("Today: 01 Jan 2026\n1+1=")
    real = tokenizer.apply_chat_template(
        [{"role": "user", "content": "x"}], tokenize=False, add_generation_prompt=True
    )
    now = datetime.now(UTC).strftime("%Y")
    assert now in real or "2026" not in real, "the template itself asks for the date"
    assert prompt_hash(today) == prompt_hash(render_prompt("boxed_chat", "1+1=", tokenizer))


def test_thinking_is_asked_for_by_the_name_of_the_prompt_template(tmp_path: Path) -> None:
    tokenizer = chat(tmp_path, DATED)
    quick = render_prompt("boxed_chat_no_thinking", "1+1=", tokenizer)
    assert quick == render_prompt("boxed_chat", "1+1=", tokenizer) + "<quick>"
    assert quick != render_prompt("boxed_chat_thinking", "1+1=", tokenizer)
    tokenizer.chat_template = "{{ messages[0]['content'] }}"
    with pytest.raises(BadInput, match="does not read it: use 'boxed_chat'"):
        render_prompt("boxed_chat_no_thinking", "1+1=", tokenizer)


def test_a_beginning_of_sequence_token_is_written_once_or_refused(tmp_path: Path) -> None:
    tokenizer = chat(tmp_path, None)
    with pytest.raises(BadInput, match="begins with the tokenizer's bos_token, and this one has"):
        render_prompt("plain_bos", "1", tokenizer)
    tokenizer.bos_token = "<pad>"
    prompt = render_prompt("plain_bos", "1", tokenizer)
    assert prompt == "<pad>" + render_prompt("plain", "1")
    first, second, *_ = encode_prompts(["<pad>1+1=", prompt], tokenizer)[0]
    assert (first, second) == (tokenizer.bos_token_id, tokenizer.convert_tokens_to_ids("1"))


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("{{ raise_exception('only with a system turn') }}", "fails .*only with a system turn"),
        ("{{ messages[3].content }}", "fails on a single user turn"),
        ("{% if %}", "fails on a single user turn"),
        ({"tool_use": "{{ messages[0].content }}"}, "fails on a single user turn"),
        ("", "leaves the problem out"),
        ("{{ bos_token }}", "leaves the problem out"),
    ],
)
def test_a_broken_chat_template_gives_a_sentence(template: Any, said: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=said):
        render_prompt("boxed_chat", "1+1=", chat(tmp_path, template))


# ---- before training


def test_prompts_and_completions_must_fit_the_context(tmp_path: Path) -> None:
    model, tokenizer = load(write_policy(tmp_path / "policy"))
    check_context(["1+1=", "10+10="], tokenizer, model.config, 250)
    with pytest.raises(
        BadInput, match=r"max_completion_length 251 .* 6 tokens .* 256: lower it to 250"
    ):
        check_context(["1+1=", "10+10="], tokenizer, model.config, 251)
    with pytest.raises(BadInput, match="prompt 2 of the training set has no token"):
        check_context(["1+1=", ""], tokenizer, model.config, 2)


def test_a_tokenizer_that_changes_when_it_is_saved_is_refused(tmp_path: Path) -> None:
    tokenizer = chat(tmp_path, DATED)
    problems = ["1+1=", "2+2="]
    check_reloaded("boxed_chat", problems, tokenizer)

    class Forgets:
        """Saves another chat template than it has."""

        def __getattr__(self, name: str) -> Any:
            return getattr(tokenizer, name)

        def __call__(self, *args: Any, **more: Any) -> Any:
            return tokenizer(*args, **more)

        chat_template = "a template"

        def apply_chat_template(self, turns: Any, **more: Any) -> str:
            return tokenizer.apply_chat_template(turns, **more) + "+"

    with pytest.raises(BadInput, match="2 of 2 training prompts differ once the tokenizer"):
        check_reloaded("boxed_chat", problems, Forgets())
