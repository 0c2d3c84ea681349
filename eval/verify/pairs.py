r"""python -m eval.verify.pairs FILE...: how many known pairs are judged rightly, by category.

Each line of a file is JSON with `gold`, `answer` (a whole completion if it has a \boxed in it),
`expected` (true or false) and `category`. Prints a table, and with --wrong the pairs that are
judged wrongly. Ends with status 1 if there is one.
"""

import argparse
import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from eval.files.errors import BadInput, exit_with_message
from eval.files.jsonl import Row, read_rows
from eval.verify.verifier import Verifier


def main(argv: Sequence[str] | None = None) -> int:
    """Prints the table. Returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m eval.verify.pairs", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("files", type=Path, nargs="+", help="JSON lines of pairs")
    parser.add_argument(
        "--workers", type=int, help="worker processes; default: one per core, at most 4"
    )
    parser.add_argument("--wrong", action="store_true", help="print every wrongly judged pair too")
    arguments = parser.parse_args(argv)
    rows = [row for path in arguments.files for row in _read_pairs(path)]
    with Verifier(workers=arguments.workers) as verifier:
        completions = [_completion(row["answer"]) for row in rows]
        verdicts = verifier.verify(completions, [row["gold"] for row in rows])
    wrong = [
        (row, verdict.status)
        for row, verdict in zip(rows, verdicts, strict=True)
        if verdict.correct != row["expected"]
    ]
    print(_table(rows, [row for row, _ in wrong]))
    for row, status in wrong if arguments.wrong else ():
        said = "refused" if row["expected"] else "accepted"
        print(f"{said} ({status}), {row['category']}: {row['gold']!r} {row['answer']!r}")
    return 1 if wrong else 0


def _read_pairs(path: Path) -> list[Row]:
    rows = list(read_rows(path))
    for line, row in enumerate(rows, start=1):
        kinds = {"gold": str, "answer": str, "expected": bool, "category": str}
        for key, kind in kinds.items():
            if not isinstance(row.get(key), kind):
                what = "true or false" if kind is bool else "text"
                raise BadInput(f"{path}, line {line}: `{key}` must be {what}: fix the line")
    return rows


def _completion(answer: str) -> str:
    return answer if r"\boxed" in answer or r"\fbox" in answer else rf"\boxed{{{answer}}}"


def _table(rows: list[Row], wrong: list[Row]) -> str:
    counts: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    for row in rows:
        for name in (row["category"], "all"):
            counts[name][0] += 1
    for row in wrong:
        for name in (row["category"], "all"):
            counts[name][1 if row["expected"] else 2] += 1
    lines = ["| category | pairs | wrongly refused | wrongly accepted |", "|---|---|---|---|"]
    for name in sorted(counts, key=lambda name: (name == "all", name)):
        lines.append(f"| {name} | {' | '.join(f'{number:,}' for number in counts[name])} |")
    return "\n".join(lines)


if __name__ == "__main__":
    with exit_with_message():
        sys.exit(main())
