"""Trains one arm with one seed, and then samples its policy in the same process.

    python -m experiments.workflow.train_then_sample experiments.train --spec … --arm … --seed …

These are the commands `experiments.train` and `eval.sample`, one after the other, with the files
and marks that each leaves. The second finds torch and transformers loaded, which take several times
as long as the answers of a tiny policy. Rule `sample` then finds the samples complete.

Sampling that fails here is left to rule `sample`, which does it again and reports what is wrong:
the run itself is complete. A process that is killed between the two leaves a complete run, and the
same command trains nothing and samples.
"""

import runpy
import sys
from collections.abc import Sequence
from pathlib import Path

from eval.files.command_line import command_parser
from experiments.spec.experiment_file import load_experiment
from experiments.workflow.layout import StudyLayout


def main(argv: Sequence[str] | None = None) -> None:
    parser = command_parser("experiments.workflow.train_then_sample", __doc__)
    parser.add_argument("module", help="experiments.train")
    parser.add_argument("--spec", required=True, type=Path, help="results/<experiment>/spec.yaml")
    parser.add_argument("--arm", required=True)
    parser.add_argument("--seed", required=True, type=int)
    arguments = parser.parse_args(argv)
    run = ["--spec", str(arguments.spec), "--arm", arguments.arm, "--seed", str(arguments.seed)]
    run_command(arguments.module, run)
    layout = StudyLayout(load_experiment(arguments.spec), arguments.spec.parents[1])
    try:
        run_command("eval.sample", layout.sampling_arguments(arguments.arm, arguments.seed))
    except (Exception, SystemExit) as error:
        print(f"sampling failed and is left to its own job: {error!r}", file=sys.stderr)


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
