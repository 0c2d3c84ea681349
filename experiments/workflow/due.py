"""Which runs are due: all, or where arms stop at looks, as many as the looks made so far ask for.

Snakemake asks for runs before all looks are made. `wait_for` is then its checkpoint: it is called
with a look's number of seeds before that look's file is read, and raises where Snakemake has to
make the file first.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from eval.files.errors import BadInput
from eval.looks.record import look_file, look_mark, read_look, seeds_asked
from experiments.workflow.layout import StudyLayout

WaitFor = Callable[[int], Any]


def runs_asked(layout: StudyLayout, wait_for: WaitFor) -> list[str]:
    """Folders of the runs that the study needs."""
    if not layout.looks:
        return layout.runs
    found = contents_of_looks(layout, layout.looks, wait_for)
    asked = seeds_asked([*layout.experiment.arms], layout.looks, found)
    return [run for arm, seeds in asked.items() for run in first_runs(layout, arm, seeds)]


def inputs_of_look(layout: StudyLayout, seeds: int, wait_for: WaitFor) -> list[str]:
    """The files that the look after so many seeds reads: counts of the arms that are open, and the
    looks before it.

    Raises:
        BadInput: no look is after so many seeds.
    """
    if seeds not in layout.looks:
        raise BadInput(
            f"{layout.experiment.name}: there is no look after {seeds} seeds: choose one of"
            f" {', '.join(map(str, layout.looks))}"
        )
    after = layout.looks[: layout.looks.index(seeds) + 1]
    found = contents_of_looks(layout, after, wait_for)
    asked = seeds_asked([*layout.experiment.arms], after, found)
    still_open = [arm for arm in asked if asked[arm] == seeds]
    runs = [run for arm in still_open for run in first_runs(layout, arm, seeds)]
    counts = [path for run in runs for path in layout.outcome(run, layout.benchmarks)]
    return [*counts, *(str(look_file(layout.root, each)) for each in after[:-1])]


def looks_asked(layout: StudyLayout, wait_for: WaitFor) -> list[str]:
    """Marks of the looks that are made: none comes after one that left no arm open."""
    marks, found = [], contents_of_looks(layout, layout.looks, wait_for)
    for seeds, content in zip(layout.looks, found, strict=False):
        marks.append(str(look_mark(layout.root, seeds)))
        if not content.get("open"):
            break
    return marks


def runs_of_fixed_seeds(layout: StudyLayout) -> list[str]:
    """Folders of all runs, for what needs as many of each arm.

    Raises:
        BadInput: arms stop at looks, by what their runs have shown.
    """
    if layout.looks:
        raise BadInput(
            f"{layout.experiment.name}: its arms stop at looks, so that their seeds are chosen by"
            " their scores: give a fixed list of seeds"
        )
    return layout.runs


def first_runs(layout: StudyLayout, arm: str, seeds: int) -> list[str]:
    return [str(layout.run(arm, seed)) for seed in layout.experiment.seeds[:seeds]]


def contents_of_looks(
    layout: StudyLayout, after: Iterable[int], wait_for: WaitFor
) -> Iterator[Mapping[str, Any]]:
    """What each look found, read when it is asked for."""
    for seeds in after:
        wait_for(seeds)
        yield read_look(look_file(layout.root, seeds))
