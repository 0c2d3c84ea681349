"""Shows what this machine can run, what is missing, and the command that adds it.

    python -m experiments.doctor [--offline] [--json]

It starts nothing and writes nothing. The exit code is 1 if the default experiment cannot run here,
else 0.
"""

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from eval.files.command_line import command_parser
from eval.files.errors import BadInput
from experiments.doctor.machine import (
    Check,
    InstalledGpu,
    checks,
    cores,
    in_hub_cache,
    installed_gpus,
    installed_version,
    total_memory,
)

EXPERIMENTS_FOLDER = Path(__file__).parents[1]
DEFAULT = "rare"  # as the schema's, which cannot be imported where packages are missing
SMALL_SHARE = 0.5  # of the machine's memory: what all runs on a CPU together may use


@dataclass(frozen=True)
class Readiness:
    """Whether one experiment can run on this machine."""

    experiment: str
    runs: Literal["yes", "no", "unknown"]
    why: str


def readiness_of_experiments(found: list[Check], gpus: list[InstalledGpu]) -> list[Readiness]:
    """One answer per experiment in experiments/ and experiments/probes/.

    An experiment whose file is wrong or that does not fit gets "no", with the reason. "unknown"
    means that its check ended with an unexpected error.
    """
    given = {check.name: check for check in found}
    wanting = [name for name in ("python", "packages") if given[name].status == "missing"]
    folders = (EXPERIMENTS_FOLDER, EXPERIMENTS_FOLDER / "probes")
    files = [path for folder in folders for path in folder.glob("*.yaml")]
    names = sorted(path.stem for path in files if not path.stem.startswith("sweep_"))
    if wanting:
        return [Readiness(name, "no", f"first add: {', '.join(wanting)}") for name in names]
    return [_readiness(name, given, gpus) for name in names]


def _readiness(name: str, given: dict[str, Check], gpus: list[InstalledGpu]) -> Readiness:
    try:
        from experiments.spec.experiment_file import load_experiment

        experiment = load_experiment(name)
        lacking = list(_missing_for(experiment, given, gpus))
        if lacking:
            return Readiness(name, "no", "; ".join(lacking))
        return Readiness(name, "yes", _price(experiment, gpus))
    except BadInput as error:
        return Readiness(name, "no", " ".join(str(error).split()))
    # Whatever is wrong with one experiment must not hide the answers on the others.
    except Exception as error:
        return Readiness(
            name, "unknown", f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
        )


def _missing_for(
    experiment: Any, given: dict[str, Check], gpus: list[InstalledGpu]
) -> Iterator[str]:
    """What the experiment needs and this machine lacks, in words."""
    from experiments.spec.data_folder import missing_data, named_sets

    pretrained = experiment.model.source == "pretrained"
    hub = given["hub"].status != "missing"
    if given["memory"].status == "missing":
        yield "the machine has less than 2 GiB of memory"
    if pretrained and not gpus:
        yield "no GPU"
    if experiment.data_dir is not None and (problem := missing_data(experiment)):
        yield problem
    if experiment.data_dir is None and named_sets(experiment) and not hub:
        yield "its problem sets need the hub, or a data_dir in its file"
    if pretrained and not experiment.model.is_folder and not hub:
        model = experiment.model
        if not in_hub_cache(model.name, model.revision):
            yield f"{model.name} is not in the hub's cache"
    engine = experiment.training.vllm != "none" or experiment.evaluation.engine == "vllm"
    if engine and given["vllm"].status == "missing":
        yield "vllm is not installed"
    if experiment.training.lora is not None and given["peft"].status == "missing":
        yield "peft is not installed"
    if experiment.model.source == "package":
        for package in ("gguf", experiment.model.name):
            if installed_version(package) is None:
                yield f"{package} is not installed"
    if experiment.task.prompts == "reasoning_gym" and given["reasoning-gym"].status == "missing":
        yield "reasoning-gym is not installed"


def _price(experiment: Any, gpus: list[InstalledGpu]) -> str:
    """The planner's estimate of the time on this machine. BadInput if it does not fit."""
    from experiments.plan.cost import LONGEST_OF, LONGEST_PROMPT, MEAN_PROMPT, Assumed
    from experiments.plan.make_plan import launch_words, make_plan
    from experiments.plan.plan_text import duration
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
            f"one run needs {launch_words(case.launch, name)}, and this machine has {workers}: see"
            " make plan"
        )
    machine = f"{workers} cores" if name == "cpu" else f"{workers} x {name}"
    return f"about {duration(plan.total.hours / workers)} on {machine}"


def _closest_known_gpu(device: InstalledGpu) -> Any:
    """The planner's entry for a GPU of this name; for an unknown GPU the slowest entry, so that the
    estimate is too long rather than too short.
    """
    from experiments.plan.throughput import GPUS

    plain = device.name.lower().replace(" ", "")
    known = sorted(GPUS, key=len, reverse=True)  # l40s before l4
    return GPUS[
        next((name for name in known if name != "cpu" and name.split("_")[0] in plain), "l4")
    ]


# ---- output


def doctor_text(found: list[Check], judged: list[Readiness]) -> str:
    """The answer as aligned text: what was found, how to add the rest, what can run."""
    have = [(c.name, c.status, c.found, c.needed_for) for c in found]
    adding = [(f"  {c.name}", c.add) for c in found if c.add]
    running = [(f"  {v.experiment}", v.runs, v.why) for v in judged]
    parts = [*aligned([("", "", "found", "needed for"), *have])]
    parts += ["", "To add what is missing:", *aligned(adding)] if adding else []
    return "\n".join(
        [*parts, "", "Experiments, with the planner's estimate of their time:", *aligned(running)]
    )


def aligned(rows: list[tuple[str, ...]]) -> Iterator[str]:
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        yield "  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()


def main() -> None:
    parser = command_parser("experiments.doctor", __doc__)
    parser.add_argument("--offline", action="store_true", help="do not contact the hub")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
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
