"""Whether a study has something to lose: where nothing is learnt, a start that forgets everything
ends like the quiet run.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from eval.files.csv_text import read_csv
from eval.files.jsonl import read_rows

WEIGHTS = "policy/model.safetensors"


def lifeless(results: Path) -> list[str]:
    """What a results folder of arms `none` and `aer` does not show, in words; empty = a loss would
    be seen.
    """
    runs = {path.parent: read_rows(path) for path in sorted(results.glob("*/seed-*/train.jsonl"))}
    if not runs:
        return ["no run"]
    found = [
        f"{run.relative_to(results)}: {what}"
        for run, rows in runs.items()
        for what in unlearnt(rows)
    ]
    found += same_weights([results / "base", *runs])
    if not any(acts(row) for run, rows in runs.items() if run.parent.name == "aer" for row in rows):
        found.append("α of aer is 0 in every rollout")
    return found + same_counts(list(results.glob("*/seed-*/eval/*.counts.csv")))


def unlearnt(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """What the log of a run that learns would show and this one does not."""
    if len({row["reward"] for row in rows}) < 2:
        yield "the reward is the same in every rollout"
    if 2 * sum((row["grad_norm"] or 0) > 0 for row in rows) <= len(rows):
        yield "no gradient in half of its rollouts or more"


def acts(row: Mapping[str, Any]) -> bool:
    """Whether the controller's coefficient is above 0 after this rollout, and was so in its
    loss.
    """
    return row["state"]["alpha"] > 0 and row["coefficient_max"] > 0


def same_weights(folders: Sequence[Path]) -> list[str]:
    """Pairs of policies that are one: the base policy and those trained from it all differ."""
    first: dict[str, Path] = {}
    found = list[str]()
    for folder in folders:
        other = first.setdefault(
            hashlib.sha256((folder / WEIGHTS).read_bytes()).hexdigest(), folder
        )
        if other != folder:
            found.append(f"{folder} has the weights of {other}")
    return found


def same_counts(files: Sequence[Path]) -> list[str]:
    """Of all counts together: some answers are right and some wrong."""
    rows = [row for path in files for _, row in read_csv(path, ("n", "correct"))]
    made, right = (sum(int(row[name]) for row in rows) for name in ("n", "correct"))
    return [] if 0 < right < made else [f"{right} of {made} answers are right"]
