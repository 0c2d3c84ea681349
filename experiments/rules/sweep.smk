# From a study to its report. Workers share one journal and may die at any time; they are started again like any job.

from experiments.sweep.hashes import validation_hash


rule sweep_prepare:
    """Write the resolved study, and its validation questions without any that are trained on or tested on."""
    input:
        GRAPH.problems,
        train=rules.problems.output.train,
    output:
        f"{SWEEP}/study.{CHECKSUMS}",
        study=f"{SWEEP}/study.yaml",
    log:
        f"{RESULTS}/logs/sweep_prepare.log",
    params:
        folder=subpath(output.study, parent=True),
        study=asked_sweep(config),
        hash=STUDY.hash(),
        problems=GRAPH.problems_hash(),
        validation=validation_hash(STUDY, GRAPH),
    shell:
        "python -m experiments.sweep prepare {params.folder} --study {params.study} > {log} 2>&1"


rule sweep_work:
    """Take trials until none is left. The journal and the runs are no declared outputs: they outlive a failed worker."""
    input:
        code(*TRAINER),
        GRAPH.base_inputs(),
        [GRAPH.method_file(search.arm) for search in STUDY.searches.values()],
        rules.problems.output.train,
        study=rules.sweep_prepare.output.study,
    output:
        done=touch(f"{SWEEP}/workers/{{worker}}.done"),
    log:
        f"{RESULTS}/logs/sweep_worker_{{worker}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/sweep_worker_{{worker}}.tsv"
    threads: NEEDS["train"].threads
    resources:
        gpu=NEEDS["train"].gpu,
        mem_mb=NEEDS["train"].mem_mb,
        runtime=NEEDS["train"].runtime * STUDY.trainings_per_worker,
    params:
        folder=subpath(input.study, parent=True),
        hash=sweep_hash(STUDY, GRAPH),
    shell:
        "exec python -m experiments.workflow.devices --gpus {resources.gpu} --"
        " python -m experiments.sweep work {params.folder} --worker {wildcards.worker}"
        " --launcher '{LAUNCHER}' >> {log} 2>&1"


rule sweep_gather:
    """Trials as a table, importance of the settings, and the best arm of each search that has one."""
    input:
        [f"{SWEEP}/workers/{worker}.done" for worker in range(STUDY.workers)],
        study=rules.sweep_prepare.output.study,
    output:
        f"{SWEEP}/trials.{CHECKSUMS}",
        trials=f"{SWEEP}/trials.csv",
        importance=f"{SWEEP}/importance.csv",
    log:
        f"{RESULTS}/logs/sweep_gather.log",
    params:
        folder=subpath(input.study, parent=True),
        hash=sweep_hash(STUDY, GRAPH),
    shell:
        "python -m experiments.sweep gather {params.folder} > {log} 2>&1"


rule sweep_report:
    """Response surface, sensitivity to the tuning budget, importance, and all trials on one page."""
    input:
        GRAPH.analysis_code("sweep"),
        rules.sweep_gather.output,
    output:
        f"{SWEEP}/report.{CHECKSUMS}",
        page=f"{SWEEP}/report.html",
    log:
        f"{RESULTS}/logs/sweep_report.log",
    params:
        folder=subpath(output.page, parent=True),
        hash=sweep_hash(STUDY, GRAPH),
    shell:
        "python -m analysis.sweep {params.folder} > {log} 2>&1"


rule sweep_tracked:
    """Log the trials, tables and figures. A store that does not answer is a warning in the log."""
    input:
        rules.sweep_report.output.page,
    output:
        logged=f"{SWEEP}/mlflow.logged",
    log:
        f"{RESULTS}/logs/sweep_tracked.log",
    localrule: True
    params:
        results=RESULTS,
    shell:
        "python -m experiments.tracking sync {params.results} --mark {output.logged} > {log} 2>&1"


rule sweep:
    """The whole sweep: trials, best arms, report, and MLflow's view of it."""
    input:
        rules.sweep_prepare.output,
        rules.sweep_gather.output,
        rules.sweep_report.output,
        f"{SWEEP}/mlflow.logged",
