"""What every step of a study would be made from today: its mark, and one digest per part.

    mark                              settings             code           inputs, by content
    problems/checksums.json           task, sets           problems, (+)  data files
    base/policy/checksums.json        model, family        base policy, (+) local folder, prompts
    base/eval/<set>.sampled           sampling             sampling       policy, problems
    base/eval/<set>.scored            k                    scoring        problems, samples
    base/eval/<set>.planned           samples, least       planning       counts
    <arm>/seed-<s>/checksums.json     run                  training       prompts, (*)
    <arm>/seed-<s>/eval/<set>.…       as for the base policy, and its plan of samples, if any
    <arm>/seed-<s>/on_the_way/rollout-<r>/eval/<set>.…   as for the base policy
    looks/<n>.checksums.json          seeds, arms, k       look           verdicts of n seeds
    tables, figures, report           the experiment       analysis       marks of all steps above

Code is the closure of imports of the step's entry point (eval/files/code_digest.py). A part whose
input is not there yet is None: Snakemake makes the input first, and then the step.

(+) The module of the family that problems are generated from counts, and no other family's.
(*) A run also rests on the base policy and its pass rates on the prompts. These are computed: made
again on another machine they may come out differently though nothing was changed. So a start does
not train anew where they differ; the training job refuses them (experiments/run/identity.py).
"""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from eval.files.code_digest import code_digest, module_file
from eval.files.errors import BadInput
from eval.files.evidence import analysis_parts
from eval.files.marks import CHECKSUMS, digest_of, listed_files
from eval.looks.made_from import look_parts
from eval.looks.record import look_mark
from eval.sampling.made_from import planned_parts, policy_digest, sampling_parts
from eval.sampling.sample_plan import PLAN_ENDING
from eval.scoring.made_from import plan_parts, scoring_parts
from experiments.spec.policy_settings import MiniaturePolicy, TinyPolicy
from experiments.spec.resolved import resolved_yaml
from experiments.spec.schema import Experiment, run_spec
from experiments.workflow.layout import StudyLayout
from experiments.workflow.outside_files import outside_digests

Today = dict[str, str | None]  # part → digest; None = not known before the step's inputs are made


class Step(NamedTuple):
    """A step by its mark."""

    mark: Path
    parts: Today


def steps(layout: StudyLayout) -> Iterator[Step]:
    """Every step of the study that leaves a mark, in the order in which they are made."""
    yield Step(layout.problems_mark, problem_parts(layout))
    if layout.base_folder():
        yield Step(layout.root / "base" / "policy" / CHECKSUMS, base_parts(layout))
    yield from _evaluations(
        layout, layout.root / "base", layout.base_sets, Path(layout.base_policy())
    )
    for name in layout.planned:
        yield Step(layout.root / "base" / "eval" / f"{name}.planned", plan_of_samples(layout, name))
    for arm in layout.experiment.arms:
        for seed in layout.experiment.seeds:
            run = layout.run(arm, seed)
            yield Step(run / CHECKSUMS, training_parts(layout, arm, seed))
            for folder in (run, *layout.on_the_way(run)):
                yield from _evaluations(layout, folder, layout.benchmarks, folder / "policy", seed)
    for seeds in layout.looks:
        yield Step(look_mark(layout.root, seeds), look_step_parts(layout, seeds))
    spec = resolved_yaml(layout.experiment).encode()
    for entry, mark in layout.analysis_marks.items():
        yield Step(Path(mark), {**analysis_parts(layout.root, entry, spec)})


def plan_of_samples(layout: StudyLayout, name: str) -> Today:
    """Of the numbers of samples per question that trained policies draw of a benchmark."""
    benchmark, scored = layout.experiment.evaluation.benchmarks[name], layout.root / "base" / "eval"
    counts = _listed(scored / f"{name}.scored", scored / f"{name}.counts.csv")
    return plan_parts(benchmark.samples, benchmark.least_samples, counts)


def problem_parts(layout: StudyLayout) -> Today:
    """Of the files in problems/. How often a question is answered changes none of them."""
    spec = layout.experiment.model_dump(mode="json")
    sets = {
        name: {key: value for key, value in benchmark.items() if key != "allocation"}
        | {"samples": 0, "k": []}
        for name, benchmark in spec["evaluation"]["benchmarks"].items()
    }
    return {
        "settings": digest_of({"task": spec["task"], "data_dir": spec["data_dir"], "sets": sets}),
        "code": code_digest("experiments.tasks", *family_module(layout.experiment)),
        "data": digest_of([*outside_digests(layout.data_files(), layout.root).values()]),
    }


def base_parts(layout: StudyLayout) -> Today:
    """Of the base policy that the study makes or fetches, or of the folder where it lies."""
    model, task = layout.experiment.model, layout.experiment.task
    settings = {"model": model.model_dump(mode="json")}
    parts: Today = {}
    code = [f"experiments.policies.{layout.base_module()}"]
    if isinstance(model, TinyPolicy):
        settings["family"] = task.generator.model_dump(mode="json")
        code += family_module(layout.experiment)
    if isinstance(model, MiniaturePolicy):
        settings["template"] = {"name": task.template}
        parts["prompts"] = _problems_file(layout, "train")
    if layout.policy_files():
        parts["files"] = local_policy(layout)
    return {
        "settings": digest_of(settings),
        "code": code_digest(*code),
        **parts,
    }


def training_parts(layout: StudyLayout, arm: str, seed: int) -> Today:
    """Of a training run, without what is computed."""
    parts: Today = {
        "settings": digest_of(run_spec(layout.experiment, arm, seed)),
        "code": training_code(layout.experiment, arm),
        "prompts": _problems_file(layout, "train"),
        **policies_on_the_way(layout.experiment),
    }
    # A base policy that no job makes differs only if somebody has put another one there.
    return parts | ({"base policy": local_policy(layout)} if layout.policy_files() else {})


def look_step_parts(layout: StudyLayout, seeds: int) -> Today:
    """Of the look after so many seeds per arm."""
    return {**look_parts(layout.root, seeds, layout.experiment.model_dump(mode="json"))}


def policies_on_the_way(experiment: Experiment) -> dict[str, str]:
    """A part for each policy on the way: a run that kept more of them than are asked for today is
    not out of date.
    """
    return {f"policy after {each} rollouts": "kept" for each in experiment.evaluation.checkpoints}


def training_code(experiment: Experiment, arm: str) -> str:
    """Of the trainer and of the arm's own method. The other methods do not count.

    Raises:
        BadInput: the method has no file of its name.
    """
    name = experiment.arms[arm].method.name
    if not module_file(f"methods.{name}").exists():
        raise BadInput(
            f"arm {arm!r}: there is no methods/{name}.py: the `name` of a method is the name of its"
            " file: rename one of them"
        )
    return code_digest("experiments.train", f"methods.{name}")


def family_module(experiment: Experiment) -> list[str]:
    """The module of the family that the experiment's problems are generated from, if any are."""
    sets = [experiment.task, *experiment.evaluation.benchmarks.values()]
    is_needed = any(each.levels for each in sets)
    return [f"experiments.families.{experiment.task.generator.name}"] if is_needed else []


def local_policy(layout: StudyLayout) -> str:
    """Digest of a base policy that is a folder of this machine, as `policy_digest` gives it."""
    found = outside_digests(layout.policy_files(), layout.root)
    return digest_of({Path(path).name: digest for path, digest in found.items()})


class Digests:
    """One digest per step for the parameters of its rule: settings and code, and no input.

    A rule asks by wildcards: Snakemake 9.27 does not compare a parameter that is made from the
    output.
    """

    def __init__(self, layout: StudyLayout) -> None:
        self._of = {str(step.mark): digest_of(_own(step.parts)) for step in steps(layout)}

    def __call__(self, mark: str | Path) -> str:
        return self._of.get(str(mark), "")  # a base policy that no job makes has none


def _own(parts: Today) -> dict[str, str | None]:
    return {name: parts.get(name) for name in ("settings", "code", "data", "files")}


def _evaluations(
    layout: StudyLayout, folder: Path, sets: list[str], policy: Path, seed: int | None = None
) -> Iterator[Step]:
    """Sampling and scoring of each set by one policy. `seed`: of the run; None for the base."""
    evaluation = layout.experiment.evaluation
    if seed is None and layout.local_folder():
        answers = local_policy(layout)
    else:
        answers = policy_digest(policy) if (policy / CHECKSUMS).exists() else None
    for name in sets:
        settings = layout.sampling_settings() | {
            "seed": evaluation.seed if seed is None else seed,
            "samples": layout.base_samples(name),
        }
        problems, eval_folder = _problems_file(layout, name), folder / "eval"
        sampled = eval_folder / f"{name}.sampled"
        if seed is None or name not in layout.planned:
            parts = sampling_parts(settings, answers, problems)
        else:
            base = layout.root / "base" / "eval"
            plan = _listed(base / f"{name}.planned", base / f"{name}{PLAN_ENDING}")
            parts = planned_parts(settings, answers, problems, plan)
        yield Step(sampled, parts)
        samples = _listed(sampled, eval_folder / f"{name}.samples.jsonl")
        yield Step(eval_folder / f"{name}.scored", scoring_parts(layout.ks, problems, samples))


def _problems_file(layout: StudyLayout, name: str) -> str | None:
    """SHA-256 of a problems file, from the mark of its step."""
    folder = layout.root / "problems"
    return _listed(folder / CHECKSUMS, folder / f"{name}.jsonl")


def _listed(mark: Path, file: Path) -> str | None:
    """SHA-256 of a file as a mark lists it; None if it does not."""
    try:
        return listed_files(mark)[file][1]
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RuntimeError):
        return None
