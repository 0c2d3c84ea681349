"""A copy of the code that a test may edit, and programs that run in it: a process reads the code of
the checkout that it was started from.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from eval.files import code_digest


def copy_code(folder: Path) -> Path:
    """The folder, with all packages of the suite in it."""
    for package in code_digest.PACKAGES:
        source = code_digest.CHECKOUT / package
        shutil.copytree(source, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def answer_of(checkout: Path, program: str, asked: Any = None) -> Any:
    """What the program prints as JSON, run in that checkout; `asked` is what it reads as JSON."""
    done = subprocess.run(
        [sys.executable, "-c", program],
        input=json.dumps(asked),
        cwd=checkout,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)
