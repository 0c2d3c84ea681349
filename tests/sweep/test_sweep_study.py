"""What a study may say, and how it refuses: one message with file and key."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from eval.files.errors import BadInput
from experiments.spec.experiment_file import load_experiment
from experiments.spec.schema import Experiment
from experiments.sweep.hashes import ground_hash, search_hash, sweep_hash
from experiments.sweep.settings import Range
from experiments.sweep.sweep_file import (
    SearchSpace,
    asked_experiment,
    asked_study,
    load_study,
    trial_experiment,
)
from experiments.sweep.trial import run_key
from experiments.workflow.layout import StudyLayout
from tests.support.copied_code import answer_of, copy_code

SMOKE: dict[str, Any] = {
    "name": "smoke_ratio",
    "question": "Does every part of a sweep run?",
    "experiment": "smoke",
    "searches": {"aer": {"arm": "aer", "settings": {"method.tau": {"low": 0.1, "high": 1.0, "grid": [0.2, 0.8]}}}},
    "validation": {
        "arithmetic_validation": {
            "levels": [1, 2], "per_level": 5, "samples": 4, "k": [1, 2, 4], "stream": "validation",
        }
    },
    "objective": {"benchmark": "arithmetic_validation"},
    "seeds": [11, 12],
    "trials": 3,
}  # fmt: skip


TEN_TO_THE_12 = {
    f"method.x{i}": {"choices": list(range(10))} for i in range(12)
}  # no memory holds this grid


def study_file(tmp_path: Path, **changes: Any) -> Path:
    """SMOKE as a file; `a__b=value` sets the key b of a."""
    content = yaml.safe_load(yaml.safe_dump(SMOKE))
    for place, value in changes.items():
        *parents, last = place.split("__")
        here = content
        for key in parents:
            here = here[key]
        here[last] = value
    path = tmp_path / "study.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


def test_the_shipped_studies_load() -> None:
    folder = Path(__file__).parents[2] / "experiments"
    for path in folder.glob("sweep_*.yaml"):
        study, _ = load_study(path)
        assert path.stem == f"sweep_{study.name}"


def test_a_trial_is_the_experiment_with_one_arm_and_the_values_set(tmp_path: Path) -> None:
    study, experiment = load_study(study_file(tmp_path))
    trial = trial_experiment(
        study, experiment, "aer", {"method.tau": 0.3, "training.learning_rate": 0.002}
    )
    assert list(trial.arms) == ["aer"]
    assert trial.arms["aer"].method.tau == 0.3  # type: ignore[union-attr]
    assert trial.arms["aer"].method.eta == 0.1  # type: ignore[union-attr]  # the experiment's own
    assert trial.training_of("aer").learning_rate == 0.002
    assert trial.seeds == (11, 12)
    assert list(trial.evaluation.benchmarks) == ["arithmetic_validation"]


def test_the_grid_is_every_combination_and_leaves_the_rest_to_the_sampler() -> None:
    settings = {
        "method.tau": Range(low=0, high=1, grid=(0.2, 0.8)),
        "method.eta": Range(low=0.01, high=1, log=True),
    }
    shape = SearchSpace.model_validate(
        {"arm": "aer", "settings": {"method.shape": {"choices": ["hinge", "step"]}}}
    ).settings
    assert SearchSpace(arm="aer", settings=settings | shape).grid() == [
        {"method.tau": 0.2, "method.shape": "hinge"},
        {"method.tau": 0.2, "method.shape": "step"},
        {"method.tau": 0.8, "method.shape": "hinge"},
        {"method.tau": 0.8, "method.shape": "step"},
    ]
    assert SearchSpace(arm="aer", settings={"method.eta": settings["method.eta"]}).grid() == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"searches__aer__settings": {"method.tua": {"low": 0.1, "high": 1}}},
            "method.tua: unknown key",
        ),
        (
            {"searches__aer__settings": {"method.tau": {"low": 0.1, "high": 2}}},
            "less than or equal to 1",
        ),
        (
            {"searches__aer__settings": {"method.tau": {"low": 0.1, "high": 1, "grid": [3]}}},
            "outside",
        ),
        (
            {"searches__aer__settings": {"method.tau": {"low": 0, "high": 1, "log": True}}},
            "logarithm",
        ),
        ({"searches__aer__settings": {"method.name.x": {"low": 0, "high": 1}}}, "no such setting"),
        (
            {
                "searches__aer__settings": {
                    "training.rollouts": {"low": 2, "high": 4, "integer": True}
                }
            },
            "unequal_budget",
        ),
        ({"searches__aer__arm": "aerr"}, "has no arm 'aerr'"),
        (
            {"validation__arithmetic_validation__stream": "test"},
            "must not be tuned on test questions",
        ),
        ({"objective__benchmark": "aime_2024"}, "is not a validation set"),
        (
            {"objective": {"benchmark": "arithmetic_validation", "measure": "pass_at_k", "k": 8}},
            "more than the 4 samples",
        ),
        ({"trials": 1}, "less than the 2 grid points"),
        ({"searches__aer__settings": TEN_TO_THE_12}, "less than the 1,000,000,000,000 grid points"),
        ({"searches__aer__settings": {"method.tau": {"choices": [0.5, 0.5]}}}, "repeats a value"),
        (
            {"searches__aer__settings": {"method.tau": {"choices": [1, True]}}},
            "1, 1.0 and true are equal",
        ),
        ({"trials": 100_001}, "trials: Input should be less than or equal to 100000"),
        ({"workers": 1_001}, "workers: Input should be less than or equal to 1000"),
        ({"seeds": [1, 1]}, "hold a duplicate"),
        ({"experiment": "nowhere"}, "no experiment 'nowhere'"),
        ({"pruner": {"name": "mediann"}}, "did you mean 'median'"),
    ],
)
def test_a_study_that_cannot_be_meant_is_refused_in_one_message(
    tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    with pytest.raises(BadInput, match=message):
        load_study(study_file(tmp_path, **change))


@pytest.mark.parametrize("number", [5, 1e3, True, None])
def test_a_name_that_snakemake_takes_for_a_number_is_a_name(number: Any) -> None:
    assert asked_experiment({"experiment": number}) == str(number)
    with pytest.raises(BadInput, match=f"no sweep '{number}'"):
        asked_experiment({"sweep": number})
    with pytest.raises(BadInput, match=f"no sweep '{number}'"):
        asked_study({"sweep": number}, load_experiment("smoke"))


def test_a_test_set_of_the_experiment_is_refused_as_validation(tmp_path: Path) -> None:
    sets = {"arithmetic_test": SMOKE["validation"]["arithmetic_validation"]}
    path = study_file(tmp_path, validation=sets, objective={"benchmark": "arithmetic_test"})
    with pytest.raises(BadInput, match="smoke is tested on it"):
        load_study(path)


def test_the_hash_is_of_what_scores_depend_on(tmp_path: Path) -> None:
    def hashed(code: str = "x", **changes: Any) -> str:
        return search_hash(*load_study(study_file(tmp_path, **changes)), "aer", code)

    assert hashed() == hashed(trials=9) == hashed(workers=7) == hashed(question="Another?")
    others = [
        hashed("y"),
        hashed(seeds=[11]),
        hashed(sampler={"seed": 1}),
        hashed(pruner={"name": "wilcoxon"}),
    ]
    assert len({hashed(), *others}) == 5


def changed(experiment: Experiment, block: str, **values: Any) -> Experiment:
    spec = experiment.model_dump(mode="json")
    return Experiment.model_validate(spec | {block: spec[block] | values})


def test_a_sweep_is_out_of_date_after_a_change_of_what_its_trials_use(tmp_path: Path) -> None:
    _, experiment = load_study(study_file(tmp_path))

    def hashed(now: Experiment, **changes: Any) -> str:
        return sweep_hash(
            load_study(study_file(tmp_path, **changes))[0], StudyLayout(now, tmp_path)
        )

    others = [
        changed(experiment, "training", learning_rate=0.5),
        changed(experiment, "model", steps=1),
        changed(experiment, "task", seed=9),
        changed(experiment, "arms", aer={"method": {"name": "aer", "eta": 0.7}}),
    ]
    assert (
        len({hashed(each) for each in [experiment, *others]} | {hashed(experiment, trials=9)}) == 6
    )
    assert hashed(changed(experiment, "analysis", draws=100)) == hashed(experiment)
    assert hashed(changed(experiment, "arms", again={"method": {"name": "no_entropy"}})) == hashed(
        experiment
    )


GROUND = """
import json
from pathlib import Path
from experiments.sweep.hashes import ground_hash
from experiments.sweep.sweep_file import load_study
from experiments.workflow.layout import StudyLayout

study, experiment = load_study(Path("study.yaml"))
print(json.dumps(ground_hash(study, StudyLayout(experiment, Path()))))
"""


def test_old_trials_do_not_count_after_a_change_of_base_policy_problems_or_method(
    tmp_path: Path,
) -> None:
    study, experiment = load_study(study_file(tmp_path))

    def ground(now: Experiment = experiment) -> str:
        return ground_hash(study, StudyLayout(now, tmp_path))

    data = {"task": {"prompts": "gsm8k_train", "template": "plain"}, "data_dir": str(tmp_path)}
    named = Experiment.model_validate(experiment.model_dump(mode="json") | data)
    before = ground(named)
    (tmp_path / "gsm8k_train.jsonl").write_text("other questions")
    assert ground(named) != before
    found = [
        ground(),
        ground(changed(experiment, "evaluation", benchmarks={})),
    ]  # prompts that a benchmark has are dropped
    copy = copy_code(tmp_path)
    assert answer_of(copy, GROUND) == found[0]
    for file in (
        "experiments/policies/tiny.py",
        "experiments/training/trainer.py",
        "methods/aer.py",
    ):
        with (copy / file).open("a") as source:
            source.write("EDITED = True\n")
        found.append(answer_of(copy, GROUND))
    with (copy / "methods" / "clip_higher.py").open("a") as source:
        source.write("OF_AN_ARM = 'that is not tuned'\n")
    assert answer_of(copy, GROUND) == found[-1]
    assert len(set(found)) == 5
    trial = trial_experiment(study, experiment, "aer", {"method.tau": 0.3})
    assert len({search_hash(study, experiment, "aer", each) for each in found}) == 5
    assert len({run_key(trial, each) for each in found}) == 5


def test_an_arm_can_be_read_from_a_file(tmp_path: Path) -> None:
    folder = Path(__file__).parents[2] / "experiments"
    content = yaml.safe_load((folder / "smoke.yaml").read_text())
    (tmp_path / "best.yaml").write_text(
        "method: {name: aer, tau: 0.9}\ntraining: {learning_rate: 0.5}\n"
    )
    content["arms"]["tuned"] = {"from": "best.yaml"}
    path = tmp_path / "smoke.yaml"
    path.write_text(yaml.safe_dump(content))
    experiment = load_experiment(path)
    assert experiment.arms["tuned"].method.tau == 0.9  # type: ignore[union-attr]
    assert experiment.training_of("tuned").learning_rate == 0.5
    (tmp_path / "best.yaml").unlink()
    with pytest.raises(BadInput, match=r"arms\.tuned\.from: there is no file 'best\.yaml'"):
        load_experiment(path)
    study, without = load_study(study_file(tmp_path, experiment=str(path)))
    assert study.arms == {"aer"}
    assert set(experiment.arms) - set(without.arms) == {"tuned"}
    with pytest.raises(BadInput, match="or leave the arm out"):
        load_study(study_file(tmp_path, experiment=str(path), searches__aer__arm="tuned"))
    path.write_text(yaml.safe_dump(content | {"reference": "tuned"}))
    with pytest.raises(BadInput, match="or leave the arm out"):
        load_study(study_file(tmp_path, experiment=str(path)))
    content["arms"]["tuned"] = {"from": "best.yaml", "training": {}}
    path.write_text(yaml.safe_dump(content))
    with pytest.raises(BadInput, match="cannot have other keys"):
        load_experiment(path)
    shutil.rmtree(tmp_path)
