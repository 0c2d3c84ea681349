"""The licences of everything installed, and a name for each that is not plainly permissive.

    python -m tests.licences > licences.md          also: make audit

A licence is what a distribution's metadata says: License-Expression, else its classifiers,
else the first line of License or of the licence's own text.
"""

import re
from collections import Counter
from importlib.metadata import Distribution, distributions
from typing import Any

PERMISSIVE = re.compile(
    r"MIT|BSD|Apache|ISC|PSF|Python Software|Zlib|Unlicense|CC0|HPND|BlueOak|0BSD|Public"
    r" Domain|CNRI",
    re.I,
)
COPYLEFT = re.compile(r"\bA?L?GPL|General Public|MPL|Mozilla|EUPL|CDDL|EPL|Eclipse", re.I)
OWN = "entropy-control"


def licence(found: Distribution) -> str:
    meta: Any = found.metadata
    stated = [
        line.rpartition(":: ")[2]
        for line in meta.get_all("Classifier") or []
        if line.startswith("License ::")
    ]
    text = (
        meta.get("License-Expression")
        or "; ".join(stated)
        or (meta.get("License") or "").strip().partition("\n")[0]
    )
    return (text if text not in ("", "OSI Approved") else first_line(found))[:80] or "not stated"


def first_line(found: Distribution) -> str:
    """Of the licence's own text, where one is installed."""
    texts = [
        path for path in found.files or [] if path.name.upper().startswith(("LICEN", "COPYING"))
    ]
    return texts[0].read_text(encoding="utf-8").strip().partition("\n")[0] if texts else ""


def kind(text: str) -> str:
    """permissive, copyleft or unknown; a dual licence that offers a permissive one is that."""
    if PERMISSIVE.search(text) and (" OR " in text or not COPYLEFT.search(text)):
        return "permissive"
    return "copyleft" if COPYLEFT.search(text) else "unknown"


def main() -> None:
    found = {
        each.metadata["Name"]: (each.version, licence(each))
        for each in distributions()
        if each.metadata["Name"] != OWN
    }
    kinds = Counter(kind(text) for _, text in found.values())
    print(
        f"{len(found)} packages: "
        + ", ".join(f"{count} {name}" for name, count in kinds.most_common())
        + ".\n"
    )
    print("| package | version | licence | kind |\n|---|---|---|---|")
    for name, (version, text) in sorted(found.items(), key=lambda each: each[0].lower()):
        if kind(text) != "permissive":
            print(f"| {name} | {version} | {text} | {kind(text)} |")


if __name__ == "__main__":
    main()
