"""What a job asks of the machine: GPUs, threads, memory, time. Derived from the experiment, never
part of a run's settings.

A policy that the experiment trains itself is small and runs on the CPU, unless `--config gpus=N`
says otherwise. A pretrained one is trained and sampled on GPUs. N is the number per training run,
one for each of its processes, and the same run on another number is the same run; what samples, or
trains a base policy, is one process and gets one of them. Locally nothing but threads limits what
runs side by side, unless `--resources` does. On a cluster these are the requests, which
`--set-resources` and the profile override.
"""

from dataclasses import dataclass, replace

from experiments.spec.schema import Experiment, HubPolicy


@dataclass(frozen=True)
class Need:
    """What one job asks for."""

    gpu: int  # devices
    threads: int
    mem_mb: int  # main memory, not the GPU's
    runtime: int  # minutes until a batch system ends it


HOUR, DAY = 60, 24 * 60
SMALL = Need(gpu=0, threads=1, mem_mb=4_000, runtime=2 * HOUR)
# main memory for each GPU: the weights in float32 are read before they are split
GPU_MEM_MB = 64_000


def needs(experiment: Experiment, gpus: int | None = None, processes: int = 1) -> dict[str, Need]:
    """Rule → what its jobs ask for.

    `gpus`: of a training run; None = as many as processes, or none for a policy that is made here.
    """
    if not isinstance(experiment.model, HubPolicy):
        train = Need(gpus or 0, processes, SMALL.mem_mb * processes, SMALL.runtime)
        single = replace(SMALL, gpu=min(1, gpus or 0))
        return {
            "base_policy": replace(single, threads=2),
            "train": train,
            "sample": single,
            "score": SMALL,
        }
    trains_on = processes if gpus is None else gpus
    split = max(processes, trains_on)
    return {
        "base_policy": Need(gpu=0, threads=1, mem_mb=16_000, runtime=6 * HOUR),
        "train": Need(trains_on, threads=8 * split, mem_mb=GPU_MEM_MB * split, runtime=DAY),
        "sample": Need(min(1, trains_on), threads=8, mem_mb=GPU_MEM_MB, runtime=DAY),
        "score": Need(gpu=0, threads=8, mem_mb=16_000, runtime=6 * HOUR),
    }
