"""The frames behind the main table and the comparisons: counts per question -> estimates, intervals
and verdicts.

Every interval and test comes from (n, correct) per question through analysis.inference.statistics.
Each one has a random stream of its own, named by what it estimates, so that a number does not
depend on which other numbers were made before it. What a row could not show stands in its
`remarks`.
"""

import zlib
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from analysis.inference.statistics import (
    Comparison,
    Counts,
    compare,
    estimate,
    holm,
    load_counts,
    sentence,
    verdict,
)
from analysis.results.folder import BASE, Results, number, within
from analysis.tables import diagnostics
from eval.files.csv_text import read_csv
from eval.files.errors import BadInput

DRAWS = 10_000
NAN = float("nan")
UNDECIDED = "not distinguishable"


def generator(results: Results, *names: Any) -> np.random.Generator:
    """The random stream of one estimate."""
    seed = results.spec.get("analysis", {}).get("seed", 0)
    return np.random.default_rng([seed, zlib.crc32("\0".join(map(str, names)).encode())])


def draws(results: Results) -> int:
    """Bootstrap draws that the spec asks for."""
    return int(results.spec.get("analysis", {}).get("draws", DRAWS))


def shown_k(results: Results, benchmark: str) -> tuple[int, ...]:
    """1 and the largest k that the spec asks for on this benchmark."""
    asked = (results.spec["evaluation"]["benchmarks"][benchmark] or {}).get("k") or [1]
    return tuple(sorted({1, max(asked)}))


def counts_of(results: Results, arm: str, benchmark: str) -> tuple[Counts | None, str]:
    """The arm's counts and "", or None and why there are none."""
    files = results.evaluation(arm, benchmark, "counts.csv")
    if not files:
        return None, "not evaluated"
    try:
        return load_counts(files), ""
    except BadInput as error:
        return None, str(error)


def main_frame(results: Results) -> pd.DataFrame:
    """One row per benchmark and arm, the base policy first."""
    return pd.DataFrame(
        [row for benchmark in results.benchmarks for row in main_rows(results, benchmark)]
    )


def main_rows(results: Results, benchmark: str) -> list[dict[str, Any]]:
    counts = {arm: counts_of(results, arm, benchmark) for arm in (BASE, *results.arms)}
    rows = [main_row(results, benchmark, arm, *counts[arm]) for arm in counts]
    present = {
        arm: found for arm, (found, _) in counts.items() if found is not None and arm != BASE
    }
    ks = shown_k(results, benchmark)
    for name, k in (("pass_at_1", 1), ("pass_at_k", ks[-1])):
        mark_best(results, rows, present, name, k, benchmark)
    return rows


def main_row(
    results: Results, benchmark: str, arm: str, counts: Counts | None, why: str
) -> dict[str, Any]:
    k = shown_k(results, benchmark)[-1]
    row: dict[str, Any] = {
        "benchmark": benchmark,
        "arm": arm,
        "seeds": len(counts.seeds) if counts else 0,
        "k": k,
    }
    remarks = [why] if why else []
    for name, each in (("pass_at_1", 1), ("pass_at_k", k)):
        interval, problem = interval_of(results, counts, benchmark, arm, each)
        row |= {name: interval[0], f"{name}_low": interval[1], f"{name}_high": interval[2]}
        remarks += [problem] if problem else []
    if counts and arm != BASE and len(counts.seeds) < len(results.seeds_of(arm)):
        remarks.append(f"{len(counts.seeds)} of {len(results.seeds_of(arm))} seeds")
    return row | outcomes(results, benchmark, arm) | {"remarks": "; ".join(dict.fromkeys(remarks))}


def interval_of(
    results: Results, counts: Counts | None, benchmark: str, arm: str, k: int
) -> tuple[tuple[float, float, float], str]:
    """(value, low, high) of pass@k and "", or NaN and why."""
    nothing = (NAN, NAN, NAN)
    if counts is None:
        return nothing, ""
    try:
        rng = generator(results, "estimate", benchmark, arm, k)
        found = estimate(counts, k, draws=draws(results), rng=rng)
    except BadInput as error:
        return nothing, str(error)
    return (found.value, found.low, found.high), ""


def mark_best(
    results: Results,
    rows: list[dict[str, Any]],
    counts: dict[str, Counts],
    name: str,
    k: int,
    benchmark: str,
) -> None:
    """Adds <name>_best and <name>_tied: the best arm, and the arms that cannot be told from it."""
    scored = {
        row["arm"]: row[name] for row in rows if row["arm"] in counts and not np.isnan(row[name])
    }
    best = max(scored, key=lambda arm: scored[arm], default=None)
    tied = (
        undecided(results, counts, best, [arm for arm in scored if arm != best], k, benchmark)
        if best
        else set()
    )
    for row in rows:
        is_best = bool(best) and row["arm"] in scored and row[name] == scored[best]
        row |= {f"{name}_best": is_best, f"{name}_tied": row["arm"] in tied and not is_best}


def undecided(
    results: Results,
    counts: dict[str, Counts],
    best: str,
    others: list[str],
    k: int,
    benchmark: str,
) -> set[str]:
    """The others that cannot be told from the best, or not be compared with it; Holm over all of
    them.
    """
    found = {}
    for arm in others:
        with suppress(BadInput):
            found[arm] = compared(results, counts[arm], counts[best], k, benchmark, arm, best)
    adjusted = holm([each.p for each in found.values()])
    told = {
        arm
        for (arm, each), p in zip(found.items(), adjusted, strict=True)
        if verdict(each, float(p)) != UNDECIDED
    }
    return set(others) - told


def compared(
    results: Results, a: Counts, b: Counts, k: int, benchmark: str, arm: str, other: str
) -> Comparison:
    rng = generator(results, "compare", benchmark, arm, other, k)
    return compare(a, b, k, draws=draws(results), rng=rng)


def outcomes(results: Results, benchmark: str, arm: str) -> dict[str, float]:
    """What goes with a score: majority vote, tokens per completion, truncated share, entropy at the
    end.
    """
    files = results.evaluation(arm, benchmark, "counts.csv").values()
    runs = [
        run.series("entropy")
        for other in results.arms
        for run in results.of(other)
        if arm in (other, BASE)
    ]
    ends = [
        diagnostics.first(values) if arm == BASE else diagnostics.final(values) for values in runs
    ]
    return {
        "maj_at_k": average(
            [
                majority(measures, shown_k(results, benchmark)[-1])
                for measures in results.measures(arm, benchmark)
            ]
        ),
        "length": average([ratio(path, "tokens") for path in files]),
        "truncated": average([ratio(path, "truncated") for path in files]),
        "final_entropy": average(ends),
    }


def majority(measures: dict[str, Any], k: int) -> float:
    """maj@k of measures.json, NaN where it was not measured."""
    return number(within(measures, ("maj_at_k", str(k))))


def ratio(path: Path, column: str) -> float:
    """Sum of a column of counts.csv per completion, NaN where there is no such column or no
    completion.
    """
    try:
        rows = [row for _, row in read_csv(path, ("n", column))]
        total, completions = (sum(float(row[name]) for row in rows) for name in (column, "n"))
    except ValueError:  # BadInput is one: the row's remarks say it
        return NAN
    return total / completions if completions else NAN


def average(values: list[float]) -> float:
    return diagnostics.mean(np.array(values, dtype=float))


def comparisons_frame(results: Results) -> pd.DataFrame:
    """Each arm against the reference on each benchmark, pass@1 and pass@k.

    Holm over two families, arms x benchmarks each: pass@1, which says how good an arm is, and
    pass@k, which says how much it can still find. They are two questions, and the second must not
    cost the first its power.
    """
    rows = [
        comparison_row(results, benchmark, arm, k)
        for benchmark in results.benchmarks
        for k in shown_k(results, benchmark)
        for arm in results.arms
        if arm != results.reference
    ]
    tested = [row for row in rows if not np.isnan(row["p"])]
    for family in (
        [row for row in tested if row["k"] == 1],
        [row for row in tested if row["k"] > 1],
    ):
        for row, p in zip(family, holm([row["p"] for row in family]), strict=True):
            found = row["comparison"]
            row["p_holm"] = float(p)
            row["verdict"] = verdict(found, float(p))
            row["sentence"] = sentence(
                found, row["arm"], results.reference, row["benchmark"], row["k"], float(p)
            )
    return pd.DataFrame(rows).drop(columns="comparison", errors="ignore")


COMPARED = (
    "difference",
    "low",
    "high",
    "p",
    "probability_of_improvement",
    "minimal_difference",
    "covers",
    "seeds",
)


def comparison_row(results: Results, benchmark: str, arm: str, k: int) -> dict[str, Any]:
    row: dict[str, Any] = {
        "benchmark": benchmark,
        "k": k,
        "arm": arm,
        "reference": results.reference,
    }
    (own, own_why), (other, other_why) = (
        counts_of(results, name, benchmark) for name in (arm, results.reference)
    )
    why = [
        f"{name}: {said}" for name, said in ((arm, own_why), (results.reference, other_why)) if said
    ]
    found = None
    if own and other:
        try:
            found = compared(results, own, other, k, benchmark, arm, results.reference)
            why += (
                [f"seeds {found.unpaired_seeds} are left out: only one arm has them"]
                if found.unpaired_seeds
                else []
            )
        except BadInput as error:
            why.append(str(error))
    values = {name: getattr(found, name, NAN) for name in COMPARED}
    empty = {"p_holm": NAN, "verdict": "" if found else "no verdict", "sentence": ""}
    return {**row, **values, **empty, "remarks": "; ".join(why), "comparison": found}
