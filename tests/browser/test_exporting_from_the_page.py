"""A run taken away through the page, and its TensorBoard: what lands on the disk, and what the foreign page may do."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from console_fixtures import train  # noqa: F401
from console_server import ConsoleServer
from judge import violations
from scripted_run import ScriptedRun

pytestmark = pytest.mark.browser

TRIES = """async () => {
  const told = {};
  const ways = {
    read: () => fetch('/api/v1/runs'),
    with_cookies: () => fetch('/api/v1/runs', {credentials: 'include'}),
    unseen: () => fetch('/api/v1/runs', {mode: 'no-cors'}),
    write: () => fetch('/api/v1/runs', {method: 'POST', body: '{}'}),
    socket: () => new Promise((done, failed) => {
      const socket = new WebSocket('ws://' + location.host + '/api/v1/stream');
      socket.onopen = done;
      socket.onerror = () => failed(new Error('refused'));
    }),
    its_own: () => fetch('data/environment').then(answer => { if (!answer.ok) throw new Error(answer.status) }),
  };
  for (const [name, way] of Object.entries(ways)) told[name] = await way().then(() => 'open', () => 'closed');
  return told;
}"""


@pytest.fixture
def seen(
    serve: Callable[..., ConsoleServer],
    train: Callable[..., ScriptedRun],  # noqa: F811
    visit: Callable[..., Any],
    until: Callable[..., Any],
) -> tuple[ScriptedRun, Any]:
    """A run of 60 steps on its page."""
    run = train(name="Опыт 1")
    run.order(steps=60)
    guest = visit(serve(), accept_downloads=True)
    guest.open(f"/runs/{run.run_id}")
    until(lambda: guest.page.get_by_role("figure", name="Loss").locator("canvas").count() > 0)
    return run, guest


def downloaded(page: Any, click: Callable[[], object]) -> tuple[str, bytes]:
    with page.expect_download(timeout=60_000) as coming:
        click()
    return coming.value.suggested_filename, Path(coming.value.path()).read_bytes()


def test_what_is_chosen_is_what_lands_on_the_disk(seen: tuple[ScriptedRun, Any], until: Callable[..., Any]) -> None:
    run, guest = seen
    page = guest.page
    page.get_by_role("button", name="Export metrics").first.click()
    dialog = page.get_by_role("dialog", name="Export metrics")
    save = dialog.get_by_role("button", name="Download").click
    assert violations(page, within="dialog[open]") == []

    dialog.get_by_role("checkbox", name="SVG").check()
    name, data = downloaded(page, save)
    until(lambda: "Saved" in dialog.inner_text())
    assert name == f"Опыт 1 {run.run_id}.zip"
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        files = {one: archive.read(one) for one in archive.namelist()}
    assert files["console.log"] == run.directory.console_log.read_bytes()
    assert files["events.jsonl"] == run.directory.events.read_bytes()
    assert files["charts/Loss.png"].startswith(b"\x89PNG") and b"<svg" in files["charts/Loss.svg"]
    rows = list(csv.DictReader(io.StringIO(files["metrics.csv"].decode())))
    assert [float(row["train/loss"]) for row in rows] == [5.0 / (step + 1) for step in range(60)]

    dialog.get_by_role("radio", name="Metrics, CSV", exact=True).check()
    assert dialog.get_by_role("checkbox", name="PNG").is_disabled()
    assert downloaded(page, save) == (f"Опыт 1 {run.run_id}.csv", files["metrics.csv"])
    dialog.get_by_role("radio", name="Metrics, JSON", exact=True).check()
    document = json.loads(downloaded(page, save)[1])
    assert document["summary"]["run_id"] == run.run_id and len(document["series"]["train/loss"]["step"]) == 60
    dialog.get_by_role("radio", name="Log", exact=True).check()
    assert downloaded(page, save)[1] == run.directory.console_log.read_bytes()
    dialog.get_by_role("radio", name="Charts", exact=True).check()
    dialog.get_by_role("checkbox", name="PNG").uncheck()
    name, data = downloaded(page, save)
    assert name == f"{run.run_id}-charts.zip"
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert "charts/Loss.svg" in archive.namelist() and "charts/Loss.png" not in archive.namelist()
    dialog.get_by_role("checkbox", name="SVG").uncheck()
    assert dialog.get_by_role("button", name="Download").is_disabled()
    dialog.get_by_role("button", name="Close").click()
    until(lambda: dialog.count() == 0)
    assert guest.complaints == [] and guest.foreign == []


def test_tensorboard_shows_this_runs_loss_and_may_do_nothing_here(
    seen: tuple[ScriptedRun, Any], until: Callable[..., Any]
) -> None:
    pytest.importorskip("tensorboard")
    run, guest = seen
    page = guest.page
    with page.expect_popup() as coming:
        page.get_by_role("button", name="View TensorBoard").first.click()
    board = coming.value
    foreign: list[str] = []
    ours = (guest.server.url, "data:", "blob:", "about:")
    board.on("request", lambda request: None if request.url.startswith(ours) else foreign.append(request.url))
    board.wait_for_url(f"**/tensorboard/{run.run_id}/**", timeout=90_000)
    card = board.locator("scalar-card").filter(has_text="loss").first
    card.wait_for(timeout=60_000)
    until(lambda: "59" in card.inner_text() and "gladius" in card.inner_text(), timeout=60)
    assert card.locator("canvas").count() > 0
    assert board.evaluate("window.origin") == "null" and board.evaluate("window.opener === null")
    assert board.evaluate(TRIES) == {
        "read": "closed", "with_cookies": "closed", "unseen": "closed", "write": "closed", "socket": "closed",
        "its_own": "open",
    }  # fmt: skip

    run.order(steps=40)
    board.reload()
    until(lambda: "99" in board.locator("scalar-card").filter(has_text="loss").first.inner_text(), timeout=90)
    assert foreign == [] and board.url.startswith(f"{guest.server.url}/tensorboard/{run.run_id}/")
    board.close()
