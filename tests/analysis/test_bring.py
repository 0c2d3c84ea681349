"""Other people's results, whole: two published studies, and a study of the suite there and back."""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml

from analysis.bring.__main__ import main
from analysis.bring.command import bring, check_out
from analysis.bring.writing.export import export_study
from analysis.figures.command import save_figure
from analysis.report.command import report_page
from analysis.results.folder import load_results
from analysis.tables.layouts import LAYOUTS, build_table
from analysis.tables.render import TABLE_FORMS, write_table
from eval.files.errors import BadInput
from experiments.tracking.brought import brought_views, is_brought
from tests.support.synthetic import make as make_study

FOREIGN = Path(__file__).parent / "foreign"
ARMS = ("a1_en", "a2_vi", "a3_en_lang", "a4_en_constant")


@pytest.fixture(scope="module")
def xling(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("results") / "xling"
    bring([FOREIGN / "xling"], out, FOREIGN / "xling.yaml")
    return out


@pytest.fixture(scope="module")
def open_rs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("results") / "open_rs"
    bring([FOREIGN / "open_rs"], out, FOREIGN / "open_rs.yaml")
    return out


def rows(folder: Path, name: str) -> list[dict[str, str]]:
    with (folder / "brought" / f"{name}.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_all_64_published_means_are_recounted(xling: Path) -> None:
    claims = rows(xling, "claims")
    recounted = [row for row in claims if row["recounted"]]
    assert len(recounted) == 64
    assert {row["outcome"] for row in recounted} == {"equal"}
    base_en = next(r for r in recounted if (r["arm"], r["benchmark"]) == ("base", "mgsm_en"))
    assert float(base_en["published"]) == 0.804


def test_what_looks_impossible_is_named(xling: Path) -> None:
    odd = [row["where"] for row in rows(xling, "findings") if row["kind"] == "looks impossible"]
    assert [where.split(",")[0] for where in odd] == ["base", "a1_en", "a2_vi", "a3_en_lang"]
    assert all("amc23_en" in where for where in odd)


def test_training_that_changed_nothing_is_said(xling: Path) -> None:
    said = {
        r["where"]: r["what"] for r in rows(xling, "findings") if r["kind"].startswith("change")
    }
    assert set(said) == set(ARMS)
    assert "12.0 % of questions against the base policy, and on 12.8 %" in said["a2_vi"]
    assert all("changed nothing measurable" in said[arm] for arm in ARMS[:3])
    assert "with one run, the share of that" in said["a4_en_constant"]


def test_verdicts_of_an_arm_with_one_seed_are_not_given(xling: Path) -> None:
    frame = LAYOUTS["comparisons"].frame(load_results(xling))
    assert len(frame) == 24
    remarks = frame.set_index(["benchmark", "arm"])["remarks"]
    said = [str(remarks["mgsm_en", arm]) for arm in ("a2_vi", "a4_en_constant")]
    assert said[0].startswith("a2_vi: 2 of 3 seeds")  # one has a curve only
    assert "of 3 seeds" not in said[1]  # 42 is all of its seeds
    assert not set(frame["verdict"]) & {"better", "worse"}


def test_foreign_curves_keep_what_they_are(xling: Path) -> None:
    run = next(r for r in load_results(xling).runs if (r.arm, r.seed) == ("a3_en_lang", 42))
    assert run.series("rollout").tolist() == [5, 10, 15, 20, 25, 30, 35, 40, 45, 50]
    assert run.series("reward")[0] == 1.2562500208616256
    assert run.series("accuracy")[0] == 0.25625000391155484  # as the mapping says
    assert run.log[0]["foreign"]["rewards/r2_format"] == 0
    assert "entropy" not in run.log[0]
    assert {"reward_std", "rewards/r2_format"} <= {row["key"] for row in rows(xling, "unmapped")}
    kinds = {(r["kind"], r["where"]) for r in rows(xling, "findings")}
    assert ("constant reward", "a3_en_lang, seed 42") in kinds
    assert ("inert", "a3_en_lang, seed 42") in kinds


def test_checkpoints_chosen_on_the_test_set_are_said(open_rs: Path) -> None:
    said = {r["where"]: r["what"] for r in rows(open_rs, "findings") if r["kind"] == "selection"}
    assert said["aime24"].startswith("21 checkpoints were evaluated on this set, 20.0 to 46.7")
    exp3 = (
        "8 checkpoints, 23.3 to 46.7; reported: 46.7 at 50, the highest: chosen by its score, it is"
        " too optimistic"
    )
    assert said["exp3, seed 0, aime24"] == exp3
    assert len(rows(open_rs, "sources")) == 82
    assert (open_rs / "brought" / "selection.png").stat().st_size > 10_000


def test_totals_have_scores_and_no_comparison(open_rs: Path) -> None:
    results = load_results(open_rs)
    main_frame = LAYOUTS["main"].frame(results).set_index(["benchmark", "arm"])
    assert main_frame.loc[("aime24", "exp3"), "pass_at_1"] == pytest.approx(14 / 30)
    compared = LAYOUTS["comparisons"].frame(results)
    assert np.isnan(compared["difference"].to_numpy(float)).all()
    assert compared["remarks"].str.contains("an arm has only means").all()


@pytest.mark.parametrize("name", ["xling", "open_rs"])
def test_report_figures_and_mlflow_read_it(name: str, request: pytest.FixtureRequest) -> None:
    results = load_results(request.getfixturevalue(name))
    for table in LAYOUTS:
        write_table(build_table(table, results), results.folder / "tables")
    for figure in ("pass_at_k", "reward", "phase"):
        save_figure(figure, results)
    shown = report_page(results)
    assert "Brought from elsewhere" in shown
    assert ("training changed nothing measurable" in shown) == (name == "xling")
    assert is_brought(results.folder)
    told, views = brought_views(results.folder)
    assert told == name
    assert {f"{arm}/seed-{s}" for arm in results.arms for s in results.seeds_of(arm)} <= {
        view.name for view in views
    }
    scores = {p.name: p.value for view in views if view.name == "a1_en/seed-7" for p in view.points}
    assert name == "open_rs" or scores["mgsm_en/pass_at_1"] == 0.8


def test_a_study_of_the_suite_there_and_back_gives_the_same_tables(tmp_path: Path) -> None:
    study = make_study(tmp_path / "study", rollouts=6, questions=8)
    export_study(study, tmp_path / "plain")
    back = tmp_path / "results" / "study"
    main([str(tmp_path / "plain"), "--out", str(back), "--mapping", f"{tmp_path}/plain/bring.yaml"])
    for name in LAYOUTS:
        one, other = (build_table(name, load_results(folder)) for folder in (study, back))
        for form in TABLE_FORMS.values():
            assert form(one) == form(other)


def test_an_export_does_not_ask_for_evaluations_that_it_leaves_behind(tmp_path: Path) -> None:
    study = make_study(tmp_path / "study", rollouts=6, questions=8)
    spec = yaml.safe_load((study / "spec.yaml").read_text())
    spec["evaluation"]["checkpoints"] = [3]
    (study / "spec.yaml").write_text(yaml.safe_dump(spec))
    export_study(study, tmp_path / "plain")
    back = tmp_path / "results" / "study"
    main([str(tmp_path / "plain"), "--out", str(back), "--mapping", f"{tmp_path}/plain/bring.yaml"])
    assert load_results(back).checkpoints == ()
    assert not [part for part in load_results(back).missing if "after 3 rollouts" in part.what]


def test_runs_without_an_evaluation_go_through_tables_figures_and_report(tmp_path: Path) -> None:
    """What was not measured is missing, and never 0."""
    for arm, slope in (("a", 0.01), ("b", 0.02)):
        history = [{"step": step, "reward": slope * step} for step in range(1, 6)]
        path = tmp_path / "in" / arm / "trainer_state.json"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps({"log_history": history}))
    words = {"model": "m", "prompt": "p", "temperature": 1.0}
    entry = {"path": "{arm}/trainer_state.json", "tool": "trl", "seed": 1}
    said = {"name": "x", "reference": "a", "base": None, "arms": {"a": words, "b": words}}
    mapping = tmp_path / "bring.yaml"
    mapping.write_text(yaml.safe_dump(said | {"sources": [entry]}))
    bring([tmp_path / "in"], tmp_path / "out", mapping)
    results = load_results(tmp_path / "out")
    for table in LAYOUTS:
        write_table(build_table(table, results), results.folder / "tables")
    save_figure("reward", results)
    assert "Brought from elsewhere" in report_page(results)
    budget = LAYOUTS["budget"].frame(results)
    assert budget["updates"].tolist() == [5, 5]
    assert np.isnan(budget["seconds"].to_numpy(float)).all()


def test_nothing_is_guessed(tmp_path: Path) -> None:
    shutil.copytree(FOREIGN / "open_rs" / "overall" / "Exp1_100", tmp_path / "in")
    mapping, out = tmp_path / "bring.yaml", tmp_path / "out"
    with pytest.raises(BadInput, match="this draft was written"):
        bring([tmp_path / "in"], out, mapping)
    draft = yaml.safe_load(mapping.read_text())
    assert draft["sources"][0] | {"path": ""} == {
        "path": "", "tool": "lighteval", "arm": "?", "seed": "?"
    }  # fmt: skip
    with pytest.raises(BadInput, match=r"(?s)mapping file:.*: arm \(.*: seed \("):
        bring([tmp_path / "in"], out, mapping)
    draft["sources"][0] |= {"arm": "a", "seed": 1}
    mapping.write_text(yaml.safe_dump(draft))
    with pytest.raises(
        BadInput, match=r"(?s)arms\.a\.model.*arms\.a\.temperature.*reference.*base"
    ):
        bring([tmp_path / "in"], out, mapping)
    assert not out.exists()


def test_arms_that_differ_are_compared_only_where_that_is_meant(tmp_path: Path) -> None:
    mapping = yaml.safe_load((FOREIGN / "xling.yaml").read_text())
    mapping["arms"]["a2_vi"]["temperature"] = 0.6
    path = tmp_path / "bring.yaml"
    path.write_text(yaml.safe_dump(mapping))
    with pytest.raises(BadInput, match=r"arms differ in temperature \(0: a1_en.*0\.6: a2_vi"):
        bring([FOREIGN / "xling"], tmp_path / "out", path)
    mapping["differences_meant"] = ["temperature"]
    path.write_text(yaml.safe_dump(mapping))
    study = bring([FOREIGN / "xling"], tmp_path / "out", path)
    assert ("arms differ", "temperature") in {each[:2] for each in study.findings}


def test_no_other_folder_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "kept.txt").write_text("x")
    with pytest.raises(BadInput, match="was not made by"):
        check_out(tmp_path)
