"""Address of the MLflow store, a test whether it answers, and the lock for writing to it.

Only one process writes at a time: a new SQLite store that several processes open at once breaks in
its migrations. This module does not import MLflow, which takes seconds.
"""

import os
import re
import sqlite3
import urllib.request
from contextlib import AbstractContextManager, closing
from pathlib import Path
from urllib.error import HTTPError

from eval.files.locks import locked

SWITCH = "ENTROPY_CONTROL_TRACKING"
ANSWER_SECONDS = 5.0  # seconds for a store to answer


class Unreachable(Exception):
    """The store does not answer. The message never contains a password."""


def switched_on() -> bool:
    """False if the environment sets ENTROPY_CONTROL_TRACKING to off."""
    return os.environ.get(SWITCH, "on").lower() not in ("off", "0", "false", "no")


def store_uri(results: Path) -> str:
    """$MLFLOW_TRACKING_URI, or else the SQLite store in the folder `results`."""
    return os.environ.get("MLFLOW_TRACKING_URI") or own_uri(results)


def own_uri(results: Path, name: str = "mlflow.db") -> str:
    """URI of the SQLite store in the folder `results`."""
    return f"sqlite:///{(results / name).resolve()}"


def without_secrets(text: str) -> str:
    """The text without user names, passwords and queries of URIs, and without the values of
    password=, token=, secret= and key=.
    """
    text = re.sub(r"://\S*@", "://", text)  # to the last @: a password may hold one, and a slash
    text = re.sub(r"(://[^\s?'\"]*)\?[^\s'\"]*", r"\1", text)
    return re.sub(r"(?i)\b(\w*(?:password|token|secret|key))=\S+", r"\1=…", text)


def sqlite_file(uri: str) -> Path | None:
    """The file of an SQLite store; None for other stores, and for SQLite in memory."""
    return Path(uri.removeprefix("sqlite:///")) if uri.startswith("sqlite:///") else None


def delete_database(path: Path) -> None:
    """Deletes an SQLite database with its journal, which would otherwise be applied to a new
    database of the same name.
    """
    for end in ("", "-journal", "-wal", "-shm"):
        path.with_name(path.name + end).unlink(missing_ok=True)


def write_lock(results: Path) -> AbstractContextManager[None]:
    """The right to write to the store. Waits while another process has it."""
    return locked(results / "mlflow.lock", wait=True)


def check_answers(uri: str) -> None:
    """Raises Unreachable within seconds if the store does not answer. MLflow itself would try for
    minutes.
    """
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
        return  # an error status is an answer, too
    except (OSError, ValueError, sqlite3.Error) as error:
        raise Unreachable(f"{without_secrets(uri)} ({without_secrets(str(error))})") from None
