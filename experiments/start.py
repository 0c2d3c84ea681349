"""What happens at the start of Snakemake and at its end.

ask          what the command line asks for: experiment, sweep, processes, resources
get_ready    before the graph is built: one run at a time, damage repaired, outdated marks gone,
             the live view instead of Snakemake's texts
started      before the first job: the spec, what is forced, MLflow's follower
finished     after a success: the verdicts
failed       after a failure: tables and report of what is finished
"""

import logging
import os
import subprocess
import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from shutil import disk_usage
from typing import Any

from experiments.battery.battery_file import BATTERY_NAME
from experiments.spec.data_folder import load_ready
from experiments.spec.policy_settings import PretrainedPolicy
from experiments.spec.resolved import write_spec
from experiments.spec.schema import Experiment
from experiments.sweep.sweep_file import TuningStudy, asked_arms, asked_experiment, asked_study
from experiments.tracking.command import start_following
from experiments.workflow.claim import claim
from experiments.workflow.config import (
    only_sweeps,
    only_target,
    results_folder,
    runs_jobs,
    snakemake_options,
    whole_number,
)
from experiments.workflow.forcing import forced_jobs, start_anew
from experiments.workflow.launcher import (
    base_launcher,
    launcher,
    prepare_launches,
    processes,
    retries,
    run_launcher,
)
from experiments.workflow.layout import StudyLayout, prepare_environment
from experiments.workflow.outdated import forget_outdated
from experiments.workflow.refusals import NoRetryOfRefusals, job_with
from experiments.workflow.repair import repair
from experiments.workflow.resources import Need, local_machine, needs
from experiments.workflow.screen.closing import closing_lines
from experiments.workflow.screen.view import end_view, show_progress, show_runs, watch_graph
from experiments.workflow.steps import Digests


@dataclass(frozen=True)
class Asked:
    """What a command line asks Snakemake for."""

    experiment: Experiment
    layout: StudyLayout
    sweep: TuningStudy | None  # the sweep of this experiment, if it has one
    needs: dict[str, Need]  # rule → resources of its jobs
    launcher: str  # command that starts a training run
    run_launcher: str  # the same for a run of the study itself, and not for a sweep's
    base_launcher: str  # the same for the base policy
    retries: int  # of a training run
    digest: Digests
    pages: dict[str, Path]  # target → the page that it makes, where that is not the report


def ask(config: Mapping[str, Any], arguments: Sequence[str]) -> Asked:
    """Reads `--config` and the files that it names.

    Raises:
        BadInput: naming the key or file, and the remedy.
    """
    # A sweep makes files that other arms of its experiment may be read from: it does without those.
    needed = asked_arms(config) if only_sweeps(arguments) else None
    experiment = load_ready(asked_experiment(config), needed)
    results = results_folder(config)
    layout = StudyLayout(experiment, results)
    sweep = asked_study(config, experiment)
    count = processes(config)
    gpus = whole_number(config, "gpus", 0, 0) if "gpus" in config else None
    is_pretrained = isinstance(experiment.model, PretrainedPolicy)
    machine = local_machine(arguments, os.environ) if is_pretrained else None
    prepare_environment()
    prepare_launches()
    return Asked(
        experiment,
        layout,
        sweep,
        needs(experiment, gpus, count, machine),
        launcher(config),
        run_launcher(config, experiment),
        base_launcher(config, experiment),
        retries(config),
        Digests(layout),
        {
            "certificate": layout.root / "certificate" / "report.html",
            "battery": results / BATTERY_NAME / "report.html",
            **({"sweep": layout.root / "sweep" / sweep.name / "report.html"} if sweep else {}),
        },
    )


def get_ready(asked: Asked, arguments: Sequence[str], probe_rules: str = "") -> None:
    """Leaves a results folder that Snakemake can judge by its files.

    `probe_rules`: how the names of the rules begin, if this study is a probe of a battery.

    Here and not in `started`: Snakemake calls that after it has decided what is to be done, and not
    at all if nothing is.

    Raises:
        BadInput: another run is at work on the folder, or a training run in it is damaged.
    """
    if not runs_jobs(arguments):
        return
    is_battery = only_target(BATTERY_NAME, arguments)
    title = BATTERY_NAME if is_battery else asked.experiment.name
    targets = snakemake_options(arguments).targets
    show_progress(title, arguments, lambda: closing(asked, targets))
    if is_battery and not probe_rules:
        claim(asked.pages[BATTERY_NAME].parent)  # before its files are written
        return  # the experiment that --config names, or the default one, has no part in it
    show_runs(asked.layout, probe_rules)
    claim(asked.layout.root)
    repair(asked.layout.root, asked.layout.runs)
    forget_outdated(asked.layout)
    write_spec(asked.experiment, asked.layout.spec)


def started(asked: Asked, dag: Any, arguments: Sequence[str]) -> None:
    """Writes the spec, which every job reads, deletes what forced jobs would keep, sees to it that
    refusals are not retried, and starts the process that logs to MLflow.

    `dag`: Snakemake's graph of jobs. The spec is no rule: Snakemake would let it, as an upstream
    job, hide which runs it concerns.
    """
    if not runs_jobs(arguments):  # --touch comes here, too
        return
    start_anew(forced_jobs(dag))
    logging.getLogger("snakemake.logging").addHandler(
        NoRetryOfRefusals(lambda jobid: job_with(dag, jobid))
    )
    watch_graph(dag)
    if not only_target(BATTERY_NAME, arguments):
        write_spec(asked.experiment, asked.layout.spec)
        start_following(asked.layout.root)


def finished(asked: Asked, targets: Sequence[str]) -> None:
    """Prints what was found, and where the pages are."""
    end_view()
    for line in closing(asked, targets):
        print(line)


def closing(asked: Asked, targets: Collection[str]) -> list[str]:
    """Where the pages of the targets are, and the verdicts and the report if `all`, or nothing with
    a page of its own, is asked for.
    """
    pages = [asked.pages[name] for name in targets if name in asked.pages]
    found = closing_lines(asked.layout.root) if "all" in targets or not pages else []
    return [*(f"Report: {page}" for page in pages), *found]


def failed(asked: Asked) -> None:
    """Makes tables, figures and report of the runs that did finish; they name what is missing.

    Their marks record which runs they were made from, so the next start makes them again.
    """
    end_view()
    root = asked.layout.root
    with (root / "logs" / "partial.log").open("ab") as log:
        for step in ("tables", "figures", "report"):
            command = [sys.executable, "-m", f"analysis.{step}", str(root)]
            subprocess.run(command, stdout=log, stderr=log, check=False)
    if disk_usage(root).free < 1 << 20:
        print(f"The disk that holds {root} is full: make room.")
    report = root / "report.html"
    partial = f" Partial results: {report}." if report.is_file() else ""
    print(f"Some jobs failed.{partial} Fix the cause and run the same command again.")
