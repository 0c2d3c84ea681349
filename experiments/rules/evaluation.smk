# From policies to counts: sampling needs the policy, scoring only the samples.


rule sample:
    """Answer every benchmark's questions with one trained policy. The samples are append-only and no declared output."""
    input:
        GRAPH.sampling_code(),
        GRAPH.problems,
        run=rules.train.output.run,
    output:
        sampled=GRAPH.marks(
            f"{RESULTS}/{{arm}}/seed-{{seed}}", GRAPH.benchmarks, "sampled"
        ),
    log:
        f"{RESULTS}/logs/{{arm}}_{{seed}}_sample.log",
    benchmark:
        f"{RESULTS}/benchmarks/{{arm}}_{{seed}}_sample.tsv"
    threads: NEEDS["sample"].threads
    resources:
        gpu=NEEDS["sample"].gpu,
        mem_mb=NEEDS["sample"].mem_mb,
        runtime=NEEDS["sample"].runtime,
    params:
        folder=subpath(input.run, parent=True),
        problems=GRAPH.problems,
        samples=GRAPH.samples,
        sampling=GRAPH.sampling(),
        label=EXPERIMENT.name,
        hash=lambda wildcards: GRAPH.run_hash(wildcards.arm, wildcards.seed),
    shell:
        "exec python -m experiments.workflow.devices --gpus {resources.gpu} -- python -m eval.sample"
        " --policy {params.folder}/policy --problems {params.problems} --samples {params.samples}"
        " --out {params.folder}/eval {params.sampling} --seed {wildcards.seed} --threads {threads} --stale replace"
        " --label run={params.label} --label arm={wildcards.arm} --label train_seed={wildcards.seed} > {log} 2>&1"


rule score:
    """Verify one run's samples and count per question."""
    input:
        GRAPH.problems,
        sampled=rules.sample.output.sampled,
    output:
        GRAPH.outcome(f"{RESULTS}/{{arm}}/seed-{{seed}}", GRAPH.benchmarks),
        GRAPH.marks(f"{RESULTS}/{{arm}}/seed-{{seed}}", GRAPH.benchmarks, "scored"),
    log:
        f"{RESULTS}/logs/{{arm}}_{{seed}}_score.log",
    benchmark:
        f"{RESULTS}/benchmarks/{{arm}}_{{seed}}_score.tsv"
    threads: NEEDS["score"].threads
    resources:
        gpu=NEEDS["score"].gpu,
        mem_mb=NEEDS["score"].mem_mb,
        runtime=NEEDS["score"].runtime,
    params:
        problems=GRAPH.problems,
        folder=subpath(output[0], parent=True),
        ks=GRAPH.ks,
        hash=lambda wildcards: GRAPH.run_hash(wildcards.arm, wildcards.seed),
        grader=GRAPH.scoring_hash(),
    shell:
        "python -m eval.score --out {params.folder} --problems {params.problems} --k {params.ks}"
        " --workers {threads} > {log} 2>&1"


rule base_sample:
    """Answer one set of questions with the base policy: every benchmark, and the training prompts for the strata."""
    input:
        GRAPH.sampling_code(),
        GRAPH.base_folder(),
        problems=f"{RESULTS}/problems/{{set}}.jsonl",
    output:
        sampled=f"{RESULTS}/base/eval/{{set}}.sampled",
    log:
        f"{RESULTS}/logs/base_{{set}}_sample.log",
    benchmark:
        f"{RESULTS}/benchmarks/base_{{set}}_sample.tsv"
    threads: NEEDS["sample"].threads
    resources:
        gpu=NEEDS["sample"].gpu,
        mem_mb=NEEDS["sample"].mem_mb,
        runtime=NEEDS["sample"].runtime,
    params:
        policy=lambda wildcards: GRAPH.base_policy(),
        samples=lambda wildcards: GRAPH.base_samples(wildcards.set),
        sampling=GRAPH.sampling(),
        label=EXPERIMENT.name,
        seed=EXPERIMENT.evaluation.seed,
        out=subpath(output.sampled, parent=True),
        hash=GRAPH.base_hash(),
    shell:
        "exec python -m experiments.workflow.devices --gpus {resources.gpu} -- python -m eval.sample"
        " --policy {params.policy:q} --problems {input.problems} --samples {params.samples}"
        " --out {params.out} {params.sampling} --seed {params.seed} --threads {threads} --stale replace"
        " --label run={params.label} --label arm=base --label step=0 > {log} 2>&1"


rule base_score:
    """Verify the base policy's samples of one set."""
    input:
        problems=f"{RESULTS}/problems/{{set}}.jsonl",
        sampled=rules.base_sample.output.sampled,
    output:
        multiext(f"{RESULTS}/base/eval/{{set}}", ".counts.csv", ".scored"),
    log:
        f"{RESULTS}/logs/base_{{set}}_score.log",
    benchmark:
        f"{RESULTS}/benchmarks/base_{{set}}_score.tsv"
    threads: NEEDS["score"].threads
    resources:
        gpu=NEEDS["score"].gpu,
        mem_mb=NEEDS["score"].mem_mb,
        runtime=NEEDS["score"].runtime,
    params:
        out=subpath(input.sampled, parent=True),
        ks=GRAPH.ks,
        hash=GRAPH.base_hash(),
        grader=GRAPH.scoring_hash(),
    shell:
        "python -m eval.score --out {params.out} --problems {input.problems} --k {params.ks} --workers {threads} > {log} 2>&1"
