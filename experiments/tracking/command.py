"""Shows result files in MLflow. Everything in MLflow is read from files; training does not use it.

    # create the store and log new results, until the calling process ends
    python -m experiments.tracking follow  results/arithmetic
    python -m experiments.tracking sync    results/arithmetic   # log everything, with artifacts
    python -m experiments.tracking rebuild results              # write the whole database anew

The store is results/mlflow.db, or $MLFLOW_TRACKING_URI. ENTROPY_CONTROL_TRACKING=off switches
tracking off. A store that does not answer causes one warning and no failure; `rebuild` logs the
results later.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from eval.files.command_line import command_parser
from eval.files.durable import write_text
from eval.files.errors import BadInput, exit_with_message
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
from experiments.tracking.sweeps import WATCHED_SWEEP_FILES

PAUSE = 3.0  # seconds between two looks at the files
SHARE = 0.04  # of one core, which following takes at most: a pass costs more where more runs are
WATCHED_FILES = (
    "spec.yaml",
    "*/seed-*/train.jsonl",
    "*/seed-*/run.json",
    "*/eval/*.json",
    "*/seed-*/eval/*.json",
    "looks/*.json",
    "tables/*.csv",
    *WATCHED_SWEEP_FILES,
)


def log_everything(root: Path, mark: Path | None = None) -> None:
    """Logs all results, with artifacts. Only warns if the store does not answer.

    `mark`: file to write when this is done, with a line that says whether results were logged.
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
    """Prints that the store does not answer, and how to log the results later."""
    print(
        f"warning: tracking: no answer from {error}. The result files are complete without it;"
        f" `python -m experiments.tracking rebuild {root.parent}` logs them later.",
        file=sys.stderr,
    )


def follow(root: Path, caller: int) -> None:
    """Logs new results until the calling process ends. Warns at most once.

    `caller`: id of the calling process.
    """
    # Ctrl-C reaches every process of the group. This one ends when its caller does.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.nice(19)  # training needs every core
    seen: dict[Path, tuple[int, int]] = {}
    warned, due, passes = False, 0.0, 0
    while os.getppid() == caller:
        now = state_of(root) if time.monotonic() >= due else seen
        if now != seen and now:
            began = time.process_time()
            error = one_pass(root, alive=True)
            if error and not warned:
                warn(error, root)
            warned, seen = warned or error is not None, seen if error else now
            passes += 1
            if passes > 1:  # the first one imports MLflow
                due = time.monotonic() + (time.process_time() - began) / SHARE
        time.sleep(PAUSE)
    one_pass(root, alive=False)


def one_pass(root: Path, alive: bool) -> Unreachable | None:
    """Logs what is new; returns the error if the store does not answer.

    A file that cannot be read is only reported: it may be being written, and is read again later.
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
    """{file: (time of change, size)} of the files that are logged."""
    found: dict[Path, tuple[int, int]] = {}
    for path in (path for pattern in WATCHED_FILES for path in root.glob(pattern)):
        try:
            found[path] = (path.stat().st_mtime_ns, path.stat().st_size)
        except FileNotFoundError:  # deleted since it was listed
            continue
    return found


def start_following(root: Path) -> None:
    """Starts a process that logs results until this process ends."""
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
    """Writes a new database beside the old one and then replaces that. On a server, runs are added
    and never deleted.

    Raises:
        BadInput: no experiment is below `results`, or tracking is switched off.
        Unreachable: the store does not answer.
    """
    roots = sorted(path.parent for path in results.glob("*/spec.yaml"))
    if not roots:
        raise BadInput(
            f"{results}: no experiment is in this folder (<experiment>/spec.yaml): give the folder"
            " that contains the results of all experiments"
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
    parser = command_parser("experiments.tracking", __doc__)
    parser.add_argument("action", choices=("follow", "sync", "rebuild"))
    parser.add_argument("folder", type=Path, help="results/<experiment>; for rebuild: results")
    parser.add_argument("--mark", type=Path, help="sync: file to write at the end")
    parser.add_argument(
        "--caller",
        type=int,
        default=os.getppid(),
        help="follow: id of the process with which it ends",
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
                        f"no answer from {error}: start the server, or unlock the database, and"
                        " run the same command again"
                    ) from None
