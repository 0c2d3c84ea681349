"""The frame of the table of reach: one row per benchmark and arm, the base policy first.

Only experiments whose base policy has skills at known rates have rows
(analysis/results/rarity.py); analysis/inference/reach.py says what is computed.
"""

import math
from typing import Any

import pandas as pd

from analysis.inference.reach import Reach, measure_reach
from analysis.results.folder import BASE, Results
from analysis.results.rarity import question_levels, skill_rates
from analysis.tables.scores import NAN, counts_of, generator
from eval.files.errors import BadInput
from eval.files.results_layout import SKILL_RATES

REACH_DRAWS = 2000
REACH_FIELDS = ("benchmark", "arm", "reach", "tries", "tries_low", "tries_high", "seeds", "remarks")


def reach_frame(results: Results) -> pd.DataFrame:
    rows = [
        reach_row(results, benchmark, arm, *reach_of(results, benchmark, arm))
        for benchmark in rated_benchmarks(results)
        for arm in (BASE, *results.arms)
    ]
    return pd.DataFrame(rows, columns=list(REACH_FIELDS))


def rated_benchmarks(results: Results) -> list[str]:
    """Benchmarks with at least two levels whose rates are known."""
    rates = skill_rates(results)
    if not rates:
        return []
    return [
        name
        for name in results.benchmarks
        if len(set(question_levels(results, name).values()) & rates.keys()) > 1
    ]


def reach_of(results: Results, benchmark: str, arm: str) -> tuple[Reach | None, str]:
    """The arm's reach and "", or None and the reason."""
    counts, why = counts_of(results, arm, benchmark)
    if counts is None:
        return None, why
    levels, rates = question_levels(results, benchmark), skill_rates(results)
    try:
        rng = generator(results, "reach", benchmark, arm)
        return measure_reach(counts, levels, rates, REACH_DRAWS, rng), ""
    except BadInput as error:
        return None, str(error)


def reach_row(
    results: Results, benchmark: str, arm: str, found: Reach | None, why: str
) -> dict[str, Any]:
    row = {"benchmark": benchmark, "arm": arm, "seeds": len(results.of(arm)) if found else 0}
    if found is None:
        unknown = dict.fromkeys(("tries", "tries_low", "tries_high"), NAN)
        return row | unknown | {"reach": "", "remarks": why}
    rarest = 1 / found.rates[0]
    ends = (found.tries, found.tries_low, found.tries_high)
    value, low, high = (tries_in_words(tries, rarest) for tries in ends)
    return row | {
        "reach": f"{value} [{low}, {high}]",
        "tries": found.tries,
        "tries_low": found.tries_low,
        "tries_high": found.tries_high,
        "remarks": "",
    }


def tries_in_words(tries: float, rarest: float) -> str:
    """As "1 in 340". `rarest`: tries of the rarest level, beyond which nothing is measured."""
    if tries == 0:
        return "none"
    if math.isinf(tries):
        return f"beyond 1 in {rarest:,.0f}"
    return f"1 in {tries:,.0f}" if tries >= 10 else f"1 in {tries:.1f}"


def reach_notes(results: Results) -> tuple[str, ...]:
    if not rated_benchmarks(results):
        return (f"No reach: {why_no_reach(results)}.",)
    return (
        "Reach: the base policy's rate of a skill at which the arm answers half of the questions"
        " that want it. Isotonic fit, linear in log10 of the rate between levels; 95 % percentile"
        " bootstrap over seeds and questions. beyond: every level is found at least half the time;"
        " none: no level is. Levels whose skill the base policy never uses have no place on the"
        " axis and do not count.",
    )


def why_no_reach(results: Results) -> str:
    if results.spec.get("task", {}).get("prompts") == "skills" and not skill_rates(results):
        return f"the rates of the base policy's skills are unknown, {SKILL_RATES} is missing"
    return "the base policy has no skills at known rates"
