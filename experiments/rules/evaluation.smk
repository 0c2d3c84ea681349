# From policies to counts: sampling needs the policy, scoring only the samples.
#
# update(): samples that are complete and made from the same parts are not made again (eval.sample looks).

# folder of a run's policy on the way
ON_THE_WAY = str(on_the_way_folder(LAYOUT.run("{arm}", "{seed}"), "{rollouts}"))


rule sample:
    """Answer every benchmark's questions with one policy. The samples are append-only and no declared output."""
    input:
        LAYOUT.problems,
        LAYOUT.plans,
        run=rules.train.output.run,
    output:
        sampled=update(
            LAYOUT.marks(
                f"{RESULTS}/{{arm}}/seed-{{seed}}", LAYOUT.benchmarks, "sampled"
            )
        ),
    log:
        f"{RESULTS}/logs/{{arm}}_{{seed}}_sample.log",
    benchmark:
        f"{RESULTS}/benchmarks/{{arm}}_{{seed}}_sample.tsv"
    conda:
        "environment.yaml"
    threads: NEEDS["sample"].threads
    resources:
        gpu=NEEDS["sample"].gpu,
        mem_mb=NEEDS["sample"].mem_mb,
        runtime=NEEDS["sample"].runtime,
    params:
        policy=lambda wildcards: f"{LAYOUT.run(wildcards.arm, wildcards.seed)}/policy",
        problems=LAYOUT.problems,
        samples=LAYOUT.samples,
        plan=LAYOUT.plan_options,
        out=lambda wildcards: f"{LAYOUT.run(wildcards.arm, wildcards.seed)}/eval",
        sampling=LAYOUT.sampling(),
        seed=lambda wildcards: wildcards.seed,
        labels=lambda wildcards: f"--label run={EXPERIMENT.name} --label arm={wildcards.arm} --label train_seed={wildcards.seed}",
        digest=lambda wildcards: [
            DIGEST(mark)
            for mark in LAYOUT.marks(
                LAYOUT.run(**wildcards), LAYOUT.benchmarks, "sampled"
            )
        ],
    shell:
        "exec python -m experiments.workflow.devices --gpus {resources.gpu} -- python -m eval.sample"
        " --policy {params.policy:q} --problems {params.problems:q} --samples {params.samples}"
        " {params.plan:q} --out {params.out:q} {params.sampling} --seed {params.seed} --threads {threads}"
        " --stale replace {params.labels} > {log:q} 2>&1"


rule score:
    """Verify one policy's samples and count per question."""
    input:
        problems=LAYOUT.problems,
        sampled=rules.sample.output.sampled,
    output:
        LAYOUT.outcome(f"{RESULTS}/{{arm}}/seed-{{seed}}", LAYOUT.benchmarks),
        scored=LAYOUT.marks(
            f"{RESULTS}/{{arm}}/seed-{{seed}}", LAYOUT.benchmarks, "scored"
        ),
    log:
        f"{RESULTS}/logs/{{arm}}_{{seed}}_score.log",
    benchmark:
        f"{RESULTS}/benchmarks/{{arm}}_{{seed}}_score.tsv"
    conda:
        "environment.yaml"
    threads: NEEDS["score"].threads
    resources:
        gpu=NEEDS["score"].gpu,
        mem_mb=NEEDS["score"].mem_mb,
        runtime=NEEDS["score"].runtime,
    params:
        out=lambda wildcards: f"{LAYOUT.run(wildcards.arm, wildcards.seed)}/eval",
        ks=LAYOUT.ks,
        digest=lambda wildcards: [
            DIGEST(mark)
            for mark in LAYOUT.marks(
                LAYOUT.run(**wildcards), LAYOUT.benchmarks, "scored"
            )
        ],
    shell:
        "python -m eval.score --out {params.out:q} --problems {input.problems:q} --k {params.ks}"
        " --workers {threads} > {log:q} 2>&1"


use rule sample as sample_on_the_way with:
    """Answer every benchmark's questions with a run's policy after some of its rollouts."""
    output:
        sampled=LAYOUT.marks(ON_THE_WAY, LAYOUT.benchmarks, "sampled"),
    log:
        f"{RESULTS}/logs/{{arm}}_{{seed}}_{{rollouts}}_sample.log",
    benchmark:
        f"{RESULTS}/benchmarks/{{arm}}_{{seed}}_{{rollouts}}_sample.tsv"
    params:
        policy=lambda wildcards: str(Path(ON_THE_WAY.format(**wildcards), "policy")),
        problems=LAYOUT.problems,
        samples=LAYOUT.samples,
        plan=LAYOUT.plan_options,
        out=lambda wildcards: str(Path(ON_THE_WAY.format(**wildcards), "eval")),
        sampling=LAYOUT.sampling(),
        seed=lambda wildcards: wildcards.seed,
        labels=lambda wildcards: f"--label run={EXPERIMENT.name} --label arm={wildcards.arm}"
        f" --label train_seed={wildcards.seed} --label step={int(wildcards.rollouts)}",
        digest=lambda wildcards: [
            DIGEST(mark)
            for mark in LAYOUT.marks(
                ON_THE_WAY.format(**wildcards), LAYOUT.benchmarks, "sampled"
            )
        ],


use rule score as score_on_the_way with:
    """Verify the samples of a run's policy after some of its rollouts."""
    input:
        problems=LAYOUT.problems,
        sampled=rules.sample_on_the_way.output.sampled,
    output:
        LAYOUT.outcome(ON_THE_WAY, LAYOUT.benchmarks),
        scored=LAYOUT.marks(ON_THE_WAY, LAYOUT.benchmarks, "scored"),
    log:
        f"{RESULTS}/logs/{{arm}}_{{seed}}_{{rollouts}}_score.log",
    benchmark:
        f"{RESULTS}/benchmarks/{{arm}}_{{seed}}_{{rollouts}}_score.tsv"
    params:
        out=lambda wildcards: str(Path(ON_THE_WAY.format(**wildcards), "eval")),
        ks=LAYOUT.ks,
        digest=lambda wildcards: [
            DIGEST(mark)
            for mark in LAYOUT.marks(
                ON_THE_WAY.format(**wildcards), LAYOUT.benchmarks, "scored"
            )
        ],


use rule sample as base_sample with:
    """The base policy answers one set: a benchmark, or the training prompts for the strata."""
    input:
        LAYOUT.base_folder(),
        problems=f"{RESULTS}/problems/{{set}}.jsonl",
    output:
        sampled=[update(f"{RESULTS}/base/eval/{{set}}.sampled")],
    log:
        f"{RESULTS}/logs/base_{{set}}_sample.log",
    benchmark:
        f"{RESULTS}/benchmarks/base_{{set}}_sample.tsv"
    conda:
        "environment.yaml"
    params:
        policy=lambda wildcards: LAYOUT.base_policy(),
        problems=lambda wildcards: f"{RESULTS}/problems/{wildcards.set}.jsonl",
        samples=lambda wildcards: LAYOUT.base_samples(wildcards.set),
        plan=[],
        out=lambda wildcards: f"{RESULTS}/base/eval",
        sampling=LAYOUT.sampling(),
        seed=EXPERIMENT.evaluation.seed,
        labels=f"--label run={EXPERIMENT.name} --label arm=base --label step=0",
        digest=lambda wildcards: DIGEST(f"{RESULTS}/base/eval/{wildcards.set}.sampled"),


use rule score as base_score with:
    """Verify the base policy's samples of one set."""
    input:
        problems=f"{RESULTS}/problems/{{set}}.jsonl",
        sampled=[f"{RESULTS}/base/eval/{{set}}.sampled"],
    output:
        multiext(f"{RESULTS}/base/eval/{{set}}", ".counts.csv", ".scored"),
    log:
        f"{RESULTS}/logs/base_{{set}}_score.log",
    benchmark:
        f"{RESULTS}/benchmarks/base_{{set}}_score.tsv"
    conda:
        "environment.yaml"
    params:
        out=lambda wildcards: f"{RESULTS}/base/eval",
        ks=LAYOUT.ks,
        digest=lambda wildcards: DIGEST(f"{RESULTS}/base/eval/{wildcards.set}.scored"),


rule plan_samples:
    """Plan of which questions trained policies draw more samples, where a benchmark asks for it."""
    input:
        f"{RESULTS}/base/eval/{{set}}.scored",
        counts=f"{RESULTS}/base/eval/{{set}}.counts.csv",
    output:
        multiext(f"{RESULTS}/base/eval/{{set}}", PLAN_ENDING, ".planned"),
    log:
        f"{RESULTS}/logs/base_{{set}}_plan.log",
    benchmark:
        f"{RESULTS}/benchmarks/base_{{set}}_plan.tsv"
    conda:
        "environment.yaml"
    params:
        samples=lambda wildcards: LAYOUT.base_samples(wildcards.set),
        least=lambda wildcards: EXPERIMENT.evaluation.benchmarks[
            wildcards.set
        ].least_samples,
        digest=lambda wildcards: DIGEST(f"{RESULTS}/base/eval/{wildcards.set}.planned"),
    shell:
        "python -m eval.plan_samples --counts {input.counts:q} --samples {params.samples}"
        " --least {params.least} > {log:q} 2>&1"
