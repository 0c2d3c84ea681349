# After each look at the verdicts: which arms have them, and which get more seeds. A checkpoint, since only
# its file says which runs come next (experiments/workflow/due.py).

if LAYOUT.looks:

    checkpoint look:
        """Compare every open arm with the reference after so many seeds, and write who gets the next ones."""
        input:
            files_of_look,
        output:
            mark=LAYOUT.look_marks,
            found=LAYOUT.look_files,
        log:
            f"{RESULTS}/logs/look_{{look}}.log",
        benchmark:
            f"{RESULTS}/benchmarks/look_{{look}}.tsv"
        conda:
            "environment.yaml"
        params:
            results=subpath(output.found, ancestor=2),
            digest=lambda wildcards: DIGEST(LAYOUT.look_marks.format(**wildcards)),
        shell:
            "python -m analysis.look {params.results:q} --seeds {wildcards.look} > {log:q} 2>&1"
