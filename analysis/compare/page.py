"""What analysis.compare prints, as Markdown and as JSON."""

from typing import Any

from analysis.compare.against import Compared, ComparedArm
from analysis.compare.forest_text import forest_lines
from analysis.compare.looked import PAIRED
from analysis.inference.sentences import p_in_words, sentence, signed_points
from analysis.inference.statistics import ALPHA, Interval
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
    words = [f"- {row_in_words(row, found)}" for row in rows]
    picture = ["```", *forest_lines(marks_of(rows, k)), "```"]
    parts = [*markdown_lines(lines), "", *picture, "", *words, *precision_lines(rows)]
    return "\n".join([f"## {benchmark}", "", *parts])


def row_in_words(row: ComparedArm, found: Compared) -> str:
    """One comparison as a sentence."""
    only_look = not found.looked and found.level == ALPHA
    return sentence(
        row.judged, row.arm, found.reference, row.benchmark, found.settings.k, only_look
    )


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
    said = [
        f"95 % intervals over {covers}.",
        family_in_words(found),
        level_in_words(found),
        *(each.in_words() for each in found.looked),
        f"{found.settings.draws:,} draws, seed {found.settings.seed}, seeds"
        f" {pairing_in_words(found)}.",
    ]
    return " ".join(filter(None, said))


def family_in_words(found: Compared) -> str:
    if found.others < 2:
        return ""
    of_whom = f"the {found.others} that no look judged" if found.looked else "differences"
    return (
        f"p values and intervals of {of_whom} are adjusted for {found.others} comparisons (Holm)."
    )


def level_in_words(found: Compared) -> str:
    """At which level comparisons are tested that no look judged, where it is not .05."""
    settings = found.settings
    if settings.looks:
        return (
            f"Looks after {', '.join(map(str, settings.looks))} seeds: tested at {found.level:.2g}"
            f" instead of .05 ({settings.spending}), so that all together give a false alarm in"
            " 5 %; the intervals of differences hold over all looks."
        )
    if found.level < ALPHA:
        return (
            "Comparisons that no look judged use the level and the seeds of the look at which the"
            f" first of the two arms stopped: {found.level:.2g} or more instead of .05; p is"
            " multiplied by .05 / level."
        )
    return ""


def pairing_in_words(found: Compared) -> str:
    if found.settings.pairing == "none":
        return PAIRED["none"]
    known = ", ".join(
        f"{row.arm} on {row.benchmark} {correlation_in_words(row.judged.comparison.correlation)}"
        for row in found.rows
    )
    return f"{PAIRED['seed']}; correlation of the pairs: {known}"


def correlation_in_words(correlation: float | None) -> str:
    """None, as a look's file has it, and NaN: two pairs, or no spread."""
    if correlation is None or correlation != correlation:
        return "unknown (no reason to pair)"
    return f"{correlation:.2f}" + ("" if correlation > 0 else " (no reason to pair)")


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
        "looked": [
            {
                "name": each.name,
                "after": list(each.after),
                "spending": each.spending,
                "pairing": each.pairing,
                "draws": each.draws,
            }
            for each in found.looked
        ],
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
        "sentence": row_in_words(row, found),
    }


def scored(score: Interval) -> dict[str, Any]:
    return {"value": score.value, "low": score.low, "high": score.high, "seeds": score.seeds}


def json_values(values: dict[str, Any]) -> dict[str, Any]:
    """Values that JSON knows: null for what is no number."""
    return {key: None if value != value else value for key, value in values.items()}
