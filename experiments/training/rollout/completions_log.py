"""Keeps the completions of some rollouts, token by token, so that a person can read what a policy
writes and see where it still chooses.

    <arm>/seed-<s>/completions/rollout-0000.jsonl.gz    one completion per line

docs/metrics.md lists the keys. Kept are every k-th rollout and the last one; a run that ends early
because it exploded keeps the rollout that it ends with. Entropy and log-probability are those of
the forward pass that measures the rollout's entropy: no pass is added, and nothing is drawn, so
that a run trains the same with and without these files.

A rollout's file is written before a checkpoint that contains the rollout. A resumed run deletes the
files of later rollouts and writes them again.

Shapes: B = this process' completions, T = their tokens.
"""

import gzip
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from accelerate.utils import gather_object
from torch import Tensor

from eval.files.durable import write_bytes
from eval.files.jsonl import Row, dump
from eval.files.results_layout import COMPLETIONS_FOLDER, completions_file, completions_files
from experiments.training.rollout.rollout_in_progress import TokenScores

DECIMALS = 4
"""Of entropy and log-probability: 1e-4 nats, less than bfloat16 can tell apart."""
CHARACTER_TOKENS = 4
"""A character has at most 4 bytes in UTF-8, so at most 4 tokens write one."""


@dataclass(frozen=True)
class KeptRollouts:
    """Which rollouts of a run are kept, and where."""

    folder: Path = Path(COMPLETIONS_FOLDER)
    every: int = 0  # rollouts; 0 = none
    rollouts: int = 0  # of the whole run
    may_end_early: bool = False  # then any rollout may be the last one

    def may_keep(self, rollout: int) -> bool:
        return self.every > 0 and (self.may_end_early or self.keeps(rollout))

    def keeps(self, rollout: int) -> bool:
        return self.every > 0 and (rollout % self.every == 0 or rollout == self.rollouts - 1)

    def path(self, rollout: int) -> Path:
        return completions_file(self.folder, rollout)


class CompletionsLog:
    """Follows the rollout under way. Every process calls it; the main one writes."""

    def __init__(self, kept: KeptRollouts) -> None:
        self.kept = kept
        self._batch: Mapping[str, Any] = {}
        self._inputs: Sequence[Mapping[str, Any]] = ()
        self._pieces: dict[tuple[int, ...], str] = {}  # text of tokens that were met before

    def begin(self, trainer: Any, inputs: Sequence[Row], batch: Mapping[str, Any]) -> None:
        """After generation and verification, before any token is scored.

        inputs: rows of the data set, one per completion. batch: TRL's, in the same order.
        """
        if self.kept.may_keep(trainer.progress.rollouts):
            wanted = ("completion_ids", "completion_mask", "advantages")
            self._batch = {key: batch[key] for key in wanted}
            self._inputs = inputs
            trainer.rollout.tokens = TokenScores.like(batch["completion_ids"])

    def end(self, trainer: Any) -> None:
        """After the rollout's last update. Every process must come here."""
        rollout = trainer.progress.rollouts - 1
        if trainer.rollout.tokens and (self.kept.keeps(rollout) or trainer.has_exploded()):
            mine = "".join(dump(row) + "\n" for row in self._rows(trainer, rollout))
            # Each process packs its own: members of gzip one after another are one gzip file.
            packed = gather_object([gzip.compress(mine.encode(), mtime=0)])
            if trainer.accelerator.is_main_process:
                write_bytes(self.kept.path(rollout), b"".join(packed))
        self._batch, self._inputs = {}, ()

    def _rows(self, trainer: Any, number: int) -> list[Row]:
        rollout, batch, scores = trainer.rollout, self._batch, trainer.rollout.tokens
        local = trainer._local(len(self._inputs))
        lengths = batch["completion_mask"].sum(1).tolist()
        numbers = zip(
            rollout.verdict_B[local].tolist(),
            rollout.reward_B[local].tolist(),
            batch["advantages"].tolist(),
            rollout.rows.truncated_B.tolist(),
            strict=True,
        )
        ids_BT = batch["completion_ids"].tolist()
        entropy_BT, logp_BT = rounded(scores.entropy_BT), rounded(scores.logp_BT)
        rows = []
        for i, (verdict, reward, advantage, truncated) in enumerate(numbers):
            ids = ids_BT[i][: lengths[i]]
            rows.append(
                {
                    "rollout": number,
                    "group": (local.start + i) // trainer.num_generations,
                    "prompt": str(self._inputs[i]["prompt"]),
                    "answer": str(self._inputs[i].get("answer", "")),
                    "text": rollout.verified[i],
                    "verdict": finite(verdict),
                    "reward": finite(reward),
                    "advantage": finite(advantage),
                    "length": lengths[i],
                    "truncated": bool(truncated),
                    "tokens": ids,
                    "pieces": token_texts(trainer.processing_class, ids, self._pieces),
                    "entropy": [finite(value) for value in entropy_BT[i][: lengths[i]]],
                    "logp": [finite(value) for value in logp_BT[i][: lengths[i]]],
                }
            )
        return rows


def rounded(value_BT: Tensor) -> list[list[float]]:
    return value_BT.double().round(decimals=DECIMALS).cpu().tolist()


def finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def token_texts(tokenizer: Any, ids: Sequence[int], known: dict[tuple[int, ...], str]) -> list[str]:
    """The text of each token, as long as `ids`; special tokens have theirs, too.

    Where several tokens write one character, the last of them has it and the others have "".
    `known`: texts of tokens met before, which this call adds to.
    """
    texts, waiting = [], ()
    for token in ids:
        waiting += (token,)
        if waiting not in known:
            known[waiting] = text_amid_others(tokenizer, waiting)
        if known[waiting].endswith("\ufffd") and len(waiting) < CHARACTER_TOKENS:
            texts.append("")
        else:
            texts.append(known[waiting])
            waiting = ()
    if waiting:
        texts[-1] = known[waiting]
    return texts


def text_amid_others(tokenizer: Any, ids: tuple[int, ...]) -> str:
    """Some tokenizers drop the space before the first token of a text, so it is taken from its
    second copy.
    """
    once, twice = (
        tokenizer.decode(list(ids * times), clean_up_tokenization_spaces=False) for times in (1, 2)
    )
    return twice[len(once) :]


def drop_rollouts_from(folder: Path, first: int) -> None:
    """Deletes the files of rollouts that will be generated again."""
    for rollout, path in completions_files(folder).items():
        if rollout >= first:
            path.unlink()
