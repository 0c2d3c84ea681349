# What rules ask for before all looks are made (experiments/workflow/due.py). No rules: Snakemake's linter wants
# functions in a file of their own.

# Snakemake would show what an input function raises with a traceback: exit_with_message says it in one line.
from eval.files.errors import exit_with_message
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


def evidence_of_fixed_seeds(wildcards):
    """The same for what needs as many runs of each arm."""
    with exit_with_message():
        return LAYOUT.evidence(runs_of_fixed_seeds(LAYOUT))


def files_of_look(wildcards):
    """What a look reads."""
    with exit_with_message():
        return inputs_of_look(LAYOUT, int(wildcards.look), look_done)
