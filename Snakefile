# The whole graph: spec → problems → base policy → runs → samples → verdicts → tables, figures, report.
#
#   snakemake all                                 the default experiment
#   snakemake all --config experiment=NAME        experiments/NAME.yaml, or the path of any YAML file
#   snakemake sweep                               tunes arms of the default experiment on validation questions
#   snakemake sweep --config sweep=NAME           experiments/sweep_NAME.yaml, or the path of any YAML file
#   … --config gpus=N launch=fsdp2                each training run on N GPUs (docs/scale.md)
#
# Stages meet in files (docs/metrics.md). A training run is re-made when its own settings or its own method's code
# change, and never because an analysis, another arm or a comment in the experiment file did.

import os
import sys
from pathlib import Path
from shutil import disk_usage

from snakemake.utils import min_version

min_version("9.0")

from analysis.figures.captions import CAPTIONS
from eval.files.checksums import CHECKSUMS
from eval.files.errors import exit_with_message
from experiments.workflow.claim import claim, only_sweeps, runs_jobs
from experiments.spec.data_folder import load_ready
from experiments.workflow.layout import TRAINER, Graph, code, prepare_environment
from experiments.workflow.launcher import launcher, prepare_launches, processes, retries
from experiments.workflow.repair import mend
from experiments.workflow.outdated import forget_outdated
from experiments.spec.resolved import write_spec
from experiments.workflow.resources import needs
from experiments.sweep.sweep_file import (
    asked_arms,
    asked_experiment,
    asked_study,
    asked_sweep,
    no_sweep,
)
from experiments.sweep.hashes import sweep_hash
from experiments.tracking.command import start_following

with exit_with_message():
    # A sweep makes files that other arms of its experiment may be read from: it goes without those.
    EXPERIMENT = load_ready(
        asked_experiment(config),
        asked_arms(config) if only_sweeps(sys.argv[1:]) else None,
    )
    STUDY = asked_study(config, EXPERIMENT)
    # Globals and no params of the rule: a run launched on more processes is the same run.
    LAUNCHER, PROCESSES = launcher(config), processes(config)
    RETRIES = retries(config)
    NEEDS = needs(EXPERIMENT, config.get("gpus"), PROCESSES)

GRAPH = Graph(EXPERIMENT, Path(str(config.get("results", "results"))))
RESULTS = str(GRAPH.root)
if runs_jobs(sys.argv[1:]):
    with exit_with_message():
        claim(GRAPH.root)
        mend(GRAPH.root, GRAPH.runs)
        forget_outdated(GRAPH)
        # Here, since onstart is not asked where no job is left to do.
        write_spec(EXPERIMENT, GRAPH.spec)

TABLES = [
    f"{RESULTS}/tables/{name}.csv"
    for name in ("main", "comparisons", "budget", "diagnostics")
]
FIGURES = [f"{RESULTS}/figures/{name}.png" for name in CAPTIONS]
SWEEP = f"{RESULTS}/sweep/{STUDY.name}" if STUDY else ""

prepare_environment()
prepare_launches()


wildcard_constraints:
    arm="|".join(EXPERIMENT.arms),
    seed=r"\d+",


# On a cluster these run where snakemake does: it has the network, and MLflow's store is no file that jobs write.
localrules:
    all,
    problems,
    tracked,


rule all:
    """Everything: tables, figures and the report of the experiment, and MLflow's view of it."""
    input:
        f"{RESULTS}/report.html",
        TABLES,
        FIGURES,
        GRAPH.run_marks,
        GRAPH.analysis_marks,
        f"{RESULTS}/mlflow.logged",


include: "experiments/rules/policies.smk"
include: "experiments/rules/evaluation.smk"
include: "experiments/rules/analysis.smk"
include: "experiments/rules/tracking.smk"


if STUDY:

    include: "experiments/rules/sweep.smk"

else:

    rule sweep:
        """There is no sweep of this experiment."""
        input:
            lambda wildcards: no_sweep(EXPERIMENT),


onstart:
    with exit_with_message():
        # The spec is no rule: as an upstream job, Snakemake would let it hide which runs it concerns. Again, for a
        # Snakemake that runs inside another program.
        write_spec(EXPERIMENT, GRAPH.spec)
        # Makes the MLflow store and logs to it, from a process of its own, which ends with this one.
        start_following(GRAPH.root)


onerror:
    # What did finish is still worth its tables; they name what is missing. The exit code stays that of the failure.
    # Without their marks they count as unfinished, so that the next start makes them anew, whatever the clock says.
    for step in ("tables", "figures", "report"):
        shell(
            f"python -m analysis.{step} {RESULTS} >> {RESULTS}/logs/partial.log 2>&1 || true"
        )
    for mark in GRAPH.analysis_marks:
        Path(mark).unlink(missing_ok=True)
    if disk_usage(RESULTS).free < 1 << 20:
        print(f"The disk that holds {RESULTS} is full: make room.")
    print(
        f"Some jobs failed; what there is stands in {RESULTS}/report.html. Mend the cause and start again."
    )
