"""reasoning-gym's generators as a family: levels are their settings, streams share no problem, and the
suite's verdict is that of the generator's own scorer. Skipped where the package is not installed.
"""

import random
import sys
from importlib.util import find_spec
from itertools import combinations
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import ValidationError

from eval.files.errors import BadInput
from eval.questions.problems import Problem
from eval.verify.verifier import Verifier
from experiments.families import ReasoningGym
from experiments.families.family import Stream, draw_problems, largest_draw, stream_of
from experiments.families.reasoning_gym import Generator, generator_of
from experiments.spec.experiment_file import load_experiment
from experiments.spec.schema import Experiment
from experiments.tasks.problem_files import write_problem_files

SUMS = ReasoningGym(
    dataset="chain_sum",
    difficulty=(
        {"max_terms": 2, "max_digits": 1},
        {"min_terms": 3, "max_terms": 3, "min_digits": 2, "max_digits": 2},
    ),
)
needs_package = pytest.mark.skipif(
    find_spec("reasoning_gym") is None,
    reason="needs reasoning-gym: pip install -e '.[lm]'",
)


def drawn(stream: Stream, per_level: int = 8, seed: int = 0) -> list[Problem]:
    return draw_problems(SUMS, [1, 2], per_level, stream, seed)


@needs_package
def test_levels_are_the_generators_own_settings() -> None:
    problems = drawn("train")
    assert [problem.level for problem in problems] == ["1"] * 8 + ["2"] * 8
    for problem in problems:
        asked = problem.text.removeprefix(
            "State the final answer to the following arithmetic problem: "
        ).removesuffix(" =")
        numbers = asked.replace("- ", "+ ").split(" + ")
        terms, digits = (2, 1) if problem.level == "1" else (3, 2)
        assert len(numbers) == terms
        assert {len(number) for number in numbers} == {digits}
        assert int(problem.answer) == eval(asked)  # digits, blanks and signs alone: see above


@needs_package
def test_streams_never_share_a_problem_and_draws_repeat() -> None:
    streams = get_args(Stream)
    sets = {stream: drawn(stream, 8, seed) for stream, seed in zip(streams, range(4), strict=True)}
    for one, other in combinations(streams, 2):
        assert not {p.text for p in sets[one]} & {p.text for p in sets[other]}
        assert not {p.id for p in sets[one]} & {p.id for p in sets[other]}
    for stream, problems in sets.items():
        assert {stream_of(problem.text) for problem in problems} == {stream}
    assert drawn("test", 8) == drawn("test", 8)
    assert drawn("test", 8)[:5] == drawn("test", 5)[:5]
    assert drawn("test", 8, 0) != drawn("test", 8, 1)


@needs_package
def test_signs_tell_problems_apart() -> None:
    """5 + 3 and 5 - 3 have the same letters and digits, and are two problems with two names."""
    level_1 = draw_problems(SUMS, [1], largest_draw(SUMS, 1, "train"), "train", 0)
    assert SUMS.count(1) == 200  # 10 * 10 * 2, all of them among 4000 drawn
    assert len({problem.id for problem in level_1}) == len({p.text for p in level_1}) == 30


@needs_package
@pytest.mark.parametrize("dataset", get_args(Generator))
def test_the_suites_verdict_is_that_of_the_generators_own_scorer(dataset: str) -> None:
    """Full marks for the answer in the box, and for no neighbour of it."""
    family = ReasoningGym(dataset=dataset)  # pyright: ignore[reportArgumentType]
    rng = random.Random(dataset)
    generator = generator_of(family, 1)
    with Verifier(workers=1) as verifier:
        for _ in range(3):
            entry: dict[str, Any] = generator[rng.randrange(2**31)]
            gold = int(entry["answer"])
            tried = [str(gold + change) for change in (0, 1, -1, 10)] + [str(-gold)]
            own = [generator.score_answer(text, entry) == 1 for text in tried]
            ours = verifier.verify(
                [f"It is \\boxed{{{text}}}." for text in tried], [entry["answer"]] * len(tried)
            )
            assert [verdict.correct for verdict in ours] == own


@needs_package
def test_problem_files_keep_problems_that_differ_by_a_sign(tmp_path: Path) -> None:
    """An examination that leaves signs out would drop 5 + 3 beside 5 - 3."""
    experiment = load_experiment("smollm2")
    write_problem_files(experiment, tmp_path)
    lines = (tmp_path / "train.jsonl").read_text().splitlines()
    per_level, levels = experiment.task.per_level, experiment.task.levels
    assert per_level
    assert levels
    assert len(lines) == per_level * len(levels)


@needs_package
def test_settings_that_the_generator_refuses_are_named() -> None:
    refused: tuple[dict[str, Any], ...] = ({"max_term": 2}, {"min_terms": 9, "max_terms": 2})
    for settings in refused:
        family = ReasoningGym(difficulty=(settings,))
        with pytest.raises(BadInput, match=r"chain_sum refuses .* of level 1"):
            family.question(1, random.Random(0))


def test_settings_that_the_suite_sets_itself_are_refused() -> None:
    with pytest.raises(ValidationError, match="seed and size"):
        ReasoningGym(difficulty=({"seed": 3},))
    with pytest.raises(ValidationError, match="dataset"):
        ReasoningGym(dataset="countdown")  # pyright: ignore[reportArgumentType]


def test_without_the_package_its_name_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "reasoning_gym", None)
    family = ReasoningGym(counted=7)  # not in the cache of this process
    with pytest.raises(BadInput, match=r"pip install -e '\.\[lm\]'"):
        family.question(1, random.Random(0))


def test_a_tiny_policy_cannot_be_taught_it() -> None:
    content = load_experiment("smollm2").model_dump(mode="json")
    content["model"] = {"source": "tiny"}
    with pytest.raises(ValidationError, match="cannot be taught reasoning_gym"):
        Experiment.model_validate(content)
