"""One sentence per arm, as a person would write it: how it compares, what its entropy did, and what
it would take to see more.

    aer: not distinguishable from none in pass@1 (−0.8 ±9.5 points); keeps entropy at its target;
    needs about 6 seeds to see 5 points.
"""

from typing import Any

import pandas as pd

from analysis.inference.sentences import signed_points
from analysis.inference.statistics import UNDECIDED
from analysis.results.folder import BASE, Results
from analysis.tables.cells import is_finite_number
from analysis.tables.diagnostics import diagnose

FLAGS = {  # the flags of diagnostics that say what entropy did, most telling first
    "exploded": "entropy exploded",
    "collapsed": "entropy collapsed",
    "off target": "entropy missed its target",
    "inert": "the method never moved the policy",
}


def arm_summaries(
    results: Results,
    comparisons: pd.DataFrame | None,
    training: pd.DataFrame | None,
    precision: pd.DataFrame | None,
) -> list[tuple[str, str]]:
    """(arm, what to say of it), the reference last. A table that has not been made adds nothing."""
    diagnosed = diagnose(results)
    order = sorted(results.arms, key=lambda arm: arm == results.reference)
    found = []
    for arm in order:
        if arm == results.reference:
            said = ["the reference", *since_base(rows_of(training, arm))]
        else:
            said = [
                *against(rows_of(comparisons, arm), results.reference),
                *seeds_needed(rows_of(precision, arm), rows_of(comparisons, arm)),
            ]
        said.insert(1, entropy_in_words(rows_of(diagnosed, arm)))
        found.append((arm, "; ".join(filter(None, said)) + "."))
    return found


def rows_of(frame: pd.DataFrame | None, arm: str) -> list[dict[str, Any]]:
    if frame is None or frame.empty:
        return []
    return [row for row in frame.to_dict("records") if row["arm"] == arm]


def against(rows: list[dict[str, Any]], reference: str) -> list[str]:
    """Verdicts in pass@1 and, where it says something else, in pass@k."""
    judged = [
        row
        for row in rows
        if is_finite_number(row["difference"]) and is_finite_number(row["low_holm"])
    ]
    if not judged:
        return [f"not compared with {reference}"]
    several = len({row["benchmark"] for row in judged}) > 1
    first = [row for row in judged if row["k"] == 1]
    told = {row["verdict"] for row in first}
    said = by_verdict(first, reference, several)
    said += by_verdict(
        [row for row in judged if row["k"] > 1 and {row["verdict"]} != told and decided(row)],
        reference,
        several,
    )
    return ["; ".join(said)]


def by_verdict(rows: list[dict[str, Any]], reference: str, several: bool) -> list[str]:
    """One clause per verdict: worse than none in pass@1 (−78.9 ±19.3 points on the test set)."""
    clauses = []
    for verdict in dict.fromkeys(row["verdict"] for row in rows):
        own = [row for row in rows if row["verdict"] == verdict]
        word = "from" if verdict == UNDECIDED else "than"
        ks = " and ".join(dict.fromkeys(f"pass@{int(row['k'])}" for row in own))
        sizes = ", ".join(size(row, several) for row in own)
        clauses.append(f"{verdict} {word} {reference} in {ks} ({sizes})")
    return clauses


def size(row: dict[str, Any], several: bool) -> str:
    """−0.8 ±9.5 points on a benchmark, the interval adjusted as the verdict is."""
    half = 100 * (row["high_holm"] - row["low_holm"]) / 2
    where = f" points on {row['benchmark']}" if several else " points"
    return f"{signed_points(row['difference'])} ±{half:.1f}{where}"


def decided(row: dict[str, Any]) -> bool:
    return row["verdict"] in ("better", "worse")


def since_base(rows: list[dict[str, Any]]) -> list[str]:
    """What training alone did, in pass@1."""
    judged = [row for row in rows if row["k"] == 1 and is_finite_number(row["low_holm"])]
    several = len({row["benchmark"] for row in judged}) > 1
    return by_verdict(judged, "the base policy" if judged else BASE, several)


def entropy_in_words(rows: list[dict[str, Any]]) -> str:
    """What the diagnostics say about entropy: flags with their runs, else whether a target held."""
    flags = [str(row["flags"]).split("; ") for row in rows]
    for flag, words in FLAGS.items():
        raised = sum(flag in each for each in flags)
        if raised:
            share = "" if raised == len(rows) else f" in {raised} of {len(rows)} runs"
            return f"{words}{share}"
    held = any(is_finite_number(row["tracking_error"]) for row in rows)
    return "keeps entropy at its target" if held else ""


def seeds_needed(precision: list[dict[str, Any]], comparisons: list[dict[str, Any]]) -> list[str]:
    """How many seeds would show 5 points where no verdict was reached in pass@1."""
    open_ = {
        row["benchmark"] for row in comparisons if row["k"] == 1 and row["verdict"] == UNDECIDED
    }
    known = [
        row
        for row in precision
        if row["benchmark"] in open_ and is_finite_number(row.get("of_seeds"))
    ]
    if not known:
        return []
    if any(not is_finite_number(row["seeds_needed"]) for row in known):
        lacking = [row["benchmark"] for row in known if not is_finite_number(row["seeds_needed"])]
        return [f"no number of seeds would show 5 points on {' and '.join(lacking)}"]
    most = max(int(row["seeds_needed"]) for row in known)
    return [f"needs about {most} seeds to see 5 points"]
