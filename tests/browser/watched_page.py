"""A server, a run that is told event by event, and signed-in browsers: shared by a module's tests of alerts and settings."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import forge
from alert_story import Told
from console_server import ConsoleServer
from judge import violations
from signed_in import Visit

from gladius.pulse.identity import Identity
from gladius.pulse.lock import FileLock
from gladius.pulse.rundir import Home

# The page reads the list when its socket has said hello: an answer that this page has got, not the one before it.
ALERTS_READ = """() => new Promise((read, late) => {
    const look = answers => { if (answers.getEntries().some(one => one.name.includes('/api/v1/alerts?limit='))) read(); };
    new PerformanceObserver(look).observe({type: 'resource', buffered: true});
    setTimeout(() => late(new Error('the page has not read its alerts')), 30_000);
})"""


class LiveStory(Told):
    """A run told in real time: what is appended happens now. It holds its supervisor's lock, so that no other attaches."""

    behind = 0.0
    """Seconds by which what is told lies in the past."""

    def __init__(self, home: Home, me: Identity) -> None:
        self.lock: FileLock | None = None
        super().__init__(home, me, time.time())

    def attempt_begins(self, attempt: int, **hello: Any) -> Told:
        if self.lock is None:
            self.lock = FileLock(self.directory.supervisor_lock)
            self.lock.acquire()
        return super().attempt_begins(attempt, **hello)

    def clock(self) -> float:
        return time.time() - self.behind


class House:
    """One server with its home, for the tests of a module."""

    def __init__(self, folder: Path) -> None:
        self.home = Home(folder / "home")
        self.home.create()
        self._started: list[subprocess.Popen[str]] = []
        self._told: list[LiveStory] = []
        self.server = ConsoleServer(self.spawn, self.home)

    def spawn(self, *argv: object, **options: Any) -> subprocess.Popen[str]:
        self._started.append(forge.start(*argv, **{"stdout": subprocess.PIPE, **options}))
        return self._started[-1]

    def run(self) -> LiveStory:
        """A run with a process that lives."""
        me = Identity.of(self.spawn("sleep", "600").pid)
        assert me is not None
        self._told.append(LiveStory(self.home, me))
        return self._told[-1]

    def settle(self, until: Callable[..., Any]) -> None:
        """End the runs of a test, and acknowledge all that they gave reason for: the next test finds nothing waiting."""
        for run in self._told:
            run.state("done").exited("finished", code=0)
            if run.lock is not None:
                run.lock.release()
        ids = {run.directory.run_id for run in self._told}
        self._told.clear()
        until(
            lambda: (
                not ids
                & {one["run_id"] for one in self.server.get("/runs", limit=200)["runs"] if one["state"] != "done"}
            )
        )
        for one in self.server.get("/alerts", limit=1000)["alerts"]:
            if one["acknowledged_at"] is None:
                self.server.http.post(f"/alerts/{one['id']}/ack")

    @property
    def waiting(self) -> int:
        """How many alerts wait for somebody, as the server's book has it."""
        alerts = self.server.get("/alerts", limit=1000)["alerts"]
        return sum(one["acknowledged_at"] is None and one["level"] != "info" for one in alerts)

    def alerts(self, run: Told) -> dict[str, dict[str, Any]]:
        """The server's book of a run, the newest of each code."""
        found = self.server.get("/alerts", run_id=run.directory.run_id)["alerts"]
        return {one["code"]: one for one in reversed(found)}

    def close(self) -> None:
        self.server.terminate()
        for process in self._started:
            if process.poll() is None:
                process.kill()
                process.wait(10)
            if process.stdout is not None:
                process.stdout.close()


class Guest(Visit):
    """A browser of its own, signed in, that hears alerts."""

    def __init__(self, browser: Any, server: ConsoleServer, prepare: str = "", **options: Any) -> None:
        self.context = browser.new_context(**{"viewport": {"width": 1440, "height": 900}, "locale": "en-US", **options})
        if prepare:
            self.context.add_init_script(prepare)
        super().__init__(self.context, server)

    def open(self, path: str) -> Any:
        """A page that hears alerts and has read the list: what is told from now on is news to it."""
        super().open(path)
        self.page.evaluate(ALERTS_READ)
        self.bell.wait_for()
        self.page.wait_for_load_state("networkidle")
        return self.page

    def watch(self, run: Told) -> Any:
        """The run's console, loaded."""
        self.open(f"/runs/{run.directory.run_id}")
        self.page.get_by_role("button", name="Stop training").wait_for()
        return self.page

    @property
    def toasts(self) -> Any:
        return self.page.get_by_role("region", name="New alerts")

    def toast(self, text: str) -> Any:
        return self.toasts.locator(".toast", has_text=text)

    @property
    def bell(self) -> Any:
        return self.page.locator("button[aria-label^='Alerts,'], button[aria-label^='Тревоги,']")

    @property
    def waiting(self) -> int:
        """How many the bell says wait."""
        words = str(self.bell.get_attribute("aria-label"))
        return int("".join(filter(str.isdigit, words)) or 0)

    def violations(self, within: str = ":root") -> list[str]:
        return violations(self.page, within)

    def close(self) -> None:
        self.context.close()


Visitor = Callable[..., Guest]
