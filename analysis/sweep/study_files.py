"""Reads the folder of a sweep: study.yaml, trials.csv and importance.csv.

Cells that are empty or not finite become NaN, "not measured". Unknown columns are ignored. A
contradiction is an error that names the file and the line.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from math import nan
from pathlib import Path
from typing import Any

from analysis.sweep.searches import COMPLETE, STATES, Search, Setting, SweepResults, Trial
from eval.files.csv_text import read_csv
from eval.files.errors import BadInput
from eval.files.yaml_file import read_yaml

SLACK = 1e-3  # allowed between a score and the mean of its seeds, since a file may round
TRIAL_NUMBERS = ("initial_entropy", "length", "truncated", "tokens_generated", "seconds")
TRIAL_WORDS = ("origin", "worker", "retry_of", "run", "remarks")


def read_sweep(folder: Path) -> SweepResults:
    """Reads the folder of a study.

    Raises:
        BadInput: study.yaml or trials.csv is missing, unreadable or contradicts itself.
    """
    spec = read_study(folder / "study.yaml")
    seeds = tuple(spec["seeds"])
    settings = {
        str(name): settings_of(folder / "study.yaml", search)
        for name, search in spec["searches"].items()
    }
    trials = read_trials(folder / "trials.csv", settings, seeds)
    importance, missing = read_importance(folder / "importance.csv")
    searches = tuple(
        Search(
            name,
            str(spec["searches"][key].get("arm", name)),
            found,
            trials[name],
            importance.get(name, {}),
        )
        for (key, (name, found)) in zip(spec["searches"], settings.items(), strict=True)
    )
    return SweepResults(folder, spec, seeds, searches, missing)


def read_study(path: Path) -> dict[str, Any]:
    if not path.exists():
        raise BadInput(
            f"{path} is missing: give the folder of a sweep, results/<experiment>/sweep/<study>"
        )
    spec = read_yaml(path)
    wanted = {"searches": dict, "seeds": list}
    wrong = [key for key, kind in wanted.items() if not isinstance(spec.get(key), kind)]
    wrong += [key for key in wanted if key not in wrong and not spec[key]]
    if wrong:
        raise BadInput(
            f"{path}: {' and '.join(wrong)} missing, empty or of the wrong kind: run the sweep"
            " again"
        )
    return spec


def settings_of(path: Path, search: Any) -> tuple[Setting, ...]:
    """The settings of one search in study.yaml."""
    varied = search.get("settings") if isinstance(search, dict) else None
    if not isinstance(varied, dict) or not all(isinstance(each, dict) for each in varied.values()):
        raise BadInput(
            f"{path}: a search needs `settings`, each with low and high, or with choices"
        )
    return tuple(setting_of(path, str(name), each) for name, each in varied.items())


def setting_of(path: Path, name: str, asked: Mapping[str, Any]) -> Setting:
    if asked.get("choices"):
        return Setting(name, choices=tuple(map(str, asked["choices"])))
    low, high = (
        float(end) if isinstance(end, int | float) else nan
        for end in (asked.get("low"), asked.get("high"))
    )
    if not (math.isfinite(low) and math.isfinite(high)):
        raise BadInput(
            f"{path}: setting {name} needs numbers `low` and `high`, or `choices`; it has"
            f" {dict(asked)}."
        )
    if asked.get("log") and low <= 0:
        raise BadInput(
            f"{path}: setting {name} is logarithmic, so its low end must be above 0; it is {low:g}."
        )
    return Setting(name, low, high, bool(asked.get("log")))


def read_trials(
    path: Path, settings: Mapping[str, tuple[Setting, ...]], seeds: tuple[int, ...]
) -> dict[str, tuple[Trial, ...]]:
    """{search: its trials in order of their number}, with an entry for every search."""
    needed = {
        "search",
        "trial",
        "state",
        "chosen",
        "score",
        "final_entropy",
        *(f"score_seed_{seed}" for seed in seeds),
    }
    needed |= {each.path for group in settings.values() for each in group}
    found: dict[str, dict[int, Trial]] = {name: {} for name in settings}
    for where, row in sweep_rows(path, sorted(needed)):
        name = row["search"]
        if name not in found:
            raise BadInput(f"{where}: search {name!r} is not in study.yaml ({', '.join(found)}).")
        trial = trial_of(where, row, settings[name], seeds)
        if trial.number in found[name]:
            raise BadInput(f"{where}: trial {trial.number} of {name} is duplicate: remove one row")
        if trial.chosen and any(other.chosen for other in found[name].values()):
            raise BadInput(f"{where}: two trials of {name} are marked as chosen: mark one only")
        found[name][trial.number] = trial
    return {
        name: tuple(trials[number] for number in sorted(trials)) for name, trials in found.items()
    }


def trial_of(
    where: str, row: Mapping[str, str], settings: tuple[Setting, ...], seeds: tuple[int, ...]
) -> Trial:
    count = cell_number(where, row, "trial")
    if math.isnan(count) or count != int(count):
        raise BadInput(f"{where}: trial must be a whole number, not {row['trial']!r}.")
    if row["state"] not in STATES:
        raise BadInput(f"{where}: state must be one of {', '.join(STATES)}, not {row['state']!r}.")
    scores = tuple(cell_number(where, row, f"score_seed_{seed}") for seed in seeds)
    measured = [score for score in scores if not math.isnan(score)]
    score = cell_number(where, row, "score")
    if measured and abs(score - sum(measured) / len(measured)) > SLACK:
        raise BadInput(
            f"{where}: score is {score:g}, but the mean of its seeds is"
            f" {sum(measured) / len(measured):g}: run the sweep again, which rewrites this file"
        )
    chosen = row["chosen"].lower() == "true"
    if chosen and not (row["state"] == COMPLETE and measured):
        raise BadInput(
            f"{where}: the trial is marked as chosen but has no score: run the sweep again, which"
            " rewrites this file"
        )
    return Trial(
        number=int(count),
        state=row["state"],
        chosen=chosen,
        settings={each.path: setting_value(where, row, each) for each in settings},
        score=sum(measured) / len(measured) if measured else nan,
        scores=scores,
        final_entropy=cell_number(where, row, "final_entropy"),
        numbers={key: cell_number(where, row, key) for key in TRIAL_NUMBERS},
        words={key: row.get(key) or "" for key in TRIAL_WORDS},
    )


def setting_value(where: str, row: Mapping[str, str], asked: Setting) -> float | str:
    if not asked.choices:
        return cell_number(where, row, asked.path)
    cell = row[asked.path] or ("None" if "None" in asked.choices else "")
    if cell and cell not in asked.choices:
        raise BadInput(
            f"{where}: {asked.path} must be one of {', '.join(asked.choices)}, not {cell!r}."
        )
    return cell


def cell_number(where: str, row: Mapping[str, str], key: str) -> float:
    """The cell as a number; NaN if it is missing, empty or not finite."""
    cell = row.get(key) or "nan"
    try:
        found = float(cell)
    except ValueError:
        raise BadInput(f"{where}: {key} must be a number or empty, not {cell[:40]!r}.") from None
    return found if math.isfinite(found) else nan


def sweep_rows(path: Path, needed: Sequence[str]) -> Iterator[tuple[str, dict[str, str]]]:
    """("FILE, line N", row) of a CSV of the sweep. A sweep without trials writes an empty file."""
    if not path.exists():
        raise BadInput(f"{path} is missing, the sweep has not ended: run it again to resume it")
    return read_csv(path, needed) if path.stat().st_size else iter(())


def read_importance(path: Path) -> tuple[dict[str, dict[str, float]], tuple[str, ...]]:
    """{search: {setting: importance}} as far as it was computed, and what is missing."""
    if not path.exists():
        return {}, ("importance.csv is missing: the importance of settings is not shown",)
    found: dict[str, dict[str, float]] = {}
    for where, row in sweep_rows(path, ("search", "setting", "importance")):
        share = cell_number(where, row, "importance")
        if not math.isnan(share):
            found.setdefault(row["search"], {})[row["setting"]] = share
    return found, ()
