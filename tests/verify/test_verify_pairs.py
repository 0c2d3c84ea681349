"""The command that counts how many known pairs are judged rightly."""

import json
from pathlib import Path

import pytest

from eval.files.errors import BadInput
from eval.verify.pairs import main

PAIRS = [
    {"gold": "7", "answer": "7", "expected": True, "category": "integers"},
    {"gold": "7", "answer": r"so \boxed{8}.", "expected": True, "category": "integers"},
    {"gold": "7", "answer": "7.0", "expected": False, "category": "decimals"},
]


def written(path: Path, rows: list[dict[str, object]]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return str(path)


def test_the_table_counts_both_ways_of_being_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([written(tmp_path / "pairs.jsonl", PAIRS), "--workers", "1", "--wrong"]) == 1
    out = capsys.readouterr().out
    assert "| decimals | 1 | 0 | 1 |" in out
    assert "| integers | 2 | 1 | 0 |" in out
    assert "| all | 3 | 1 | 1 |" in out
    assert "accepted (ok), decimals: '7' '7.0'" in out


def test_nothing_wrong_is_status_0(tmp_path: Path) -> None:
    assert main([written(tmp_path / "pairs.jsonl", PAIRS[:1]), "--workers", "1"]) == 0


def test_a_row_without_a_key_is_named(tmp_path: Path) -> None:
    path = written(tmp_path / "pairs.jsonl", [PAIRS[0], {"gold": "7", "answer": "7"}])
    with pytest.raises(BadInput, match=r"line 2: `expected` must be true or false: fix the line"):
        main([path])
