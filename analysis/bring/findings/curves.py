"""Logged rows -> one series per run, and what is odd about it.

A run that was resumed logs some steps twice: the later rows count, as they are of the run that went
on, and the steps are named. Nothing is averaged.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from analysis.bring.files.records import CurveRow, Finding, Found, Place
from eval.files.errors import BadInput

FOREIGN = "foreign"
Series = dict[int, dict[str, Any]]  # step -> values


@dataclass
class Starts:
    """The first row of each run and the file that it is from, to tell a resume from another run.

    A resumed run logs later steps again, or all of them up to there as they were. Two files that
    log one first step otherwise are two runs.
    """

    rows: dict[Place, tuple[str, CurveRow]] = field(default_factory=dict)

    def check(self, curves: Iterable[CurveRow], file: str) -> None:
        """BadInput where the rows of this file start as those of another file's run."""
        firsts: dict[Place, CurveRow] = {}
        for row in curves:
            run = training_run(row.place)
            if row.step < firsts.setdefault(run, row).step:
                firsts[run] = row
        for place, row in firsts.items():
            other, known = self.rows.setdefault(place, (file, row))
            if other != file and known.step == row.step and conflicts(known.values, row.values):
                raise BadInput(
                    f"{place}: {other} and {file} log step {row.step} with different values, so"
                    " they are two runs: give each its arm and seed, or leave one out"
                )


def training_run(place: Place) -> Place:
    return Place(place.arm, place.seed)


def conflicts(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether two rows of one step have a key with two values."""
    one, other = flattened_row(one), flattened_row(other)
    return any(one[key] != other[key] for key in one.keys() & other.keys())


def run_series(found: Found) -> tuple[dict[Place, Series], list[Finding]]:
    """{run: its series by step}, and the steps that a log holds twice."""
    rows: dict[Place, list[CurveRow]] = defaultdict(list)
    for row in found.curves:
        rows[training_run(row.place)].append(row)
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
        if conflicts(old, row.values):
            replaced.add(row.step)
        foreign = {**old.get(FOREIGN, {}), **row.values.get(FOREIGN, {})}
        series[row.step] = old | row.values | ({FOREIGN: foreign} if foreign else {})
    return dict(sorted(series.items())), replaced


def flattened_row(values: dict[str, Any]) -> dict[str, Any]:
    """A row with what has no name of the suite among the rest."""
    rest = values.get(FOREIGN)
    return {key: value for key, value in values.items() if key != FOREIGN} | (rest or {})
