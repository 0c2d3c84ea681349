"""`python -m analysis.compare`: folders, copies from other machines, CSVs of other tools, and what
is refused.
"""

import json
from pathlib import Path

import pytest
import yaml

from analysis.compare import command as compare
from analysis.compare.arms import load_sources, shared_benchmarks
from eval.files.errors import BadInput

QUESTIONS = [f"p{q}" for q in range(12)]


def write_counts(path: Path, correct: list[int], n: int = 8) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [f"{name},1,,{n},{right}" for name, right in zip(QUESTIONS, correct, strict=True)]
    path.write_text("\n".join(["problem_id,level,subject,n,correct", *rows]) + "\n")
    return path


def results(
    root: Path, gain: int = 3, seeds: tuple[int, ...] = (0, 1, 2), benchmarks=("aime",)
) -> Path:
    """An experiment with a reference `none` and an arm `aer` that is right `gain` samples more
    often.
    """
    for seed in seeds:
        for benchmark in benchmarks:
            for arm, extra in (("none", 0), ("aer", gain)):
                right = [(2 * q + seed) % 5 + extra for q in range(len(QUESTIONS))]
                write_counts(
                    root / arm / f"seed-{seed}" / "eval" / f"{benchmark}.counts.csv", right
                )
    write_counts(root / "base" / "eval" / "aime.counts.csv", [1] * len(QUESTIONS))
    spec = {"reference": "none", "arms": {"none": {}, "aer": {}}, "seeds": list(seeds)}
    (root / "spec.yaml").write_text(yaml.safe_dump(spec))
    return root


def run(monkeypatch, capsys, *arguments: object) -> str:
    compare.main(["--draws", "300", *map(str, arguments)])
    return capsys.readouterr().out


def refused(monkeypatch, capsys, *arguments: object) -> str:
    with pytest.raises(SystemExit) as ended:
        run(monkeypatch, capsys, *arguments)
    assert ended.value.code == 2
    return capsys.readouterr().err


def test_one_experiment(tmp_path, monkeypatch, capsys):
    text = run(monkeypatch, capsys, results(tmp_path / "a"))
    assert "| a/none | 3 | 25.0 [" in text
    assert "| a/aer | 3 | 62.5 [" in text
    assert "| better |" in text
    assert "- aime: a/aer is better than a/none, +37.5 points (95 % interval +" in text
    assert (
        "questions like these and training seeds like these (3 seeds). 300 draws, seed 0, seeds"
        " not paired." in text
    )
    assert "Missing" not in text
    assert "| arm | ± | seeds % | questions % | interaction % | sampling % |" in text


def test_pass_at_k(tmp_path, monkeypatch, capsys):
    folder = results(tmp_path / "a")
    assert "pass@4" in run(monkeypatch, capsys, folder, "--k", 4)
    assert "pass@16 needs n >= 16" in refused(monkeypatch, capsys, folder, "--k", 16)


def test_order_of_sources_changes_no_number(tmp_path, monkeypatch, capsys):
    a, b = results(tmp_path / "a"), results(tmp_path / "b", gain=1)
    one = run(monkeypatch, capsys, a, b, "--reference", "a/none")
    assert one == run(monkeypatch, capsys, b, a, "--reference", "a/none")
    assert one.count("| better |") == 2


def test_copies_of_an_experiment_differ_by_nothing(tmp_path, monkeypatch, capsys):
    here, there = results(tmp_path / "here" / "a"), results(tmp_path / "there" / "a")
    text = run(monkeypatch, capsys, here, there)
    assert f"| {there}/none | 3 |" in text
    assert f"{there}/none and {here}/none are not distinguishable, +0.0 points" in text


def test_csv_files_of_another_tool(tmp_path, monkeypatch, capsys):
    files = [write_counts(tmp_path / f"{seed}.csv", [seed + 5] * 12) for seed in (0, 1)]
    long = tmp_path / "long.csv"
    rows = [f"{seed},{name},4,{seed}" for seed in (0, 1) for name in QUESTIONS]
    long.write_text("\n".join(["seed,problem_id,n,correct", *rows]))
    text = run(monkeypatch, capsys, f"mine={files[0]}:0", f"mine={files[1]}:1", f"theirs={long}")
    assert "| mine | 2 | 68.8 [" in text
    assert "| theirs | 2 | 12.5 [" in text
    assert "−56.2" in text


def test_csv_beside_an_experiment(tmp_path, monkeypatch, capsys):
    folder = results(tmp_path / "a", benchmarks=("aime", "amc"))
    file = write_counts(tmp_path / "x.csv", [4] * 12)
    assert "Choose with --benchmark: aime, amc" in refused(
        monkeypatch, capsys, folder, f"mine={file}"
    )
    text = run(monkeypatch, capsys, folder, f"mine={file}", "--benchmark", "aime")
    assert "| mine | 1 |" in text
    assert "with one training seed of mine, how much" in text
    assert "Missing" not in text


def test_pairing_by_seed_is_asked_for_and_says_what_it_leaves_out(tmp_path, monkeypatch, capsys):
    folder = results(tmp_path / "a")
    file = write_counts(tmp_path / "x.csv", [4] * 12)
    text = run(monkeypatch, capsys, folder, f"mine={file}", "--pairing", "seed")
    assert "mine and a/none do not both have seed(s) 1, 2 on aime: left out" in text
    assert "seeds paired by number; correlation of the pairs: a/aer on aime 1.00" in text


def test_numbers_of_runs_change_nothing(tmp_path, monkeypatch, capsys):
    one, other = results(tmp_path / "one" / "a"), results(tmp_path / "other" / "a")
    for arm in ("none", "aer"):
        (other / arm / "seed-0").rename(other / arm / "seed-7")
    (other / "spec.yaml").unlink()
    (one / "spec.yaml").unlink()
    texts = [run(monkeypatch, capsys, each, "--reference", "a/none") for each in (one, other)]
    assert texts[0] == texts[1]


def test_gate_and_json(tmp_path, monkeypatch, capsys):
    folder = results(tmp_path / "a")
    as_json = json.loads(run(monkeypatch, capsys, folder, "--json"))
    row = as_json["comparisons"][0]
    assert (row["arm"], row["verdict"], row["seeds"]) == ("a/aer", "better", 3)
    assert row["difference"] == pytest.approx(0.375)
    difference = row["score"]["value"] - as_json["reference_scores"]["aime"]["value"]
    assert difference == pytest.approx(row["difference"])
    precision = row["precision"]
    parts = ("of_seeds", "of_questions", "of_interaction", "of_sampling")
    assert sum(precision[part] for part in parts) == pytest.approx(1)
    assert row["low_holm"] <= row["low"] < row["difference"] < row["high"]
    run(monkeypatch, capsys, folder, "--fail-on", "worse")
    run(monkeypatch, capsys, folder, "--fail-on", "not-better")
    turned = [folder, "--reference", "a/aer"]
    for rule in ("worse", "not-better"):
        with pytest.raises(SystemExit) as ended:
            run(monkeypatch, capsys, *turned, "--fail-on", rule)
        assert ended.value.code == 1
        assert "a/none is worse than a/aer" in capsys.readouterr().out
    same = results(tmp_path / "b", gain=0)
    run(monkeypatch, capsys, same, "--fail-on", "worse")
    with pytest.raises(SystemExit) as ended:
        run(monkeypatch, capsys, same, "--fail-on", "not-better")
    assert ended.value.code == 1


def test_what_the_spec_lists_and_the_folder_lacks_is_named(tmp_path, monkeypatch, capsys):
    folder = results(tmp_path / "a")
    spec = {"reference": "none", "arms": {"none": {}, "aer": {}, "clip": {}}, "seeds": [0, 1, 2, 3]}
    (folder / "spec.yaml").write_text(yaml.safe_dump(spec))
    text = run(monkeypatch, capsys, folder)
    assert "- a/clip has no evaluation" in text
    assert "- a/aer lacks seed(s) 3 on aime" in text


def test_only_shared_benchmarks_are_compared(tmp_path):
    folder = results(tmp_path / "a", benchmarks=("aime", "amc"))
    for seed in (0, 1, 2):
        (folder / "aer" / f"seed-{seed}" / "eval" / "amc.counts.csv").unlink()
    arms = load_sources([str(folder)]).arms
    assert shared_benchmarks(arms, None) == ["aime"]
    with pytest.raises(BadInput, match="no arm was evaluated on math"):
        shared_benchmarks(arms, "math")


def test_refusals_are_one_line(tmp_path, monkeypatch, capsys):
    folder = results(tmp_path / "a")
    file = write_counts(tmp_path / "x.csv", [4] * 12)
    (tmp_path / "empty").mkdir()
    for arguments, said in [
        ([tmp_path / "empty"], "has no ARM/seed-N/eval/BENCHMARK.counts.csv"),
        ([folder, "--reference", "b"], "unknown arm b: choose one of a/aer, a/none."),
        ([f"mine={file}"], "nothing shares a benchmark with mine"),
        ([f"mine={file}:1", f"mine={file}:1"], "mine already has a seed 1"),
        ([f"mine={tmp_path / 'no.csv'}"], "cannot be read"),
    ]:
        message = refused(monkeypatch, capsys, *arguments)
        assert said in message
        assert message.count("\n") == 1


def test_broken_counts_are_named(tmp_path, monkeypatch, capsys):
    folder = results(tmp_path / "a")
    bad = folder / "aer" / "seed-1" / "eval" / "aime.counts.csv"
    bad.write_text(bad.read_text().replace("p3,1,,8,", "p3,1,,8,nan"))
    assert f"{bad}, line 5: correct is 'nan" in refused(monkeypatch, capsys, folder)
    (folder / "spec.yaml").write_text("seeds: [1")
    assert "not readable as YAML" in refused(monkeypatch, capsys, folder)


def test_arms_that_were_asked_other_prompts_are_not_compared(tmp_path, monkeypatch, capsys):
    folder = results(tmp_path / "a")
    for counts in folder.glob("*/seed-*/eval/aime.counts.csv"):
        asked = "today" if counts.parts[-4:-2] == ("aer", "seed-1") else "yesterday"
        counts.with_name("aime.measures.json").write_text(json.dumps({"prompts": asked}))
    message = refused(monkeypatch, capsys, folder)
    assert "was asked other prompts than" in message
    assert "today and yesterday" in message or "yesterday and today" in message


def test_an_arm_is_named_alone_where_one_experiment_has_it(tmp_path, monkeypatch, capsys):
    a, b = results(tmp_path / "a"), results(tmp_path / "b")
    one = run(monkeypatch, capsys, a, "--reference", "aer")
    assert one == run(monkeypatch, capsys, a, "--reference", "a/aer")
    said = refused(monkeypatch, capsys, a, b, "--reference", "aer")
    assert "several arms are called aer: choose a/aer or b/aer." in said
