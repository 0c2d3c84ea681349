"""The frames of the main table and the comparisons: estimates, intervals and verdicts from counts.

Every interval and test comes from (n, correct) per question through analysis.inference.statistics.
Each has its own random stream, named by what it estimates, so that a number does not depend on the
numbers computed before it. If a row lacks a number, its `remarks` say why.
"""

import zlib
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from analysis.inference.sentences import sentence
from analysis.inference.statistics import (
    UNDECIDED,
    Comparison,
    Counts,
    Pairing,
    compare_arms,
    estimate_score,
    judge,
    load_counts,
)
from analysis.results.asked_prompts import require_same_plan, require_same_prompts
from analysis.results.folder import BASE, Results, as_number, nested
from analysis.tables import diagnostics
from analysis.tables.at_looks import recorded_frame
from eval.files.errors import BadInput
from eval.scoring.counts import read_counts

DRAWS = 10_000
NAN = float("nan")


def generator(results: Results, *names: Any) -> np.random.Generator:
    """The random stream of one estimate."""
    seed = results.spec.get("analysis", {}).get("seed", 0)
    return np.random.default_rng([seed, zlib.crc32("\0".join(map(str, names)).encode())])


def draws(results: Results) -> int:
    """Bootstrap draws that the spec asks for."""
    return int(results.spec.get("analysis", {}).get("draws", DRAWS))


def pairing(results: Results) -> Pairing:
    """How the spec pairs the arms' training seeds."""
    return results.spec.get("analysis", {}).get("pairing", "none")


def shown_k(results: Results, benchmark: str) -> tuple[int, ...]:
    """1 and the largest k that the spec asks for on this benchmark."""
    asked = (results.spec["evaluation"]["benchmarks"][benchmark] or {}).get("k") or [1]
    return tuple(sorted({1, max(asked)}))


def is_planned(results: Results, benchmark: str) -> bool:
    """Whether trained policies draw more samples of some questions than of others."""
    asked = results.spec["evaluation"]["benchmarks"][benchmark] or {}
    return asked.get("allocation", "equal") != "equal"


def counts_of(results: Results, arm: str, benchmark: str) -> tuple[Counts | None, str]:
    """The arm's counts and "", or None and the reason."""
    files = results.evaluation(arm, benchmark, "counts.csv")
    if not files:
        return None, "not evaluated"
    of_reference = [*results.evaluation(results.reference, benchmark, "counts.csv").values()]
    try:
        require_same_prompts([*of_reference[:1], *files.values()])
        if arm != BASE and is_planned(results, benchmark):
            require_same_plan([*of_reference[:1], *files.values()])
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
    """(value, low, high) of pass@k and "", or NaN and the reason."""
    nothing = (NAN, NAN, NAN)
    if counts is None:
        return nothing, ""
    try:
        rng = generator(results, "estimate", benchmark, arm, k)
        found = estimate_score(counts, k, draws=draws(results), rng=rng)
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
    """Adds <name>_best and <name>_tied: the best arm, and those not distinguishable from it."""
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
    """The others that are not distinguishable from the best, or cannot be compared with it. p is
    adjusted by Holm over all of them. None where arms stop at looks: these do not test such pairs.
    """
    if results.looks:
        return set()
    found = {}
    for arm in others:
        with suppress(BadInput):
            found[arm] = compared(results, counts[arm], counts[best], k, benchmark, arm, best)
    judged = zip(found, judge(list(found.values())), strict=True)
    told = {arm for arm, each in judged if each.verdict != UNDECIDED}
    return set(others) - told


def compared(
    results: Results, a: Counts, b: Counts, k: int, benchmark: str, arm: str, other: str
) -> Comparison:
    rng = generator(results, "compare", benchmark, arm, other, k)
    return compare_arms(a, b, k, draws=draws(results), rng=rng, pairing=pairing(results))


def outcomes(results: Results, benchmark: str, arm: str) -> dict[str, float]:
    """The other columns of the main table: majority vote, tokens per completion, truncated share,
    final entropy (nats).
    """
    files = results.evaluation(arm, benchmark, "counts.csv").values()
    runs = [
        run.series("entropy")
        for other in results.arms
        for run in results.of(other)
        if arm in (other, BASE)
    ]
    ends = [
        diagnostics.first_measured(values) if arm == BASE else diagnostics.final_mean(values)
        for values in runs
    ]
    return {
        "maj_at_k": average(
            [
                majority(measures, shown_k(results, benchmark)[-1])
                for measures in results.measures(arm, benchmark)
            ]
        ),
        "length": average([per_completion(path, "tokens") for path in files]),
        "truncated": average([per_completion(path, "truncated") for path in files]),
        "final_entropy": average(ends),
    }


def majority(measures: dict[str, Any], k: int) -> float:
    """maj@k of measures.json, NaN where it was not measured."""
    return as_number(nested(measures, ("maj_at_k", str(k))))


def per_completion(path: Path, column: str) -> float:
    """Mean over questions of a column of counts.csv per completion; NaN if the file lacks the
    column or has no completion. Questions with more completions than others weigh no more.
    """
    try:
        rows = read_counts(path, also=(column,))
    except BadInput:  # the row's remarks say what is wrong
        return NAN
    # fractions: with equal numbers exactly the sum over the number of completions
    means = [Fraction(row.others[column], row.n) for row in rows if row.n]
    return float(sum(means) / len(means)) if means else NAN


def average(values: list[float]) -> float:
    return diagnostics.measured_mean(np.array(values, dtype=float))


def comparisons_frame(results: Results) -> pd.DataFrame:
    """Each arm against the reference on each benchmark, pass@1 and pass@k.

    Holm over two families, arms x benchmarks each: pass@1, which says how good an arm is, and
    pass@k, which says how much it can still find. They are two questions, and the second must not
    cost the first its power. Where arms stop at looks, the rows are those that the looks wrote.
    """
    pairs = [
        (benchmark, k, arm)
        for benchmark in results.benchmarks
        for k in shown_k(results, benchmark)
        for arm in results.arms
        if arm != results.reference
    ]
    if results.looks:
        return recorded_frame(results, pairs)
    rows = [comparison_row(results, benchmark, arm, k) for benchmark, k, arm in pairs]
    tested = [row for row in rows if not np.isnan(row["p"])]
    for family in (
        [row for row in tested if row["k"] == 1],
        [row for row in tested if row["k"] > 1],
    ):
        for row, judged in zip(family, judge([row["comparison"] for row in family]), strict=True):
            row |= {"p_holm": judged.p, "low_holm": judged.low, "high_holm": judged.high}
            row["verdict"] = judged.verdict
            row["sentence"] = sentence(
                judged, row["arm"], results.reference, row["benchmark"], row["k"]
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
    "reference_seeds",
    "correlation",
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
    why += [
        f"{name}: {len(counts.seeds)} of {asked} seeds"
        for name, counts in ((arm, own), (results.reference, other))
        if counts and len(counts.seeds) < (asked := len(results.seeds_of(name)))
    ]
    found = None
    if own and other:
        try:
            found = compared(results, own, other, k, benchmark, arm, results.reference)
            why += about_pairs(found)
        except BadInput as error:
            why.append(str(error))
    values = {name: getattr(found, name, NAN) for name in COMPARED}
    unjudged = dict.fromkeys(("p_holm", "low_holm", "high_holm"), NAN)
    words = {"verdict": "" if found else "no verdict", "sentence": "", "remarks": "; ".join(why)}
    return {**row, **values, **unjudged, **words, "comparison": found}


def about_pairs(found: Comparison) -> list[str]:
    """Where runs are paired by seed: what that left out, and whether it was worth it."""
    said = []
    if found.left_out:
        seeds = ", ".join(map(str, found.left_out))
        said.append(f"seeds {seeds} are left out: only one arm has them")
    if found.correlation is not None and not found.correlation > 0:
        correlation = "unknown" if np.isnan(found.correlation) else f"{found.correlation:.2f}"
        said.append(
            f"paired by seed, but the correlation of the pairs is {correlation}: set"
            " analysis.pairing to none"
        )
    return said
