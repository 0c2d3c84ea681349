# From a spec to policies: the problems, the base policy, and one job per arm and seed.


rule problems:
    """Write the training prompts, every benchmark's questions, and what the two have in common."""
    output:
        GRAPH.problems,
        multiext(f"{RESULTS}/problems/contamination", ".csv", ".json"),
        f"{RESULTS}/problems/{CHECKSUMS}",
        train=f"{RESULTS}/problems/train.jsonl",
    log:
        f"{RESULTS}/logs/problems.log",
    benchmark:
        f"{RESULTS}/benchmarks/problems.tsv"
    params:
        spec=GRAPH.spec,
        out=subpath(output.train, parent=True),
        hash=GRAPH.problems_hash(),
    shell:
        "python -m experiments.tasks --spec {params.spec} --out {params.out} > {log} 2>&1"


rule base_policy:
    """Make the base policy: train it from scratch, or fetch a pretrained one at its commit."""
    input:
        GRAPH.base_training(),
    output:
        mark=f"{RESULTS}/base/policy/{CHECKSUMS}",
    log:
        f"{RESULTS}/logs/base_policy.log",
    benchmark:
        f"{RESULTS}/benchmarks/base_policy.tsv"
    localrule: EXPERIMENT.model.source == "pretrained"  # is fetched: a cluster's nodes may have no network
    threads: NEEDS["base_policy"].threads
    resources:
        gpu=NEEDS["base_policy"].gpu,
        mem_mb=NEEDS["base_policy"].mem_mb,
        runtime=NEEDS["base_policy"].runtime,
    params:
        spec=GRAPH.spec,
        out=subpath(output.mark, parent=True),
        module=GRAPH.base_module(),
        hash=GRAPH.base_hash(),
    shell:
        "exec python -m experiments.workflow.devices --gpus {resources.gpu} -- python -m experiments.policies.{params.module}"
        " --spec {params.spec} --out {params.out} > {log} 2>&1"


rule train:
    """Train one arm with one seed. Checkpoints and train.jsonl are no declared outputs: a failed job keeps them.

    Snakemake retries whatever the exit code: a run that was stopped or killed goes on, bad input is refused again at once.
    """
    input:
        GRAPH.base_inputs(),
        code=lambda wildcards: GRAPH.training_code(wildcards.arm),
        problems=rules.problems.output.train,
    output:
        f"{RESULTS}/{{arm}}/seed-{{seed}}/{CHECKSUMS}",
        run=f"{RESULTS}/{{arm}}/seed-{{seed}}/run.json",
    log:
        f"{RESULTS}/logs/{{arm}}_{{seed}}_train.log",
    benchmark:
        f"{RESULTS}/benchmarks/{{arm}}_{{seed}}_train.tsv"
    retries: RETRIES
    threads: NEEDS["train"].threads
    resources:
        gpu=NEEDS["train"].gpu,
        mem_mb=NEEDS["train"].mem_mb,
        runtime=NEEDS["train"].runtime,
    params:
        spec=GRAPH.spec,
        hash=lambda wildcards: GRAPH.run_hash(wildcards.arm, wildcards.seed),
    shell:
        "OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 exec python -m experiments.workflow.devices --gpus {resources.gpu} --"
        " {LAUNCHER} experiments.train"
        " --spec {params.spec} --arm {wildcards.arm} --seed {wildcards.seed} > {log} 2>&1"
