"""Obeys --force, --forcerun and --forceall: deletes what a forced job would keep.

A policy and its samples are dear, so their jobs keep what is complete and resume what is not, and
Snakemake's `update` marks such outputs. A job whose user has asked for it by force starts anew:

    base_policy                               the mark of the policy
    train                                     the mark of the run, and its checkpoints
    sample, sample_on_the_way, base_sample    the samples

Called once per start of Snakemake and after it has decided what runs. So a forced job that fails or
is interrupted resumes at a retry, and at the next start without force.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from eval.files.durable import discard
from eval.files.marks import CHECKSUMS, copy_of

KEEPERS = ("base_policy", "train", "sample", "sample_on_the_way", "base_sample")
"""Rules whose jobs keep what is complete. In a battery their names begin with the probe's."""


def forced_jobs(dag: Any) -> list[Any]:
    """Jobs of Snakemake's graph that run because they are forced."""
    return [job for job in dag.needrun_jobs() if dag.reason(job).forced]


def start_anew(jobs: Iterable[Any]) -> None:
    """Deletes what these jobs would keep. Each has `rule.name` and `output`, paths of files."""
    for job in jobs:
        name = job.rule.name
        if any(name == keeper or name.endswith(f"_{keeper}") for keeper in KEEPERS):
            for output in map(Path, job.output):
                forget(output)


def forget(output: Path) -> None:
    """Deletes what a job would make this output from without work."""
    if output.name == CHECKSUMS:
        output.unlink(missing_ok=True)
        copy_of(output).unlink(missing_ok=True)
        for checkpoint in output.parent.glob(
            "checkpoints/checkpoint-*"
        ):  # and no lock of a process
            discard(checkpoint)
    elif output.suffix == ".sampled":
        output.unlink(missing_ok=True)
        output.with_suffix(".samples.jsonl").unlink(missing_ok=True)
