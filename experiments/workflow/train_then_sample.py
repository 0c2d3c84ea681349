"""Makes a policy, and then samples it in the same process.

    python -m experiments.workflow.train_then_sample experiments.train --spec … --arm … --seed …
    python -m experiments.workflow.train_then_sample experiments.policies.tiny --spec … --out …

These are the command that makes the policy and `eval.sample`, one after the other, with the files
and marks that each leaves. The second finds torch and transformers loaded, which take several times
as long as the answers of a tiny policy. Rules `sample` and `base_sample` then find the samples
complete.

Sampling that fails here is left to those rules, which do it again and report what is wrong: the
policy itself is complete. A process that is killed while it samples leaves a complete policy, and
the same command trains nothing and samples. Snakemake deletes the mark of a job that is killed: it
is put back from its copy (eval/files/marks.py).
"""

import runpy
import sys
from collections.abc import Sequence
from pathlib import Path

from eval.files.command_line import command_parser
from eval.files.errors import INTERRUPTED
from eval.files.marks import damage
from experiments.spec.experiment_file import load_experiment
from experiments.workflow.layout import StudyLayout


def main(argv: Sequence[str] | None = None) -> None:
    parser = command_parser("experiments.workflow.train_then_sample", __doc__)
    parser.add_argument("module", help="experiments.train, or one of experiments.policies")
    parser.add_argument("--spec", required=True, type=Path, help="results/<experiment>/spec.yaml")
    parser.add_argument("--arm", help="arm of the run; leave out for a base policy")
    parser.add_argument("--seed", type=int, help="training seed of the run")
    parser.add_argument("--out", help="folder of a base policy")
    asked = parser.parse_args(argv)
    options = {"--spec": asked.spec, "--arm": asked.arm, "--seed": asked.seed, "--out": asked.out}
    given = [option for option in options.items() if option[1] is not None]
    run_command(asked.module, [str(part) for option in given for part in option])
    layout = StudyLayout(load_experiment(asked.spec), asked.spec.parents[1])
    is_base = asked.arm is None
    commands = of_base(layout) if is_base else [layout.sampling_arguments(asked.arm, asked.seed)]
    try:
        for arguments in commands:
            run_command("eval.sample", arguments)
    except (Exception, SystemExit) as error:
        if isinstance(error, SystemExit) and error.code == INTERRUPTED:
            raise
        print(f"sampling failed ({error!r}): the sampling job will try again", file=sys.stderr)


def of_base(layout: StudyLayout) -> list[list[str]]:
    """Command lines that sample the base policy. None before the problems are written: the base
    policy does not wait for them, and is not made again with them.
    """
    if damage(layout.problems_mark) is not None:
        return []
    return [layout.base_sampling_arguments(name) for name in layout.base_sets]


def run_command(module: str, arguments: Sequence[str]) -> None:
    """As `python -m MODULE ARGUMENTS` in this process. SystemExit where it ends with a code."""
    before = sys.argv
    sys.argv = [module, *arguments]
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    finally:
        sys.argv = before


if __name__ == "__main__":
    main()
