"""Profiles over HTTP: kept, checked, edited by two, copied, deleted and put back; and a run of one's own script."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from console_server import ConsoleServer

MINE = "# mine\nname: Mine\nextends: lora-sft\n"


@pytest.fixture(autouse=True)
def nothing_kept(server: ConsoleServer) -> Iterator[None]:
    """Others share the server, and a test that failed is tried again."""
    yield
    for folder in (server.home.profiles, server.home.trash / "profiles"):
        shutil.rmtree(folder, ignore_errors=True)


def test_profiles_are_kept_edited_by_their_version_copied_deleted_and_put_back(server: ConsoleServer) -> None:
    made = server.http.post("/profiles", json={"id": "mine", "text": MINE})
    assert made.status_code == 201 and made.json()["extends"] == "lora-sft"
    place = server.home.profiles / "mine.yaml"
    assert place.read_text() == MINE and made.headers["etag"] == f'"{made.json()["version"]}"'
    again = server.http.post("/profiles", json={"id": "mine", "text": MINE})
    assert (again.status_code, again.json()["code"]) == (409, "profile_exists")

    held = server.http.get("/profiles/mine/file")
    edited = server.http.put(
        "/profiles/mine", json={"text": MINE + "default_epochs: 2\n"}, headers={"if-match": held.headers["etag"]}
    )
    assert edited.status_code == 200 and edited.json()["default_epochs"] == 2
    late = server.http.put("/profiles/mine", json={"text": MINE, "version": held.json()["version"]})
    assert (late.status_code, late.json()["code"]) == (409, "config_changed")
    assert server.http.put("/profiles/mine", json={"text": MINE}).json()["code"] == "profile_exists"
    assert "default_epochs" in place.read_text(), "nobody's edit is lost"

    copy = server.http.post("/profiles", json={"id": "other", "copy_of": "mine", "name": "Other"})
    assert (copy.status_code, copy.json()["name"]) == (201, "Other")
    stale = server.http.delete("/profiles/mine", headers={"if-match": held.headers["etag"]})
    assert stale.status_code == 409 and place.exists()
    thrown = server.http.delete("/profiles/mine").json()
    assert server.http.get("/profiles/mine").status_code == 404 and not place.exists()
    assert server.get("/trash/profiles") == [thrown]
    assert server.http.post(f"/trash/profiles/{thrown['entry']}/restore", json={}).json()["default_epochs"] == 2
    gone = server.http.post(f"/trash/profiles/{thrown['entry']}/restore", json={})
    assert (gone.status_code, gone.json()["code"]) == (404, "trash_not_found")
    refused = server.http.delete("/profiles/tiny-moe")
    assert (refused.status_code, refused.json()["code"]) == (409, "profile_builtin")


def test_a_text_is_checked_without_being_kept_and_a_wrong_one_is_not_kept(server: ConsoleServer) -> None:
    wrong = "engine: transformers\nlauncher: slurm\nconfig:\n  train: {sed: 1}\n"
    checked = server.http.post("/profiles/check", json={"text": wrong, "id": "wrong"}).json()
    assert {one["line"] for one in checked["problems"]} == {2, 4}
    assert server.http.post("/profiles/check", json={"text": "extends: tiny-moe\n"}).json()["problem"] is None
    refused = server.http.post("/profiles", json={"id": "wrong", "text": wrong})
    assert refused.status_code == 422
    told = {one["line"]: one["message"] for one in refused.json()["errors"]}
    assert "wrong.yaml, line 4" in told[4] and "Did you mean 'train.seed'" in told[4]
    assert not (server.home.profiles / "wrong.yaml").exists()
    server.home.profiles.mkdir(exist_ok=True)
    (server.home.profiles / "wrong.yaml").write_bytes(b"\xff\x00")
    assert "no UTF-8" in {one["id"]: one["problem"] for one in server.get("/profiles")}["wrong"]
    assert server.get("/profiles/wrong/file")["version"]


def test_a_script_of_ones_own_runs_from_the_built_in_profile_with_its_configuration(
    server: ConsoleServer, tmp_path: Path, until: Callable[..., object]
) -> None:
    script, out = tmp_path / "train.py", tmp_path / "out.txt"
    script.write_text(
        "import pathlib, sys\nassert 'script:' in pathlib.Path(sys.argv[1]).read_text()\n"
        f"pathlib.Path({str(out)!r}).write_text(' '.join(sys.argv[2:]) or 'alone')\n"
    )
    for overrides, word in (({}, "script.file"), ({"script.file": str(tmp_path / "no.py")}, "no script")):
        refused = server.http.post("/runs", json={"profile_id": "script", "overrides": overrides})
        assert refused.status_code == 422 and word in refused.text
    started = server.http.post("/runs", json={"profile_id": "script", "overrides": {"script.file": str(script)}})
    assert started.status_code == 201, started.text
    until(lambda: out.exists() and out.read_text() == "alone")

    text = (
        f"extends: script\nargv: ['{{python}}', '{{script.file}}', '{{config}}', '{{net.width}}', '{{run_dir}}']\n"
        f"resources: {{memory_gb: 1}}\nconfig: {{script: {{file: {script}}}, net: {{width: 4}}}}\n"
    )
    assert server.http.post("/profiles", json={"id": "scripted", "text": text}).status_code == 201
    run = server.http.post("/runs", json={"profile_id": "scripted", "overrides": {"net.width": 8}}).json()["run_id"]
    until(lambda: out.read_text() == f"8 {server.home.runs / run}")
    assert server.home.run(run).read_run()["resources"] == {"memory_gb": 1}
