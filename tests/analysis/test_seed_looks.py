"""Seeds where they decide: `seeds: {looks: …}` in the file, what a look decides, and which runs are
due after it. Whole studies: test_look_pipeline.py.
"""

import json
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any, get_args

import numpy as np
import pytest
import yaml

from analysis.bring.writing.export import export_study
from analysis.certificate.command import write_certificate
from analysis.compare.arms import load_sources
from analysis.compare.command import main as compare
from analysis.inference.looks import family_level, judge_at_look, look_levels
from analysis.inference.statistics import Comparison, ComparisonVerdict, judge
from analysis.look.__main__ import main as look
from analysis.look.command import write_look
from analysis.report.summary import arm_summaries
from analysis.results.folder import load_results
from analysis.tables.command import write_tables
from analysis.tables.forest import forest_marks
from analysis.tables.precision import precision_frame
from analysis.tables.scores import compared, comparisons_frame, counts_of
from analysis.tables.training import training_frame
from eval.files.errors import BadInput
from eval.files.marks import made_from
from eval.looks.record import (
    LOOK_VERDICTS,
    look_file,
    look_mark,
    looks_reached,
    seeds_asked,
    stopped_arms,
)
from experiments.spec.experiment_file import load_experiment
from experiments.spec.resolved import resolved_yaml
from experiments.spec.schema import Experiment
from experiments.tracking.runs import arms_at_their_end
from experiments.workflow.due import (
    inputs_of_look,
    looks_asked,
    runs_asked,
    runs_of_fixed_seeds,
)
from experiments.workflow.layout import StudyLayout
from experiments.workflow.steps import look_step_parts
from tests.support.synthetic import make

SMOKE = Path(__file__).parents[2] / "experiments" / "smoke.yaml"


def smoke(tmp_path: Path, seeds: str) -> Experiment:
    """The smoke experiment with other seeds."""
    text = SMOKE.read_text()
    path = tmp_path / "smoke.yaml"
    path.write_text(text.replace("seeds: [1, 2]", f"seeds: {seeds}"))
    return load_experiment(path)


# ---- the file


def test_looks_become_a_list_of_seeds(tmp_path: Path) -> None:
    found = smoke(tmp_path, "{looks: [3, 6], first: 7, spending: obrien_fleming}")
    assert found.seeds == (7, 8, 9, 10, 11, 12)
    assert found.looks is not None
    assert (found.looks.after, found.looks.spending) == ((3, 6), "obrien_fleming")
    (tmp_path / "spec.yaml").write_text(resolved_yaml(found))
    assert load_experiment(tmp_path / "spec.yaml") == found


def test_a_fixed_list_is_written_as_ever() -> None:
    written = yaml.safe_load(resolved_yaml(load_experiment("smoke")))
    assert written["seeds"] == [1, 2]
    assert "looks" not in written


@pytest.mark.parametrize(
    ("seeds", "said"),
    [
        ("{looks: [6, 3]}", r"looks \[6, 3\]: list each number of seeds once, in ascending order"),
        ("{looks: [3, 3]}", "in ascending order"),
        ("{looks: [1, 4]}", r"seeds\.looks\.0: Input should be greater than or equal to 2, not 1"),
        ("{looks: []}", r"seeds\.looks"),
        ("{looks: [3, 1000000000]}", r"seeds\.looks\.1: Input should be less than .* 10000"),
        ("{look: [3, 6]}", r"seeds\.look: unknown key"),
        ("{looks: [3, 6], spending: bonferroni}", r"seeds\.spending: .*not 'bonferroni'"),
        ("{looks: [3, 6]}\nlooks: {after: [3, 6]}", "looks are given twice"),
        ("[1, 2, 3]\nlooks: {after: [2, 4]}", "the last is after 4 seeds, but 3 are listed"),
    ],
)
def test_looks_that_make_no_sense_are_refused(tmp_path: Path, seeds: str, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        smoke(tmp_path, seeds)


@pytest.mark.parametrize(
    ("after", "said"), [([6, 3], "are not ascending"), ([3, 7], "after 7 seeds, and 6 are listed")]
)
def test_a_spec_whose_looks_cannot_have_been_made_is_refused(
    study: Path, after: list[int], said: str
) -> None:
    spec = yaml.safe_load((study / "spec.yaml").read_text())
    spec["looks"]["after"] = after
    (study / "spec.yaml").write_text(yaml.safe_dump(spec))
    with pytest.raises(BadInput, match=said):
        load_results(study)


# ---- which seeds are due


def test_an_arm_gets_the_next_seeds_while_it_is_open() -> None:
    arms, after = ["none", "a", "b"], (3, 6, 12)
    first, second = {"open": ["none", "a"]}, {"open": []}
    assert seeds_asked(arms, after, []) == {"none": 3, "a": 3, "b": 3}
    assert seeds_asked(arms, after, [first]) == {"none": 6, "a": 6, "b": 3}
    assert seeds_asked(arms, after, [first, second]) == {"none": 6, "a": 6, "b": 3}
    assert seeds_asked(arms, after, [first, first]) == {"none": 12, "a": 12, "b": 3}
    asked = seeds_asked(arms, after, [first])
    assert stopped_arms(asked, after, [first]) == {"b"}
    assert stopped_arms(asked, after, [first, second]) == {"none", "a", "b"}


def test_no_look_is_waited_for_that_is_not_needed(tmp_path: Path) -> None:
    layout = StudyLayout(smoke(tmp_path, "{looks: [2, 3, 5]}"), tmp_path)
    layout.root.joinpath("looks").mkdir(parents=True)
    look_file(layout.root, 2).write_text(json.dumps({"open": ["none", "aer"], "comparisons": []}))
    look_file(layout.root, 3).write_text(json.dumps({"open": [], "comparisons": []}))
    waited: list[int] = []

    def seeds_of(paths: list[str]) -> dict[str, int]:
        """Arm → number of its runs among the paths; and the looks that were waited for."""
        arms = [path.parts[path.parts.index("smoke") + 1] for path in map(Path, paths)]
        found = {arm: arms.count(arm) for arm in layout.experiment.arms if arm in arms}
        return found | {"waited for": sum(waited)}

    assert seeds_of(inputs_of_look(layout, 2, waited.append)) == {
        **{"none": 2, "clip_higher": 2, "aer": 2},
        "waited for": 0,
    }
    assert seeds_of(inputs_of_look(layout, 3, waited.append)) == {
        **{"none": 3, "aer": 3},
        "waited for": 2,
    }
    waited.clear()
    assert seeds_of(runs_asked(layout, waited.append)) == {
        **{"none": 3, "clip_higher": 2, "aer": 3},
        "waited for": 2 + 3,
    }
    marks = [str(look_mark(layout.root, each)) for each in (2, 3)]
    assert looks_asked(layout, waited.append) == marks
    with pytest.raises(BadInput, match="there is no look after 4 seeds: choose one of 2, 3, 5"):
        inputs_of_look(layout, 4, waited.append)
    with pytest.raises(BadInput, match="arms stop at looks"):
        runs_of_fixed_seeds(layout)
    fixed = StudyLayout(load_experiment("smoke"), tmp_path)
    assert runs_asked(fixed, waited.append) == runs_of_fixed_seeds(fixed) == fixed.runs
    assert looks_asked(fixed, waited.append) == []


def test_a_look_after_one_that_left_no_arm_open_has_not_been_reached(study: Path) -> None:
    """Its file is of other decisions, made before something was edited."""
    write_look(study, 3)
    write_look(study, 6)
    first = json.loads(look_file(study, 3).read_text())
    look_file(study, 3).write_text(json.dumps(first | {"open": []}))
    assert [found["seeds"] for found in looks_reached(study, (3, 6))] == [3]
    results = load_results(study)
    assert {results.seeds_of(arm) for arm in results.arms} == {(1, 2, 3)}
    assert set(comparisons_frame(results)["look"]) == {3}
    with pytest.raises(BadInput, match="after 3 seeds left no arm open"):
        write_look(study, 6)


# ---- what a look decides


def told_as(p: float, difference: float = 0.1) -> Comparison:
    """A comparison with this p, whose draws lie on one side of 0."""
    drawn = np.full(1000, difference)
    return Comparison(difference, difference, difference, p, 1.0, 0.1, "", 3, 3, drawn=drawn)


def test_verdicts_at_a_look_by_hand() -> None:
    """Holm at the level of the look: its steps test at a half of the level and at all of it; with a
    comparison of an arm that has stopped, at a third and a half.
    """
    level = family_level((3, 6), 3, 2)
    low, high = told_as(0.99 * level / 2), told_as(0.99 * level)
    found = judge_at_look([high, low], (3, 6), 3)
    assert [each.verdict for each in found] == ["better", "better"]
    assert [each.p for each in found] == pytest.approx([0.99 * 0.05] * 2)
    level = family_level((3, 6), 3, 3)
    found = judge_at_look([high, low], (3, 6), 3, untested=1)
    assert [each.family for each in found] == [3, 3]
    assert [each.verdict for each in found] == ["not distinguishable"] * 2
    found = judge_at_look(
        [told_as(0.99 * level / 3), told_as(0.99 * level / 2)], (3, 6), 3, "pocock", 1
    )
    assert [each.verdict for each in found] == ["better", "better"]


def test_each_comparison_can_have_its_own_level() -> None:
    found = judge([told_as(0.01), told_as(0.01)], [0.05, 0.01])
    assert [each.p for each in found] == pytest.approx([0.02, 0.05])
    assert judge([told_as(0.03)]) == judge([told_as(0.03)], [0.05])


def without_looks(folder: Path, after: tuple[int, ...] = (3, 6), **analysis: Any) -> Path:
    """A synthetic study of six seeds whose spec has looks, none of them made."""
    made = make(folder, seeds=tuple(range(1, after[-1] + 1)), rollouts=8, questions=30)
    spec = yaml.safe_load((made / "spec.yaml").read_text())
    spec["looks"] = {"after": list(after), "spending": "pocock"}
    spec["analysis"] = {"draws": 2000, "seed": 0, **analysis}
    (made / "spec.yaml").write_text(yaml.safe_dump(spec, sort_keys=False))
    return made


@pytest.fixture(scope="module")
def unlooked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return without_looks(tmp_path_factory.mktemp("looks") / "demo")


@pytest.fixture
def study(unlooked: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(unlooked, tmp_path / "demo"))


def by_pair(content: dict[str, Any]) -> dict[tuple[str, int, str], dict[str, Any]]:
    return {(row["benchmark"], row["k"], row["arm"]): row for row in content["comparisons"]}


def test_a_destroyed_arm_stops_at_the_first_look_and_its_verdict_stays(study: Path) -> None:
    """`fixed_high` answers far less than the others, which differ by little."""
    for run in (study / "fixed_high").glob("seed-[456]"):
        shutil.rmtree(run)  # the workflow would not have made them
    write_look(study, 3)
    first = by_pair(json.loads(look_file(study, 3).read_text()))
    assert all(
        first[name, 1, "fixed_high"]["verdict"] == "worse"
        for name in ("arithmetic_test", "arithmetic_hard")
    )
    assert first["arithmetic_test", 1, "fixed_low"]["verdict"] == "not distinguishable"
    results = load_results(study)
    still = set(results.reached[0]["open"])
    assert {"none", "fixed_low"} <= still
    assert "fixed_high" not in still
    assert results.seeds_of("fixed_high") == (1, 2, 3)
    assert results.seeds_of("none") == (1, 2, 3, 4, 5, 6)
    assert not [part for part in results.missing if "seed" in str(part)]

    write_look(study, 6)
    second = json.loads(look_file(study, 6).read_text())
    assert second["open"] == []
    for pair, row in by_pair(second).items():
        if first[pair]["verdict"] in ("better", "worse"):
            assert row == first[pair]
        elif pair[2] in still:
            assert (row["look"], row["seeds"], row["reference_seeds"]) == (6, 6, 6)
        else:
            assert row == first[pair], "pass@k of an arm that has stopped is not tested again"


def test_what_is_not_tested_any_more_stays_in_its_family(study: Path) -> None:
    """The first look is rewritten so that `aer` has stopped, without verdict in pass@k."""
    write_look(study, 3)
    first = json.loads(look_file(study, 3).read_text())
    for row in first["comparisons"]:
        if row["arm"] == "aer":
            row["verdict"] = "better" if row["k"] == 1 else "not distinguishable"
    first["open"] = ["none", "fixed_low"]
    look_file(study, 3).write_text(json.dumps(first))
    write_look(study, 6)
    waiting = {
        is_first: sum(
            row["verdict"] == "not distinguishable" and (row["k"] == 1) == is_first
            for row in first["comparisons"]
        )
        for is_first in (True, False)
    }
    second = by_pair(json.loads(look_file(study, 6).read_text()))
    for (_, k, arm), row in second.items():
        if arm == "fixed_low" and row["look"] == 6:
            assert row["family"] == waiting[k == 1]
    assert second["arithmetic_hard", 8, "aer"]["look"] == 3
    assert second["arithmetic_hard", 8, "fixed_low"]["look"] == 6


def test_a_look_tests_at_its_level_with_its_seeds(study: Path) -> None:
    """The row of one comparison, computed from the counts of the first three seeds."""
    write_look(study, 3)
    found = by_pair(json.loads(look_file(study, 3).read_text()))
    results = load_results(study)
    (own, _), (reference, _) = (
        counts_of(results, arm, "arithmetic_hard") for arm in ("aer", "none")
    )
    assert own is not None
    assert reference is not None
    three = own.of_seeds((1, 2, 3)), reference.of_seeds((1, 2, 3))
    expected = compared(results, *three, 1, "arithmetic_hard", "aer", "none")
    row = found["arithmetic_hard", 1, "aer"]
    assert (row["p"], row["difference"]) == (expected.p, expected.difference)
    family = [each for each in found.values() if each["k"] == 1]
    level = family_level((3, 6), 3, len(family))
    smallest = min(family, key=lambda each: each["p"])
    assert smallest["p_holm"] == pytest.approx(min(1, len(family) * smallest["p"] * 0.05 / level))
    assert level <= look_levels((3, 6))[0] < 0.05


def test_a_look_needs_those_before_it_and_all_counts(
    study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for seeds, said in (
        ("6", "the look after 3 seeds has not been made"),
        ("4", "there is no look after 4"),
    ):
        with pytest.raises(SystemExit):
            look([str(study), "--seeds", seeds])
        assert said in capsys.readouterr().err
    (study / "aer" / "seed-2" / "eval" / "arithmetic_hard.counts.csv").unlink()
    with pytest.raises(BadInput, match="aer has no counts of seed 2 on arithmetic_hard"):
        write_look(study, 3)
    assert not look_mark(study, 3).exists()


def test_no_table_says_another_verdict_than_the_look(study: Path) -> None:
    before = comparisons_frame(load_results(study))
    assert set(before["verdict"]) == {"no verdict"}
    for seeds in (3, 6):
        write_look(study, seeds)
        results = load_results(study)
        frame = comparisons_frame(results)
        recorded = by_pair(json.loads(look_file(study, seeds).read_text()))
        for row in frame.to_dict("records"):
            looked = recorded[row["benchmark"], row["k"], row["arm"]]
            for key in ("verdict", "sentence", "difference", "low_holm", "high_holm", "p_holm"):
                assert row[key] == looked[key]
        training = training_frame(results)
        for mark in forest_marks(frame, training, "none"):
            if mark.arm != "base":
                assert mark.verdict == recorded[mark.benchmark, mark.k, mark.arm]["verdict"]
        summaries = dict(arm_summaries(results, frame, training, None))
        assert "worse than none in pass@1" in summaries["fixed_high"]
    write_tables(study)
    shown = (study / "tables" / "comparisons.md").read_text()
    assert "Looks after 3, 6 seeds per arm, fixed beforehand (pocock)" in shown
    assert "fixed\\_high: pass@1: decided after 3 seeds" in shown
    assert "†" not in (study / "tables" / "main.md").read_text()


def test_compare_says_what_the_looks_said(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        compare([str(study)])
    assert "the first, after 3 seeds, has not been made" in capsys.readouterr().err
    write_look(study, 3)
    write_look(study, 6)
    capsys.readouterr()

    def said(*options: str) -> dict[str, Any]:
        compare([str(study), "--json", "--draws", "500", *options])
        return json.loads(capsys.readouterr().out)

    recorded = by_pair(json.loads(look_file(study, 6).read_text()))
    for k in (1, 8):
        found = said("--k", str(k))["comparisons"]
        assert len(found) == 8
        for row in found:
            looked = recorded[row["benchmark"], k, row["arm"].removeprefix("demo/")]
            for key in ("verdict", "p_holm", "low_holm", "high_holm", "seeds", "reference_seeds"):
                assert row[key] == looked[key]
    page_of = (str(study), "--draws", "500")
    compare([*page_of])
    assert (
        "are those of its looks, after 3, 6 seeds (pocock; 2,000 draws," in capsys.readouterr().out
    )
    other = said("--reference", "aer", "--arm", "fixed_high")["comparisons"]
    alone = {"arithmetic_test", "arithmetic_hard"}
    assert {row["benchmark"] for row in other} == alone
    assert {(row["seeds"], row["reference_seeds"]) for row in other} == {(3, 3)}
    with pytest.raises(SystemExit):
        compare([str(study), "--looks", "3", "6"])
    assert "sets its looks: leave --looks out" in capsys.readouterr().err


def test_other_comparisons_are_made_at_the_earlier_look(
    study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`fixed_high` stopped after 3 seeds, `aer` had 6: with 3 of both, at the level of 3."""
    write_look(study, 3)
    write_look(study, 6)
    asked = [str(study), "--draws", "500", "--reference", "aer", "--arm", "fixed_high"]
    capsys.readouterr()
    compare([*asked, "--json"])
    level = json.loads(capsys.readouterr().out)["level"]
    assert level == family_level((3, 6), 3, 2)
    compare(asked)
    shown = capsys.readouterr().out
    assert f"{level:.2g} or more instead of .05" in shown
    assert "adjusted for 2 comparisons (Holm)" in shown
    assert "With this comparison alone" not in shown


def test_compare_pairs_as_the_looks_did(
    unlooked: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study = without_looks(tmp_path / "demo", pairing="seed")
    for seeds in (3, 6):
        write_look(study, seeds)
    content = json.loads(look_file(study, 6).read_text())
    for row in content["comparisons"]:
        row["correlation"] = None  # as a look writes it where it is not known
    look_file(study, 6).write_text(json.dumps(content))
    with pytest.raises(SystemExit):
        compare([str(study)])
    assert "give --pairing seed" in capsys.readouterr().err
    compare([str(study), "--pairing", "seed", "--draws", "500"])
    shown = capsys.readouterr().out
    assert "(pocock; 2,000 draws, seeds paired by number)" in shown
    assert "fixed_low on arithmetic_hard unknown (no reason to pair)" in shown


def test_a_study_with_looks_is_not_exported_without_its_verdicts(
    study: Path, tmp_path: Path
) -> None:
    with pytest.raises(BadInput, match="its arms stop at looks"):
        export_study(study, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_arms_that_cannot_be_compared_end_the_look(study: Path) -> None:
    """A question that only some seeds have: open arms would get seeds up to the last look."""
    file = study / "aer" / "seed-2" / "eval" / "arithmetic_hard.counts.csv"
    file.write_text("\n".join(file.read_text().splitlines()[:-1]) + "\n")
    with pytest.raises(BadInput, match="cannot compare aer with none in pass@1 on arithmetic_hard"):
        write_look(study, 3)
    assert not look_file(study, 3).exists()


def broken(change: str, content: dict[str, Any]) -> Any:
    first = content["comparisons"][0]
    match change:
        case "`comparisons` is not a list":
            return content | {"comparisons": None}
        case "`open` is not a list of arms":
            return content | {"open": [1]}
        case r"comparisons\[0\]: `k` is missing or not a whole number":
            del first["k"]
        case r"comparisons\[0\]: verdict 'tied' is not one of":
            first["verdict"] = "tied"
        case r"comparisons\[0\]: `p_holm` is missing or not a number":
            first["p_holm"] = None
    return content


@pytest.mark.parametrize(
    "said",
    [
        "`comparisons` is not a list",
        "`open` is not a list of arms",
        r"comparisons\[0\]: `k` is missing or not a whole number",
        r"comparisons\[0\]: verdict 'tied' is not one of",
        r"comparisons\[0\]: `p_holm` is missing or not a number",
    ],
)
def test_a_look_that_is_not_as_it_is_written_is_named(study: Path, said: str) -> None:
    write_look(study, 3)
    file = look_file(study, 3)
    file.write_text(json.dumps(broken(said, json.loads(file.read_text()))))
    for read in (lambda: load_results(study), lambda: load_sources([str(study)])):
        with pytest.raises(BadInput, match=rf"looks/3\.json: {said}"):
            read()


def test_the_names_of_verdicts_are_those_of_judge() -> None:
    assert set(LOOK_VERDICTS) == set(get_args(ComparisonVerdict))


def test_the_precision_of_an_arm_is_that_of_its_look(study: Path) -> None:
    """`fixed_high` stopped after 3 seeds: the table is that of a study that ended there."""
    write_look(study, 3)
    found = precision_frame(load_results(study)).set_index(["benchmark", "arm"])
    write_look(study, 6)
    later = precision_frame(load_results(study)).set_index(["benchmark", "arm"])
    row = ("arithmetic_test", "fixed_high")
    assert found.loc[row].equals(later.loc[row])
    assert (
        found.loc["arithmetic_hard", "fixed_low"]["half_width"]
        != (later.loc["arithmetic_hard", "fixed_low"]["half_width"])
    )


def test_the_certificate_needs_a_fixed_list(study: Path) -> None:
    with pytest.raises(BadInput, match="arms stop at looks"):
        write_certificate(load_results(study), 3, 10)


# ---- marks


def test_a_look_is_made_anew_where_what_it_was_made_from_has_changed(tmp_path: Path) -> None:
    experiment = smoke(tmp_path, "{looks: [2, 3]}")
    layout = StudyLayout(experiment, tmp_path)

    def changed(other: StudyLayout, seeds: int) -> set[str]:
        now = look_step_parts(other, seeds)
        return {part for part in now if now[part] != parts[seeds][part]}

    scored = layout.run("aer", 3) / "eval" / "arithmetic_test.scored"
    scored.parent.mkdir(parents=True)
    scored.write_text("{}")
    parts = {seeds: look_step_parts(layout, seeds) for seeds in (2, 3)}
    assert changed(StudyLayout(smoke(tmp_path, "{looks: [2, 4]}"), tmp_path), 2) == {"settings"}
    scored.write_text("{ }")
    assert changed(layout, 2) == set(), "seed 3 is none of the first two"
    assert changed(layout, 3) == {"evidence"}
    look_file(layout.root, 2).parent.mkdir()
    look_file(layout.root, 2).write_text("{}")
    assert changed(layout, 2) == set()


def test_the_mark_of_a_look_says_what_the_workflow_expects(study: Path, tmp_path: Path) -> None:
    """A start would make it anew otherwise."""
    write_look(study, 3)
    mark = made_from(look_mark(study, 3))
    spec = yaml.safe_load((study / "spec.yaml").read_text())
    stub: Any = SimpleNamespace(
        root=study, experiment=SimpleNamespace(model_dump=lambda mode: spec)
    )
    assert mark == look_step_parts(stub, 3)
    look_mark(study, 3).unlink()
    assert [*looks_reached(study, (3, 6))] == []


# ---- around it


def test_an_arm_ends_in_mlflow_when_it_stops(tmp_path: Path) -> None:
    experiment = smoke(tmp_path, "{looks: [2, 3]}")
    assert arms_at_their_end(experiment, tmp_path) == {}
    look_file(tmp_path, 2).parent.mkdir()
    look_file(tmp_path, 2).write_text(json.dumps({"open": ["none", "aer"], "comparisons": []}))
    look_mark(tmp_path, 2).write_text("{}")
    assert arms_at_their_end(experiment, tmp_path) == {"clip_higher": (1, 2)}
    fixed = load_experiment("smoke")
    assert arms_at_their_end(fixed, tmp_path) == dict.fromkeys(fixed.arms, (1, 2))
