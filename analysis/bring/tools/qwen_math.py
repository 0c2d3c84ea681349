"""Qwen2.5-Math's evaluation, which limit-of-RLVR, oat and SimpleRL use.

    {data}/{split}_{prompt}_{n}_seed{s}_t{T}_s{a}_e{b}.jsonl    idx, gt, code[n], pred[n], score[n]
    {data}/..._e{b}_{prompt}_metrics.json                       acc in percent, with one decimal

`n` in the name is the number of questions (-1: all), not of samples; `seed` there is that of the
sampling, not of a training run, and so is not taken for one. The samples of a question are the
entries of its lists. `acc` is of the first answers, in some forks of all: it is recounted only
where each question has one answer.
"""

import re
from pathlib import Path

from analysis.bring.files.reading import (
    as_score,
    as_text,
    json_file,
    json_lines,
    plain_number,
    safe_name,
)
from analysis.bring.files.records import Answers, Claim, Found, Place, Sample, Tool, no_keys
from eval.files.errors import BadInput

QWEN_NAME = re.compile(r".+_-?\d+_seed\d+_t(\d+(?:\.\d+)?)_s-?\d+_e-?\d+")


def is_qwen_math(path: Path, head: bytes) -> bool:
    first = head.split(b"\n", 1)[0]
    return path.suffix == ".jsonl" and b'"idx"' in first and b'"code"' in first


def read_qwen_math(path: Path, answers: Answers) -> Found:
    found, place = Found(), Place(benchmark=safe_name(path.parent.name))
    for where, row in json_lines(path, found.findings):
        name, texts, scores = as_text(row.get("idx")), row.get("code"), row.get("score")
        if name is None or not isinstance(texts, list) or not texts:
            raise BadInput(f"{where}: lacks idx or code, or code is empty: correct the line")
        claimed = scores if isinstance(scores, list) else [None] * len(texts)
        if len(claimed) != len(texts):
            raise BadInput(f"{where}: {len(texts)} answers, {len(claimed)} scores: correct it")
        found.samples += [
            Sample(place, name, index, as_text(text), as_text(row.get("gt")), as_score(score))
            for index, (text, score) in enumerate(zip(texts, claimed, strict=True))
        ]
    if match := QWEN_NAME.fullmatch(path.stem):
        found.settings["temperature"] = float(match[1])
    return found


def is_qwen_metrics(path: Path, head: bytes) -> bool:
    return path.name.endswith("_metrics.json") and b'"num_samples"' in head and b'"acc"' in head


def read_qwen_metrics(path: Path, answers: Answers) -> Found:
    accuracy = plain_number(json_file(path).get("acc"))
    if accuracy is None:
        raise BadInput(f"{path}: acc is not a number: leave the file out")
    place = Place(benchmark=safe_name(path.parent.name))
    return Found(claims=[Claim(place, "acc", accuracy / 100)])


QWEN_METRICS = Tool("qwen_math_metrics", no_keys, is_qwen_metrics, read_qwen_metrics)
QWEN_MATH = Tool("qwen_math", no_keys, is_qwen_math, read_qwen_math)
