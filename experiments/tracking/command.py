"""Shows results in MLflow. Files are the truth, MLflow is a view of them, and training knows
nothing of it.

    # make the store, log what is written, until the caller ends
    python -m experiments.tracking follow  results/arithmetic
    python -m experiments.tracking sync    results/arithmetic   # log all there is, with artifacts
    python -m experiments.tracking rebuild results              # make the whole database anew

The store is results/mlflow.db, or $MLFLOW_TRACKING_URI. ENTROPY_CONTROL_TRACKING=off switches all
of it off. A store that does not answer is one warning and never a failure: `rebuild` catches up
later.
"""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from eval.files.durable import write_text
from eval.files.errors import BadInput, exit_with_message
from experiments.tracking import sweeps as tracking_sweep
from experiments.tracking.mlflow_store import make_view
from experiments.tracking.store_address import (
    SWITCH,
    Unreachable,
    delete_database,
    own_uri,
    store_uri,
    switched_on,
    write_lock,
)

PAUSE = 3.0  # seconds between two looks at the files
WATCHED_FILES = (
    "spec.yaml",
    "*/seed-*/train.jsonl",
    "*/seed-*/run.json",
    "*/eval/*.json",
    "*/seed-*/eval/*.json",
    "tables/*.csv",
    *tracking_sweep.WATCHED_SWEEP_FILES,
)


def log_everything(root: Path, mark: Path | None = None) -> None:
    """A whole pass, which never fails for the store's sake. `mark`: a file that says how it
    went.
    """
    try:
        told = "switched off"
        if switched_on():
            make_view(root, alive=False, whole=True)
            told = "logged"
    except Unreachable as error:
        told = f"not logged: {error}"
        warn(error, root)
    if mark:
        write_text(mark, told + "\n")


def warn(error: Unreachable, root: Path) -> None:
    print(
        f"warning: tracking: no answer from {error}. The results are in their files all the same;"
        f" `python -m experiments.tracking rebuild {root.parent}` shows them later.",
        file=sys.stderr,
    )


def follow(root: Path, caller: int) -> None:
    """Logs what appears, until the calling process ends; one warning, then silence."""
    signal.signal(
        signal.SIGINT, signal.SIG_IGN
    )  # Ctrl-C goes to the whole group; this one ends with its caller
    os.nice(19)  # where training wants every core, logging takes about a hundredth of one
    seen: dict[Path, tuple[int, int]] = {}
    warned = False
    while os.getppid() == caller:
        now = state_of(root)
        if now != seen and now:
            error = one_pass(root, alive=True)
            if error and not warned:
                warn(error, root)
            warned, seen = warned or error is not None, seen if error else now
        time.sleep(PAUSE)
    one_pass(root, alive=False)


def one_pass(root: Path, alive: bool) -> Unreachable | None:
    """Why the store did not take it. A file that is being written may be unreadable now; it is read
    again later.
    """
    try:
        if (root / "spec.yaml").exists():
            make_view(root, alive, whole=False)
    except Unreachable as error:
        return error
    except BadInput as error:
        print(f"tracking: {error}", file=sys.stderr)
    return None


def state_of(root: Path) -> dict[Path, tuple[int, int]]:
    """Time and size of the files that runs are made of."""
    found: dict[Path, tuple[int, int]] = {}
    for path in (path for pattern in WATCHED_FILES for path in root.glob(pattern)):
        try:
            found[path] = (path.stat().st_mtime_ns, path.stat().st_size)
        except FileNotFoundError:  # removed between the two
            continue
    return found


def start_following(root: Path) -> None:
    """A process that follows the results as long as this one lives."""
    if not switched_on():
        return
    log = root / "logs" / "tracking.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w") as file:
        command = [
            sys.executable,
            "-m",
            "experiments.tracking",
            "follow",
            str(root),
            "--caller",
            str(os.getpid()),
        ]
        subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=file, stderr=file)


def rebuild_store(results: Path) -> None:
    """A new database beside the old one, which it then replaces. A server's runs are added to,
    never deleted.
    """
    roots = sorted(path.parent for path in results.glob("*/spec.yaml"))
    if not roots:
        raise BadInput(
            f"{results}: no experiment's spec.yaml is below it: give the folder that holds the"
            " experiments"
        )
    if not switched_on():
        raise BadInput(f"tracking is switched off by {SWITCH}: unset it to rebuild")
    own = store_uri(results) == own_uri(results)
    fresh = results / "mlflow.db.new"
    delete_database(fresh)
    if own:
        shutil.rmtree(results / "mlartifacts", ignore_errors=True)
    for root in roots:
        make_view(root, alive=False, whole=True, uri=own_uri(results, fresh.name) if own else None)
    if own:
        with write_lock(results):
            fresh.replace(results / "mlflow.db")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("action", choices=("follow", "sync", "rebuild"))
    parser.add_argument("folder", type=Path, help="results/<experiment>; for rebuild: results")
    parser.add_argument("--mark", type=Path, help="file to write when it is done")
    parser.add_argument(
        "--caller", type=int, default=os.getppid(), help="process whose end ends `follow`"
    )
    arguments = parser.parse_args()
    root = arguments.folder
    with exit_with_message():
        match arguments.action:
            case "follow":
                follow(root, arguments.caller)
            case "sync":
                log_everything(root, mark=arguments.mark)
            case "rebuild":
                try:
                    rebuild_store(root)
                except Unreachable as error:
                    raise BadInput(
                        f"no answer from {error}: start it, or free it, and try again"
                    ) from None
