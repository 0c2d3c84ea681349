"""The last lines on the screen: what was found, and where the report is."""

import csv
from collections import defaultdict
from pathlib import Path

VERDICTS = ("better", "worse", "not distinguishable")


def closing_lines(root: Path) -> list[str]:
    """One line per benchmark and k, then the report's path. `root`: the results folder.

    Empty without a report, as after a sweep alone.
    """
    report, table = root / "report.html", root / "tables" / "comparisons.csv"
    if not report.is_file():
        return []
    return [*(lines_of_verdicts(table) if table.is_file() else []), f"Report: {report}"]


def lines_of_verdicts(table: Path) -> list[str]:
    """The verdicts of a table of comparisons, in its order."""
    found: dict[tuple[str, str, str], dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    with table.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            found[row["benchmark"], row["k"], row["reference"]][row["verdict"]].append(row["arm"])
    return [
        f"{benchmark}, pass@{k}, against {reference}: "
        + "; ".join(
            f"{verdict}: {', '.join(arms[verdict])}"
            for verdict in sorted(arms, key=lambda each: (*VERDICTS, each).index(each))
        )
        for (benchmark, k, reference), arms in found.items()
    ]
