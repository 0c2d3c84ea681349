# MLflow: a view of the result files. No rule but this one knows of it; what is live is logged by a process of its own
# (Snakefile, onstart).


rule tracked:
    """Log final scores, tables, figures and data sets. A store that does not answer is a warning in the log."""
    input:
        rules.report_page.output.page,
    output:
        logged=f"{RESULTS}/mlflow.logged",
    log:
        f"{RESULTS}/logs/tracked.log",
    conda:
        "environment.yaml"
    params:
        results=subpath(output.logged, parent=True),
    shell:
        "python -m experiments.tracking sync {params.results:q} --mark {output.logged:q} > {log:q} 2>&1"
