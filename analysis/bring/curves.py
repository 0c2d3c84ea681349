"""Logged rows -> one series per run, and what is odd about it.

A run that was resumed logs some steps twice: the later rows count, as they are of the run that went
on, and the steps are named. Nothing is averaged.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from analysis.bring.records import CurveRow, Finding, Found, Place

FOREIGN = "foreign"
Series = dict[int, dict[str, Any]]  # step -> values


def run_series(found: Found) -> tuple[dict[Place, Series], list[Finding]]:
    """{run: its series by step}, and the steps that a log holds twice."""
    rows: dict[Place, list[CurveRow]] = defaultdict(list)
    for row in found.curves:
        rows[row.place._replace(benchmark="", checkpoint=None)].append(row)
    series, findings = {}, []
    for place, own in rows.items():
        series[place], replaced = one_series(own)
        if replaced:
            said = (
                f"{len(replaced)} steps are logged twice with different values, {min(replaced)} to"
                f" {max(replaced)}, as after a resume: the later row counts"
            )
            findings.append(Finding("steps twice", str(place), said))
    return series, findings


def one_series(rows: Sequence[CurveRow]) -> tuple[Series, set[int]]:
    """Rows by step, ascending, later values in place of earlier ones; the steps replaced so."""
    series: Series = {}
    replaced = set()
    for row in rows:
        old = series.get(row.step, {})
        flat, new = flattened_row(old), flattened_row(row.values)
        if any(new[key] != flat[key] for key in new.keys() & flat.keys()):
            replaced.add(row.step)
        foreign = {**old.get(FOREIGN, {}), **row.values.get(FOREIGN, {})}
        series[row.step] = old | row.values | ({FOREIGN: foreign} if foreign else {})
    return dict(sorted(series.items())), replaced


def flattened_row(values: dict[str, Any]) -> dict[str, Any]:
    """A row with what has no name of the suite among the rest."""
    rest = values.get(FOREIGN)
    return {key: value for key, value in values.items() if key != FOREIGN} | (rest or {})
