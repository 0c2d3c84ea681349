"""Where analysis.compare.command reads from: experiments' folders and CSVs of other evaluation
tools.

A source is either a folder results/NAME, whose arms are called NAME/ARM, or

    ARM=FILE.csv        columns problem_id, n, correct, and seed if it holds several runs
                        (without: seed 0)
    ARM=FILE.csv:2      the same without a seed column: this file is the run with training seed 2
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from analysis.compare.looked import LookedAt, read_looks
from analysis.results.asked_prompts import require_same_prompts
from analysis.results.counts import Counts, load_counts, read_run_counts, read_runs, tabulate
from analysis.results.spec import read_spec, seeds_of_arm
from eval.files.errors import BadInput

SUFFIX = ".counts.csv"
ANY = ""  # benchmark of a CSV: whichever is compared
Arms = dict[str, dict[str, Counts]]  # arm -> benchmark -> counts


@dataclass(frozen=True)
class Sources:
    """All that was found, and what a spec asked for that was not."""

    arms: Arms
    reference: str  # the first experiment's, else the first arm
    missing: tuple[str, ...]
    looked: tuple[LookedAt, ...] = ()  # experiments whose arms stop at looks


def load_sources(sources: Iterable[str]) -> Sources:
    """Reads every source. Raises BadInput where one holds nothing usable."""
    sources = list(sources)
    names = _short_names([Path(source) for source in sources if "=" not in source])
    arms: Arms = {}
    references, missing, looked = [], [], []
    for folder, name in names.items():
        spec = _spec(folder)
        found = experiment(folder, name)
        if looks := read_looks(folder, name, spec):
            found = of_asked_seeds(found, looks, spec)
            looked.append(looks)
        references.append(f"{name}/{spec.get('reference')}")
        missing += _missing(found, name, spec, looks)
        arms |= found
    for arm, counts in csv_arms([each for each in sources if "=" in each]).items():
        if arm in arms:
            raise BadInput(f"two arms are called {arm}: give the CSV's another name.")
        arms[arm] = {ANY: counts}
    reference = next((each for each in references if each in arms), next(iter(arms)))
    return Sources(arms, reference, tuple(missing), tuple(looked))


def of_asked_seeds(found: Arms, looks: LookedAt, spec: dict) -> Arms:
    """The counts of those seeds that the looks asked for: an arm may have others of earlier."""

    def asked(arm: str, counts: Counts) -> Counts:
        seeds = spec["seeds"][: looks.asked.get(arm)]
        return counts.of_seeds([seed for seed in counts.seeds if seed in seeds])

    return {
        arm: {benchmark: asked(arm, counts) for benchmark, counts in sets.items()}
        for arm, sets in found.items()
    }


def experiment(folder: Path, name: str) -> Arms:
    """Every arm of results/NAME that has been evaluated, as NAME/ARM."""
    files: dict[str, dict[str, dict[int, Path]]] = {}
    for path in sorted(folder.glob(f"*/seed-*/eval/*{SUFFIX}")):
        arm, run, benchmark = path.parts[-4], path.parts[-3], path.name.removesuffix(SUFFIX)
        seed = run.removeprefix("seed-")
        if not seed.isdecimal():
            raise BadInput(f"{path}: rename the folder {run} to seed-<number>.")
        files.setdefault(f"{name}/{arm}", {}).setdefault(benchmark, {})[int(seed)] = path
    if not files:
        raise BadInput(
            f"{folder}: has no ARM/seed-N/eval/BENCHMARK{SUFFIX}: give the results folder of an"
            " evaluated experiment"
        )
    for benchmark in sorted({each for sets in files.values() for each in sets}):
        by_seed = [sets.get(benchmark, {}) for sets in files.values()]
        require_same_prompts([path for seeds in by_seed for path in seeds.values()])
    return {
        arm: {each: load_counts(seeds) for each, seeds in sets.items()}
        for arm, sets in files.items()
    }


def csv_arms(sources: Iterable[str]) -> dict[str, Counts]:
    """arm -> counts from ARM=FILE[:SEED] of any evaluation tool; an arm's name may come once per
    seed.
    """
    runs: dict[str, dict[int, Mapping[str, tuple[int, int]]]] = {}
    for source in sources:
        arm, _, file = source.partition("=")
        path, colon, seed = file.rpartition(":")
        if not (colon and seed.isdecimal()):
            path, seed = file, ""
        found = {int(seed): read_run_counts(Path(path))} if seed else read_runs(Path(path))
        twice = sorted(found.keys() & runs.setdefault(arm, {}).keys())
        if twice:
            raise BadInput(
                f"{source}: {arm} already has a seed {twice[0]}. Say which one this is:"
                f" {arm}={path}:SEED"
            )
        runs[arm] |= found
    return {arm: tabulate(seeds) for arm, seeds in runs.items()}


def full_name(arms: Arms, named: str) -> str:
    """The arm that is meant: NAME/ARM, or ARM alone where one experiment has it.

    Raises:
        BadInput: no arm is called so, or those of several experiments.
    """
    if named in arms:
        return named
    meant = [arm for arm in arms if arm.rpartition("/")[2] == named]
    if len(meant) == 1:
        return meant[0]
    if meant:
        raise BadInput(f"several arms are called {named}: choose {' or '.join(sorted(meant))}.")
    raise BadInput(f"unknown arm {named}: choose one of {', '.join(sorted(arms))}.")


def shared_benchmarks(arms: Arms, asked: str | None) -> list[str]:
    """Benchmarks to compare on: the one asked for, or all that at least two arms were evaluated
    on.
    """
    named = sorted({benchmark for sets in arms.values() for benchmark in sets} - {ANY})
    if asked is not None:
        if named and asked not in named:
            raise BadInput(f"no arm was evaluated on {asked}: choose one of {', '.join(named)}")
        return [asked]
    if len(named) > 1 and any(ANY in sets for sets in arms.values()):
        raise BadInput(
            "a CSV does not say which benchmark it holds. Choose with --benchmark:"
            f" {', '.join(named)}."
        )
    return (
        [each for each in named if sum(each in sets for sets in arms.values()) > 1]
        or named
        or ["benchmark"]
    )


def on(arms: Arms, benchmark: str) -> dict[str, Counts]:
    """arm -> counts on that benchmark, of the arms that have it."""
    found = {arm: sets.get(benchmark, sets.get(ANY)) for arm, sets in arms.items()}
    return {arm: counts for arm, counts in found.items() if counts is not None}


def _short_names(folders: list[Path]) -> dict[Path, str]:
    """Each experiment's name: its folder's, or the whole path where two folders share one."""
    short = {folder: folder.resolve().name for folder in folders}
    taken = list(short.values())
    return {
        folder: name if taken.count(name) == 1 else str(folder) for folder, name in short.items()
    }


def _spec(folder: Path) -> dict:
    path = folder / "spec.yaml"
    return read_spec(path) if path.exists() else {}


def _missing(found: Arms, name: str, spec: dict, looks: LookedAt | None) -> list[str]:
    """Arms and seeds that the spec lists and the folder lacks."""
    lines = [
        f"{name}/{arm} has no evaluation"
        for arm in spec.get("arms") or ()
        if f"{name}/{arm}" not in found
    ]
    for arm, sets in found.items():
        for benchmark, counts in sets.items():
            wanted = seeds_of_arm(spec, arm.removeprefix(f"{name}/")) if spec else ()
            wanted = wanted[: looks.asked.get(arm)] if looks else wanted
            lacking = sorted(set(wanted) - set(counts.seeds))
            if lacking:
                lines.append(f"{arm} lacks seed(s) {', '.join(map(str, lacking))} on {benchmark}")
    return lines
