"""Tables: hand-computed numbers, escaping, and what happens when runs are missing or broken."""

import csv
import io
import json
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from analysis.results.folder import BASE, load_results
from analysis.tables import __main__ as tables_command
from analysis.tables import cells, render, scores
from analysis.tables import layouts as tables
from analysis.tables.precision import precision_frame
from analysis.tables.training import flips, training_frame
from eval.files.errors import BadInput
from tests.support.synthetic import make

NAN = float("nan")
HOSTILE = (
    "<img src=x onerror=alert(1)>",
    "=cmd|' /C calc'!A0",
    r"\input{secrets}",
    "@sum(1)",
    "a|b",
    "[x](javascript:1)",
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A complete results folder with its tables."""
    made = make(tmp_path_factory.mktemp("tables") / "demo", rollouts=30, questions=12)
    tables_command.main([str(made)])
    return made


@pytest.fixture
def broken(folder: Path, tmp_path: Path) -> Path:
    """A copy to damage."""
    return Path(shutil.copytree(folder, tmp_path / "demo"))


def shown(table: cells.Table, form: str) -> str:
    return render.TABLE_FORMS[form](table)


# scores


def test_main_table_holds_the_plain_means(folder: Path) -> None:
    frame: Any = scores.main_frame(load_results(folder)).set_index(["benchmark", "arm"])
    counts = [
        pd.read_csv(path)
        for path in sorted((folder / "aer").glob("seed-*/eval/arithmetic_test.counts.csv"))
    ]
    row = frame.loc[("arithmetic_test", "aer")]
    assert row["pass_at_1"] == pytest.approx(
        np.mean([table["correct"] / table["n"] for table in counts])
    )
    assert row["pass_at_1_low"] < row["pass_at_1"] < row["pass_at_1_high"]
    assert (row["seeds"], row["k"], row["length"]) == (3, 8, 25.0)
    assert frame.index[0] == ("arithmetic_test", BASE)
    assert frame["pass_at_1_best"].groupby("benchmark").sum().tolist() == [1, 1]
    assert not frame.xs(BASE, level="arm")[["pass_at_1_best", "pass_at_1_tied"]].to_numpy().any()


def test_numbers_do_not_depend_on_the_other_arms(folder: Path) -> None:
    whole = load_results(folder)
    fewer = replace(
        whole, spec=whole.spec | {"arms": {arm: whole.spec["arms"][arm] for arm in ("none", "aer")}}
    )
    kept = ["arm", "benchmark", "pass_at_1", "pass_at_1_low", "pass_at_k_high"]
    frames: list[Any] = [scores.main_frame(each).query("arm == 'aer'") for each in (whole, fewer)]
    a, b = (frame[kept].reset_index(drop=True) for frame in frames)
    pd.testing.assert_frame_equal(a, b, check_exact=True)


def test_comparisons_hold_every_arm_and_adjust_within_pass_at_1_and_pass_at_k(folder: Path) -> None:
    frame: Any = scores.comparisons_frame(load_results(folder))
    assert len(frame) == 2 * 2 * 4
    assert set(frame["reference"]) == {"none"}
    assert (frame["p_holm"] >= frame["p"]).all()
    for _, family in frame.groupby(frame["k"] == 1):
        assert len(family) == 8
        assert family["p_holm"].min() == pytest.approx(min(1, 8 * family["p"].min()))
    assert frame["sentence"].str.contains("arithmetic").all()


def test_precision_tells_where_the_intervals_come_from(folder: Path) -> None:
    frame: Any = precision_frame(load_results(folder))
    assert len(frame) == 2 * 4
    parts = frame[["of_seeds", "of_questions", "of_interaction", "of_sampling"]]
    np.testing.assert_allclose(parts.sum(axis=1), 1)
    assert (frame["one_more_seed"] < frame["half_width"]).all()
    assert (frame["more_questions"] < frame["half_width"]).all()
    compared: Any = scores.comparisons_frame(load_results(folder)).query("k == 1")
    halves = (compared["high"] - compared["low"]) / 2
    np.testing.assert_allclose(frame["half_width"], halves)


def test_training_is_compared_with_the_base_policy(folder: Path) -> None:
    frame: Any = training_frame(load_results(folder))
    assert len(frame) == 2 * 2 * 5
    main: Any = scores.main_frame(load_results(folder)).set_index(["benchmark", "arm"])["pass_at_1"]
    for row in frame.query("k == 1").to_dict("records"):
        gained = main[row["benchmark"], row["arm"]] - main[row["benchmark"], BASE]
        assert row["difference"] == pytest.approx(gained)
    worse: Any = frame.query("arm == 'fixed_high' and benchmark == 'arithmetic_test' and k == 1")
    assert worse["verdict"].tolist() == ["worse"]
    assert (frame["p_holm"] >= frame["p"]).all()


def test_flips_by_hand_and_where_seeds_flip_as_much_as_training_did(broken: Path) -> None:
    assert flips(np.array([1.0, 0.5]), np.array([0.0, 0.5])) == pytest.approx((1 + 0.5) / 2)
    for seed in (0, 1, 2):  # one greedy answer: two seeds differ on as many as each does from base
        path = broken / "aer" / f"seed-{seed}" / "eval" / "arithmetic_test.counts.csv"
        names = [row["problem_id"] for row in csv.DictReader(path.open())]
        right = [int(q % 3 == seed) for q in range(len(names))]
        rows = [f"{name},1,{answer}" for name, answer in zip(names, right, strict=True)]
        path.write_text("\n".join(["problem_id,n,correct", *rows]))
    base = broken / "base" / "eval" / "arithmetic_test.counts.csv"
    base.write_text("\n".join(["problem_id,n,correct", *(f"{name},1,0" for name in names)]))
    frame: Any = training_frame(load_results(broken)).query(
        "benchmark == 'arithmetic_test' and k == 1"
    )
    row = frame.set_index("arm").loc["aer"]
    assert row["flips_between_seeds"] == pytest.approx(2 / 3)
    assert row["flips_from_base"] == pytest.approx(1 / 3)
    assert row["remarks"].startswith("two of its seeds disagree on 67 % of the answers, no less")


def test_without_an_evaluation_of_the_base_policy_training_has_no_verdict(broken: Path) -> None:
    shutil.rmtree(broken / "base")
    frame: Any = training_frame(load_results(broken))
    assert set(frame["verdict"]) == {"no verdict"}
    assert frame["remarks"].eq("base policy: not evaluated").all()


def test_one_seed_has_no_precision(broken: Path) -> None:
    for seed in (1, 2):
        shutil.rmtree(broken / "none" / f"seed-{seed}")
    frame: Any = precision_frame(load_results(broken))
    assert frame["of_seeds"].isna().all()
    assert frame["half_width"].notna().all()
    assert frame["remarks"].eq("an arm has one seed: its seed-to-seed variation is unknown").all()


def test_an_arm_that_was_asked_other_prompts_has_no_score(broken: Path) -> None:
    """A chat template that prints today's date asks arms of two days two different things."""
    for path in broken.glob("*/**/eval/*_test.measures.json"):
        asked = "today" if path.is_relative_to(broken / "aer" / "seed-2") else "yesterday"
        path.write_text(json.dumps(json.loads(path.read_text()) | {"prompts": asked}))
    frame: Any = scores.main_frame(load_results(broken))
    row = frame[frame["benchmark"].str.endswith("_test") & (frame["arm"] == "aer")].iloc[0]
    assert np.isnan(row["pass_at_1"])
    assert "seed-2/eval" in row["remarks"]
    assert "was asked other prompts than" in row["remarks"]
    other = frame[frame["benchmark"].str.endswith("_test") & (frame["arm"] == "none")].iloc[0]
    assert np.isfinite(other["pass_at_1"])


def test_equal_arms_are_all_the_best(broken: Path) -> None:
    for seed in (0, 1, 2):
        here = broken / f"aer/seed-{seed}/eval/arithmetic_test.counts.csv"
        shutil.copy(here, broken / f"fixed_low/seed-{seed}/eval/arithmetic_test.counts.csv")
    frame: Any = (
        scores.main_frame(load_results(broken))
        .query("benchmark == 'arithmetic_test'")
        .set_index("arm")
    )
    assert frame.query("pass_at_1_best").index.tolist() == ["fixed_low", "aer"]
    assert not frame.loc[["fixed_low", "aer"], "pass_at_1_tied"].any()


# forms


def cell_table(value: str) -> cells.Table:
    frame = pd.DataFrame({"name": [value, "plain"], "score": [0.1234567890123, NAN]})
    columns = (tables.text_column("name", "name"), cells.Column("score", "score", cells.points))
    return cells.Table("t", "A caption", frame, columns, (value,))


def test_one_frame_in_four_forms() -> None:
    table = cell_table("x")
    assert shown(table, "csv") == "name,score\nx,0.1234567890123\nplain,\n"
    assert "| x | 12.3 |" in shown(table, "md")
    assert r"x & 12.3 \\" in shown(table, "tex")
    assert ">12.3</td>" in shown(table, "html")
    assert r"\toprule" in shown(table, "tex")


def test_best_is_bold_and_tied_is_daggered(folder: Path) -> None:
    frame = pd.DataFrame(
        {
            "v": [0.5, 0.4],
            "v_low": [0.45, 0.3],
            "v_high": [0.6, 0.5],
            "v_best": [True, False],
            "v_tied": [False, True],
        }
    )
    table = cells.Table("t", "c", frame, (tables.score_column("v", "v"),))
    assert "**50.0 [45.0, 60.0]**" in shown(table, "md")
    assert "40.0 [30.0, 50.0]†" in shown(table, "md")
    assert r"\textbf{50.0 [45.0, 60.0]}" in shown(table, "tex")
    assert r"40.0 [30.0, 50.0]$^{\dagger}$" in shown(table, "tex")
    assert "<strong>50.0" in shown(table, "html")


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_stay_text(name: str) -> None:
    table = cell_table(name)
    assert "<img" not in shown(table, "html") + shown(table, "md")
    assert not any(
        cell.startswith(("=", "@", "+", "-"))
        for row in csv.reader(io.StringIO(shown(table, "csv")))
        for cell in row
    )
    assert r"\input{" not in shown(table, "tex")
    row = next(line for line in shown(table, "md").splitlines() if line.endswith("12.3 |"))
    assert row.replace(r"\|", "").count("|") == 3
    assert not re.search(r"(?<!\\)\]\(", row)


@given(st.text(st.characters(blacklist_categories=["Cs", "Cc"]), min_size=1))
@example("'plain")
@example("'=1")
@example(" ")
@settings(deadline=None)
def test_text_survives_csv(value: str) -> None:
    frame = pd.DataFrame({"name": [value]})
    back = render.from_csv(render.to_csv(cells.Table("t", "", frame, ())), ["name"])
    assert back["name"].tolist() == [value]


def test_a_carriage_return_tears_no_row_of_a_csv() -> None:
    written = render.frame_csv(pd.DataFrame({"name": ["a\rb"], "n": ["c"]}))
    assert render.from_csv(written).to_numpy().tolist() == [["a b", "c"]]


@pytest.mark.parametrize("name", ["[2pt]", "*"])
def test_no_cell_is_an_argument_of_the_line_break_before_it_in_tex(name: str) -> None:
    assert f"\n{{}}{name} & 12.3" in shown(cell_table(name), "tex")


@given(st.text(st.characters(blacklist_categories=["Cs"])))
def test_tex_leaves_no_command_of_the_text(value: str) -> None:
    shown = render.escape_tex(value)
    for known in sorted(set(render.TEX_ESCAPES.values()), key=len, reverse=True):
        shown = shown.replace(known, "")
    assert not set(shown) & set("\\&%$#_{}~^")


def test_numbers_are_rounded_for_people() -> None:
    assert cells.points(0.12345) == "12.3"
    assert cells.points(-0.0001) == "0.0"
    assert cells.decimals(0)(1234567.0) == "1,234,567"
    assert tables.signed(0.013) == "+1.3"
    assert tables.signed(-0.013) == "−1.3"
    assert cells.p_value(0.0004) == "< .001"
    assert cells.p_value(NAN) == cells.DASH


# what is missing


def test_every_table_is_written_in_every_form(folder: Path) -> None:
    names = {f"{name}.{form}" for name in tables.LAYOUTS for form in render.TABLE_FORMS}
    assert {path.name for path in (folder / "tables").iterdir()} == names | {"checksums.json"}


def test_running_again_changes_no_byte(broken: Path) -> None:
    before = {path.name: path.read_bytes() for path in (broken / "tables").iterdir()}
    tables_command.main([str(broken)])
    assert {path.name: path.read_bytes() for path in (broken / "tables").iterdir()} == before


def test_stored_tables_show_the_same_cells(folder: Path) -> None:
    for name in tables.LAYOUTS:
        stored = tables.stored_table(name, load_results(folder))
        assert stored is not None
        assert render.to_html(stored) == (folder / "tables" / f"{name}.html").read_text(
            encoding="utf-8"
        )


def test_footnotes_carry_the_conditions(folder: Path) -> None:
    text = (folder / "tables" / "main.tex").read_text(encoding="utf-8")
    for said in (
        "n = 16",
        "T = 1.0",
        "top-p = 1.0",
        "max tokens = 48",
        "seeds 0, 1, 2",
        "math-verify 0.9.0",
        "200 bootstrap",
    ):
        assert said in text
    assert "reconstruction" in text
    assert "0 exact" in text


def test_a_failed_arm_and_a_missing_seed_are_shown(broken: Path) -> None:
    shutil.rmtree(broken / "fixed_low")
    shutil.rmtree(broken / "aer" / "seed-1")
    (broken / "clip_higher" / "seed-2" / "train.jsonl").write_text(
        '{"rollout": 0, "entropy": 0.2}\n{"rollout": 1, "ent'
    )
    info = json.loads((broken / "none" / "seed-0" / "run.json").read_text())
    (broken / "none" / "seed-0" / "run.json").write_text(json.dumps(info | {"status": "crashed"}))
    tables_command.main([str(broken)])
    main = pd.read_csv(broken / "tables" / "main.csv").set_index(["benchmark", "arm"])
    assert main.loc[("arithmetic_test", "fixed_low"), "remarks"] == "not evaluated"
    assert main.loc[("arithmetic_test", "aer"), "remarks"] == "2 of 3 seeds"
    said = (broken / "tables" / "main.md").read_text(encoding="utf-8").replace("\\", "")
    assert (
        "the run has not been made (fixed_low, seed 0; fixed_low, seed 1; fixed_low, seed 2; aer,"
        " seed 1)" in said
    )
    assert "train.jsonl line 2 cannot be read; 1 rows are left out (clip_higher, seed 2)" in said
    assert "ended as 'crashed' after 30 rollouts (none, seed 0)" in said
    compared = pd.read_csv(broken / "tables" / "comparisons.csv").set_index("arm")
    assert set(compared.loc["fixed_low", "verdict"]) == {"no verdict"}
    assert compared.loc["aer", "remarks"].eq("aer: 2 of 3 seeds").all()
    checks = pd.read_csv(broken / "tables" / "diagnostics.csv")
    assert checks.query("arm == 'fixed_low'")["flags"].tolist() == ["missing"] * 3


def test_a_ragged_set_says_what_it_cannot_show(broken: Path) -> None:
    path = broken / "aer" / "seed-0" / "eval" / "arithmetic_hard.counts.csv"
    table = pd.read_csv(path)
    table.loc[3, ["n", "correct"]] = 4, 2
    table.to_csv(path, index=False)
    frame = scores.main_frame(load_results(broken)).set_index(["benchmark", "arm"])
    row = frame.loc[("arithmetic_hard", "aer")]
    assert np.isfinite(row["pass_at_1"])
    assert np.isnan(row["pass_at_k"])
    assert "arithmetic_hard-3" in row["remarks"]


def test_a_folder_with_only_a_spec_still_gives_tables(tmp_path: Path) -> None:
    make(tmp_path / "whole", rollouts=3, questions=4)
    (tmp_path / "bare").mkdir()
    shutil.copy(tmp_path / "whole" / "spec.yaml", tmp_path / "bare")
    tables_command.main([str(tmp_path / "bare")])
    assert "no evaluation on arithmetic_hard (base policy)" in (
        tmp_path / "bare/tables/main.md"
    ).read_text().replace("\\", "")


@pytest.mark.parametrize(
    "text", ["", "arms: [", "- a list", "arms: {}\nseeds: [0]", "arms: {a: {}}"]
)
def test_an_unreadable_spec_is_one_line_and_exit_2(
    tmp_path: Path, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "spec.yaml").write_text(text)
    with pytest.raises(SystemExit) as caught:
        tables_command.main([str(tmp_path)])
    assert caught.value.code == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ")
    assert "spec.yaml" in said
    assert not (tmp_path / "tables").exists()


def test_a_foreign_csv_is_refused(broken: Path) -> None:
    (broken / "tables" / "main.csv").write_text("a,b\n1,2\n")
    with pytest.raises(BadInput, match=r"main\.csv lacks the columns"):
        tables.stored_table("main", load_results(broken))


def test_hostile_arms_pass_through_every_stage(tmp_path: Path) -> None:
    make(tmp_path / "demo", seeds=(0,), rollouts=3, questions=4)
    path = tmp_path / "demo" / "spec.yaml"
    spec = yaml.safe_load(path.read_text())
    path.write_text(
        yaml.safe_dump(
            spec
            | {
                "arms": spec["arms"]
                | {re.sub(r"[/\\]", " ", name): {"method": {"name": name}} for name in HOSTILE}
            }
        )
    )
    tables_command.main([str(tmp_path / "demo")])
    for form in ("md", "html"):
        assert "<img" not in (tmp_path / "demo" / "tables" / f"main.{form}").read_text(
            encoding="utf-8"
        )


def test_the_analysis_needs_no_torch() -> None:
    commands = "analysis.tables.command, analysis.figures.command, analysis.report.command"
    code = f"import sys, {commands}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_footnotes_count_what_was_left_out_of_the_training_set(folder: Path) -> None:
    tables_command.main([str(folder)])
    note = (folder / "tables" / "main.md").read_text()
    assert "overlap with the training set, dropped from training: arithmetic" in note
    assert "Left out of the training set as well: 2 conflicting rows." in note
