"""Qwen2.5-Math's evaluation, which limit-of-RLVR, oat and SimpleRL use.

    {data}/{split}_{prompt}_{n}_seed{s}_t{T}_s{a}_e{b}.jsonl    idx, gt, code[n], pred[n], score[n]

`n` in the name is the number of questions (-1: all), not of samples; `seed` there is that of the
sampling, not of a training run, and so is not taken for one. The samples of a question are the
entries of its lists.
"""

import re
from pathlib import Path

from analysis.bring.reading import as_score, as_text, json_lines, safe_name
from analysis.bring.records import Answers, Found, Place, Sample, Tool, no_keys
from eval.files.errors import BadInput

QWEN_NAME = re.compile(r"(.+)_(-?\d+)_seed(\d+)_t([\d.]+)_s(-?\d+)_e(-?\d+)")


def is_qwen_math(path: Path, head: bytes) -> bool:
    first = head.split(b"\n", 1)[0]
    return path.suffix == ".jsonl" and b'"idx"' in first and b'"code"' in first


def read_qwen_math(path: Path, answers: Answers) -> Found:
    found, place = Found(), Place(benchmark=safe_name(path.parent.name))
    for where, row in json_lines(path):
        name, texts, scores = as_text(row.get("idx")), row.get("code"), row.get("score")
        if name is None or not isinstance(texts, list):
            raise BadInput(f"{where}: lacks idx or code: correct or delete the line")
        claimed = scores if isinstance(scores, list) else [None] * len(texts)
        if len(claimed) != len(texts):
            raise BadInput(f"{where}: {len(texts)} answers, {len(claimed)} scores: correct it")
        found.samples += [
            Sample(place, name, index, as_text(text), as_text(row.get("gt")), as_score(score))
            for index, (text, score) in enumerate(zip(texts, claimed, strict=True))
        ]
    if match := QWEN_NAME.fullmatch(path.stem):
        found.settings["temperature"] = float(match[4]) if match[4].count(".") < 2 else match[4]
    return found


QWEN_MATH = Tool("qwen_math", no_keys, is_qwen_math, read_qwen_math)
