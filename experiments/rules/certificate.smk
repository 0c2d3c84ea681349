# What the suite says where the truth is known: snakemake certificate --config experiment=certificate


rule certificate:
    """Verdicts over repetitions with other seeds, and how small a difference is seen."""
    input:
        evidence_of_fixed_seeds,
    output:
        f"{RESULTS}/certificate/{CHECKSUMS}",
        page=f"{RESULTS}/certificate/report.html",
    log:
        f"{RESULTS}/logs/certificate.log",
    conda:
        "environment.yaml"
    params:
        results=subpath(output.page, ancestor=2),
        digest=code_digest("analysis.certificate"),
    shell:
        "python -m analysis.certificate {params.results:q} > {log:q} 2>&1"
