"""MLflow's own pages, driven in a headless browser: the experiment is listed, two runs are compared
by entropy.

With SCREENSHOT set to a path, the compare view is saved there; with RESULTS set, it is that of real
results.
"""

import json
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from experiments.tracking.store_address import own_uri
from tests.support.browser import Page, executable, page
from tests.tracking.test_tracking import make_results

CHECKOUT = Path(__file__).parents[2]
STEPS = "[...document.querySelectorAll('label')].find(e => e.innerText.trim() === 'Step')?.click()"
CLOSE_ASSISTANT = "document.elementFromPoint(innerWidth - 36, 36)?.closest('button')?.click()"
LIMIT = 90.0  # seconds until pages that do not come count as broken

pytestmark = pytest.mark.skipif(
    executable() is None, reason="no Chromium or Chrome on this machine"
)


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


@contextmanager
def served(results: Path) -> Iterator[str]:
    """The address of an MLflow UI on a database, ended on the way out with all of its workers."""
    port = free_port()
    command = [
        sys.executable,
        "-m",
        "mlflow",
        "ui",
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
        "--workers",
        "1",
    ]
    environment = os.environ | {
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    }
    server = subprocess.Popen(
        [*command, "--backend-store-uri", own_uri(results)],
        env=environment,
        cwd=results,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        until(lambda: answers(f"http://127.0.0.1:{port}/health"), "the MLflow UI does not start")
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(server.pid, 9)
        server.wait()


def answers(address: str) -> bool:
    try:
        return urllib.request.urlopen(address, timeout=5).status == 200
    except OSError:
        return False


def until(condition: object, what: str) -> None:
    assert callable(condition)
    end = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.2)


def wait_for(opened: Page, text: str) -> None:
    """Until the page shows a text."""
    found = f"document.body !== null && document.body.textContent.includes({text!r})"
    until(lambda: opened.evaluate(found), f"the page never shows {text!r}")


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of results with its database, made in a process of its own."""
    if given := os.environ.get("RESULTS"):
        return Path(given)
    root = make_results(tmp_path_factory.mktemp("ui") / "arithmetic", rollouts=12)
    without = {key: value for key, value in os.environ.items() if key != "MLFLOW_TRACKING_URI"}
    command = [sys.executable, "-m", "experiments.tracking", "rebuild", str(root.parent)]
    subprocess.run(command, check=True, cwd=CHECKOUT, env=without)
    return root.parent


def run_ids(results: Path, names: list[str]) -> tuple[str, list[str]]:
    """The experiment's id, and the ids of the named runs."""
    copy = shutil.copy(results / "mlflow.db", results / "mlflow.copy.db")
    database = sqlite3.connect(copy)
    marks = ", ".join("?" * len(names))
    query = f"SELECT experiment_id, run_uuid FROM runs WHERE lifecycle_stage = 'active' AND name IN ({marks}) ORDER BY name"
    rows = database.execute(query, names).fetchall()
    database.close()
    Path(copy).unlink()
    return str(rows[0][0]), [row[1] for row in rows]


def last_entropy(results: Path, run: str) -> str:
    """As the page writes it."""
    seed = [
        json.loads(line)
        for line in (results / "arithmetic" / run / "train.jsonl").read_text().splitlines()
    ]
    return json.dumps(seed[-1]["entropy"])


def test_runs_are_listed_and_compared(results: Path, tmp_path: Path) -> None:
    chosen = ["aer/seed-1", "none/seed-1"]
    experiment, runs = run_ids(results, chosen)
    listed = ",".join(f'"{run}"' for run in runs)
    view = f'runs=[{listed}]&experiments=["{experiment}"]&metric="entropy"&plot_metric_keys=["entropy"]'
    with served(results) as address, page(tmp_path / "profile") as opened:
        opened.resize(1500, 760)
        opened.call("Page.navigate", url=f"{address}/#/experiments")
        wait_for(opened, "arithmetic")
        opened.call("Page.navigate", url=f"{address}/#/experiments/{experiment}/runs")
        for name in ("none", "aer", "comparison"):
            wait_for(opened, name)
        opened.call("Page.navigate", url=f"{address}/#/metric?{view}")
        for name in chosen:
            wait_for(opened, f"{name} (entropy)")  # the curve's name beside its colour
            wait_for(opened, last_entropy(results, name))
        if picture := os.environ.get("SCREENSHOT"):
            opened.evaluate(STEPS)
            opened.evaluate(CLOSE_ASSISTANT)
            time.sleep(2)
            opened.screenshot(Path(picture))
