"""verl's console: `step:1 - key:value - key:np.float64(value)`, maybe after `(TaskRunner pid=7)`.

A line may hold one key twice with two values (verl's own documentation shows one): nothing says
which is meant, so the key is left out of that line and named. Colours and progress bars in front of
`step:` are skipped. A log that ends within a line may end within a number, so that line's last
value is left out.
"""

import re
from pathlib import Path

from analysis.bring.files.reading import read_text
from analysis.bring.files.records import Answers, Finding, Found, Tool
from analysis.bring.tools.verl_keys import add_verl_row, verl_keys

COLOUR = re.compile(r"\x1b\[[0-9;]*m")
VERL_LINE = re.compile(r"\bstep:(\d{1,15}) - ([^\r\n]*)")
VERL_NUMBER = re.compile(r"(?:np\.float\d+\()?([-+]?[\d.]+(?:e[-+]?\d+)?)\)?")


def is_verl_console(path: Path, head: bytes) -> bool:
    return path.suffix in (".txt", ".log", ".out") and b" - actor/" in head and b"step:" in head


def read_verl_console(path: Path, answers: Answers) -> Found:
    found, text = Found(), COLOUR.sub("", read_text(path))
    for line in VERL_LINE.finditer(text):
        step, values, twice = int(line[1]), {}, set()
        parts = line[2].split(" - ")
        if line.end() == len(text):
            said = f"ends within the line of step {step}: its last value is left out"
            found.findings.append(Finding("cut off", path.name, said))
            del parts[-1]
        for part in parts:
            key, _, shown = part.strip().rpartition(":")
            value = _console_number(shown)
            if key in values and values[key] != value:
                twice.add(key)
            elif key and value is not None:
                values[key] = value
        for key in sorted(twice):
            del values[key]
            said = f"step {step}: {key} has two values in one line: left out"
            found.findings.append(Finding("key twice in a line", path.name, said))
        add_verl_row(found, step, values)
    return found


def _console_number(shown: str) -> float | None:
    match = VERL_NUMBER.fullmatch(shown.strip())
    try:
        return float(match[1]) if match else None
    except ValueError:  # "1.2.3"
        return None


VERL_CONSOLE = Tool(
    "verl_console", verl_keys, is_verl_console, read_verl_console, asks=("loss_agg_mode",)
)
