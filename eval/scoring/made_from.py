"""The parts that the verdicts on one set are made from, for their mark (eval/files/marks.py)."""

from collections.abc import Sequence

from eval.files.code_digest import code_digest
from eval.files.marks import digest_of


def scoring_parts(
    ks: Sequence[int] | None, problems: str | None, samples: str | None
) -> dict[str, str | None]:
    """Part → digest; None if it is not known.

    `ks`: of pass@k. `problems`, `samples`: SHA-256 of the two files.
    """
    return {
        "settings": digest_of(list(ks) if ks else None),
        "code": code_digest("eval.score"),
        "problems": problems,
        "samples": samples,
    }


def plan_parts(samples: int, least: int, counts: str | None) -> dict[str, str | None]:
    """The same for the plan of samples per question. `counts`: SHA-256 of the base's counts."""
    return {
        "settings": digest_of({"samples": samples, "least": least}),
        "code": code_digest("eval.plan_samples"),
        "counts": counts,
    }
