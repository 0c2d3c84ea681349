"""What a sweep rests on, as hashes: where one changes, the trials that were made before no longer
count.

ground_hash   base policy, problems, validation data, and the code of trainer and methods: part of the name of each trial's runs
search_hash   that, and all settings that a search's scores depend on: the name of its Optuna study
sweep_hash    that of every search, and the study itself: a parameter of the rules
"""

from eval.files.code_digest import code_digest
from eval.sampling.made_from import sampling_code
from experiments.spec.schema import Experiment, spec_hash
from experiments.sweep.sweep_file import Study, trial_experiment
from experiments.workflow.layout import Graph, data_files
from experiments.workflow.outside_files import outside_digests
from experiments.workflow.steps import Today, base_parts, problem_parts, training_code


def ground_hash(study: Study, graph: Graph) -> str:
    """Of what the trials of all searches share. `graph`: of the experiment that the study tunes."""
    arms = sorted({search.arm for search in study.searches.values()})
    engine = graph.experiment.evaluation.engine
    shared = {
        "base": own_parts_of(base_parts(graph)),
        "problems": own_parts_of(problem_parts(graph)),
        "validation": validation_hash(study, graph),
        "training": [training_code(graph.experiment, arm) for arm in arms],
        "sampling": sampling_code(engine),
        "scoring": code_digest("eval.score"),
    }
    return spec_hash(shared)


def own_parts_of(parts: Today) -> dict[str, str]:
    """The parts that are known before any job has run: settings, code, files of other places."""
    return {name: digest for name, digest in parts.items() if digest and name != "prompts"}


def validation_hash(study: Study, graph: Graph) -> str:
    """Of the data that the validation questions are read from; their settings are the study's."""
    named = [name for name, benchmark in study.validation.items() if benchmark.levels is None]
    found = outside_digests(data_files(graph.experiment, named), graph.root)
    return spec_hash({"data": [*found.values()]})


def search_hash(study: Study, experiment: Experiment, search: str, ground: str) -> str:
    """Of all that its trials' scores depend on; not of how many are made, or by how many
    workers.
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


def sweep_hash(study: Study, graph: Graph) -> str:
    """Of all that makes the sweep out of date. A study with more trials is one, whose earlier
    trials count nevertheless.
    """
    ground = ground_hash(study, graph)
    searches = {
        search: search_hash(study, graph.experiment, search, ground) for search in study.searches
    }
    return spec_hash({"study": study.hash(), "searches": searches})
