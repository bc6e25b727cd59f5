"""What a person sees of a round's end: the state on the run's page, in a real Chromium. Upstream: world. Downstream: harness."""

from __future__ import annotations

import shutil
from typing import Any

from chaos_round import Training
from chaos_world import until

_FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
_SHOWN = {
    "done": "Done", "cancelled": "Stopped", "released": "Paused, memory released", "killed": "Killed",
    "unknown": "Ended, result unknown",
}  # fmt: skip


class Onlooker:
    """A browser that is opened once."""

    def __init__(self) -> None:
        from playwright.sync_api import sync_playwright

        self._driver = sync_playwright().start()
        self._browser = self._driver.chromium.launch(executable_path=shutil.which("chromium"), args=_FLAGS)

    def check(self, training: Training) -> None:
        """The page of a run says how it ended, as the API does."""
        server = training.world.server
        context = self._browser.new_context(locale="en-US")
        try:
            page: Any = context.new_page()
            page.goto(server.link())
            page.goto(f"{server.url}/runs/{training.run_id}")
            wanted = _SHOWN[training.state()]
            until(lambda: page.get_by_role("status").first.inner_text().strip() == wanted)
        finally:
            context.close()

    def close(self) -> None:
        self._browser.close()
        self._driver.stop()
