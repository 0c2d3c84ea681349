"""Says, before hours are spent, that a policy has nothing to learn from a task.

GRPO learns from differences between the completions of a prompt. Where all of them are wrong, or
all right, every advantage is 0; and a completion that is cut off at the token limit has hardly ever
reached its answer.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from eval.files.csv_text import read_csv
from eval.files.errors import BadInput

CUT_OFF = 0.9  # share of completions at the token limit from which it is said


def doubts(correct: float | None, truncated: float | None, limit: int) -> list[str]:
    """Sentences on what speaks against training; none where nothing does.

    correct, truncated: shares of the completions, None = unknown; limit: tokens of a completion.
    """
    found = []
    if truncated is not None and truncated >= CUT_OFF:
        found.append(
            f"{truncated:.0%} of the completions are cut off at {limit} tokens: raise"
            " max_completion_length, or choose a template that asks for less"
        )
    if correct == 0:
        found.append(
            "no completion is correct, so there is nothing to learn from: choose easier prompts,"
            " another template or a lower temperature"
        )
    if correct == 1:
        found.append(
            "every completion is correct, so there is nothing left to learn: choose harder prompts"
        )
    return found


def doubts_of_row(row: Mapping[str, Any], limit: int) -> list[str]:
    """Of a row of train.jsonl."""
    return doubts(row.get("accuracy"), row.get("truncated"), limit)


def base_shares(counts: Path) -> tuple[float, float] | None:
    """Shares of correct and of truncated completions, of a counts file that `eval.score` wrote.

    None where there is none, or nothing was answered.
    """
    if not counts.is_file():
        return None
    sums = dict.fromkeys(("n", "correct", "truncated"), 0)
    for place, row in read_csv(counts, tuple(sums)):
        for name in sums:
            if not row[name].isdecimal():
                raise BadInput(f"{place}: {name} is {row[name]!r}: delete the file and score again")
            sums[name] += int(row[name])
    if not sums["n"]:
        return None
    return sums["correct"] / sums["n"], sums["truncated"] / sums["n"]


def base_notes(root: Path, sets: Mapping[str, int]) -> list[str]:
    """What the base policy's answers say, one line per set that has been answered, and doubts.

    root: results folder of the experiment; sets: name → tokens of a completion.
    """
    lines = []
    for name, limit in sets.items():
        found = base_shares(root / "base" / "eval" / f"{name}.counts.csv")
        if found is None:
            continue
        correct, truncated = found
        lines.append(
            f"{name}: the base policy is right in {correct:.0%} of its answers, and"
            f" {truncated:.0%} are cut off (measured in {root})"
        )
        lines += [f"warning: {name}: {doubt}" for doubt in doubts(correct, truncated, limit)]
    return lines
