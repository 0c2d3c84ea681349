"""The results of tests/speed/gpu.py as Markdown: medians and ratios of what its parts measured."""

import statistics
from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from typing import Any

Row = dict[str, Any]
GIB = 2**30
TOY = (
    "**Toy sizes on the CPU. These numbers show that every part runs, and nothing about speed.**\n"
)


def markdown(results: Row) -> str:
    """One page: the machine, then a section per part that has run."""
    machine = {**results["machine"], "revision": results["revision"]}
    sections = [
        "# tests/speed/gpu.py\n",
        TOY if results["toy"] else "",
        table(["machine", ""], map(list, machine.items())),
    ]
    for name, part in results["parts"].items():
        sections += [
            f"## {name}: {part['status']} in {part['seconds']:.0f} s\n",
            SECTIONS[name](part),
        ]
    return "\n".join(filter(None, sections))


def steps(part: Row) -> str:
    head = (
        "policy", "tokens", "entropy term", "ours, s", "TRL, s", "ours / TRL", "each pair",
        "ours, GiB", "TRL, GiB", "ours / TRL", "ours, with / without term", "fault",
    )  # fmt: skip
    return table(head, [[row[key] for key in COLUMNS] for row in compare(part["rows"])])


COLUMNS = (
    "policy", "length", "entropy_term", "ours_s", "stock_s", "time_ratio", "pair_ratios",
    "ours_gib", "stock_gib", "memory_ratio", "term_ratio", "fault",
)  # fmt: skip


def compare(rows: Sequence[Row]) -> list[Row]:
    """A row per cell, from its turns: medians over all steps of a trainer, and the ratios between
    the trainers.
    """
    found: dict[tuple[str, int, bool], Row] = {}
    for key, turns in groupby(
        rows, key=lambda row: (row["policy"], row["length"], row["entropy_term"])
    ):
        ours, stock = split(list(turns))
        times = seconds(ours), seconds(stock)
        peaks = gib(ours), gib(stock)
        without = found.get((*key[:2], False), {}).get("ours_s") if key[2] else None
        found[key] = {
            **dict(zip(("policy", "length", "entropy_term"), key, strict=True)),
            "ours_s": times[0],
            "stock_s": times[1],
            "time_ratio": ratio(*times),
            "pair_ratios": [
                ratio(seconds([a]), seconds([b])) for a, b in zip(ours, stock, strict=False)
            ],
            "ours_gib": peaks[0],
            "stock_gib": peaks[1],
            "memory_ratio": ratio(*peaks),
            "term_ratio": ratio(times[0], without),
            "fault": next((turn["error"] for turn in ours + stock if "error" in turn), None),
        }
    return list(found.values())


def split(turns: list[Row]) -> tuple[list[Row], list[Row]]:
    """(ours, stock); turns of equal number follow each other, in either order."""
    ours = [turn for turn in turns if turn["trainer"] == "ours"]
    return ours, [turn for turn in turns if turn["trainer"] == "stock"]


def seconds(turns: list[Row]) -> float | None:
    """Median over the steps of these turns."""
    steps = [second for turn in turns for second in turn.get("seconds", [])]
    return statistics.median(steps) if steps else None


def gib(turns: list[Row]) -> float | None:
    """Highest peak of these turns; None on a CPU, where torch does not count."""
    return max((peak / GIB for turn in turns for peak in turn.get("peak_bytes", [])), default=None)


def ratio(above: float | None, below: float | None) -> float | None:
    return above / below if above and below else None


def parity(part: Row) -> str:
    passed = sum(row["result"] == "passed" for row in part["rows"])
    rows = [[row["test"], row["result"], row["difference"], row["seconds"]] for row in part["rows"]]
    return f"{passed} of {len(rows)} passed.\n\n" + table(
        ("test", "result", "largest difference", "s"), rows
    )


def grpo(part: Row) -> str:
    head = (
        "arm",
        "rollouts",
        "entropy, first",
        "last",
        "accuracy, first",
        "last",
        "generation, s",
        "updates, s",
    )
    rows = [
        [run["arm"], len(run["entropy"]), *ends(run["entropy"]), *ends(run["accuracy"])]
        + [
            statistics.median(run[key]) if run[key] else None
            for key in ("seconds_rollout", "seconds_update")
        ]
        for run in part["rows"]
    ]
    base = (
        f"Accuracy of the base policy by level: {part['base_accuracy']}\n\n"
        if part["base_accuracy"]
        else ""
    )
    return base + table(head, rows) + "\n![entropy of every arm](entropy.png)\n"


def ends(series: list[float]) -> list[float | None]:
    return [series[0], series[-1]] if series else [None, None]


def table(head: Iterable[str], rows: Iterable[Sequence[Any]]) -> str:
    names = list(head)
    lines = [names, ["---"] * len(names), *[[cell(value) for value in row] for row in rows]]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def cell(value: Any) -> str:
    """Three digits; – where nothing was measured."""
    if isinstance(value, list):
        return ", ".join(map(cell, value)) or "–"
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.3g}" if isinstance(value, float) else str(value)


SECTIONS: dict[str, Callable[[Row], str]] = {"steps": steps, "parity": parity, "grpo": grpo}
