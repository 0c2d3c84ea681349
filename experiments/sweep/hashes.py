"""Hashes of what a sweep's results depend on. If one changes, earlier trials no longer count.

ground_hash   base policy, problems, validation data, code; in the name of each trial's runs
search_hash   ground_hash and all settings of a search; in the name of its Optuna study
sweep_hash    search_hash of every search and the sweep file; a parameter of the rules
"""

from eval.files.code_digest import code_digest
from eval.sampling.made_from import sampling_code
from experiments.spec.schema import Experiment, spec_hash
from experiments.sweep.sweep_file import TuningStudy, trial_experiment
from experiments.workflow.layout import StudyLayout, data_files
from experiments.workflow.outside_files import outside_digests
from experiments.workflow.steps import Today, base_parts, problem_parts, training_code


def ground_hash(study: TuningStudy, layout: StudyLayout) -> str:
    """Hash of what the trials of all searches share.

    `layout`: results folder of the experiment whose arms are tuned.
    """
    arms = sorted({search.arm for search in study.searches.values()})
    engine = layout.experiment.evaluation.engine
    shared = {
        "base": own_parts_of(base_parts(layout)),
        "problems": own_parts_of(problem_parts(layout)),
        "validation": validation_hash(study, layout),
        "training": [training_code(layout.experiment, arm) for arm in arms],
        "sampling": sampling_code(engine),
        "scoring": code_digest("eval.score"),
    }
    return spec_hash(shared)


def own_parts_of(parts: Today) -> dict[str, str]:
    """The parts that are known before any job has run: settings, code, files outside the folder."""
    return {name: digest for name, digest in parts.items() if digest and name != "prompts"}


def validation_hash(study: TuningStudy, layout: StudyLayout) -> str:
    """Hash of the files of named validation sets. Their settings are in the sweep file."""
    named = [name for name, benchmark in study.validation.items() if benchmark.levels is None]
    found = outside_digests(data_files(layout.experiment, named), layout.root)
    return spec_hash({"data": [*found.values()]})


def search_hash(study: TuningStudy, experiment: Experiment, search: str, ground: str) -> str:
    """Hash of all that the scores of a search's trials depend on.

    The number of trials and of workers is left out: more trials continue the same search.
    `ground`: what `ground_hash` returned.
    """
    spec = trial_experiment(study, experiment, search, {}).model_dump(mode="json")
    spec = {
        key: spec[key]
        for key in ("model", "task", "training", "arms", "seeds", "evaluation", "data_dir")
    }
    settings = {
        path: setting.model_dump(mode="json")
        for path, setting in study.searches[search].settings.items()
    }
    chosen = study.model_dump(mode="json", include={"objective", "sampler", "pruner"})
    return spec_hash({**spec, **chosen, "settings": settings, "ground": ground})


def sweep_hash(study: TuningStudy, layout: StudyLayout) -> str:
    """Hash of all that makes the sweep's results outdated.

    It includes the number of trials: with more trials the workers start again, and continue after
    the earlier trials.
    """
    ground = ground_hash(study, layout)
    searches = {
        search: search_hash(study, layout.experiment, search, ground) for search in study.searches
    }
    return spec_hash({"study": study.hash(), "searches": searches})
