# From a sweep's file to its report. Workers share one journal and may die at any time; they are started again like any job.

from eval.files.code_digest import code_digest
from experiments.sweep.hashes import sweep_hash, validation_hash
from experiments.sweep.sweep_file import asked_sweep, no_sweep

SWEPT = STUDY.sweep
SWEEP = f"{RESULTS}/sweep/{SWEPT.name}" if SWEPT else ""
SWEEP_DIGEST = sweep_hash(SWEPT, LAYOUT) if SWEPT else ""

if SWEPT:

    rule sweep_prepare:
        """Write the resolved study, and its validation questions without any that are trained on or tested on."""
        input:
            LAYOUT.problems,
            train=rules.problems.output.train,
        output:
            f"{SWEEP}/study.{CHECKSUMS}",
            study=f"{SWEEP}/study.yaml",
        log:
            f"{RESULTS}/logs/sweep_prepare.log",
        conda:
            "environment.yaml"
        params:
            folder=subpath(output.study, parent=True),
            study=asked_sweep(config),
            digest=SWEPT.hash(),
            problems_digest=DIGEST(f"{RESULTS}/problems/{CHECKSUMS}"),
            validation=validation_hash(SWEPT, LAYOUT),
        shell:
            "python -m experiments.sweep prepare {params.folder:q} --study {params.study:q} > {log:q} 2>&1"

    rule sweep_work:
        """Take trials until none is left. The journal and the runs are no declared outputs: they outlive a failed worker."""
        input:
            LAYOUT.base_inputs(),
            rules.problems.output.train,
            study=rules.sweep_prepare.output.study,
        output:
            done=touch(f"{SWEEP}/workers/{{worker}}.done"),
        log:
            f"{RESULTS}/logs/sweep_worker_{{worker}}.log",
        benchmark:
            f"{RESULTS}/benchmarks/sweep_worker_{{worker}}.tsv"
        conda:
            "environment.yaml"
        threads: NEEDS["train"].threads
        resources:
            gpu=NEEDS["train"].gpu,
            mem_mb=NEEDS["train"].mem_mb,
            runtime=NEEDS["train"].runtime * SWEPT.trainings_per_worker,
            launcher=STUDY.launcher,
        params:
            folder=subpath(input.study, parent=True),
            digest=SWEEP_DIGEST,
        shell:
            "exec python -m experiments.workflow.devices --gpus {resources.gpu} --"
            " python -m experiments.sweep work {params.folder:q} --worker {wildcards.worker}"
            " --launcher {resources.launcher:q} >> {log:q} 2>&1"

    rule sweep_gather:
        """Trials as a table, importance of the settings, and the best arm of each search that has one."""
        input:
            [f"{SWEEP}/workers/{worker}.done" for worker in range(SWEPT.workers)],
            study=rules.sweep_prepare.output.study,
        output:
            f"{SWEEP}/trials.{CHECKSUMS}",
            trials=f"{SWEEP}/trials.csv",
            importance=f"{SWEEP}/importance.csv",
        log:
            f"{RESULTS}/logs/sweep_gather.log",
        conda:
            "environment.yaml"
        params:
            folder=subpath(input.study, parent=True),
            digest=SWEEP_DIGEST,
        shell:
            "python -m experiments.sweep gather {params.folder:q} > {log:q} 2>&1"

    rule sweep_report:
        """Response surface, sensitivity to the tuning budget, importance, and all trials on one page."""
        input:
            rules.sweep_gather.output,
        output:
            f"{SWEEP}/report.{CHECKSUMS}",
            page=f"{SWEEP}/report.html",
        log:
            f"{RESULTS}/logs/sweep_report.log",
        conda:
            "environment.yaml"
        params:
            folder=subpath(output.page, parent=True),
            digest=[SWEEP_DIGEST, code_digest("analysis.sweep")],
        shell:
            "python -m analysis.sweep {params.folder:q} > {log:q} 2>&1"

    rule sweep_tracked:
        """Log the trials, tables and figures. A store that does not answer is a warning in the log."""
        input:
            rules.sweep_report.output.page,
        output:
            logged=f"{SWEEP}/mlflow.logged",
        log:
            f"{RESULTS}/logs/sweep_tracked.log",
        localrule: True
        conda:
            "environment.yaml"
        params:
            results=RESULTS,
        shell:
            "python -m experiments.tracking sync {params.results:q} --mark {output.logged:q} > {log:q} 2>&1"

    rule sweep:
        """The whole sweep: trials, best arms, report, and MLflow's view of it."""
        input:
            rules.sweep_prepare.output,
            rules.sweep_gather.output,
            rules.sweep_report.output,
            f"{SWEEP}/mlflow.logged",

else:

    rule sweep:
        """There is no sweep of this experiment."""
        input:
            lambda wildcards: no_sweep(EXPERIMENT),
