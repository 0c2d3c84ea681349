# The whole graph: spec → problems → base policy → runs → samples → verdicts → tables, figures, report.
# With `seeds: {looks: …}` the graph grows: each look at the verdicts says which runs are due next.
#
#   snakemake all                                 the default experiment
#   snakemake all --config experiment=NAME        experiments/NAME.yaml, or the path of any YAML file
#   snakemake sweep                               tunes arms of the default experiment on validation questions
#   snakemake sweep --config sweep=NAME           experiments/sweep_NAME.yaml, or the path of any YAML file
#   snakemake battery                             all probes with the same arms, on one scorecard
#   snakemake certificate --config experiment=certificate      does the suite call what is there?
#   … --config gpus=N launch=fsdp2                each training run on N GPUs (docs/scale.md)
#
# Stages meet in files (docs/metrics.md). Each step leaves a mark with a digest of all that it was
# made from; a start does a step again whose digest has changed (experiments/workflow/steps.py).

import os
import sys
from pathlib import Path

from snakemake.utils import min_version

min_version("9.0")

from analysis.figures.captions import CAPTIONS
from eval.files.errors import exit_with_message
from eval.files.marks import CHECKSUMS
from eval.files.results_layout import on_the_way_folder
from eval.sampling.sample_plan import PLAN_ENDING
from experiments.workflow.config import check_config

with exit_with_message():
    check_config(config)  # before all that takes seconds to load

from experiments.start import ask, end_view, failed, finished, get_ready, started

with exit_with_message():
    STUDY = ask(config, sys.argv[1:])
    if workflow.is_main_process:
        is_probe = not workflow.modifier.is_main_snakefile()
        get_ready(STUDY, sys.argv[1:], f"{STUDY.experiment.name}_" if is_probe else "")

EXPERIMENT, LAYOUT, NEEDS, DIGEST = (
    STUDY.experiment,
    STUDY.layout,
    STUDY.needs,
    STUDY.digest,
)
RESULTS = str(LAYOUT.root)
TABLES = [
    f"{RESULTS}/tables/{name}.csv"
    for name in ("main", "comparisons", "budget", "diagnostics")
]
FIGURES = [f"{RESULTS}/figures/{name}.png" for name in CAPTIONS]


wildcard_constraints:
    arm="|".join(EXPERIMENT.arms),
    seed=r"\d+",
    rollouts=r"\d+",
    look=r"\d+",


# On a cluster these run where snakemake does: it has the network, and MLflow's store is no file
# that jobs write.
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
        lambda wildcards: LAYOUT.run_marks(runs_asked(LAYOUT, look_done)),
        lambda wildcards: looks_asked(LAYOUT, look_done),
        [*LAYOUT.analysis_marks.values()],
        f"{RESULTS}/mlflow.logged",


include: "experiments/rules/due.smk"
include: "experiments/rules/policies.smk"
include: "experiments/rules/evaluation.smk"
include: "experiments/rules/looks.smk"
include: "experiments/rules/analysis.smk"
include: "experiments/rules/tracking.smk"
include: "experiments/rules/sweep.smk"
include: "experiments/rules/certificate.smk"
include: "experiments/rules/battery.smk"


onstart:
    with exit_with_message():
        started(STUDY, workflow.dag, sys.argv[1:])
    # To limit starts per second, Snakemake 9 wakes its scheduler once more a second for every job
    # that has ended. Of no use where jobs run here, and with hundreds of jobs it kept a core busy.
    limited = any(word.startswith("--max-jobs-per") for word in sys.argv)
    if workflow.local_exec and not limited:
        workflow.scheduler.job_rate_limiter = None


onsuccess:
    finished(STUDY, [rule.name for rule in workflow.dag.targetrules])


onerror:
    if BATTERY is None:
        failed(STUDY)
    else:
        end_view()
        print("Some jobs failed. Fix the cause and run the same command again.")
