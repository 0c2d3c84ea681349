"""What a sweep rests on, as hashes: where one changes, the trials that were made before no longer count.

ground_hash   base policy, problems, and the code of trainer and methods: part of the name of each trial's runs
search_hash   that, and all settings that a search's scores depend on: the name of its Optuna study
sweep_hash    that of every search, and the study itself: a parameter of the rules
"""

from experiments.graph import Graph, digests
from experiments.schema import Experiment, spec_hash
from experiments.study import Study, trial_experiment


def ground_hash(study: Study, graph: Graph) -> str:
    """Of what the trials of all searches share. `graph`: of the experiment that the study tunes."""
    code = sorted({file for search in study.searches.values() for file in graph.training_code(search.arm)})
    return spec_hash({"base": graph.base_hash(), "problems": graph.problems_hash(), "code": digests(code)})


def search_hash(study: Study, experiment: Experiment, search: str, ground: str) -> str:
    """Of all that its trials' scores depend on; not of how many are made, or by how many workers."""
    spec = trial_experiment(study, experiment, search, {}).model_dump(mode="json")
    spec = {key: spec[key] for key in ("model", "task", "training", "arms", "seeds", "evaluation", "data_dir")}
    settings = {path: setting.model_dump(mode="json") for path, setting in study.searches[search].settings.items()}
    chosen = study.model_dump(mode="json", include={"objective", "sampler", "pruner"})
    return spec_hash({**spec, **chosen, "settings": settings, "ground": ground})


def sweep_hash(study: Study, graph: Graph) -> str:
    """Of all that makes the sweep out of date. A study with more trials is one, whose earlier trials count nevertheless."""
    ground = ground_hash(study, graph)
    searches = {search: search_hash(study, graph.experiment, search, ground) for search in study.searches}
    return spec_hash({"study": study.hash(), "searches": searches})
