"""The completions that a run keeps: what the files hold, when, and that training is as without
them.
"""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from eval.files.jsonl import Row
from experiments.run.explosion import Limits
from experiments.training.rollout.completions_log import (
    KeptRollouts,
    drop_rollouts_from,
    token_texts,
)
from methods import AER, FixedCoefficient
from tests.support.grpo_runs import differences, ours, training, weights, weights_after
from tests.training.test_trainer import TIMES


def read(path: Path) -> list[dict[str, Any]]:
    with gzip.open(path) as file:
        return [json.loads(line) for line in file]


def names(folder: Path) -> list[str]:
    return sorted(path.name.partition(".")[0] for path in folder.glob("*"))


@pytest.mark.parametrize("updates", [1, 2])
def test_training_is_the_same_and_the_files_hold_what_the_row_says(
    updates: int, tmp_path: Path
) -> None:
    changes = {
        "rollouts": 4,
        "updates_per_rollout": updates,
        "per_device_train_batch_size": 4,
    }
    plain: list[Row] = []
    expected = weights_after(
        ours(FixedCoefficient(0.3), training(**changes), tmp_path / "plain", plain.append)
    )
    rows: list[Row] = []
    kept = KeptRollouts(tmp_path / "completions", every=2, rollouts=4)
    trainer = ours(
        FixedCoefficient(0.3), training(**changes), tmp_path / "kept", rows.append, completions=kept
    )
    assert differences(expected, weights_after(trainer)) == 0.0
    assert [{k: row[k] for k in row if k not in TIMES} for row in rows] == [
        {k: row[k] for k in row if k not in TIMES} for row in plain
    ]
    assert names(kept.folder) == ["rollout-0000", "rollout-0002", "rollout-0003"]
    for number in (0, 2, 3):
        check_against_row(read(kept.path(number)), rows[number], trainer.processing_class)


def check_against_row(found: list[dict[str, Any]], row: Row, tokenizer: Any) -> None:
    tokens = sum(each["length"] for each in found)
    assert len(found) == 16
    assert {each["rollout"] for each in found} == {row["rollout"]}
    assert [each["group"] for each in found] == [i // 4 for i in range(16)]
    for first in range(0, 16, 4):
        group = found[first : first + 4]
        assert len({each["prompt"] for each in group}) == 1
        assert sum(each["advantage"] for each in group) == pytest.approx(0, abs=1e-4)
    for each in found:
        assert {len(each[key]) for key in ("tokens", "pieces", "entropy", "logp")} == {
            each["length"]
        }
        assert tokenizer.decode(each["tokens"], skip_special_tokens=True) == each["text"]
        special = set(tokenizer.all_special_tokens)
        words = [piece for piece in each["pieces"] if piece not in special]
        assert "".join(words) == each["text"]
        assert each["verdict"] == float(
            3 * sum(c.isdigit() for c in each["text"]) > len(each["text"])
        )
    assert sum(sum(each["entropy"]) for each in found) / tokens == pytest.approx(
        row["entropy"], abs=1e-4
    )
    assert -sum(sum(each["logp"]) for each in found) / tokens == pytest.approx(
        row["entropy_mc"], abs=1e-4
    )
    assert sum(each["reward"] for each in found) / 16 == pytest.approx(row["reward"])
    assert sum(each["truncated"] for each in found) / 16 == pytest.approx(row["truncated"])


def test_a_resumed_run_writes_the_same_files(tmp_path: Path) -> None:
    changes = {
        "updates_per_rollout": 2,
        "per_device_train_batch_size": 4,
        "rollouts": 4,
        "checkpoint_every": 2,
    }
    method = AER(tau=1.0, rho=1.0, eta=1.0, alpha_0=0.2)
    whole, rest = (KeptRollouts(tmp_path / name, every=3, rollouts=4) for name in ("a", "b"))
    ours(method, training(**changes), tmp_path / "whole", completions=whole).train()
    resumed = ours(method, training(**changes), tmp_path / "resumed", completions=rest)
    resumed.train(resume_from_checkpoint=str(tmp_path / "whole" / "checkpoint-4"))
    assert names(whole.folder) == ["rollout-0000", "rollout-0003"]
    assert names(rest.folder) == ["rollout-0003"]
    assert rest.path(3).read_bytes() == whole.path(3).read_bytes()
    assert weights(resumed)


def test_a_run_that_ends_early_keeps_the_rollout_that_it_ends_with(tmp_path: Path) -> None:
    kept = KeptRollouts(tmp_path / "completions", every=10, rollouts=6, may_end_early=True)
    limits = Limits(vocabulary=16, unrewarded=2, stop=True)
    calls: list[int] = []

    def rewarded_once(completions: list[str], **_: Any) -> list[float]:
        calls.append(1)
        return [float(len(calls) == 1)] * len(completions)

    trainer = ours(
        FixedCoefficient(0.3),
        training(rollouts=6),
        tmp_path / "out",
        completions=kept,
        limits=limits,
        reward_funcs=[rewarded_once],
    )
    trainer.train()
    assert trainer.has_exploded()
    assert names(kept.folder) == ["rollout-0000", "rollout-0002"]


def test_files_of_rollouts_to_come_are_deleted(tmp_path: Path) -> None:
    kept = KeptRollouts(tmp_path)
    for number in (0, 20, 39):
        kept.path(number).write_bytes(b"")
    (tmp_path / "rollout-notes.jsonl.gz").write_bytes(b"")
    drop_rollouts_from(tmp_path, 20)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "rollout-0000.jsonl.gz",
        "rollout-notes.jsonl.gz",
    ]


def test_nothing_is_kept_where_it_is_switched_off() -> None:
    assert not any(KeptRollouts(every=0, rollouts=3).may_keep(rollout) for rollout in range(3))


def test_tokens_of_one_character_share_it() -> None:
    """A tokenizer of single bytes writes é in two tokens and 😀 in four."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    inner = Tokenizer(models.BPE({c: i for i, c in enumerate(alphabet)}, []))
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=inner)
    ids = tokenizer.encode("a é😀 b")
    texts = token_texts(tokenizer, ids, {})
    assert texts == ["a", " ", "", "é", "", "", "", "😀", " ", "b"]
    half = token_texts(tokenizer, ids[:3], {})
    assert half == ["a", " ", "\ufffd"]


def test_a_leading_space_is_kept() -> None:
    """Decoders of SentencePiece drop the space before a text's first token."""
    inner = Tokenizer(models.BPE({"▁a": 0, "▁b": 1, "c": 2}, []))
    inner.decoder = decoders.Metaspace()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=inner)
    assert tokenizer.decode([0]) == "a"
    assert token_texts(tokenizer, [0, 1, 2], {}) == [" a", " b", "c"]
