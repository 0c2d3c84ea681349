"""Files that others wrote: every one is read as it stands or refused in one message. Inputs that
once broke a reader.
"""

import csv
import io
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from analysis.results import folder as read
from analysis.results import spec
from analysis.results.counts import read_run_counts
from eval.files import csv_text, json_text
from eval.files.errors import BadInput
from experiments.spec.data_folder import load_ready
from experiments.spec.experiment_file import load_experiment, with_arms
from experiments.spec.resolved import write_spec
from experiments.sweep.sweep_file import find_study
from experiments.tasks.strata import read_pass_rates
from experiments.workflow.launcher import configuration

SMOKE = Path(__file__).parents[2] / "experiments" / "smoke.yaml"
LAUGHS = "a: &a0 [x, x]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]\n" for i in range(1, 40))

JSON = {
    "a key twice": (b'{"a": 1, "a": 2}', "duplicate key 'a'"),
    "NaN": (b'{"a": NaN}', "NaN is not a JSON number"),
    "minus infinity": (b'{"a": -Infinity}', "-Infinity is not a JSON number"),
    "a float that overflows": (b'{"a": 1e999999}', "too large a number"),
    "more digits than Python converts": (b'{"a": ' + b"9" * 5000 + b"}", "more than 19 digits"),
    "an integer beyond every float": (b'{"a": 1' + b"0" * 400 + b"}", "more than 19 digits"),
    "100,000 brackets": (b"[" * 100_000, "nested deeper than 50"),
    "51 objects, closed": (b'{"a":' * 51 + b"1" + b"}" * 51, "nested deeper than 50"),
    "UTF-16": ('{"a": 1}'.encode("utf-16"), "can't decode"),
    "Latin-1": (b'{"a": "\xe9"}', "can't decode"),
    "a NUL": (b'{"a": "\x00"}', "control character"),
    "half a surrogate pair": (b'{"a": "\\ud800"}', "surrogates not allowed"),
    "two values": (b'{"a": 1} {"a": 2}', "Extra data"),
}


@pytest.mark.parametrize("name", JSON)
def test_json_that_two_readers_would_understand_differently(name: str) -> None:
    data, said = JSON[name]
    with pytest.raises(ValueError, match=said):
        json_text.parse(data)


MANY = [f"k{i}" for i in range(200_000)]  # to compare each with each takes minutes


def test_a_key_twice_among_very_many() -> None:
    with pytest.raises(ValueError, match="duplicate key 'k199999'"):
        json_text.parse("{" + ",".join(f'"{key}": 0' for key in (*MANY, MANY[-1])) + "}")


def test_json_as_it_is_written_here_is_read() -> None:
    assert json_text.parse(
        b'\xef\xbb\xbf{"a": "\\ud800 {[{[", "b": [1.5, -3, null, true]}\r', lone_surrogates=True
    ) == {
        "a": "\ud800 {[{[",
        "b": [1.5, -3, None, True],
    }
    assert json_text.parse(b"[" * 50 + b"]" * 50) is not None


YAML = {
    "a billion laughs": (LAUGHS, "more than 100,000 items"),
    "a list that holds itself": ("question: &q [*q]\n", "more than 100,000 items"),
    "a merge": ("a: &a {x: 1}\nb: {<<: *a}\n", "could not determine a constructor"),
    "100,000 brackets": ("[" * 100_000, "nested deeper than 50"),
    "1,000 blocks": ("".join(" " * i + "a:\n" for i in range(1000)), "nested deeper than 50"),
    "more digits than Python converts": ("a: " + "9" * 5000, "value is invalid"),
    "an integer beyond every float": ("a: 1" + "0" * 400, "fit into 64 bits"),
    "infinity": ("a: .inf", "finite"),
    "a date that does not exist": (
        "a: !!timestamp 2001-99-99",
        "could not determine a constructor",
    ),
    "no integer": ("a: !!int x", "value is invalid"),
    "no truth value": ("a: !!bool x", "value is invalid"),
    "hexadecimal without digits": ("a: !!int 0x_", "value is invalid"),
    "half a surrogate pair": ('a: "\\ud800"', "text holds the character"),
    "an escaped NUL": ('a: "\\0"', "text holds the character"),
    "a key that turns the direction": ('"a\\u202e": 1', "text holds the character"),
    "an object": (
        "a: !!python/object/apply:os.system ['true']",
        "could not determine a constructor",
    ),
    "a megabyte": ("a: " + "x" * 1_000_000, "over 1,000,000 bytes"),
}


@pytest.mark.parametrize("name", YAML)
def test_yaml_beyond_what_settings_need(name: str, tmp_path: Path) -> None:
    text, said = YAML[name]
    path = tmp_path / "x.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(BadInput, match=rf"x\.yaml: .*{said}"):
        load_experiment(path)


@pytest.mark.parametrize("character", ["\u202e", "\u2066", "\x1b", "\x7f", "\x9b", "\ufeff"])
def test_a_refusal_quotes_nothing_that_a_terminal_obeys(character: str, tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(f"question: a {character}[31m\n", encoding="utf-8")
    with pytest.raises(BadInput, match=r"x\.yaml: not readable as YAML") as refused:
        load_experiment(path)
    assert str(refused.value).isprintable()


def test_a_byte_order_mark_and_line_ends_of_windows_change_nothing(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + SMOKE.read_bytes().replace(b"\n", b"\r\n"))
    assert load_experiment(path) == load_experiment(SMOKE)


@pytest.mark.parametrize("name", ["a" * 5000, "a" * 5000 + ".yaml", "a\0b.yaml", "\ud800.yaml"])
def test_names_that_are_no_file_names(name: str) -> None:
    with pytest.raises(BadInput, match="there is no experiment"):
        load_experiment(name)


@pytest.mark.parametrize("name", ["a" * 5000, "a" * 5000 + ".yaml", "a\0b.yaml"])
def test_names_of_other_files_that_are_none(name: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="there is no sweep"):
        find_study(name)
    with pytest.raises(BadInput, match="launch="):
        configuration(name)
    with pytest.raises(BadInput, match=r"arms\.x\.from: there is no file"):
        with_arms({"arms": {"x": {"from": name}}}, tmp_path / "x.yaml")
    path = tmp_path / "x.yaml"
    path.write_text(
        yaml.safe_dump(yaml.safe_load(SMOKE.read_text()) | {"data_dir": name.replace("\0", "")})
    )
    with pytest.raises(BadInput, match="data_dir: there is no folder"):
        load_ready(path)


@pytest.mark.parametrize("number", ["inf", ".inf", "nan", "1e999"])
def test_settings_are_finite(number: str, tmp_path: Path) -> None:
    path, content = tmp_path / "x.yaml", yaml.safe_load(SMOKE.read_text())
    content["training"]["learning_rate"] = "PLACE"
    path.write_text(yaml.safe_dump(content).replace("PLACE", number))
    with pytest.raises(BadInput):
        load_experiment(path)


COUNTS = {
    "a count beyond 64 bits": ("p,1e300,0", "must be a whole number"),
    "a billion samples": ("p,1000000000,0", "correct = 0; needs"),
    "neighbours that one float stands for": ("p,9007199254740993,0", "must be a whole number"),
    "a cell too many": ("p,1,1,1", "4 cells under 3 headings"),
    "a cell too few": ("p,1", "2 cells under 3 headings"),
    "a quote that swallows the next row": ('p,1,"0\nq,1,1', "unexpected end of data"),
    "a cell of 200,000 characters": ("p" * 200_000 + ",1,1", "field larger than field limit"),
    "Latin-1": ("p\udce9,1,1", "can't decode"),
}


@pytest.mark.parametrize("name", COUNTS)
def test_counts_that_would_be_lost_or_misread(name: str, tmp_path: Path) -> None:
    row, said = COUNTS[name]
    path = tmp_path / "x.counts.csv"
    path.write_bytes(f"problem_id,n,correct\n{row}\n".encode("utf-8", "surrogateescape"))
    with pytest.raises(BadInput, match=said):
        read_run_counts(path)
    with pytest.raises(BadInput, match=said):
        read_pass_rates(path)


def test_a_column_twice_is_not_the_last_one_wins(tmp_path: Path) -> None:
    path = tmp_path / "x.counts.csv"
    path.write_text("problem_id,n,correct,n\np,1,1,9\n")
    with pytest.raises(BadInput, match="duplicate column 'n'"):
        read_run_counts(path)


def test_a_column_twice_among_very_many(tmp_path: Path) -> None:
    path = tmp_path / "x.counts.csv"
    path.write_text(",".join(["problem_id,n,correct", *MANY, MANY[-1]]) + "\n")
    with pytest.raises(BadInput, match="duplicate column 'k199999'"):
        read_run_counts(path)


@given(
    st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), min_size=1, max_size=4)
)
def test_csv_gives_back_what_was_written_and_no_formula(cells: list[str]) -> None:
    text = csv_text.csv_text([cells])
    shown = next(csv.reader(io.StringIO(text, newline="")))
    assert [csv_text.unguarded(cell) for cell in shown] == cells
    assert not any(cell.startswith(csv_text.GUARDED[:-1]) for cell in shown)


def test_pass_rates_of_ids_that_look_like_formulas(tmp_path: Path) -> None:
    path, heading = tmp_path / "x.counts.csv", ["problem_id", "n", "correct", "truncated", "tokens"]
    path.write_text(csv_text.csv_text([heading, ["=1+1", 2, 1, 0, 9], ["'=1+1", 4, 1, 0, 9]]))
    assert read_pass_rates(path) == {"=1+1": 0.5, "'=1+1": 0.25}
    assert read_run_counts(path) == {"=1+1": (2, 1), "'=1+1": (4, 1)}


@pytest.mark.parametrize("name", ["..", "../x", "a/b", "/etc", "a\\b", ".hidden", ""])
def test_names_in_a_spec_stay_in_their_folder(name: str, tmp_path: Path) -> None:
    for content in (
        {"arms": {name: {}}, "seeds": [0]},
        {"arms": {"a": {}}, "seeds": [f"0/../{name}"]},
    ):
        (tmp_path / "spec.yaml").write_text(yaml.safe_dump(content))
        with pytest.raises(BadInput, match="run the study again"):
            spec.read_spec(tmp_path / "spec.yaml")
    benchmarks = {"benchmarks": {name: {"k": [1]}}}
    (tmp_path / "spec.yaml").write_text(
        yaml.safe_dump({"arms": {"a": {}}, "seeds": [0], "evaluation": benchmarks})
    )
    with pytest.raises(BadInput, match="run the study again"):
        spec.read_spec(tmp_path / "spec.yaml")


def test_a_spec_that_is_no_text_is_written_again(tmp_path: Path) -> None:
    experiment, spec = (
        load_experiment("smoke").model_copy(update={"question": "¿Qué?"}),
        tmp_path / "spec.yaml",
    )
    write_spec(experiment, spec)
    whole = spec.read_bytes()
    spec.write_bytes(whole[: whole.index("¿".encode()) + 1])
    write_spec(experiment, spec)
    assert spec.read_bytes() == whole
    spec.unlink()
    spec.mkdir()
    with pytest.raises(BadInput, match=r"spec.yaml: cannot be written \(Is a directory\)"):
        write_spec(experiment, spec)


def test_links_out_of_a_results_folder_are_not_followed(tmp_path: Path) -> None:
    inside, outside = tmp_path / "demo", tmp_path / "private"
    (outside / "seed-0").mkdir(parents=True)
    (outside / "seed-0" / "run.json").write_text('{"host": "secret"}')
    inside.mkdir()
    (inside / "spec.yaml").write_text("{arms: {a: {}}, seeds: [0]}")
    (inside / "a").symlink_to(outside)
    results = read.load_results(inside)
    assert [str(gap) for gap in results.missing] == [
        "a, seed 0: is a link out of the results folder"
    ]
    assert results.runs[0].info == {}
    (inside / "report.html").symlink_to(outside / "target")
    with pytest.raises(BadInput, match="leads out of"):
        read.path_to_write(inside / "report.html", inside)
    (inside / "loop").symlink_to(inside / "loop")
    assert not read.is_within(inside / "loop" / "x", inside) or not (inside / "loop").exists()
