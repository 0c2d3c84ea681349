"""Neyman's allocation: hand-computed, optimal, unbiased; and the plan's way through a study."""

import os
import subprocess
import sys
from fractions import Fraction
from itertools import product
from math import comb
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from analysis.results.folder import load_results
from analysis.tables.precision import precision_frame
from analysis.tables.scores import comparisons_frame, counts_of, main_frame, per_completion
from eval.files.errors import BadInput
from eval.files.jsonl import read_rows
from eval.files.marks import known_parts, made_from, write_mark
from eval.plan_samples import main as plan_samples
from eval.sample import main as sample
from eval.scoring.allocation import jeffreys_variance, neyman_allocation
from experiments.plan.samples import sample_notes
from experiments.spec.experiment_file import load_experiment
from experiments.spec.resolved import resolved_yaml
from experiments.spec.schema import Experiment
from experiments.sweep.sweep_file import TuningStudy
from experiments.workflow.layout import StudyLayout
from experiments.workflow.steps import Step, steps
from tests.eval.test_sample import arguments
from tests.support import synthetic
from tests.support.tiny_policy import write_policy, write_sums
from tests.workflow.test_outdated import finish_all, lost, study_layout

ROOT = Path(__file__).parents[2]


def test_variances_and_plans_by_hand() -> None:
    """9 · 9 / (4 · 9 · 10) = 0.225 and 1 · 17 / (4 · 9 · 10) = 0.0472…; of 12 samples the second
    question gets 6: √0.225 : √0.0472 = 2.18 : 1 gives 2.87 : 6.26 : 2.87.
    """
    assert jeffreys_variance(8, 4) == pytest.approx(0.225, abs=1e-15)
    assert jeffreys_variance(8, 0) == jeffreys_variance(8, 8) == pytest.approx(17 / 360)
    assert neyman_allocation([(8, 0), (8, 4), (8, 8)], 4) == [3, 6, 3]
    assert neyman_allocation([(8, 0), (8, 4), (8, 8)], 4, least=4) == [4, 4, 4]
    # the 13th sample: .0472 / 12 for the first, .225 / 42 for the second
    assert neyman_allocation([(8, 0), (8, 4)], 5) == [3, 7]
    assert neyman_allocation([(8, 4)] * 3, 5) == [5, 5, 5]
    assert neyman_allocation([], 5) == []


COUNTS = st.integers(0, 8).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n)))


@given(st.lists(COUNTS, min_size=1, max_size=4), st.integers(1, 4), st.integers(1, 4))
def test_no_other_whole_numbers_have_less_variance(
    counts: list[tuple[int, int]], samples: int, least: int
) -> None:
    least = min(least, samples)
    planned, total = neyman_allocation(counts, samples, least), samples * len(counts)
    assert sum(planned) == total
    assert min(planned) >= least
    v_Q = [jeffreys_variance(*each) for each in counts]
    others = product(range(least, total + 1), repeat=len(counts))
    best = min(
        sum(v / n for v, n in zip(v_Q, other, strict=True))
        for other in others
        if sum(other) == total
    )
    assert sum(v / n for v, n in zip(v_Q, planned, strict=True)) == pytest.approx(best, rel=1e-12)


def binomial(n: int, c: int, p: Fraction) -> Fraction:
    return comb(n, c) * p**c * (1 - p) ** (n - c)


def expected_mean(base_Q: list[Fraction], own_Q: list[Fraction], from_own: bool) -> Fraction:
    """E of the mean over questions of c_q / n_q, over all that the base policy and the trained one
    may answer. `from_own`: the plan is made from the trained policy's own first answers.
    """
    samples, mean = 4, Fraction(0)
    for base_c_Q in product(range(samples + 1), repeat=len(base_Q)):
        chance = Fraction(1)
        for c, p in zip(base_c_Q, own_Q if from_own else base_Q, strict=True):
            chance *= binomial(samples, c, p)
        planned = neyman_allocation([(samples, c) for c in base_c_Q], samples)
        for q, (p, n) in enumerate(zip(own_Q, planned, strict=True)):
            if from_own:  # the answers that were planned from count again
                c = Fraction(base_c_Q[q])
                share = (c + (n - samples) * p) / n if n >= samples else c / samples
            else:
                share = sum(Fraction(c, n) * binomial(n, c, p) for c in range(n + 1))
            mean += chance * share / len(own_Q)
    return mean


def test_the_mean_is_unbiased_whatever_the_base_policy_answers() -> None:
    """All cases enumerated in fractions. A plan from a policy's own answers is not unbiased."""
    base_Q = [Fraction(1, 10), Fraction(1, 2), Fraction(4, 5)]
    own_Q = [Fraction(2, 5), Fraction(9, 10), Fraction(1, 4)]
    assert expected_mean(base_Q, own_Q, from_own=False) == sum(own_Q) / 3
    assert expected_mean(base_Q, own_Q, from_own=True) != sum(own_Q) / 3


# ---- the sampler


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("planned")
    write_policy(folder / "policy")
    write_sums(folder / "sums.jsonl", 4)
    counts = [("sum-0", 8, 0), ("sum-1", 8, 4), ("sum-2", 8, 4), ("sum-3", 8, 8)]
    lines = ["problem_id,n,correct", *(",".join(map(str, row)) for row in counts)]
    (folder / "sums.counts.csv").write_text("\n".join(lines) + "\n")
    options = ["--counts", str(folder / "sums.counts.csv"), "--samples", "3", "--least", "2"]
    plan_samples(options)
    return folder


def test_every_question_is_answered_as_often_as_planned(home: Path, tmp_path: Path) -> None:
    plan = home / "sums.samples_per_question.csv"
    assert plan.read_text() == "problem_id,samples\nsum-0,2\nsum-1,4\nsum-2,4\nsum-3,2\n"
    sample(arguments(home, tmp_path / "a", samples=3, plan=plan))
    rows = read_rows(tmp_path / "a" / "sums.samples.jsonl")
    keys = sorted((row["problem_id"], row["index"]) for row in rows)
    wanted = {"sum-0": 2, "sum-1": 4, "sum-2": 4, "sum-3": 2}
    assert keys == [(name, i) for name, n in wanted.items() for i in range(n)]
    sample(arguments(home, tmp_path / "b", samples=4))
    text = {(row["problem_id"], row["index"]): row for row in map(dict, rows)}
    for row in read_rows(tmp_path / "b" / "sums.samples.jsonl"):
        planned = text.get((row["problem_id"], row["index"]))
        assert planned is None or planned == row, "a sample depends on its seed alone"


def test_another_plan_or_none_is_another_set_of_samples(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = home / "sums.samples_per_question.csv"
    out = tmp_path / "out"
    sample(arguments(home, out, samples=3, plan=plan))
    planned, plain = made_from(out / "sums.sampled"), arguments(home, out, samples=3)
    assert planned
    assert planned.keys() - {"samples per question"} == {"settings", "code", "policy", "problems"}
    assert "samples per question" in planned
    sample(arguments(home, tmp_path / "plain", samples=3))
    equal = made_from(tmp_path / "plain" / "sums.sampled")
    assert equal
    assert equal.keys() == {"settings", "code", "policy", "problems"}
    assert equal["settings"] != planned["settings"]
    other = tmp_path / "sums.samples_per_question.csv"
    other.write_text("problem_id,samples\nsum-0,4\nsum-1,2\nsum-2,2\nsum-3,4\n")
    monkeypatch.setattr("eval.sample.load_tokenizer", lambda *_: pytest.fail("loaded"))
    sample(arguments(home, out, samples=3, plan=plan))
    for command in (plain, arguments(home, out, samples=3, plan=other)):
        with pytest.raises(pytest.fail.Exception, match="loaded"):
            sample(command)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("sums.csv", "", "give one file <set>.samples_per_question.csv per set"),
        ("other.samples_per_question.csv", "", "there is no --problems other.jsonl"),
        ("sums.samples_per_question.csv", None, "is missing: run python -m eval.plan_samples"),
        (
            "sums.samples_per_question.csv",
            "sum-0,3\n",
            "3 question.s. are only in the plan or only in",
        ),
        ("sums.samples_per_question.csv", "sum-0,3\nsum-0,3\n", "line 3: a second row of problem"),
        ("sums.samples_per_question.csv", "sum-0,0\n", "line 2: samples is '0', not 1 or more"),
        ("sums.samples_per_question.csv", f"sum-0,{'9' * 5000}\n", "line 2: samples is '9999"),
        (
            "sums.samples_per_question.csv",
            "sum-0,3\nsum-1,3\nsum-2,3\nsum-3,4\n",
            "plans 13 samples of 4 questions, not 3 of each on average",
        ),
    ],
)
def test_a_plan_that_does_not_fit_is_refused(
    home: Path, tmp_path: Path, name: str, text: str | None, said: str
) -> None:
    if text is not None:
        (tmp_path / name).write_text("problem_id,samples\n" + text)
    with pytest.raises(BadInput, match=said):
        sample(arguments(home, tmp_path / "out", samples=3, plan=tmp_path / name))
    assert not list((tmp_path / "out").glob("*.jsonl"))


# ---- the experiment


def planned(**benchmark: Any) -> dict[str, Any]:
    return {
        "evaluation__benchmarks__arithmetic_test__allocation": "neyman",
        "evaluation__benchmarks__arithmetic_test__k": [1, 2],
        **{f"evaluation__benchmarks__arithmetic_test__{n}": v for n, v in benchmark.items()},
    }


def test_what_cannot_be_planned_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"needs more than 4 samples, .* and samples is 4"):
        study_layout(tmp_path, **planned(k=[1, 4]))
    with pytest.raises(ValueError, match=r"needs more than 2 samples, .* and samples is 2"):
        study_layout(tmp_path, **planned(samples=2, k=[1]))
    with pytest.raises(ValueError, match="seed 1 is one of the training seeds"):
        study_layout(tmp_path, **planned(), evaluation__seed=1)
    study_layout(tmp_path, evaluation__seed=1)
    sweep = yaml.safe_load((ROOT / "experiments" / "sweep_target_ratio.yaml").read_text())
    benchmark = next(iter(sweep["validation"].values()))
    benchmark |= {"allocation": "neyman", "samples": 4, "k": [1]}
    with pytest.raises(ValueError, match="trials draw equal numbers of samples"):
        TuningStudy.model_validate(sweep)


def test_the_plan_of_costs_says_it(tmp_path: Path) -> None:
    experiment = study_layout(tmp_path, **planned()).experiment
    assert "2 of any at least" in "\n".join(sample_notes(experiment, tmp_path))
    plain = study_layout(tmp_path).experiment
    assert "at least" not in "\n".join(sample_notes(plain, tmp_path))


def marks_of(made: StudyLayout) -> dict[str, Step]:
    return {str(step.mark.relative_to(made.root)): step for step in steps(made)}


def test_without_the_key_no_step_changes(tmp_path: Path) -> None:
    """And with it only the samples of trained policies and what comes after them."""
    before, after = study_layout(tmp_path), study_layout(tmp_path, **planned(k=[1, 2, 3]))
    assert before.plans == before.plan_options == []
    assert "allocation" not in resolved_yaml(before.experiment)
    assert "allocation: neyman" in resolved_yaml(after.experiment)
    old, new = marks_of(before), marks_of(after)
    assert new.keys() - old.keys() == {"base/eval/arithmetic_test.planned"}
    asked = {n for n in old if old[n].parts["settings"] != new[n].parts["settings"]}
    pages = {"tables/checksums.json", "figures/checksums.json", "report.checksums.json"}
    sampled = {
        f"{a}/seed-{s}/eval/arithmetic_test.sampled"
        for a, s in product(after.experiment.arms, after.experiment.seeds)
    }
    scored = {name for name in old if name.endswith(".scored")}  # other k
    assert asked == pages | sampled | scored


def test_another_plan_makes_the_trained_policies_samples_again(tmp_path: Path) -> None:
    done = study_layout(tmp_path / "results", **planned())
    base = done.root / "base" / "eval"
    finish_all(done)
    plan = base / "arithmetic_test.samples_per_question.csv"
    plan.write_text("a plan")
    write_mark(
        base / "arithmetic_test.planned", [plan], made_from(base / "arithmetic_test.planned")
    )
    mark_samples(done)
    assert lost(done, done) == set()
    plan.write_text("another plan")
    write_mark(
        base / "arithmetic_test.planned", [plan], made_from(base / "arithmetic_test.planned")
    )
    sampled = {str(path) for path in marks_of(done) if path.endswith("arithmetic_test.sampled")}
    assert lost(done, done) == sampled - {"base/eval/arithmetic_test.sampled"}
    mark_samples(done)
    equal = study_layout(tmp_path / "results", evaluation__benchmarks__arithmetic_test__k=[1, 2])
    assert lost(done, equal) >= sampled - {"base/eval/arithmetic_test.sampled"}


def mark_samples(done: StudyLayout) -> None:
    for name, step in marks_of(done).items():
        if name.endswith(".sampled"):
            rows = step.mark.with_name("arithmetic_test.samples.jsonl")
            files = [rows] if "arithmetic_test" in name else []
            write_mark(step.mark, files, known_parts(step.parts))


def test_other_counts_of_the_base_policy_make_the_plan_again(tmp_path: Path) -> None:
    done = study_layout(tmp_path / "results", **planned())
    finish_all(done)
    scored = done.root / "base" / "eval" / "arithmetic_test.scored"
    counts = scored.with_name("arithmetic_test.counts.csv")
    counts.write_text("counts")
    write_mark(scored, [counts], made_from(scored))
    step = marks_of(done)["base/eval/arithmetic_test.planned"]
    write_mark(step.mark, [], known_parts(step.parts))
    counts.write_text("other counts")
    write_mark(scored, [counts], made_from(scored))
    assert "base/eval/arithmetic_test.planned" in lost(done, done)


def test_the_jobs_of_a_study_know_the_plan(tmp_path: Path) -> None:
    """A dry run: the plan comes after the base policy's counts and before the runs, which sample
    by the command of rule sample.
    """
    content = load_experiment("smoke").model_dump(mode="json")
    content["evaluation"]["benchmarks"]["arithmetic_test"] |= {"allocation": "neyman", "k": [1, 2]}
    (tmp_path / "smoke.yaml").write_text(yaml.safe_dump(content))
    options = ["-n", "-p", "--cores", "1", "--snakefile", str(ROOT / "Snakefile")]
    target = "results/smoke/aer/seed-1/eval/arithmetic_test.sampled"
    done = subprocess.run(
        [
            *(sys.executable, "-m", "snakemake", *options, "--directory", str(tmp_path)),
            *("--config", f"experiment={tmp_path}/smoke.yaml", "--", target),
        ],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    said = " ".join((done.stdout + done.stderr).split())
    assert done.returncode == 0, said[-2000:]
    layout = StudyLayout(Experiment.model_validate(content), Path("results"))
    mine = " ".join(layout.sampling_arguments("aer", 1))
    assert "--samples 4 --plan results/smoke/base/eval/arithmetic_test.samples" in mine
    assert f"-m eval.sample {mine} > " in said
    assert (
        "eval.plan_samples --counts results/smoke/base/eval/arithmetic_test.counts.csv --samples 4"
        " --least 2 >"
    ) in said
    assert said.index("rule plan_samples") < said.index("rule train")


# ---- the analysis


def test_tables_of_planned_samples_have_every_number(tmp_path: Path) -> None:
    """Every second question of the trained policies has four samples more than the others."""
    root = synthetic.make(tmp_path / "study", questions=6)
    spec = yaml.safe_load((root / "spec.yaml").read_text())
    spec["evaluation"]["benchmarks"]["arithmetic_test"]["allocation"] = "neyman"
    spec["analysis"] = {"draws": 200}
    (root / "spec.yaml").write_text(yaml.safe_dump(spec))
    for path in root.glob("*/seed-*/eval/arithmetic_test.counts.csv"):
        head, *rows = (line.split(",") for line in path.read_text().splitlines())
        for row in rows[::2]:
            row[head.index("n")] = str(int(row[head.index("n")]) + 4)
        path.write_text("\n".join(map(",".join, [head, *rows])) + "\n")
    results = load_results(root)
    for frame, numbers in (
        (main_frame(results), ["pass_at_1", "pass_at_k_low", "length", "truncated"]),
        (comparisons_frame(results), ["difference", "low", "p", "p_holm"]),
        (precision_frame(results), ["half_width", "of_sampling"]),
    ):
        rows = [r for r in frame.to_dict("records") if r["benchmark"] == "arithmetic_test"]
        assert len(rows) >= 4
        assert all(np.isfinite(row[name]) for row in rows for name in numbers)
    counts, _ = counts_of(results, "aer", "arithmetic_test")
    assert counts is not None
    assert {*counts.n_SQ[0]} == {16, 20}
    by_hand = np.mean(counts.correct_SQ / counts.n_SQ)
    rows = main_frame(results).to_dict("records")
    shown = {(row["benchmark"], row["arm"]): row["pass_at_1"] for row in rows}
    assert shown["arithmetic_test", "aer"] == pytest.approx(by_hand, abs=1e-12)


def test_an_arm_that_was_sampled_by_another_plan_has_no_score(tmp_path: Path) -> None:
    root = synthetic.make(tmp_path / "study", questions=6)
    spec = yaml.safe_load((root / "spec.yaml").read_text())
    spec["evaluation"]["benchmarks"]["arithmetic_test"]["allocation"] = "neyman"
    (root / "spec.yaml").write_text(yaml.safe_dump(spec))
    counts = root / "aer" / "seed-1" / "eval" / "arithmetic_test.counts.csv"
    lines = counts.read_text().splitlines()
    place = lines[0].split(",").index("n")
    cells = lines[1].split(",")
    cells[place] = str(int(cells[place]) + 1)
    counts.write_text("\n".join([lines[0], ",".join(cells), *lines[2:]]) + "\n")
    results = load_results(root)
    found, why = counts_of(results, "aer", "arithmetic_test")
    assert found is None
    assert "has 17 samples of question" in why
    assert str(counts) in why
    assert counts_of(results, "none", "arithmetic_test")[0] is not None
    assert counts_of(results, "base", "arithmetic_test")[0] is not None


def test_tokens_and_truncated_shares_weigh_questions_and_not_completions(tmp_path: Path) -> None:
    """10 tokens of 1 completion and 20 of 4: 7.5 per completion of the mean question."""
    path = tmp_path / "set.counts.csv"
    path.write_text("problem_id,n,correct,tokens\na,1,0,10\nb,4,0,20\nc,0,0,0\n")
    assert per_completion(path, "tokens") == 7.5
    rng = np.random.default_rng(0)
    tokens = rng.integers(1, 1000, 7)
    rows = "".join(f"q{i},3,0,{t}\n" for i, t in enumerate(tokens))
    path.write_text("problem_id,n,correct,tokens\n" + rows)
    assert per_completion(path, "tokens") == int(tokens.sum()) / 21, "bit for bit"
