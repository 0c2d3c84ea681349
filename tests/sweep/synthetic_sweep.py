"""A study's folder made of formulas: two searches with a peak each, without training anything.

`aer` has a flat top in τ, `fixed` a narrow one in its coefficient on a logarithmic scale; entropy
rises with both. The numbers are invented, the files are those of a real sweep.
"""

import csv
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml

TAUS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0)
COEFFICIENTS = (0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3)
RANGES: dict[str, dict[str, Any]] = {
    "method.tau": {"low": 0.1, "high": 1.0, "log": False, "integer": False, "grid": list(TAUS)},
    "method.coefficient": {
        "low": 0.0001,
        "high": 0.3,
        "log": True,
        "integer": False,
        "grid": list(COEFFICIENTS),
    },
    "method.rho": {"low": 0.5, "high": 1.0, "log": False, "integer": False, "grid": []},
    "method.weight": {"choices": ["hinge", "step"]},
}
Row = dict[str, Any]


def study(seeds: Sequence[int] = (101, 102), **searches: tuple[str, ...]) -> dict[str, Any]:
    """study.yaml, with the settings that each search varies."""
    found = searches or {"aer": ("method.tau",), "fixed": ("method.coefficient",)}
    return {
        "name": "target_ratio",
        "question": "How much do the methods depend on their settings?",
        "experiment": "arithmetic",
        "searches": {
            name: {"arm": name, "settings": {path: RANGES[path] for path in paths}}
            for name, paths in found.items()
        },
        "validation": {
            "arithmetic_validation": {
                "samples": 16,
                "k": [1, 16],
                "levels": [2, 3],
                "per_level": 20,
            }
        },
        "objective": {"measure": "avg_at_n", "k": 1, "benchmark": "arithmetic_validation"},
        "seeds": list(seeds),
        "trials": 11,
        "workers": 2,
        "sampler": {"name": "tpe", "seed": 0},
        "pruner": {"name": "none"},
    }


def make(folder: Path) -> Path:
    """The default sweep: a grid of 8 and three trials of TPE in each search; one was pruned, one
    failed and retried.
    """
    spec = study()
    rng = np.random.default_rng(7)
    aer = [(value, "grid") for value in TAUS] + [(0.45, "tpe"), (0.55, "tpe"), (0.71, "tpe")]
    fixed = [(value, "grid") for value in COEFFICIENTS] + [
        (0.004, "tpe"),
        (0.02, "tpe"),
        (0.0021, "tpe"),
    ]
    rows = searched("aer", "method.tau", aer, lambda tau: 0.8 - 0.3 * (tau - 0.5) ** 2, rng)
    rows += searched(
        "fixed", "method.coefficient", fixed, lambda c: 0.79 * np.exp(-((c / 0.03) ** 2)), rng
    )
    rows[9] |= {
        "state": "pruned",
        "score": rows[9]["score_seed_101"],
        "score_seed_102": "",
        "remarks": "no hope",
    }
    failed = {
        "search": "fixed",
        "trial": 11,
        "state": "failed",
        "origin": "tpe",
        "remarks": "out of memory",
        "worker": 1,
    }
    rows += [failed | {"method.coefficient": 0.15, "retry_of": 3}]
    return write(
        folder, spec, rows, {"aer": {"method.tau": 1.0}, "fixed": {"method.coefficient": 1.0}}
    )


def searched(
    name: str,
    path: str,
    tried: Sequence[tuple[float, str]],
    law: Callable[[Any], Any],
    rng: np.random.Generator,
) -> list[Row]:
    """Rows of complete trials: the law with noise of two points per seed."""
    rows = []
    for number, (value, origin) in enumerate(tried):
        scores = np.clip(law(value) + rng.normal(0, 0.02, 2), 0, 1)
        entropy = 0.3 * (0.2 + value) if path == "method.tau" else 0.09 + 10 * value**1.3
        rows.append(
            row(name, number, {path: value}, scores.tolist(), origin=origin, final_entropy=entropy)
        )
    return rows


def row(
    search: str,
    number: int,
    settings: Row,
    scores: Sequence[Any],
    seeds: Sequence[int] = (101, 102),
    **more: Any,
) -> Row:
    """A complete trial; `more` replaces what it says."""
    measured = [score for score in scores if isinstance(score, float)]
    mean = float(np.mean(measured)) if measured else ""
    entropy = more.get("final_entropy", 0.1)
    found = {
        "search": search,
        "trial": number,
        "state": "complete",
        "origin": "grid",
        "chosen": False,
        **settings,
    }
    found |= {
        "score": mean,
        **{f"score_seed_{seed}": score for seed, score in zip(seeds, scores, strict=False)},
    }
    found |= {"final_entropy": entropy, **{f"final_entropy_seed_{seed}": entropy for seed in seeds}}
    found |= {
        "initial_entropy": 0.307,
        "length": 22.5 + number / 10,
        "truncated": 0.01,
        "tokens_generated": 123456,
    }
    found |= {
        "seconds": 92.5,
        "worker": number % 2,
        "retry_of": "",
        "run": f"{search}/runs/{number:08x}",
        "remarks": "",
    }
    return found | more


def write(
    folder: Path, spec: Row, rows: list[Row], importance: dict[str, dict[str, float]] | None = None
) -> Path:
    """Writes the study's files; the best complete trial of each search is the chosen one."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in spec["searches"]:
        complete = [
            each
            for each in rows
            if each["search"] == name and each["state"] == "complete" and each["score"] != ""
        ]
        if complete and not any(each["chosen"] for each in complete):
            max(complete, key=lambda each: each["score"])["chosen"] = True
    (folder / "study.yaml").write_text(yaml.safe_dump(spec, sort_keys=False))
    table(folder / "trials.csv", columns(spec), rows)
    shares = [
        {"search": name, "setting": path, "importance": share}
        for name, each in (importance or {}).items()
        for path, share in each.items()
    ]
    table(folder / "importance.csv", ["search", "setting", "importance"], shares)
    return folder


def columns(spec: Row) -> list[str]:
    """The header of trials.csv."""
    paths = dict.fromkeys(
        path for search in spec["searches"].values() for path in search["settings"]
    )
    scores, entropies = (
        [f"{name}_seed_{seed}" for seed in spec["seeds"]] for name in ("score", "final_entropy")
    )
    first = [
        "search",
        "trial",
        "state",
        "origin",
        "chosen",
        *paths,
        "score",
        *scores,
        "final_entropy",
        *entropies,
    ]
    last = [
        "initial_entropy",
        "length",
        "truncated",
        "tokens_generated",
        "seconds",
        "worker",
        "retry_of",
        "run",
        "remarks",
    ]
    return [*first, *last]


def table(path: Path, header: list[str], rows: list[Row]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, header, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
