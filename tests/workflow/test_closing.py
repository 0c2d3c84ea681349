"""The lines that end a run of the workflow."""

from pathlib import Path

from experiments.workflow.screen.closing import closing_lines

TABLE = """benchmark,k,arm,reference,difference,verdict
aime,1,low,none,0.02,not distinguishable
aime,1,high,none,-0.8,worse
aime,1,aer,none,0.1,better
aime,16,low,none,0.0,not distinguishable
"""


def test_one_line_per_benchmark_and_k_and_the_report(tmp_path: Path) -> None:
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables" / "comparisons.csv").write_text(TABLE)
    (tmp_path / "report.html").write_text("")
    assert closing_lines(tmp_path) == [
        "aime, pass@1, against none: better: aer; worse: high; not distinguishable: low",
        "aime, pass@16, against none: not distinguishable: low",
        f"Report: {tmp_path}/report.html",
    ]


def test_no_report_is_named_that_is_not_there(tmp_path: Path) -> None:
    assert closing_lines(tmp_path) == []
