"""The vocabulary of a tiny policy: one token per character, and one for `\\boxed{`."""

import re
from collections.abc import Mapping

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from experiments.families import Arithmetic, TaughtFamily

PADDING, END_OF_ANSWER = "<pad>", "<end>"
TOKEN = r"\\boxed\{|<end>|<unused\d+>|."
PADDING_ID = 0  # the first of the tokens


def tokens_of(family: TaughtFamily) -> list[str]:
    """The vocabulary of a policy that answers questions of the family."""
    return [PADDING, END_OF_ANSWER, *family.vocabulary]


def token_ids(family: TaughtFamily) -> dict[str, int]:
    """Token → its id."""
    return {token: i for i, token in enumerate(tokens_of(family))}


def make_tiny_tokenizer(family: TaughtFamily = Arithmetic()) -> PreTrainedTokenizerFast:  # noqa: B008
    """One token per character, and one for `\\boxed{`. Decoding joins tokens without blanks."""
    core = Tokenizer(models.WordLevel(token_ids(family), unk_token=PADDING))
    core.pre_tokenizer = pre_tokenizers.Split(Regex(TOKEN), behavior="isolated")
    core.decoder = decoders.Fuse()
    return PreTrainedTokenizerFast(
        tokenizer_object=core,
        pad_token=PADDING,
        eos_token=END_OF_ANSWER,
        padding_side="left",
        clean_up_tokenization_spaces=False,
    )


def encode(text: str, codes: Mapping[str, int]) -> list[int]:
    """Token ids of a text. codes: token → its id."""
    return [codes[token] for token in re.findall(TOKEN, text)]
