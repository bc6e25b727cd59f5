"""The console below a path of somebody else's address: a proxy strips the path and calls the server by its inner name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from console_server import ConsoleServer
from front import Front
from steered_run import start_training

pytestmark = pytest.mark.browser


@pytest.fixture
def front() -> Iterator[Front]:
    proxy = Front("/lab/gladius")
    yield proxy
    proxy.close()


def test_a_run_is_steered_and_every_address_can_be_loaded_again(
    front: Front, serve: Callable[..., ConsoleServer], visit: Callable[..., Any], until: Callable[..., Any]
) -> None:
    server = serve(public_url=front.url)
    front.target = server.port
    run_id = start_training(server, pause=0.05)
    guest = visit(SimpleNamespace(url=front.url, link=lambda: server.link().replace(server.url, front.url)))
    page = guest.page
    until(lambda: page.get_by_role("combobox", name="Profile").count() == 1)
    assert page.url == f"{front.url}/"
    page.get_by_role("link", name="Runs", exact=True).click()
    page.wait_for_url(f"{front.url}/runs")
    page.get_by_role("link", name="steered").first.click()
    page.wait_for_url(f"{front.url}/runs/{run_id}")
    until(lambda: guest.state == "Training", timeout=40)
    pause = page.get_by_role("button", name="Pause", exact=True)
    until(pause.is_enabled)
    pause.click()
    until(lambda: guest.state == "Paused", timeout=40)
    page.reload()
    until(lambda: guest.state == "Paused")
    page.get_by_role("button", name="Resume", exact=True).click()
    until(lambda: guest.state == "Training", timeout=40)
    with page.expect_download() as download:
        page.evaluate(
            "id => { const a = document.createElement('a'); a.href = new URL(`api/v1/runs/${id}/export?format=csv`, document.baseURI); a.click() }",
            run_id,
        )
    assert b"train/loss" in download.value.path().read_bytes()
    assert guest.complaints == [] and guest.foreign == []
    server.http.post(f"/runs/{run_id}/commands", json={"command": "terminate", "args": {"grace_s": 0}})
    until(lambda: server.get(f"/runs/{run_id}")["summary"]["finished_at"], timeout=40)
