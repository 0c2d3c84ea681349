"""Where the MLflow store is, whether it answers, and who may write to it. Without MLflow itself.

One process writes at a time, under a lock beside the results: a fresh SQLite store that several
open at once breaks in its migrations.
"""

import fcntl
import os
import re
import sqlite3
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.error import HTTPError

SWITCH = "ENTROPY_CONTROL_TRACKING"
ANSWER_SECONDS = 5.0  # seconds for a store to answer


class Unreachable(Exception):
    """The store does not answer. The message never holds a password."""


def switched_on() -> bool:
    return os.environ.get(SWITCH, "on").lower() not in ("off", "0", "false", "no")


def store_uri(results: Path) -> str:
    return os.environ.get("MLFLOW_TRACKING_URI") or own_uri(results)


def own_uri(results: Path, name: str = "mlflow.db") -> str:
    return f"sqlite:///{(results / name).resolve()}"


def without_secrets(text: str) -> str:
    """User names, passwords and queries of all URIs in a text left out, and what stands behind
    password= and its like.
    """
    text = re.sub(r"://\S*@", "://", text)  # to the last @: a password may hold one, and a slash
    text = re.sub(r"(://[^\s?'\"]*)\?[^\s'\"]*", r"\1", text)
    return re.sub(r"(?i)\b(\w*(?:password|token|secret|key))=\S+", r"\1=…", text)


def sqlite_file(uri: str) -> Path | None:
    """The file of an SQLite store; None of another store, or of one that is no file."""
    return Path(uri.removeprefix("sqlite:///")) if uri.startswith("sqlite:///") else None


def delete_database(path: Path) -> None:
    """With its journal: a new database of that name would be rolled back to it."""
    for end in ("", "-journal", "-wal", "-shm"):
        path.with_name(path.name + end).unlink(missing_ok=True)


@contextmanager
def write_lock(results: Path) -> Iterator[None]:
    """The right to write; waits until another process has done its pass."""
    results.mkdir(parents=True, exist_ok=True)
    with (results / "mlflow.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def check_answers(uri: str) -> None:
    """Raises Unreachable within seconds, where MLflow would try again for minutes."""
    try:
        if path := sqlite_file(uri):
            path.parent.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(path, timeout=ANSWER_SECONDS)) as database:
                database.execute("BEGIN IMMEDIATE").connection.rollback()
        elif uri.startswith(("http://", "https://")):
            parts = re.fullmatch(r"(https?://)(?:[^/]*@)?(.*?)/*", uri)
            assert parts
            urllib.request.urlopen(f"{parts[1]}{parts[2]}/health", timeout=ANSWER_SECONDS).close()
    except HTTPError:
        return  # an answer, whatever it says
    except (OSError, ValueError, sqlite3.Error) as error:
        raise Unreachable(f"{without_secrets(uri)} ({without_secrets(str(error))})") from None
