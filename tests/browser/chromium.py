"""A headless Chromium that tests talk to over a pipe, in its DevTools protocol.

Nothing but the browser is needed: no driver, no port. A page collects what went wrong on it.
"""

import base64
import json
import os
import select
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome")
TIMEOUT_S = 60
# Root may not use the sandbox, and /dev/shm of containers is small.
FLAGS = ("--headless", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--no-first-run")


def program() -> str | None:
    """The browser's program, if there is one."""
    return next((found for name in NAMES if (found := shutil.which(name))), None)


class Page:
    """One tab. ``problems`` are errors of the console, exceptions and what the policy forbade.

    ``requests`` are the addresses that it asked for, beside its own and what it carries in itself.
    """

    def __init__(self, browser: "Browser", session: str):
        self.browser, self.session = browser, session
        self.problems: list[str] = []
        self.requests: list[str] = []
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.send(f"{domain}.enable")

    def send(self, method: str, **params: Any) -> dict[str, Any]:
        """Call a method of the protocol and return its result."""
        return self.browser.send(method, params, self.session)

    def event(self, method: str, params: Mapping[str, Any]) -> None:
        """Take in what the browser tells."""
        if method == "Runtime.exceptionThrown":
            self.problems.append(params["exceptionDetails"]["text"])
        elif method == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning"):
            self.problems.append(f"console {params['type']}")
        elif method == "Log.entryAdded":
            self.problems.append(params["entry"]["text"])
        elif method == "Network.requestWillBeSent":
            address = params["request"]["url"]
            if not address.startswith("data:"):
                self.requests.append(address)

    def view(self, width: int, height: int, *, dark: bool = False, media: str = "screen") -> None:
        """Set the window's size in CSS pixels, the colour scheme and the medium."""
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.send("Emulation.setEmulatedMedia", media=media, features=[scheme])
        self.send(
            "Emulation.setDeviceMetricsOverride",
            **{"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600},
        )

    def open(self, file: Path) -> None:
        """Open a file and wait until it is drawn."""
        self.send("Page.navigate", url=file.resolve().as_uri())
        self.wait("document.readyState === 'complete'")
        self.evaluate("new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")

    def evaluate(self, code: str) -> Any:
        """The value of an expression of JavaScript on the page; promises are waited for."""
        result = self.send(
            "Runtime.evaluate", expression=code, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in result, result["exceptionDetails"]
        return result["result"].get("value")

    def audit(self, axe: str) -> tuple[int, list[list[Any]]]:
        """How many rules of axe-core hold, and serious and critical ones that do not."""
        self.evaluate(axe + "; 0")
        held, broken = self.evaluate(
            "axe.run().then((done) => [done.passes.length, done.violations.map((one) => "
            "[one.impact, one.id, one.nodes.slice(0, 3).map((node) => node.html)])])"
        )
        return held, [one for one in broken if one[0] in ("serious", "critical")]

    def wait(self, condition: str) -> None:
        """Wait until an expression is true."""
        end = time.monotonic() + TIMEOUT_S
        while not self.evaluate(condition):
            assert time.monotonic() < end, f"still not: {condition}"
            time.sleep(0.02)

    def screenshot(self, out: Path, *, whole: bool = True) -> None:
        """Save a picture of the page, or of the window alone."""
        shot = self.send("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        out.write_bytes(base64.b64decode(shot["data"]))

    def pdf(self, out: Path) -> None:
        """Print the page on paper of the size that it asks for."""
        self.send("Emulation.setEmulatedMedia", media="", features=[])
        printed = self.send("Page.printToPDF", preferCSSPageSize=True, printBackground=True)
        out.write_bytes(base64.b64decode(printed["data"]))


class Browser:
    """A running browser."""

    def __init__(self, profile: Path):
        ours, theirs = os.pipe(), os.pipe()
        command = f'exec "$@" 3<&{ours[0]} 4>&{theirs[1]}'
        flags = (*FLAGS, f"--user-data-dir={profile}", "--remote-debugging-pipe", "about:blank")
        self.process = subprocess.Popen(
            ["bash", "-c", command, "bash", str(program()), *flags],
            pass_fds=(ours[0], theirs[1]),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(ours[0])
        os.close(theirs[1])
        self.out, self.input = ours[1], theirs[0]
        self.rest, self.number = b"", 0
        self.pages: dict[str, Page] = {}

    def close(self) -> None:
        """End the browser."""
        os.close(self.out)
        try:
            self.process.wait(TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
        os.close(self.input)

    def send(self, method: str, params: Mapping[str, Any], session: str = "") -> dict[str, Any]:
        """Call a method; what the browser tells meanwhile goes to its pages."""
        self.number += 1
        message: dict[str, Any] = {"id": self.number, "method": method, "params": params}
        data = json.dumps(message | ({"sessionId": session} if session else {})).encode() + b"\0"
        while data:
            data = data[os.write(self.out, data) :]
        while True:
            answer = self.receive()
            if answer.get("id") == self.number:
                assert "error" not in answer, f"{method}: {answer['error']}"
                return dict(answer["result"])
            if answer.get("sessionId") in self.pages:
                self.pages[answer["sessionId"]].event(answer["method"], answer["params"])

    def receive(self) -> dict[str, Any]:
        """The next message of the browser."""
        while b"\0" not in self.rest:
            ready, _, _ = select.select([self.input], [], [], TIMEOUT_S)
            data = os.read(self.input, 1 << 20) if ready else b""
            assert data, "the browser does not answer"
            self.rest += data
        message, self.rest = self.rest.split(b"\0", 1)
        return dict(json.loads(message))

    def page(self) -> Page:
        """A new tab."""
        target = self.send("Target.createTarget", {"url": "about:blank"})["targetId"]
        session = self.send("Target.attachToTarget", {"targetId": target, "flatten": True})
        page = Page(self, session["sessionId"])
        self.pages[page.session] = page
        return page


@contextmanager
def running(profile: Path) -> Iterator[Browser]:
    """A browser for the time of a ``with`` block."""
    browser = Browser(profile)
    try:
        yield browser
    finally:
        browser.close()
