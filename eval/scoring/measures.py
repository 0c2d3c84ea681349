"""Measures of a set of problems, and of each of its levels and subjects, from the verdicts.

    avg@n     mean over problems of c / n
    pass@k, maj@k, Cover@tau: see eval/scoring/pass_at_k.py
    shares    over all completions: truncated, unparsed, timeout, error, strict_disagreement
    length    tokens of a completion, the end token included: mean, median, 95th percentile
    interval  Wilson 1927 (JASA 22), 95 %: never of width zero, also at 0/30 and 30/30

Problems may have different numbers of samples n. Every problem counts with its own n; avg@n and
Cover@tau are over the problems that have samples; pass@k and maj@k are null unless every problem
has n >= k. `missing` says in words what is missing and why. The intervals treat problems as
independent trials. That is conservative for avg@n, because a mean of values in [0, 1] varies at
most as a proportion does. To compare arms, use the paired bootstrap of the analysis.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np

from eval.files.jsonl import Row
from eval.scoring.pass_at_k import cover_at, maj_at_k, pass_at_k

TAUS = (0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True)
class Scored:
    """A problem and the verdict rows of all its completions."""

    problem_id: str
    level: str
    subject: str
    verdicts: Sequence[Row]

    @property
    def n(self) -> int:
        """Number of completions."""
        return len(self.verdicts)

    @property
    def c(self) -> int:
        """Number of correct completions."""
        return sum(row["correct"] for row in self.verdicts)


def measure_all(problems: Sequence[Scored], ks: Sequence[int]) -> dict[str, Any]:
    """The measures of the set, as in measures.json (docs/evaluation.md). Those of each level and
    subject are under `levels` and `subjects`.
    """
    levels = sorted({problem.level for problem in problems} - {""})
    subjects = sorted({problem.subject for problem in problems} - {""})
    return {
        **measure(problems, ks),
        "levels": {name: measure([p for p in problems if p.level == name], ks) for name in levels},
        "subjects": {
            name: measure([p for p in problems if p.subject == name], ks) for name in subjects
        },
    }


def measure(problems: Sequence[Scored], ks: Sequence[int]) -> dict[str, Any]:
    """The measures of one group of problems."""
    sampled = [problem for problem in problems if problem.n]
    rows = [row for problem in sampled for row in problem.verdicts]
    n_Q = np.array([problem.n for problem in problems])
    answered = [row for row in rows if row["finish_reason"] == "stop"]
    return {
        "problems": len(problems),
        "problems_without_samples": [problem.problem_id for problem in problems if not problem.n],
        "samples": len(rows),
        "samples_per_problem": [int(n_Q.min()), int(n_Q.max())] if len(problems) else [0, 0],
        **_success(sampled),
        "pass_at_k": {str(k): _mean_pass_at_k(problems, k) for k in ks},
        "maj_at_k": {str(k): _mean_maj_at_k(problems, k) for k in ks},
        "truncated": _share_of([row["finish_reason"] == "length" for row in rows]),
        "unparsed": _share_of([row["status"] == "unparsed" for row in rows]),
        "timeout": _share_of([row["status"] == "timeout" for row in rows]),
        "error": _share_of([row["status"] == "error" for row in rows]),
        "strict_disagreement": _share_of([row["correct"] != row["strict"] for row in rows]),
        "accuracy_finished": _share_of([row["correct"] for row in answered]),
        "length": _lengths([row["tokens"] for row in rows]),
        "missing": _left_out(problems, ks),
    }


def wilson_interval(correct: float, total: int, confidence: float = 0.95) -> tuple[float, float]:
    """Wilson's interval for `correct` of `total` >= 1 trials, within [0, 1]. Its width is never
    zero. `correct` may be a sum of shares.
    """
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    p, z2 = correct / total, z * z / total
    centre = (p + z2 / 2) / (1 + z2)
    half = (z2 * p * (1 - p) + z2 * z2 / 4) ** 0.5 / (1 + z2)
    return max(0.0, centre - half), min(1.0, centre + half)


def _success(sampled: Sequence[Scored]) -> dict[str, Any]:
    """avg@n and Cover@tau over the problems that have samples, with intervals over problems."""
    if not sampled:
        nothing = {str(tau): None for tau in TAUS}
        return {
            "avg_at_n": None,
            "avg_at_n_interval": None,
            "cover_at_tau": nothing,
            "cover_at_tau_interval": nothing,
        }
    n_Q, c_Q = np.array([p.n for p in sampled]), np.array([p.c for p in sampled])
    cover = {str(tau): cover_at(n_Q, c_Q, tau) for tau in TAUS}
    total = len(sampled)
    return {
        "avg_at_n": float(np.mean(c_Q / n_Q)),
        "avg_at_n_interval": list(wilson_interval(float(np.sum(c_Q / n_Q)), total)),
        "cover_at_tau": cover,
        "cover_at_tau_interval": {
            tau: list(wilson_interval(share * total, total)) for tau, share in cover.items()
        },
    }


def _mean_pass_at_k(problems: Sequence[Scored], k: int) -> float | None:
    if not problems or min(problem.n for problem in problems) < k:
        return None
    return float(np.mean(pass_at_k([p.n for p in problems], [p.c for p in problems], k)))


def _mean_maj_at_k(problems: Sequence[Scored], k: int) -> float | None:
    if not problems or min(problem.n for problem in problems) < k:
        return None
    return float(np.mean([_problem_majority(problem, k) for problem in problems]))


def _problem_majority(problem: Scored, k: int) -> float:
    """maj@k of one problem. Equality of answers is not transitive, so a class of equal answers may
    hold correct and wrong ones; it counts by its correct share.
    """
    class_N = np.array([row["class"] for row in problem.verdicts])
    correct_N = np.array([row["correct"] for row in problem.verdicts], dtype=float)
    classes = [class_N == g for g in np.unique(class_N[class_N >= 0])]
    sizes, right = [int(g.sum()) for g in classes], [float(correct_N[g].mean()) for g in classes]
    return maj_at_k(sizes, right, int((class_N < 0).sum()), k, problem.problem_id)


def _share_of(flags: Sequence[bool]) -> float | None:
    return float(np.mean(flags)) if len(flags) else None


def _lengths(tokens: Sequence[int]) -> dict[str, float | None]:
    if not tokens:
        return {"mean": None, "median": None, "p95": None}
    return {
        "mean": float(np.mean(tokens)),
        "median": float(np.median(tokens)),
        "p95": float(np.percentile(tokens, 95)),
    }


def _left_out(problems: Sequence[Scored], ks: Sequence[int]) -> list[str]:
    """Sentences about what the measures leave out."""
    silent = [problem.problem_id for problem in problems if not problem.n]
    said = [f"no samples of {_some(silent)}: left out of avg@n and Cover@tau"] if silent else []
    for k in ks:
        short = [problem.problem_id for problem in problems if problem.n < k]
        if short:
            said.append(
                f"pass@{k} and maj@{k} need {k} samples of every problem: too few of {_some(short)}"
            )
    return said


def _some(ids: Sequence[str], shown: int = 5) -> str:
    more = f" and {len(ids) - shown} more" if len(ids) > shown else ""
    return f"{len(ids)} problem{'s' * (len(ids) > 1)} ({', '.join(ids[:shown])}{more})"
