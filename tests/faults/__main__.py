"""python -m tests.faults [FAULT ...] [--seed N] [--folder DIR]: puts faults into a small study and
prints a table of outcomes.

Without names, all of them. The exit code is 1 if one did not end as it must. What it leaves in a
folder that you name stays; a temporary folder goes.
"""

import argparse
import json
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.faults import damage, disk, kills, together
from tests.faults.outcome import Broken, NotHere, Outcome, table
from tests.faults.study import Study

Fault = Callable[[Study, dict[str, float], Path, int], Outcome]
FAULTS: dict[str, Fault] = {
    "kill-everything": kills.kill_everything,
    "kill-jobs": kills.kill_jobs,
    "disk-full": disk.disk_full,
    "read-only": disk.read_only,
    "half-copied": damage.half_copied,
    "counts-cut-short": damage.counts_cut_short,
    "policy-changed": damage.policy_changed,
    "spec-edited": damage.spec_edited,
    "two-at-once": together.two_at_once,
    "outlived": together.outlived,
    "ctrl-c": together.interrupt,
    "clock-set-back": together.clock_set_back,
}


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.faults", description=(__doc__ or "").partition("\n\n")[0]
    )
    parser.add_argument("faults", nargs="*", metavar="FAULT", help=", ".join(FAULTS))
    parser.add_argument(
        "--seed", type=int, default=0, help="of the moments at which something is killed or cut"
    )
    parser.add_argument(
        "--folder", type=Path, help="where the studies go; its quiet run is used again"
    )
    arguments = parser.parse_args()
    # A shell lets what it starts in the background ignore Ctrl-C, and so would all that is started
    # here.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    unknown = set(arguments.faults) - set(FAULTS)
    if unknown:
        parser.error(f"no fault {min(unknown)!r}: choose from {', '.join(FAULTS)}")
    with tempfile.TemporaryDirectory(prefix="faults-") as temporary:
        return run(
            arguments.faults or list(FAULTS),
            (arguments.folder or Path(temporary)).resolve(),
            arguments.seed,
        )


def undisturbed(folder: Path) -> tuple[Study, dict[str, float]]:
    """The quiet run that every other is compared with, made once per folder."""
    study, record = Study(folder / "quiet"), folder / "quiet" / "taken.json"
    if not record.exists():
        taken = kills.quiet_run(study)
        record.write_text(json.dumps(taken, indent=2) + "\n")
    return study, json.loads(record.read_text())


def run(names: list[str], folder: Path, seed: int) -> int:
    quiet, taken = undisturbed(folder)
    rows, failures = [], list[str]()
    for name in names:
        started = time.monotonic()
        try:
            outcome = FAULTS[name](quiet, taken, folder / name, seed)
            rows.append((name, outcome))
            told = f"{outcome.times} times, ends as it must"
        except NotHere as error:
            told = f"skipped: {error}"
        except Broken as error:
            told = f"FAILED: {error}"
            failures.append(f"{name} {told}")
        print(f"{name}: {told} ({time.monotonic() - started:.0f} s)", flush=True)
    print(f"\n{table(rows)}")
    print("\n\n".join(["", *failures]))  # once more: they are long ago by now
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
