"""Makes the tables of docs/statistics.md. The command line is in __main__.py."""

import re
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from analysis.calibrate.alternatives import LIMITS, WAYS, coverage_of_ways
from analysis.calibrate.ceilings import CLIMBS, ceilings
from analysis.calibrate.designs import CORRELATED, DESIGNS, EQUAL, ONE_SEED, SEEDS, UNEQUAL
from analysis.calibrate.measure import coverage, hard_coverage, one_seed, paired_or_not, power
from analysis.calibrate.moderated import CELLS, trial
from analysis.calibrate.seeds_alone import NU_WAYS, SEED_PAIRS, degrees_coverage
from analysis.calibrate.sequential import (
    EFFECTS,
    LOOKED_AT,
    SEQUENCES,
    STOPPING_RULES,
    STUDY_EFFECTS,
    WHOLE_STUDIES,
    sequential,
    whole_studies,
)
from analysis.calibrate.simulated_studies import Study
from eval.files.errors import BadInput

ENOUGH = 0.8  # power
FEWEST_PRINTED = 0.05  # of the studies, for a statement about the ceilings that are printed

Measure = Callable[[Callable, Sequence], Iterable]  # maps a function of a study over studies


def coverage_table(measure: Measure) -> str:
    head = ["questions", "seeds", "n", "seed sd", "score", "textbook", "difference", "textbook"]
    rows = [
        [
            *described(study),
            *(in_percent(found[column]) for column in (0, 4, 1, 5, 2)),
            in_points(found[3]),
        ]
        for study, found in zip(EQUAL, measure(coverage, EQUAL), strict=True)
    ]
    return markdown_table([*head, "A/A called", "width"], rows)


def unequal_table(measure: Measure) -> str:
    head = ["questions", "seeds", "n", "seed sd", "score", "difference", "A/A called", "width"]
    rows = [
        [*described(study), *(in_percent(share) for share in found[:3]), in_points(found[3])]
        for study, found in zip(UNEQUAL, measure(hard_coverage, UNEQUAL), strict=True)
    ]
    return markdown_table(head, rows)


def pairing_table(measure: Measure) -> str:
    head = ["seeds", "correlation"]
    head += [
        f"{word}, {pairing}"
        for word in ("difference", "A/A called", "width", "called better")
        for pairing in ("unpaired", "paired")
    ]
    rows = []
    for study, found_P4 in zip(CORRELATED, measure(paired_or_not, CORRELATED), strict=True):
        shown = [
            in_points(value) if column == 2 else in_percent(value)
            for column in range(4)
            for value in found_P4[:, column]
        ]
        rows.append([str(study.seeds), f"{study.correlation:.1f}", *shown])
    return markdown_table(head, rows)


def moderated_table(measure: Measure) -> str:
    head = ["spread of five arms", "seeds", "moderated", "ours", "width, moderated", "width, ours"]
    rows = [
        [
            spread,
            str(seeds),
            in_percent(ours[0]),
            in_percent(ours[1]),
            f"{ours[2]:.1f}",
            f"{ours[3]:.1f}",
        ]
        for (spread, seeds), ours in zip(CELLS, measure(trial, CELLS), strict=True)
    ]
    return markdown_table(head, rows)


def alternatives_table(measure: Measure) -> str:
    """Lowest and highest coverage over sizes of the seed effect."""
    rows = []
    for limit, found_SW in zip(LIMITS, measure(coverage_of_ways, LIMITS), strict=True):
        ranges = [f"{100 * way.min():.1f} to {100 * way.max():.1f} %" for way in found_SW.T]
        rows.append([", ".join(map(str, limit.seeds)), f"{limit.share:.1f}", *ranges])
    return markdown_table(["seeds", "share of the first", *WAYS], rows)


def degrees_table(measure: Measure) -> str:
    head = ["seeds", *(f"{way}: lowest" for way in NU_WAYS), *(f"{way}: ±" for way in NU_WAYS)]
    rows = [
        [
            ", ".join(map(str, seeds)),
            *(in_percent(lowest) for lowest in found_W3[:, 0]),
            *(f"{half:.2f}" for half in found_W3[:, 2]),
        ]
        for seeds, found_W3 in zip(SEED_PAIRS, measure(degrees_coverage, SEED_PAIRS), strict=True)
    ]
    return markdown_table(head, rows)


def one_seed_table(measure: Measure) -> str:
    rows = [
        [*described(study), in_percent(share)]
        for study, share in zip(ONE_SEED, measure(one_seed, ONE_SEED), strict=True)
    ]
    return markdown_table(["questions", "seeds", "n", "seed sd", "A/A with p <= .05"], rows)


def power_table(measure: Measure) -> str:
    studies = [
        Study(*design[:2], seeds, design[2], 0.01, 0.02) for design in DESIGNS for seeds in SEEDS
    ]
    found_DS2 = np.array(list(measure(power, studies))).reshape(len(DESIGNS), len(SEEDS), 2)
    rows = []
    for (population, questions, samples), found_S2 in zip(DESIGNS, found_DS2, strict=True):
        enough = [
            seeds for seeds, (share, _) in zip(SEEDS, found_S2, strict=True) if share >= ENOUGH
        ]
        cells = [f"{in_percent(share)} ({in_points(smallest)})" for share, smallest in found_S2]
        rows.append(
            [
                f"{questions} {population.name}",
                str(samples),
                *cells,
                str(min(enough, default=f"> {SEEDS[-1]}")),
            ]
        )
    return markdown_table(
        ["questions", "n", *(f"{seeds} seeds" for seeds in SEEDS), "seeds for 80 %"], rows
    )


def promise_table(measure: Measure) -> str:
    """Power at the difference that a design says it sees in four of five studies."""
    shapes = [replace(study, effect=0.0) for study in EQUAL if study.seed_sd == 0.01]
    smallest = [smallest for _, smallest in measure(power, shapes)]
    at_smallest = [
        replace(study, effect=round(size, 4)) for study, size in zip(shapes, smallest, strict=True)
    ]
    rows = [
        [*described(study), in_points(study.effect), in_percent(share)]
        for study, (share, _) in zip(at_smallest, measure(power, at_smallest), strict=True)
    ]
    return markdown_table(
        ["questions", "seeds", "n", "seed sd", "smallest difference", "called better"], rows
    )


def ceiling_table(measure: Measure) -> str:
    head = ["questions", "steepness", "training, in half points", "printed"]
    head += ["printed and wrong", "off by", "±"]
    rows = []
    for climb, found in zip(CLIMBS, measure(ceilings, CLIMBS), strict=True):
        printed, wrong, off, half_width = found.tolist()
        shown = [in_points(off), in_points(half_width)]
        # of hardly any studies nothing can be said
        shown = shown if printed >= FEWEST_PRINTED else ["–"] * 2
        shape = [str(climb.questions), f"{climb.steepness:.0f}", f"{climb.budget:g}"]
        rows.append([*shape, in_percent(printed), in_percent(wrong), *shown])
    return markdown_table(head, rows)


def looks_table(measure: Measure) -> str:
    head = ["questions", "rule", "A/A called", "seeds"]
    head += [f"{in_points(e)} points: {word}" for e in EFFECTS[1:] for word in ("called", "seeds")]
    found_NR2 = np.array(list(measure(sequential, SEQUENCES)))
    rows = []
    for i, shape in enumerate(LOOKED_AT):
        here_ER2 = found_NR2[i * len(EFFECTS) :][: len(EFFECTS)]
        for rule, found_E2 in zip(STOPPING_RULES, here_ER2.transpose(1, 0, 2), strict=True):
            cells = [[in_percent(called), f"{seeds:.1f}"] for called, seeds in found_E2]
            size = f"{shape.questions} {shape.population.name}"
            rows.append([size, rule, *(cell for pair in cells for cell in pair)])
    return markdown_table(head, rows)


def whole_studies_table(measure: Measure) -> str:
    head = ["differ from the reference", "rule", "a false alarm", "2 points called"]
    head += ["5 points called", "runs"]
    rows = []
    for (_, name), found in zip(WHOLE_STUDIES, measure(whole_studies, WHOLE_STUDIES), strict=True):
        for rule, (alarm, runs, *called_A) in found.items():
            by_effect = dict(zip(STUDY_EFFECTS[name], called_A, strict=True))
            shown = [in_percent(by_effect[e]) if e in by_effect else "–" for e in EFFECTS[1:]]
            rows.append([name, rule, in_percent(alarm), *shown, f"{runs:.1f}"])
    return markdown_table(head, rows)


TABLES = {
    "coverage": coverage_table,
    "unequal": unequal_table,
    "pairing": pairing_table,
    "alternatives": alternatives_table,
    "degrees": degrees_table,
    "moderated": moderated_table,
    "one-seed": one_seed_table,
    "power": power_table,
    "promise": promise_table,
    "looks": looks_table,
    "looked-at-studies": whole_studies_table,
    "ceiling": ceiling_table,
}


def described(study: Study) -> list[str]:
    size = f"{study.questions} {study.population.name}"
    seeds = dict.fromkeys([study.seeds_of("a"), study.seeds_of("b")])
    sds = dict.fromkeys(
        [study.seed_sd, study.seed_sd if study.seed_sd_b is None else study.seed_sd_b]
    )
    return [size, ", ".join(map(str, seeds)), str(study.samples), ", ".join(map(in_points, sds))]


def in_percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def in_points(rate: float) -> str:
    return f"{100 * rate:.1f}"


def markdown_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def write(page: Path, name: str, text: str) -> None:
    """Replaces what stands between the marks of that name."""
    marked = re.compile(f"(<!-- {name}:begin -->\n).*?(<!-- {name}:end -->)", re.DOTALL)
    before = page.read_text(encoding="utf-8")
    if not marked.search(before):
        raise BadInput(
            f"{page}: no marks <!-- {name}:begin --> and <!-- {name}:end --> to write the table"
            " between."
        )
    page.write_text(
        marked.sub(lambda found: f"{found[1]}{text}\n{found[2]}", before), encoding="utf-8"
    )


def write_calibration(
    page: Path, only: Sequence[str], processes: int, settings: dict[str, int]
) -> None:
    """Makes the tables of these names, or all, and writes each into the page once it is made.

    `settings`: studies, draws, seed.

    Raises:
        BadInput: there is no table of a name, or the page lacks its marks.
    """
    if unknown := [name for name in only if name not in TABLES]:
        raise BadInput(f"--only {unknown[0]}: choose from {', '.join(TABLES)}")
    options = " ".join(f"--{name} {value}" for name, value in settings.items())
    with ProcessPoolExecutor(processes) as pool:
        for name in only or TABLES:
            table = TABLES[name](
                lambda function, studies: pool.map(partial(function, **settings), studies)
            )
            write(page, name, f"{table}\n\n`{options}`")
            print(f"{name}\n{table}\n", flush=True)
