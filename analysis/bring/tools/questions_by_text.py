"""Questions that a file tells apart by their text alone."""

from collections import Counter

from analysis.bring.files.records import Finding


def merged_questions(samples: Counter[str], file: str) -> list[Finding]:
    """Names questions that have another number of samples than most. {question: samples}."""
    usual = samples.most_common() and Counter(samples.values()).most_common(1)[0][0]
    odd = [name for name, count in samples.items() if count != usual]
    said = (
        f"{len(odd)} of {len(samples)} questions have another number of samples than the usual"
        f" {usual} ({', '.join(odd[:3])}): questions of equal text have become one, or rows are"
        " missing"
    )
    return [Finding("merged questions", file, said)] if odd else []
