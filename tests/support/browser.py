"""A headless Chromium driven over a pipe with the DevTools protocol: no driver, no port, no
package.

Source: chromedevtools.github.io/devtools-protocol; `--remote-debugging-pipe` reads commands on
descriptor 3 and writes answers and events on 4, JSON objects that end in a zero byte.
"""

import base64
import fcntl
import json
import os
import select
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

LIMIT = 60.0  # seconds until a silent browser counts as broken
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--remote-debugging-pipe")


def executable() -> str | None:
    """Chromium or Chrome on this machine, None where there is neither."""
    names = ("chromium", "chromium-browser", "google-chrome", "chrome")
    return next((path for name in names if (path := shutil.which(name))), None)


class Page:
    """One open page."""

    def __init__(self, commands: int, answers: int) -> None:
        self.commands, self.answers = commands, answers
        self.buffer, self.sent, self.session = b"", 0, ""
        self.events: list[dict[str, Any]] = []

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Sends a command and waits for its answer; events that come first are kept."""
        self.sent += 1
        message: dict[str, Any] = {"id": self.sent, "method": method, "params": params}
        message |= {"sessionId": self.session} if self.session else {}
        os.write(self.commands, json.dumps(message).encode() + b"\0")
        while True:
            answer = self.read()
            if answer.get("id") == self.sent:
                assert "error" not in answer, f"{method}: {answer['error']}"
                return answer["result"]
            self.events.append(answer)

    def read(self) -> dict[str, Any]:
        end = time.monotonic() + LIMIT
        while b"\0" not in self.buffer:
            ready, _, _ = select.select([self.answers], [], [], max(0, end - time.monotonic()))
            assert ready, "the browser does not answer"
            part = os.read(self.answers, 1 << 20)
            assert part, "the browser has ended"
            self.buffer += part
        line, self.buffer = self.buffer.split(b"\0", 1)
        return json.loads(line)

    def open(self, path: Path) -> None:
        """Loads a file and waits until it and its images are there."""
        before = len(self.events)
        self.call("Page.navigate", url=path.resolve().as_uri())
        while not any(
            event.get("method") == "Page.loadEventFired" for event in self.events[before:]
        ):
            self.events.append(self.read())

    def evaluate(self, expression: str) -> Any:
        """The JSON value of a JavaScript expression."""
        answer = self.call(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def complaints(self) -> list[dict[str, Any]]:
        """Console errors, exceptions and refused requests so far."""
        return [
            event
            for event in self.events
            if is_complaint(event.get("method"), event.get("params", {}))
        ]

    def resize(self, width: int, height: int, phone: bool = False) -> None:
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": phone}
        self.call("Emulation.setDeviceMetricsOverride", **size)

    def screenshot(self, path: Path) -> None:
        """The whole page as PNG."""
        shot = self.call("Page.captureScreenshot", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(shot["data"]))


def is_complaint(method: str | None, params: dict[str, Any]) -> bool:
    """A DevTools event that a faultless page never causes."""
    if method == "Log.entryAdded":
        return params["entry"]["level"] == "error"
    if method == "Runtime.consoleAPICalled":
        return params["type"] in ("error", "assert")
    return method in ("Runtime.exceptionThrown", "Network.loadingFailed")


@contextmanager
def page(profile: Path) -> Iterator[Page]:
    """A browser with a fresh profile in that folder and one page; ended on the way out."""
    program = executable()
    assert program, "no Chromium on this machine"
    (to_read, to_write), (from_read, from_write) = os.pipe(), os.pipe()
    theirs = [fcntl.fcntl(end, fcntl.F_DUPFD, 10) for end in (to_read, from_write)]
    shell = f'exec "$@" 3<&{theirs[0]} 4>&{theirs[1]}'
    command = [
        "bash",
        "-c",
        shell,
        "bash",
        program,
        *FLAGS,
        f"--user-data-dir={profile}",
        "about:blank",
    ]
    process = subprocess.Popen(
        command, pass_fds=theirs, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    for end in (*theirs, to_read, from_write):
        os.close(end)
    try:
        opened = Page(to_write, from_read)
        target = opened.call("Target.createTarget", url="about:blank")["targetId"]
        opened.session = opened.call("Target.attachToTarget", targetId=target, flatten=True)[
            "sessionId"
        ]
        for domain in ("Page", "Runtime", "Network", "Log"):
            opened.call(f"{domain}.enable")
        yield opened
    finally:
        process.kill()
        process.wait()
        os.close(to_write)
        os.close(from_read)
