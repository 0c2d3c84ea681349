# From a spec to policies: the problems, the base policy, and one job per arm and seed.
#
# update(): Snakemake deletes what a job has promised before it starts the job again. A policy that is
# complete and made from the same parts must not be made again, so these marks stay, and the job looks.


rule problems:
    """Write the training prompts, every benchmark's questions, and what the two have in common.

    First of all jobs: the process that makes a tiny base policy samples it where the problems are there.
    """
    output:
        LAYOUT.problems,
        multiext(f"{RESULTS}/problems/contamination", ".csv", ".json"),
        f"{RESULTS}/problems/{CHECKSUMS}",
        train=f"{RESULTS}/problems/train.jsonl",
    log:
        f"{RESULTS}/logs/problems.log",
    benchmark:
        f"{RESULTS}/benchmarks/problems.tsv"
    priority: 1
    conda:
        "environment.yaml"
    params:
        spec=LAYOUT.spec,
        out=subpath(output.train, parent=True),
        digest=DIGEST(f"{RESULTS}/problems/{CHECKSUMS}"),
    shell:
        "python -m experiments.tasks --spec {params.spec:q} --out {params.out:q} > {log:q} 2>&1"


rule base_policy:
    """Make the base policy: train it from scratch, or fetch a pretrained one at its commit.

    As with runs, the process that trains a tiny one goes on to sample it.
    """
    input:
        LAYOUT.base_training(),
    output:
        mark=update(f"{RESULTS}/base/policy/{CHECKSUMS}"),
    log:
        f"{RESULTS}/logs/base_policy.log",
    benchmark:
        f"{RESULTS}/benchmarks/base_policy.tsv"
    localrule: EXPERIMENT.model.source == "pretrained"  # is fetched: a cluster's nodes may have no network
    conda:
        "environment.yaml"
    threads: NEEDS["base_policy"].threads
    resources:
        gpu=NEEDS["base_policy"].gpu,
        mem_mb=NEEDS["base_policy"].mem_mb,
        runtime=NEEDS["base_policy"].runtime,
        launcher=STUDY.base_launcher,
    params:
        spec=LAYOUT.spec,
        out=subpath(output.mark, parent=True),
        module=LAYOUT.base_module(),
        digest=DIGEST(f"{RESULTS}/base/policy/{CHECKSUMS}"),
    # Passive: threads that wait for each other sleep. On a busy machine they would spin for minutes.
    shell:
        "OMP_WAIT_POLICY=passive exec python -m experiments.workflow.devices"
        " --gpus {resources.gpu} -- {resources.launcher} experiments.policies.{params.module}"
        " --spec {params.spec:q} --out {params.out:q} > {log:q} 2>&1"


rule train:
    """Train one arm with one seed. Checkpoints and train.jsonl are no declared outputs: a failed job keeps them.

    Where the policy is tiny the same process goes on to sample it (run_launcher), so that rule sample finds it done.
    Snakemake starts a run that was stopped or killed again, and it resumes; a refusal is not retried (workflow/refusals.py).
    """
    input:
        LAYOUT.base_inputs(),
        LAYOUT.plans_for_training(),
        problems=rules.problems.output.train,
    output:
        mark=update(f"{RESULTS}/{{arm}}/seed-{{seed}}/{CHECKSUMS}"),
        run=update(f"{RESULTS}/{{arm}}/seed-{{seed}}/run.json"),
    log:
        f"{RESULTS}/logs/{{arm}}_{{seed}}_train.log",
    benchmark:
        f"{RESULTS}/benchmarks/{{arm}}_{{seed}}_train.tsv"
    retries: STUDY.retries
    conda:
        "environment.yaml"
    threads: NEEDS["train"].threads
    resources:
        gpu=NEEDS["train"].gpu,
        mem_mb=NEEDS["train"].mem_mb,
        runtime=NEEDS["train"].runtime,
        # A resource and no parameter: a run that is launched on more processes is the same run.
        launcher=STUDY.run_launcher,
        computing=lambda wildcards, threads: NEEDS["train"].computing_threads(threads),
    params:
        spec=LAYOUT.spec,
        digest=lambda wildcards: DIGEST(LAYOUT.run(**wildcards) / CHECKSUMS),
    shell:
        "OMP_NUM_THREADS={resources.computing} MKL_NUM_THREADS={resources.computing}"
        " OMP_WAIT_POLICY=passive"
        " exec python -m experiments.workflow.devices"
        " --gpus {resources.gpu} -- {resources.launcher} experiments.train"
        " --spec {params.spec:q} --arm {wildcards.arm} --seed {wildcards.seed} > {log:q} 2>&1"
