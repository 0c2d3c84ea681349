"""What a training run rests on: its settings, code, prompts, their strata and the base policy, each
as a hash of what is there.

    checkpoints/identity.json   the run that they belong to: only an equal one goes on from them (checkpoint.py)
    .finished.json              identity and record of a run that is complete
    .finished.checksums         its mark

Snakemake deletes what a job has promised before it starts the job again, and it starts one again
whose end it did not see, or whose inputs were made again, equal or not. So a complete run also
keeps what Snakemake does not know of: started again with an equal identity, it puts run.json back
and trains nothing.

Other settings, code or prompts train it anew, as was asked. A base policy and its pass rates are
computed: made again with nothing changed, on another machine, they may come out differently. Nobody
asked for hours of training then, and runs from two base policies must not stand side by side, so
this is refused.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from eval.files.checksums import CHECKSUMS, check_folder, damage, write_mark
from eval.files.durable import discard, write_text
from eval.files.errors import BadInput
from eval.files.json_text import read_object
from eval.questions.problems import read_problems
from eval.sampling.jobs import policy_hash
from experiments.policies.load_save import policy_source
from experiments.run.checkpoint import differences
from experiments.spec.schema import Experiment, run_spec, spec_hash
from experiments.tasks.strata import strata_of
from experiments.workflow.layout import Graph, digests

Identity = dict[str, str]
FINISHED, MARK = ".finished.json", ".finished.checksums"
COMPUTED = {"strata", "base policy"}
"""Parts that may come out differently though nothing else has changed."""


def identity(experiment: Experiment, arm: str, seed: int, inputs: Path) -> Identity:
    """`inputs`: the folder whose problems/ and base/ the run reads.

    Raises:
        BadInput: the base policy is not as its mark says.
    """
    return own(experiment, arm, seed, inputs) | shared(experiment, inputs)


def own(experiment: Experiment, arm: str, seed: int, inputs: Path) -> Identity:
    """The parts in which the runs of an experiment differ."""
    code = Graph(experiment, inputs.parent).training_code(arm)
    return {
        "settings": spec_hash(run_spec(experiment, arm, seed)),
        "code": spec_hash({"files": digests(code)}),
    }


def shared(experiment: Experiment, inputs: Path) -> Identity:
    """The parts that they have in common."""
    policy = Path(policy_source(experiment, inputs)["pretrained_model_name_or_path"])
    check_folder(policy, f"put back a whole copy of {policy}, or delete it and make it again")
    prompts, strata = inputs / "problems" / "train.jsonl", strata_of(inputs)
    return {
        "prompts": spec_hash({"files": digests([str(prompts)])}),
        # What a run takes of the counts: their other columns may change without a difference to it.
        "strata": spec_hash(
            {"codes": [strata.get(problem.id) for problem in read_problems(prompts)]}
        ),
        "base policy": policy_hash(policy),
    }


def check_base(experiment: Experiment, inputs: Path, out: Path, mine: Identity) -> None:
    """Refuses a base policy or strata which the complete runs of today's settings, code and prompts
    do not rest on.
    """
    runs = [(arm, seed) for arm in experiment.arms for seed in experiment.seeds]
    today = {
        inputs / arm / f"seed-{seed}": mine | own(experiment, arm, seed, inputs)
        for arm, seed in runs
    }
    found = {str(run): recomputed(run, theirs) for run, theirs in (today | {out: mine}).items()}
    if kept := [run for run, parts in found.items() if parts]:
        parts = sorted({part for parts in found.values() for part in parts})
        raise BadInput(
            f"{', '.join(kept)}: trained with other {' and other '.join(parts)} than"
            f" {inputs / 'base'} has now, with the"
            f" same settings, code and prompts: put back the old {inputs / 'base'}, or delete what"
            " is named to train it again"
        )


def recomputed(run: Path, today: Mapping[str, str]) -> list[str]:
    """The parts in which a complete run rests on something else, if these are all of them computed
    ones.
    """
    try:
        begun = read_object(run / FINISHED)["identity"]
        parts = differences(begun, today)
    except (
        BadInput,
        KeyError,
        AttributeError,
    ):  # no complete run, or nothing that could be taken for one
        return []
    return parts if set(parts) <= COMPUTED else []


def finish(out: Path, mine: Identity, record: dict[str, Any]) -> None:
    """Marks a run as complete whose policy, rows and state are in their places."""
    write_text(out / FINISHED, json.dumps({"identity": mine, "record": record}) + "\n")
    parts = (FINISHED, "train.jsonl", "method_state.json", f"policy/{CHECKSUMS}")
    write_mark(out / MARK, [out / name for name in parts])
    show(out)


def is_finished(out: Path, mine: Identity) -> bool:
    """Whether a run of this identity is complete and undamaged in the folder."""
    if any(damage(mark) for mark in (out / MARK, out / "policy" / CHECKSUMS)):
        return False
    try:
        return read_object(out / FINISHED).get("identity") == mine
    except BadInput:  # its mark does not list it
        return False


def show(out: Path) -> None:
    """Leaves what Snakemake waits for; only then is there nothing to go on from any more."""
    record = read_object(out / FINISHED)["record"]
    write_text(out / "run.json", json.dumps(record, indent=2) + "\n")
    write_mark(
        out / CHECKSUMS, [out / name for name in ("run.json", "train.jsonl", "method_state.json")]
    )
    discard(out / "checkpoints")
