"""Where each named set of problems comes from: a literal table, one entry per set.

A revision is a commit of the data set's repository on the hub. Several independent public projects
pin each of the commits below; docs/benchmarks.md says what was tried. A revision of None means that
no commit is known: the set is then loaded from `data_dir` only.
"""

from dataclasses import dataclass
from typing import Literal

AnswerForm = Literal["as_is", "last_boxed", "after_hashes", "list"]


@dataclass(frozen=True)
class Source:
    """One named set: a local file of JSON lines, and the same set on the hub with its field names.

    Field names may be paths with dots ("extra_info.index"); numbers index into lists.
    """

    file: str  # JSON lines in data_dir
    count: int  # rows of that file
    hub: str
    split: str
    revision: str | None  # 40 hexadecimal digits, never a branch or a tag
    config: str | None = None
    hub_count: int | None = None  # distinct rows on the hub, where they differ from `count`
    text: str = "problem"
    answer: str = "answer"
    level: str | None = None
    subject: str | None = None
    # field that is equal in repeated rows of the hub: they become one problem
    distinct: str | None = None
    wrapper: tuple[str, str] = ("", "")  # prompt text around each problem, removed
    answer_form: AnswerForm = "as_is"  # how the gold is written in the hub's answer field
    empty_gold: str | None = None  # the gold where the source leaves it empty
    # golds are integers in this closed range; None: any text
    integers: tuple[int, int] | None = None
    training: bool = False  # repeated and conflicting problems are dropped on load


_DAPO_WRAPPER = (
    "Solve the following math problem step by step. The last line of your response should be of"
    " the form Answer: $Answer (without quotes) where $Answer is the answer to the problem.\n\n",
    '\n\nRemember to put your answer on its own line after "Answer:".',
)
_AIME = (0, 999)
_GSM8K_REVISION = "740312add88f781978c0658806c59bc2815b9866"
_MATH_REVISION = "0530c78699ea5e8eb5530600900e1f328b48acad"

# fmt: off
SOURCES: dict[str, Source] = {
    "aime_2024": Source(
        "aime_2024.jsonl", 30, "HuggingFaceH4/aime_2024", "train",
        "2fe88a2f1091d5048c0f36abc874fb997b3dd99a", integers=_AIME,
    ),
    "aime_2025": Source(
        "aime_2025.jsonl", 30, "MathArena/aime_2025", "train",
        "c94da77eb22bbd6439e62a323bec18493a421302", integers=_AIME,
    ),
    "aime_2026": Source(
        "aime_2026.jsonl", 30, "MathArena/aime_2026", "train",
        "d2de22f3c656b4f56cf8981212186377d1e23bc3", integers=_AIME,
    ),
    "hmmt_feb_2025": Source(
        "hmmt_feb_2025.jsonl", 30, "MathArena/hmmt_feb_2025", "train",
        "6fdc4277120810ff75aa22d2d5489b91f7a262a1",
    ),
    "amc_2023": Source(
        "amc_2023.jsonl", 40, "math-ai/amc23", "test",
        "80815d37005feb82cd7f8fbc6901d5d3eff43057", text="question", integers=(-9_999, 9_999),
    ),
    "math_500": Source(
        "math_500.jsonl", 500, "HuggingFaceH4/MATH-500", "test",
        "6e4ed1a2a79af7d8630a6b768ec859cb5af4d3be", level="level", subject="subject",
    ),
    "math_test": Source(
        "math_test.jsonl", 5_000, "DigitalLearningGmbH/MATH-lighteval", "test", _MATH_REVISION,
        answer="solution", answer_form="last_boxed", level="level", subject="type",
    ),
    "minerva_math": Source(
        "minerva_math.jsonl", 272, "math-ai/minervamath", "test",
        "ee46ddc498933b1977577953250ca5c66be64f96", text="question",
    ),
    "olympiadbench": Source(
        "olympiadbench.jsonl", 675, "Hothan/OlympiadBench", "train",
        "91184b52131e7fc9455fef848035173aea8cc01a", config="OE_TO_maths_en_COMP", hub_count=674,
        text="question", answer="final_answer", answer_form="list", subject="subfield",
    ),
    "gsm8k": Source(
        "gsm8k_test.jsonl", 1_319, "openai/gsm8k", "test", _GSM8K_REVISION, config="main",
        text="question", answer_form="after_hashes", integers=(-(10**9), 10**9),
    ),
    "dapo_math_17k": Source(
        "dapo_math_17k.jsonl", 17_917, "BytedTsinghua-SIA/DAPO-Math-17k", "train",
        "65877096c24ffa7abc4e4fa5edb95cf3413a5674", text="prompt.0.content",
        answer="reward_model.ground_truth", distinct="extra_info.index", wrapper=_DAPO_WRAPPER,
        integers=(-(10**30), 10**30), training=True,
    ),
    "math_train": Source(
        "math_train.jsonl", 7_500, "DigitalLearningGmbH/MATH-lighteval", "train", _MATH_REVISION,
        answer="solution", answer_form="last_boxed", level="level", subject="type", empty_gold="0",
        training=True,
    ),
    "gsm8k_train": Source(
        "gsm8k_train.jsonl", 7_473, "openai/gsm8k", "train", _GSM8K_REVISION, config="main",
        text="question", answer_form="after_hashes", integers=(-(10**9), 10**9), training=True,
    ),
}
# fmt: on
