r"""Trains a miniature of a pretrained policy, in seconds on a CPU.

The tokenizer is built as Qwen's is: byte-level BPE over Qwen's splitting rule, one token per digit,
<|im_start|>, <|im_end|> and <|endoftext|> as single tokens, no chat template. The model is a Qwen3,
trained as a language model on windows of one long text: every training prompt, filled into the
experiment's template, with its answer in a box.

    <|im_start|>system … <|im_end|> … <|im_start|>assistant \n The answer is \boxed{7}.<|im_end|>

The policy learns the markup, that a box comes next, and that the text then ends. It learns no
mathematics: its correct answers are chance. Experiments use it in place of a pretrained policy to
test that every step works.

    python -m experiments.policies.miniature --spec results/maths_mini/spec.yaml \
        --out results/maths_mini/base/policy
"""

from experiments.policies.command_line import policy_arguments  # isort: skip

if __name__ == "__main__":
    policy_arguments("miniature", __doc__)  # --help does not wait for the imports below

import eval.sampling.lean_imports  # noqa: F401  # isort: skip

from collections.abc import Sequence
from itertools import chain
from pathlib import Path

import torch
from tokenizers import (
    AddedToken,
    Regex,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    trainers,
)
from torch import Tensor
from tqdm import trange
from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM
from transformers.utils import logging

from eval.files.errors import BadInput, exit_with_message
from eval.files.marks import Record, known_parts
from eval.questions.problems import Problem, read_problems
from eval.sampling.prompts import render_prompt
from experiments.policies.folder import make_policy_folder
from experiments.spec.experiment_file import load_experiment
from experiments.spec.policy_settings import MiniaturePolicy
from experiments.workflow.layout import StudyLayout
from experiments.workflow.steps import base_parts

END_OF_TEXT, END_OF_TURN = "<|endoftext|>", "<|im_end|>"
SPECIAL = [END_OF_TEXT, "<|im_start|>", END_OF_TURN]  # tokens 0, 1, 2
POSITIONS = 4096  # tokens; the longest problem of MATH has about 2,000
# How Qwen splits a text before the merges: words, single digits, punctuation, line ends, blanks.
SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def train_tokenizer(texts: Sequence[str], vocabulary: int) -> PreTrainedTokenizerFast:
    """Byte-level BPE with at most `vocabulary` tokens, learnt from the texts. It can encode every
    string, because all 256 bytes are tokens.
    """
    core = Tokenizer(models.BPE())
    core.normalizer = normalizers.NFC()
    core.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(SPLIT), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    core.decoder = decoders.ByteLevel()
    special = [AddedToken(token, normalized=False, special=True) for token in SPECIAL]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    core.train_from_iterator(
        texts,
        trainers.BpeTrainer(
            vocab_size=vocabulary,
            initial_alphabet=alphabet,
            special_tokens=special,
            show_progress=False,
        ),
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=core,
        pad_token=END_OF_TEXT,
        eos_token=END_OF_TURN,
        additional_special_tokens=["<|im_start|>"],
        padding_side="left",
        clean_up_tokenization_spaces=False,
    )


def make_miniature_model(policy: MiniaturePolicy, vocabulary: int) -> Qwen3ForCausalLM:
    """An untrained Qwen3 of the policy's size. Its weights come from torch's global generator."""
    return Qwen3ForCausalLM(
        Qwen3Config(
            vocab_size=vocabulary,
            hidden_size=policy.hidden_size,
            intermediate_size=3 * policy.hidden_size,
            num_hidden_layers=policy.layers,
            num_attention_heads=policy.heads,
            num_key_value_heads=policy.heads // 2,
            head_dim=policy.hidden_size // policy.heads,
            max_position_embeddings=POSITIONS,
            tie_word_embeddings=True,
            bos_token_id=None,
            eos_token_id=SPECIAL.index(END_OF_TURN),
            pad_token_id=SPECIAL.index(END_OF_TEXT),
        )
    )


def document(problem: Problem, template: str) -> str:
    """The text of one problem with its answer, on which the policy is trained."""
    prompt = render_prompt(template, problem.text)
    return f"{prompt}The answer is \\boxed{{{problem.answer}}}.{END_OF_TURN}\n"


def draw_windows(ids_N: Tensor, policy: MiniaturePolicy, rng: torch.Generator) -> Tensor:
    """(batch_size, window) token ids, each row from a random place of the long text `ids_N`."""
    starts = torch.randint(len(ids_N) - policy.window + 1, (policy.batch_size,), generator=rng)
    return torch.stack([ids_N[start : start + policy.window] for start in starts.tolist()])


def make_miniature_policy(
    policy: MiniaturePolicy, problems: Sequence[Problem], template: str
) -> tuple[Qwen3ForCausalLM, PreTrainedTokenizerFast]:
    """Trains (model, tokenizer). The same settings and problems give the same weights.

    Raises:
        BadInput: the problems are shorter than one window, or `template` needs a chat template,
            which the miniature tokenizer does not have.
    """
    documents = [document(problem, template) for problem in problems]
    tokenizer = train_tokenizer(documents, policy.vocabulary)
    ids_N = torch.tensor(
        list(chain.from_iterable(tokenizer(documents, add_special_tokens=False)["input_ids"]))
    )
    if len(ids_N) < policy.window:
        raise BadInput(
            f"model.window {policy.window} is more than the {len(ids_N)} tokens of the training"
            " problems: lower it"
        )
    torch.manual_seed(policy.seed)
    model = make_miniature_model(policy, len(tokenizer))
    train_on_windows(model, ids_N, policy)
    return model, tokenizer


def train_on_windows(model: Qwen3ForCausalLM, ids_N: Tensor, policy: MiniaturePolicy) -> None:
    """Trains the model on `policy.steps` batches of windows: AdamW on the mean loss per token, with
    a one-cycle learning rate.
    """
    rng = torch.Generator().manual_seed(policy.seed)
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=policy.learning_rate, betas=(0.9, 0.98), weight_decay=0.01
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, policy.learning_rate, total_steps=policy.steps
    )
    bar = trange(policy.steps, desc="miniature policy", disable=None)
    for _ in bar:
        windows_BT = draw_windows(ids_N, policy, rng)
        loss = model(input_ids=windows_BT, labels=windows_BT).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        schedule.step()
        bar.set_postfix(loss=f"{loss.item():.3f}")


def save_miniature_policy(
    policy: MiniaturePolicy, problems: Sequence[Problem], template: str, folder: Path
) -> Record:
    """Trains the policy and saves it in the folder. There are no reports on it."""
    model, tokenizer = make_miniature_policy(policy, problems, template)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return {}


def main() -> None:
    arguments = policy_arguments("miniature", __doc__)
    logging.disable_progress_bar()
    with exit_with_message():
        experiment = load_experiment(arguments.spec)
        assert isinstance(experiment.model, MiniaturePolicy), (
            "this module trains policies with source: miniature"
        )
        parts = known_parts(base_parts(StudyLayout(experiment, arguments.spec.parent.parent)))
        problems = read_problems(arguments.spec.parent / "problems" / "train.jsonl")
        policy, template = experiment.model, experiment.task.template
        make_policy_folder(
            arguments.out,
            parts,
            lambda folder: save_miniature_policy(policy, problems, template, folder),
        )


if __name__ == "__main__":
    main()
