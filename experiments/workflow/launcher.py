"""How a training run is started: as one process, or as several through `accelerate launch`.

    snakemake all --config experiment=qwen3_4b gpus=8 launch=fsdp2

`launch` is a file of experiments/launch/ (ddp, fsdp2, zero3), or the path of an accelerate
configuration of one's own. The number of processes is `processes` where that is given, else `gpus`,
else 1; where there are GPUs each process has one. Neither is part of a run's settings: the same
file is the same run on any number of processes.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from shlex import quote
from typing import Any

from eval.files.errors import BadInput
from eval.files.yaml_file import is_yaml_file
from experiments.spec.policy_settings import PretrainedPolicy
from experiments.spec.schema import Experiment
from experiments.workflow.config import whole_number

LAUNCH_FOLDER = Path(__file__).parents[1] / "launch"
ONE = "python -m"
TRAIN_THEN_SAMPLE = "python -m experiments.workflow.train_then_sample"
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")
"""What says how many threads a process computes with. Snakemake sets both to the threads of the
whole job, so each process of a run on N processes would start N, which took 18 times as long on 2
cores (docs/log.md).
"""


def launcher(config: Mapping[str, Any]) -> str:
    """What stands before the module's name on the command line.

    Raises:
        BadInput: the configuration does not exist, or a number is wrong.
    """
    count = processes(config)
    if count == 1 and "launch" not in config:
        return ONE
    # Port 0 takes any free one, so that two jobs on one machine do not meet.
    file = quote(str(configuration(str(config.get("launch", "ddp")))))
    return (
        f"accelerate launch --config_file {file} --num_processes {count} --main_process_port 0 -m"
    )


def run_launcher(config: Mapping[str, Any], experiment: Experiment) -> str:
    """The same for a run of the study itself. A policy that the study makes is so small that
    loading torch takes longer than its answers: the process that has trained it samples it.
    """
    started = launcher(config)
    return base_launcher(config, experiment) if started == ONE else started


def base_launcher(config: Mapping[str, Any], experiment: Experiment) -> str:
    """The same for the base policy, which one process makes."""
    is_small = not isinstance(experiment.model, PretrainedPolicy) and not config.get("gpus")
    samples_here = is_small and experiment.evaluation.engine == "transformers"
    return TRAIN_THEN_SAMPLE if samples_here else ONE


def processes(config: Mapping[str, Any]) -> int:
    """Number of processes of a training run: one per GPU, unless the configuration sets it."""
    gpus = whole_number(config, "gpus", 0, 0)
    count = whole_number(config, "processes", gpus or 1, 1)
    if gpus > 0 and count != gpus:
        raise BadInput(
            f"--config processes={count} gpus={gpus}: each process has a GPU of its own: leave"
            " processes out"
        )
    return count


def retries(config: Mapping[str, Any]) -> int:
    """How often Snakemake starts a training run again that ended in a failure."""
    return whole_number(config, "retries", 3, 0)


def configuration(name: str) -> Path:
    """The file that a name or path means."""
    for path in (LAUNCH_FOLDER / f"{name}.yaml", Path(name)):
        if is_yaml_file(path):
            return path.absolute()
    known = ", ".join(sorted(path.stem for path in LAUNCH_FOLDER.glob("*.yaml")))
    raise BadInput(
        f"--config launch={name}: choose one of {known}, or give the path of an accelerate"
        " configuration"
    )


def prepare_launches() -> None:
    """Sets what every launcher inherits."""
    # A launcher that is told to end passes that on, and kills its processes after 30 s: too soon to
    # save a checkpoint. Within an hour the lead of a batch system decides, which kills what is left
    # when the time is up.
    os.environ.setdefault("TORCH_ELASTIC_SHUTDOWN_TIMEOUT", "3600")
