# MLflow: a view of the result files. Training waits until the store is made, and knows nothing else of it.


rule tracking_store:
    """Make the MLflow store, its experiment and a run per arm, once and before any job runs beside another."""
    output:
        ready=f"{RESULTS}/mlflow.ready",
    log:
        f"{RESULTS}/logs/tracking_store.log",
    params:
        results=subpath(output.ready, parent=True),
    shell:
        "python -m experiments.tracking store {params.results} --mark {output.ready} > {log} 2>&1"


rule tracked:
    """Log final scores, tables, figures and data sets. A store that does not answer is a warning in the log."""
    input:
        rules.report_page.output.page,
    output:
        logged=f"{RESULTS}/mlflow.logged",
    log:
        f"{RESULTS}/logs/tracked.log",
    params:
        results=subpath(output.logged, parent=True),
    shell:
        "python -m experiments.tracking sync {params.results} --mark {output.logged} > {log} 2>&1"
