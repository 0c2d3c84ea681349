"""What a job asks of the machine: GPUs, threads, memory, time. Derived from the experiment, never
part of a run's settings.

A policy that the experiment trains itself is small and runs on the CPU, unless `--config gpus=N`
says otherwise. A pretrained one is trained and sampled on GPUs; where jobs run on this machine and
it has none, on the CPU, with as many threads and as much memory as there are. N is the number per
training run, one for each of its processes, and the same run on another number is the same run;
what samples, or trains a base policy, is one process and gets one of them. Locally nothing but
threads limits what runs side by side, unless `--resources` does. On a cluster these are the
requests, which `--set-resources` and the profile override.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from experiments.spec.policy_settings import PretrainedPolicy
from experiments.spec.schema import Experiment
from experiments.workflow.config import snakemake_options
from experiments.workflow.devices import visible_devices


@dataclass(frozen=True)
class Need:
    """What one job asks for."""

    gpu: int  # devices
    threads: int
    mem_mb: int  # main memory, not the GPU's
    runtime: int  # minutes until a batch system ends it
    processes: int = 1
    on_cpu: bool = False  # the threads are those that it computes with

    def computing_threads(self, granted: int) -> int:
        """Threads of each process' arithmetic. granted: threads that Snakemake gives the job.

        A GPU is fed by one, and a policy of a quarter of a million parameters is slower on two.
        """
        return max(1, granted // self.processes) if self.on_cpu else 1


@dataclass(frozen=True)
class LocalMachine:
    """The machine on which all jobs run."""

    cores: int
    mem_mb: int
    gpus: int


HOUR, DAY = 60, 24 * 60
SMALL = Need(gpu=0, threads=1, mem_mb=4_000, runtime=2 * HOUR)
# main memory for each GPU: the weights in float32 are read before they are split
GPU_MEM_MB = 64_000


POLICY_THREADS = 8  # of a process of a pretrained policy, where there are as many


def needs(
    experiment: Experiment,
    gpus: int | None = None,
    processes: int = 1,
    machine: LocalMachine | None = None,
) -> dict[str, Need]:
    """Rule → what its jobs ask for.

    `gpus`: of a training run; None = as many as processes, or none for a policy that is made here
    or a machine without. `machine`: where all jobs run; None = they are sent elsewhere.
    """
    if not isinstance(experiment.model, PretrainedPolicy):
        train = Need(gpus or 0, processes, SMALL.mem_mb * processes, SMALL.runtime, processes)
        single = replace(SMALL, gpu=min(1, gpus or 0))
        return {
            "base_policy": replace(single, threads=2),
            "train": train,
            "sample": single,
            "score": SMALL,
        }
    on_cpu = gpus == 0 or (machine is not None and machine.gpus == 0)
    trains_on = 0 if on_cpu else processes if gpus is None else gpus
    split = max(processes, trains_on)
    asked = {
        "base_policy": Need(gpu=0, threads=1, mem_mb=16_000, runtime=6 * HOUR),
        "train": Need(trains_on, POLICY_THREADS * split, GPU_MEM_MB * split, DAY, split, on_cpu),
        "sample": Need(min(1, trains_on), POLICY_THREADS, GPU_MEM_MB, DAY, on_cpu=on_cpu),
        "score": Need(gpu=0, threads=POLICY_THREADS, mem_mb=16_000, runtime=6 * HOUR),
    }
    if machine is None:
        return asked
    return {
        rule: replace(
            need,
            threads=min(need.threads, machine.cores),
            mem_mb=min(need.mem_mb, machine.mem_mb),
        )
        for rule, need in asked.items()
    }


def local_machine(arguments: Sequence[str], environment: Mapping[str, str]) -> LocalMachine | None:
    """This machine, if Snakemake, called so, runs all jobs on it; else None.

    Raises:
        BadInput: its GPUs cannot be listed.
    """
    options = snakemake_options(arguments)
    if options is None or getattr(options, "executor", None) not in (None, "local"):
        return None
    affinity = getattr(os, "sched_getaffinity", None)
    pages, page = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
    return LocalMachine(
        cores=len(affinity(0)) if affinity else os.cpu_count() or 1,
        mem_mb=pages * page // 2**20,
        gpus=len(visible_devices(environment)),
    )
