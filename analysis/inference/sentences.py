"""Verdicts in plain words: what was found, how sure that is, and what could have been seen."""

from analysis.inference.statistics import UNDECIDED, Judged


def sentence(
    judged: Judged, arm: str, reference: str, benchmark: str, k: int, only_look: bool = True
) -> str:
    """One comparison as a sentence. Interval and p are adjusted alike, as the verdict is.

    only_look: the arms are compared once, at .05, so that what could be seen then can be said.
    """
    facts = f"{difference_in_words(judged)} of pass@{k}"
    found = judged.comparison
    if judged.verdict != UNDECIDED:
        return f"{benchmark}: {arm} is {judged.verdict} than {reference}, {facts}."
    if not found.decidable:
        lone = arm if found.seeds == 1 else reference
        if found.seeds == found.reference_seeds:
            lone = "each of them"
        return (
            f"{benchmark}: {arm} and {reference} are not distinguishable as methods. Their runs"
            f" differ by {facts}; with one training seed of {lone}, how much of that is due to the"
            " seed is unknown."
        )
    undecided = f"{benchmark}: {arm} and {reference} are not distinguishable, {facts}."
    if not only_look:
        return undecided
    return (
        f"{undecided} With this comparison alone, such a study would detect a true difference of"
        f" {signed_points(found.minimal_difference)[1:]} points about four times in five."
    )


def difference_in_words(judged: Judged) -> str:
    """+3.9 points (95 % interval −0.4 to +8.2, p = .24, both adjusted for 8 comparisons)."""
    family = f", both adjusted for {judged.family} comparisons" if judged.family > 1 else ""
    value, low, high = map(signed_points, (judged.comparison.difference, judged.low, judged.high))
    interval = f"95 % interval {low} to {high}"
    return f"{value} points ({interval}, p {p_in_words(judged.p)}{family})"


def signed_points(share: float) -> str:
    """A difference of shares in points, with its sign: −0.012 -> −1.2."""
    shown = f"{100 * share:+.1f}"
    return "+0.0" if float(shown) == 0 else shown.replace("-", "−")


def p_in_words(p: float) -> str:
    """As it is written after the letter p: = .024, < .001."""
    return (
        "< .001" if p < 0.001 else f"= {p:.2g}" if p >= 0.9995 else f"= {p:.3f}".replace("0.", ".")
    )
