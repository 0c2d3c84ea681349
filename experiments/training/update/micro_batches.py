"""An experiment states its batches over all processes; TRL wants them per process and forward pass:

    completions of an update = processes x per_device_train_batch_size x gradient_accumulation_steps

The experiment's `per_device_train_batch_size` is an upper bound. Where a process' share of an
update is not a multiple of it, the largest divisor of the share below it is taken, so that one file
runs on any number of processes.
"""

from eval.files.errors import BadInput
from experiments.spec.training_settings import Training


def batch(training: Training, processes: int) -> dict[str, int]:
    """The geometry per process and forward pass."""
    share, rest = divmod(training.completions_per_update, processes)
    if rest:
        raise BadInput(
            f"training: {processes} processes do not divide the {training.completions_per_update}"
            " completions of an update"
            " evenly: launch on a divisor of it, or change prompts_per_rollout or"
            " updates_per_rollout"
        )
    size = max(
        d for d in range(1, min(share, training.per_device_train_batch_size) + 1) if share % d == 0
    )
    return {
        "per_device_train_batch_size": size,
        "gradient_accumulation_steps": share // size,
        "steps_per_generation": training.completions_per_rollout // (processes * size),
    }
