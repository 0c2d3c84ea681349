"""What a look decides.

Two families of comparisons with the reference, arms × benchmarks each, as in the tables: pass@1,
and pass@k. At each look Holm's correction judges those of a family that have no verdict yet, at the
level that the look has (analysis/inference/looks.py).

* A verdict, better or worse, stays, with the numbers of the look that gave it.
* An arm stops when pass@1 has a verdict on each benchmark. Its comparisons in pass@k are not tested
  any more, and stay in their family.
* The reference gets the next seeds as long as any arm is open. Nobody does after the last look.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from analysis.inference.looks import judge_at_look
from analysis.inference.sentences import sentence
from analysis.results.folder import Results
from analysis.tables.at_looks import spending_of
from analysis.tables.scores import comparison_row, shown_k
from eval.files.errors import BadInput
from eval.looks.record import VERDICTS_THAT_STAY

LookRow = dict[str, Any]


class Compares(NamedTuple):
    """What a comparison with the reference compares."""

    benchmark: str
    k: int
    arm: str


def look_content(results: Results, seeds: int) -> dict[str, Any]:
    """What looks/<seeds>.json holds.

    Raises:
        BadInput: an earlier look has not been reached or left no arm open, or an open arm lacks
            counts.
    """
    results = at_look(results, seeds)
    before = results.reached[-1] if results.reached else {"open": results.arms, "comparisons": []}
    rows = {compares(row): row for row in before["comparisons"]}
    everything = comparisons_of(results)
    for family in ([c for c in everything if c.k == 1], [c for c in everything if c.k > 1]):
        waiting = [each for each in family if not is_decided(rows.get(each))]
        tested = [each for each in waiting if each.arm in before["open"]]
        rows |= judged_rows(results, seeds, tested, len(waiting) - len(tested))
    further = open_arms(results, rows) if seeds < results.looks[-1] else []
    return {
        "seeds": seeds,
        "looks": list(results.looks),
        "spending": spending_of(results),
        "reference": results.reference,
        "open": further,
        "comparisons": [rows[each] for each in everything if each in rows],
    }


def at_look(results: Results, seeds: int) -> Results:
    """The results as the look with so many seeds finds them."""
    before = results.looks.index(seeds)
    results = replace(results, reached=results.reached[:before])
    made = len(results.reached)
    still = results.reached[-1]["open"] if made else results.arms
    if not still:
        raise BadInput(
            f"{results.folder}: the look after {results.looks[made - 1]} seeds left no arm open:"
            f" there is nothing to look at after {seeds}"
        )
    if made < before:
        raise BadInput(
            f"{results.folder}: the look after {results.looks[made]} seeds has not been made: make"
            " it first"
        )
    for arm in still:
        for benchmark in results.benchmarks:
            found = results.evaluation(arm, benchmark, "counts.csv")
            if lacking := [seed for seed in results.seeds_of(arm) if seed not in found]:
                raise BadInput(
                    f"{results.folder}: {arm} has no counts of seed"
                    f" {', '.join(map(str, lacking))} on {benchmark}: the look after {seeds} seeds"
                    " needs them"
                )
    return results


def comparisons_of(results: Results) -> list[Compares]:
    return [
        Compares(benchmark, k, arm)
        for benchmark in results.benchmarks
        for k in shown_k(results, benchmark)
        for arm in results.arms
        if arm != results.reference
    ]


def compares(row: LookRow) -> Compares:
    return Compares(row["benchmark"], row["k"], row["arm"])


def is_decided(row: LookRow | None) -> bool:
    return row is not None and row["verdict"] in VERDICTS_THAT_STAY


def judged_rows(
    results: Results, seeds: int, tested: Iterable[Compares], stopped: int
) -> dict[Compares, LookRow]:
    """Rows of the comparisons that this look tests. `stopped`: comparisons of the family without
    verdict, of arms that have stopped.

    Raises:
        BadInput: two arms cannot be compared. More seeds would not help: they were open for ever.
    """
    rows = {each: comparison_row(results, each.benchmark, each.arm, each.k) for each in tested}
    for each, row in rows.items():
        if row["comparison"] is None:
            raise BadInput(
                f"{results.folder}: the look after {seeds} seeds cannot compare {each.arm} with"
                f" {results.reference} in pass@{each.k} on {each.benchmark}: {row['remarks']}"
            )
    found = [row["comparison"] for row in rows.values()]
    judged = judge_at_look(found, results.looks, seeds, spending_of(results), stopped)
    for each, verdict in zip(rows, judged, strict=True):
        rows[each] |= {
            **{"p_holm": verdict.p, "low_holm": verdict.low, "high_holm": verdict.high},
            "verdict": verdict.verdict,
            "family": verdict.family,
            "sentence": sentence(
                verdict, each.arm, results.reference, each.benchmark, each.k, only_look=False
            ),
        }
    return {each: json_row(row | {"look": seeds}) for each, row in rows.items()}


def open_arms(results: Results, rows: dict[Compares, LookRow]) -> list[str]:
    """Arms without a verdict in pass@1 on some benchmark, and with them the reference."""
    further = {each.arm for each, row in rows.items() if each.k == 1 and not is_decided(row)}
    return [arm for arm in results.arms if further and arm in {*further, results.reference}]


def json_row(row: LookRow) -> LookRow:
    """As JSON knows it: null for what is no number."""
    values = {key: value for key, value in row.items() if key != "comparison"}
    return {
        key: None if isinstance(value, float) and np.isnan(value) else value
        for key, value in values.items()
    }
