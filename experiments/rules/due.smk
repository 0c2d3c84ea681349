# What rules ask for before all looks are made (experiments/workflow/due.py). No rules: Snakemake's linter wants
# functions in a file of their own.

from experiments.workflow.due import (
    inputs_of_look,
    looks_asked,
    runs_asked,
    runs_of_fixed_seeds,
)


def look_done(seeds):
    """Has Snakemake make a look first, if it has not been made."""
    return checkpoints.look.get(look=seeds)


def evidence(wildcards):
    """Every file that the analysis rests on."""
    looks = looks_asked(LAYOUT, look_done)
    return LAYOUT.evidence(runs_asked(LAYOUT, look_done)) + looks
