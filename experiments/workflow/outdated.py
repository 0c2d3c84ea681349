"""Before any job runs: a step that was made from something else loses its mark, and is done again.

One loop over all steps (steps.py) compares what each mark records with what the step would be made
from today. Snakemake also sees changed settings and code, in the parameters of its rules, but only
where it has a record of the job: not in a folder that was copied without .snakemake/, nor for a job
that outlived its Snakemake.
"""

import sys
from collections import Counter
from collections.abc import Iterable

from eval.files.marks import Parts, known_parts, made_from
from experiments.workflow.layout import StudyLayout
from experiments.workflow.outside_files import remember
from experiments.workflow.steps import Step, Today, steps

UNRECORDED = "record of what they were made from"


def forget_outdated(layout: StudyLayout) -> None:
    """Takes the marks of outdated steps away, and says how many and why."""
    why: Counter[str] = Counter()
    for step, changed in outdated(steps(layout)):
        step.mark.unlink()
        why[changed] += 1
    remember([*layout.data_files(), *layout.policy_files()], layout.root)
    for changed, count in why.items():
        print(f"{layout.root}: {_told(count, changed)}", file=sys.stderr)


def outdated(study: Iterable[Step]) -> list[tuple[Step, str]]:
    """Steps that are done and would be made from something else today, with what has changed.

    All marks are read before any is taken away: an analysis is compared with all that it read.
    """
    done = [step for step in study if step.mark.is_file()]
    found = [(step, difference(step)) for step in done]
    return [(step, changed) for step, changed in found if changed]


def difference(step: Step) -> str:
    """The parts that differ, as words; "" if none does."""
    begun = made_from(step.mark)
    if begun is None:
        return UNRECORDED
    return " and ".join(changed_parts(begun, step.parts))


def changed_parts(begun: Parts, today: Today) -> list[str]:
    """Parts that are known today and were others when the step was done."""
    known = known_parts(today).items()
    return [part for part, digest in known if begun.get(part) != digest]


def _told(count: int, changed: str) -> str:
    steps_are = "1 step was" if count == 1 else f"{count} steps were"
    if changed == UNRECORDED:
        return f"{steps_are} made by a version that kept no {changed}: they will run again"
    return f"{steps_are} made from other {changed}: they will run again"
