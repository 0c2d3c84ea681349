"""Whether two results folders hold the same outcome, byte for byte, but for how long things
took.
"""

import json
from pathlib import Path

from eval.files.marks import CHECKSUMS

SAME = (
    "problems/*",
    "base/policy/*",
    "base/eval/*",
    "*/seed-*/policy/*",
    "*/seed-*/method_state.json",
    "*/seed-*/train.jsonl",
    "*/seed-*/eval/*",
    "tables/*.*",
    "figures/*.csv",
    "figures/*.png",
    "mlflow.logged",
)
SEPARATORS = {".csv": ",", ".md": "|", ".tex": "&"}


def differences(quiet: Path, other: Path) -> list[str]:
    """Files that differ or are in one folder only."""
    names = {
        path.relative_to(root).as_posix()
        for root in (quiet, other)
        for glob in SAME
        for path in root.glob(glob)
    }
    return [name for name in sorted(names) if content(quiet / name) != content(other / name)]


def content(path: Path) -> bytes | None:
    """What must be the same; None where there is no such file."""
    if not path.is_file():
        return None
    if path.name == "train.jsonl":
        rows = map(json.loads, path.read_text().splitlines())
        return repr(
            [{k: v for k, v in row.items() if not k.startswith("seconds")} for row in rows]
        ).encode()
    if path.parent.name == "tables" and path.name in ("budget.html", CHECKSUMS):
        return b"holds times throughout"
    if path.parent.name == "tables" and path.stem == "budget":
        return without_seconds(path.read_text(), SEPARATORS[path.suffix]).encode()
    return path.read_bytes()


def without_seconds(table: str, separator: str) -> str:
    """The budget table without its columns of seconds."""
    lines = [line.split(separator) for line in table.splitlines()]
    head = next(line for line in lines if any(cell.strip() == "seconds" for cell in line))
    timed = {i for i, name in enumerate(head) if name.strip().startswith("seconds")}
    rows = [
        [cell for i, cell in enumerate(line) if i not in timed] if len(line) == len(head) else line
        for line in lines
    ]
    return "\n".join(separator.join(cell.strip() for cell in row) for row in rows)
