# From counts and curves to tables, figures and the report. Reads files only; never retrains.


rule tables:
    """All tables (analysis/tables/layouts.py), as CSV, Markdown, LaTeX and HTML."""
    input:
        evidence,
    output:
        mark=LAYOUT.analysis_marks["analysis.tables"],
        tables=[
            report(path, category="Tables", labels={"table": Path(path).stem})
            for path in TABLES
        ],
    log:
        f"{RESULTS}/logs/tables.log",
    benchmark:
        f"{RESULTS}/benchmarks/tables.tsv"
    conda:
        "environment.yaml"
    params:
        results=subpath(output.mark, ancestor=2),
        digest=DIGEST(LAYOUT.analysis_marks["analysis.tables"]),
    shell:
        "python -m analysis.tables {params.results:q} > {log:q} 2>&1"


rule figures:
    """Every figure as PDF and PNG with its numbers as CSV and its origin as JSON."""
    input:
        evidence,
    output:
        mark=LAYOUT.analysis_marks["analysis.figures"],
        figures=[
            report(
                f"{RESULTS}/figures/{name}.png",
                caption=f"{os.path.abspath(RESULTS)}/figures/{name}.rst",
                category=caption.category,
                labels={"figure": caption.title},
            )
            for name, caption in CAPTIONS.items()
        ],
    log:
        f"{RESULTS}/logs/figures.log",
    benchmark:
        f"{RESULTS}/benchmarks/figures.tsv"
    conda:
        "environment.yaml"
    params:
        results=subpath(output.mark, ancestor=2),
        digest=DIGEST(LAYOUT.analysis_marks["analysis.figures"]),
    shell:
        "python -m analysis.figures {params.results:q} > {log:q} 2>&1"


rule report_page:
    """One self-contained page with verdicts, tables, figures, settings and provenance."""
    input:
        rules.tables.output,
        rules.figures.output,
    output:
        LAYOUT.analysis_marks["analysis.report"],
        page=f"{RESULTS}/report.html",
    log:
        f"{RESULTS}/logs/report.log",
    benchmark:
        f"{RESULTS}/benchmarks/report.tsv"
    conda:
        "environment.yaml"
    params:
        results=subpath(output.page, parent=True),
        digest=DIGEST(LAYOUT.analysis_marks["analysis.report"]),
    shell:
        "python -m analysis.report {params.results:q} > {log:q} 2>&1"
