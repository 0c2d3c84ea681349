"""What this machine can run, what is missing, and the command that adds it.

    python -m experiments.doctor [--offline] [--json]

Exit code 1 where the default experiment cannot run, else 0. It starts nothing and writes nothing.
"""

import argparse
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from eval.files.errors import BadInput
from experiments.doctor.machine import (
    Check,
    InstalledGpu,
    checks,
    cores,
    in_hub_cache,
    installed_gpus,
    total_memory,
)

DEFAULT = "arithmetic"
EXPERIMENTS_FOLDER = Path(__file__).parents[1]
SMALL_SHARE = 0.5  # of the memory of a machine, for its runs together


@dataclass(frozen=True)
class Readiness:
    """Whether one experiment can run here."""

    experiment: str
    runs: Literal["yes", "no", "unknown"]
    why: str


def readiness_of_experiments(found: list[Check], gpus: list[InstalledGpu]) -> list[Readiness]:
    """One per experiment that ships; a file that cannot be planned is "unknown", with the
    reason.
    """
    given = {check.name: check for check in found}
    wanting = [name for name in ("python", "packages") if given[name].status == "missing"]
    names = sorted(
        p.stem for p in EXPERIMENTS_FOLDER.glob("*.yaml") if not p.stem.startswith("sweep_")
    )  # studies are no experiments
    if wanting:
        return [Readiness(name, "no", f"first mend: {', '.join(wanting)}") for name in names]
    return [_readiness(name, given, gpus) for name in names]


def _readiness(name: str, given: dict[str, Check], gpus: list[InstalledGpu]) -> Readiness:
    try:
        from experiments.spec.schema import load_experiment

        experiment = load_experiment(name)
        lacking = list(_lacking(experiment, given, gpus))
        if lacking:
            return Readiness(name, "no", "; ".join(lacking))
        return Readiness(name, "yes", _price(experiment, gpus))
    except BadInput as error:
        return Readiness(name, "no", " ".join(str(error).split()))
    except (
        Exception
    ) as error:  # a doctor who falls ill helps nobody: whatever it is, it is said in the line
        return Readiness(
            name, "unknown", f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
        )


def _lacking(experiment: Any, given: dict[str, Check], gpus: list[InstalledGpu]) -> Iterator[str]:
    from experiments.spec.data_folder import missing_data, named_sets

    pretrained = experiment.model.source == "pretrained"
    hub = given["hub"].status != "missing"
    if given["memory"].status == "missing":
        yield "memory"
    if pretrained and not gpus:
        yield "no GPU"
    if experiment.data_dir is not None and (problem := missing_data(experiment)):
        yield problem
    if experiment.data_dir is None and named_sets(experiment) and not hub:
        yield "its problem sets come from the hub, or from a data_dir in its file"
    if pretrained and not experiment.model.is_folder and not hub:
        model = experiment.model
        if not in_hub_cache(model.name, model.revision):
            yield f"{model.name} is not in the hub's cache"
    engine = experiment.training.vllm != "none" or experiment.evaluation.engine == "vllm"
    if engine and given["vllm"].status == "missing":
        yield "vllm is not installed"
    if experiment.training.lora is not None and given["peft"].status == "missing":
        yield "peft is not installed"


def _price(experiment: Any, gpus: list[InstalledGpu]) -> str:
    """Hours on this machine, or what does not fit; from the planner."""
    from experiments.plan.command import duration, launch_words, make_plan
    from experiments.plan.cost import LONGEST_OF, LONGEST_PROMPT, MEAN_PROMPT, Assumed
    from experiments.plan.throughput import GPUS, Speed

    if gpus and experiment.model.source == "pretrained":
        name, workers = gpus[0].name, len(gpus)
        gpu = replace(_closest_known_gpu(gpus[0]), memory=gpus[0].memory)
    else:
        name, workers = "cpu", cores()
        gpu = replace(GPUS["cpu"], memory=SMALL_SHARE * total_memory() / workers)
    longest = LONGEST_OF.get(experiment.task.prompts, LONGEST_PROMPT)
    assumed = Assumed(gpu, Speed(), 0.5, min(MEAN_PROMPT, longest // 2))
    plan = make_plan(experiment, name, assumed, None, longest)
    case = next(iter(plan.arms.values()))[0]
    if case.launch.processes > workers:
        raise BadInput(
            f"one run takes {launch_words(case.launch, name)}, and there are {workers}: see make plan"
        )
    return f"about {duration(plan.total.hours / workers)} on {workers} {'cores' if name == 'cpu' else f'x {name}'}"


def _closest_known_gpu(device: InstalledGpu) -> Any:
    """The table's entry for a GPU by its name, or the slowest, so that the estimate errs on the
    long side.
    """
    from experiments.plan.throughput import GPUS

    plain = device.name.lower().replace(" ", "")
    known = sorted(GPUS, key=len, reverse=True)  # an L40S is no L4
    return GPUS[
        next((name for name in known if name != "cpu" and name.split("_")[0] in plain), "l4")
    ]


# ---- shown
# ------------------------------------------------------------------------------------------------------------


def doctor_text(found: list[Check], judged: list[Readiness]) -> str:
    """Plain aligned text: what there is, what would add the rest, what can be run."""
    have = [(c.name, c.status, c.found, c.needed_for) for c in found]
    adding = [(f"  {c.name}", c.add) for c in found if c.add]
    running = [(f"  {v.experiment}", v.runs, v.why) for v in judged]
    parts = [*aligned([("", "", "found", "needed for"), *have])]
    parts += ["", "To add what is missing:", *aligned(adding)] if adding else []
    return "\n".join(
        [*parts, "", "Experiments, and how long the planner takes them to be:", *aligned(running)]
    )


def aligned(rows: list[tuple[str, ...]]) -> Iterator[str]:
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        yield "  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("--offline", action="store_true", help="do not ask the hub")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    arguments = parser.parse_args()
    if arguments.offline:
        os.environ["HF_HUB_OFFLINE"] = "1"
    found = checks(arguments.offline)
    judged = readiness_of_experiments(found, installed_gpus())
    if arguments.json:
        content = {"checks": [asdict(c) for c in found], "experiments": [asdict(v) for v in judged]}
        print(json.dumps(content, indent=2))
    else:
        print(doctor_text(found, judged))
    raise SystemExit(0 if next(v for v in judged if v.experiment == DEFAULT).runs == "yes" else 1)
