"""What analysis.compare prints, as Markdown and as JSON."""

from typing import Any

from analysis.compare.against import Compared, ComparedArm
from analysis.compare.forest_text import forest_lines
from analysis.inference.sentences import p_in_words, sentence, signed_points
from analysis.inference.statistics import Interval
from analysis.tables.cells import is_finite_number
from analysis.tables.forest import Mark
from analysis.tables.layouts import PRECISION_COLUMNS


def page(found: Compared) -> str:
    """Everything that is printed, as Markdown."""
    parts = [section(found, benchmark) for benchmark in found.scores]
    if found.missing:
        parts.append("\n".join(["## Missing", "", *(f"- {line}" for line in found.missing)]))
    return "\n\n".join([*parts, fine_print(found)])


def section(found: Compared, benchmark: str) -> str:
    """One benchmark: the table, then the sentences."""
    rows = [row for row in found.rows if row.benchmark == benchmark]
    k = found.settings.k
    head = ["arm", "seeds", f"pass@{k}", "difference", "p (Holm)", "P(better)", "verdict"]
    reference = found.scores[benchmark]
    lines = [
        head,
        ["---"] * len(head),
        [found.reference, str(reference.seeds), interval(reference), "", "", "", "reference"],
        *(compared_cells(row) for row in rows),
    ]
    words = [f"- {sentence(row.judged, row.arm, found.reference, benchmark, k)}" for row in rows]
    picture = ["```", *forest_lines(marks_of(rows, k)), "```"]
    parts = [*markdown_lines(lines), "", *picture, "", *words, *precision_lines(rows)]
    return "\n".join([f"## {benchmark}", "", *parts])


def marks_of(rows: list[ComparedArm], k: int) -> list[Mark]:
    return [
        Mark(
            row.benchmark,
            k,
            row.arm,
            row.judged.comparison.difference,
            row.judged.low,
            row.judged.high,
            row.judged.verdict,
        )
        for row in rows
    ]


def precision_lines(rows: list[ComparedArm]) -> list[str]:
    """Where the intervals come from and what would narrow them, as a second table."""
    shown = [
        (row.arm, row.precision)
        for row in rows
        if row.precision and is_finite_number(row.precision["of_seeds"])
    ]
    if not shown:
        return []
    head = [column.title for column in PRECISION_COLUMNS[1:]]
    lines = [
        [arm, *(column.format(found[column.value]) for column in PRECISION_COLUMNS[2:])]
        for arm, found in shown
    ]
    return ["", *markdown_lines([head, ["---"] * len(head), *lines])]


def markdown_lines(lines: list[list[str]]) -> list[str]:
    return [f"| {' | '.join(line)} |" for line in lines]


def compared_cells(row: ComparedArm) -> list[str]:
    judged = row.judged
    value, low, high = map(signed_points, (judged.comparison.difference, judged.low, judged.high))
    return [
        row.arm,
        str(row.score.seeds),
        interval(row.score),
        f"{value} [{low}, {high}]",
        p_in_words(judged.p).removeprefix("= "),
        f"{judged.comparison.probability_of_improvement:.2f}",
        judged.verdict,
    ]


def interval(score: Interval) -> str:
    return f"{100 * score.value:.1f} [{100 * score.low:.1f}, {100 * score.high:.1f}]"


def fine_print(found: Compared) -> str:
    covers = "; ".join(sorted({row.judged.comparison.covers for row in found.rows}))
    family = (
        f" p values and intervals of differences are adjusted for {len(found.rows)} comparisons"
        " (Holm)."
        if len(found.rows) > 1 and not found.looked
        else ""
    )
    looks = found.settings.looks
    at = (
        f" Looks after {', '.join(map(str, looks))} seeds: tested at {found.level:.2g} instead"
        f" of .05 ({found.settings.spending}), so that all together give a false alarm in 5 %;"
        " the intervals of differences hold over all looks."
        if looks
        else ""
    )
    at += "".join(f" {each.in_words()}" for each in found.looked)
    return (
        f"95 % intervals over {covers}.{family}{at} {found.settings.draws:,} draws, seed"
        f" {found.settings.seed}, seeds {pairing_in_words(found)}."
    )


def pairing_in_words(found: Compared) -> str:
    if found.settings.pairing == "none":
        return "not paired"
    known = ", ".join(
        f"{row.arm} on {row.benchmark} {row.judged.comparison.correlation:.2f}"
        + ("" if (row.judged.comparison.correlation or 0) > 0 else " (no reason to pair)")
        for row in found.rows
    )
    return f"paired by number; correlation of the pairs: {known}"


def record(found: Compared) -> dict[str, Any]:
    """The same as plain values; shares in [0, 1], nothing rounded."""
    settings = found.settings
    return {
        "reference": found.reference,
        "k": settings.k,
        "draws": settings.draws,
        "seed": settings.seed,
        "pairing": settings.pairing,
        "looks": list(settings.looks),
        "level": found.level,
        "reference_scores": {name: scored(each) for name, each in found.scores.items()},
        "comparisons": [compared_row(row, found) for row in found.rows],
        "missing": list(found.missing),
    }


def compared_row(row: ComparedArm, found: Compared) -> dict[str, Any]:
    each = row.judged.comparison
    correlation = each.correlation
    return {
        "benchmark": row.benchmark,
        "arm": row.arm,
        "score": scored(row.score),
        "difference": each.difference,
        "low": each.low,
        "high": each.high,
        "p": each.p,
        "low_holm": row.judged.low,
        "high_holm": row.judged.high,
        "p_holm": row.judged.p,
        "probability_of_improvement": each.probability_of_improvement,
        "minimal_difference": each.minimal_difference,
        "seeds": each.seeds,
        "reference_seeds": each.reference_seeds,
        "correlation": None if correlation is None or correlation != correlation else correlation,
        "covers": each.covers,
        "precision": row.precision and json_values(row.precision),
        "verdict": row.judged.verdict,
        "sentence": sentence(row.judged, row.arm, found.reference, row.benchmark, found.settings.k),
    }


def scored(score: Interval) -> dict[str, Any]:
    return {"value": score.value, "low": score.low, "high": score.high, "seeds": score.seeds}


def json_values(values: dict[str, Any]) -> dict[str, Any]:
    """Values that JSON knows: null for what is no number."""
    return {key: None if value != value else value for key, value in values.items()}
