"""What a training run is made from, part by part: settings, code, prompts, their strata and the
base policy.

    checksums.json              mark of a complete run: its parts, run.json (eval/files/marks.py)
    checkpoints/identity.json   parts of a run that is not complete: only an equal one resumes it

Snakemake starts a job again whose end it did not see, or whose inputs were made again, equal or
not. A complete run whose parts are equal then trains nothing.

Other settings, code or prompts train it anew, as was asked. A base policy and its pass rates are
computed: made again with nothing changed, on another machine, they may come out differently.
Nobody asked for hours of training then, and runs from two base policies must not stand side by
side, so this is refused.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from eval.files.durable import discard
from eval.files.errors import BadInput
from eval.files.marks import (
    CHECKSUMS,
    check_folder,
    damage,
    digest_of,
    keep_copy,
    made_from,
    mark_or_copy,
    put_back,
    repair_recorded,
    sha256,
    write_mark,
    write_recorded,
)
from eval.files.results_layout import on_the_way_folder
from eval.questions.problems import read_problems
from eval.sampling.made_from import policy_digest
from experiments.policies.load_save import policy_source
from experiments.run.checkpoint import differences
from experiments.spec.schema import Experiment, run_spec
from experiments.tasks.strata import strata_of
from experiments.workflow.layout import run_folder
from experiments.workflow.steps import policies_on_the_way, training_code

Identity = dict[str, str]  # part → digest
RECORD = "run.json"
COMPUTED = {"strata", "base policy"}
"""Parts that may come out differently though nothing else has changed."""


def identity(experiment: Experiment, arm: str, seed: int, inputs: Path) -> Identity:
    """`inputs`: the folder whose problems/ and base/ the run reads.

    Raises:
        BadInput: the base policy is not as its mark says.
    """
    return own_parts(experiment, arm, seed) | shared_parts(experiment, inputs)


def own_parts(experiment: Experiment, arm: str, seed: int) -> Identity:
    """The parts in which the runs of an experiment differ."""
    settings = digest_of(run_spec(experiment, arm, seed))
    code = training_code(experiment, arm)
    return {"settings": settings, "code": code, **policies_on_the_way(experiment)}


def shared_parts(experiment: Experiment, inputs: Path) -> Identity:
    """The parts that they have in common."""
    policy = Path(policy_source(experiment, inputs)["pretrained_model_name_or_path"])
    check_folder(policy, f"put back a whole copy of {policy}, or delete it and make it again")
    prompts, strata = inputs / "problems" / "train.jsonl", strata_of(inputs)
    # Of the counts a run reads the strata alone: their other columns may change.
    codes = [strata.get(problem.id) for problem in read_problems(prompts)]
    return {
        "prompts": sha256(prompts),
        "strata": digest_of(codes),
        "base policy": policy_digest(policy),
    }


def check_base(experiment: Experiment, inputs: Path, out: Path, mine: Identity) -> None:
    """Refuses a base policy or strata other than those of the complete runs that have today's
    settings, code and prompts.
    """
    runs = [(arm, seed) for arm in experiment.arms for seed in experiment.seeds]
    today = {
        run_folder(inputs, arm, seed): mine | own_parts(experiment, arm, seed) for arm, seed in runs
    }
    found = {str(run): recomputed(run, theirs) for run, theirs in (today | {out: mine}).items()}
    if kept := [run for run, parts in found.items() if parts]:
        parts = sorted({part for parts in found.values() for part in parts})
        raise BadInput(
            f"{', '.join(kept)}: the {' and the '.join(parts)} in {inputs / 'base'} changed after"
            " this training; settings, code and prompts did not: restore the old"
            f" {inputs / 'base'}, or delete these run folders to train them again"
        )


def recomputed(run: Path, today: Mapping[str, str]) -> list[str]:
    """The parts in which a complete run differs from today, if all of them are computed ones."""
    begun = made_from(run / CHECKSUMS)
    parts = differences(begun, today) if begun else []
    return parts if set(parts) <= COMPUTED else []


def finish_run(
    out: Path, mine: Identity, record: dict[str, Any], on_the_way: Iterable[int] = ()
) -> None:
    """Marks a run as complete whose policy, rows and state are in their places.

    `on_the_way`: numbers of rollouts after which its policy was kept.
    """
    write_recorded(out, RECORD, record)
    files = [out / name for name in (RECORD, "train.jsonl", "method_state.json")]
    files += kept_marks(out, on_the_way)
    write_mark(out / CHECKSUMS, files, mine, {RECORD: record})
    keep_copy(out / CHECKSUMS)
    discard(out / "checkpoints")


def is_finished(out: Path, mine: Identity, on_the_way: Iterable[int] = ()) -> bool:
    """Whether a run of this identity is complete and undamaged in the folder. It may have kept more
    policies on the way than are asked for.
    """
    mark = mark_or_copy(out / CHECKSUMS)
    begun = made_from(mark)
    if begun is None or differences(begun, mine):
        return False
    policies = [out / "policy" / CHECKSUMS, *kept_marks(out, on_the_way)]
    # run.json may have been deleted alone
    if repair_recorded(mark)[1] or any(damage(each) for each in policies):
        return False
    put_back(out / CHECKSUMS)
    return True


def kept_marks(out: Path, on_the_way: Iterable[int]) -> list[Path]:
    """Marks of the policies after these numbers of rollouts."""
    return [on_the_way_folder(out, each) / "policy" / CHECKSUMS for each in on_the_way]
