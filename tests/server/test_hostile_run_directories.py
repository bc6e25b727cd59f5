"""A run's directory, a flow, a profile, a dataset may come from anywhere: links, pipes, sockets, folders and sparse files
instead of files. Nothing is followed out, nobody waits, and the run shows."""

from __future__ import annotations

import io
import json
import os
import re
import socket
import stat
import sys
import threading
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from direct import Direct
from written_run import Written

from gladius.pulse.identity import Identity
from gladius.pulse.lock import FileLock
from gladius.pulse.rundir import Home, RunDir

SECRET = "the-secret-outside"
FILES = (
    "events.jsonl", "supervisor.jsonl", "training_status.json", "annotations.json", "console.log", "report.json", "report.md",
    "config.yaml", "supervisor.lock", "trainer.lock", "attempts/1.json", "attempts/1.yaml", "control/x.json", "control/supervisor/x.json",
)  # fmt: skip
FOLDERS = ("attempts", "control", "control/supervisor", "checkpoints", "tensorboard")


def link(path: Path, outside: Path) -> None:
    path.symlink_to(outside / "secret.txt")


def pipe(path: Path, outside: Path) -> None:
    os.mkfifo(path)


def folder(path: Path, outside: Path) -> None:
    path.mkdir()


def bound(path: Path, outside: Path) -> None:
    short = outside / "s"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.fspath(short))
    short.rename(path)


def device(path: Path, outside: Path) -> None:
    path.symlink_to("/dev/zero")


def sparse(path: Path, outside: Path) -> None:
    path.touch()
    os.truncate(path, 1 << 40)


KINDS: tuple[Callable[[Path, Path], None], ...] = (link, pipe, folder, bound, device, sparse)


def spoil(home: Home, outside: Path, kind: Callable[[Path, Path], None]) -> RunDir:
    """A run in which everything but run.json is what it must not be."""
    run = RunDir(home.runs / f"20260101-000000-{kind.__name__}-00ff")
    run.create(
        {
            "name": kind.__name__,
            "source": "cli",
            "created_at": 1.0,
            "config_source": "config.yaml",
            "engine": "transformers",
        }
    )
    (run.root / "training_status.json").unlink()
    for name in FILES:
        if not (kind is sparse and name == "console.log"):
            kind(run.root / name, outside)
    return run


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("outside")
    (place / "secret.txt").write_text(SECRET + "\n")
    (place / "1.json").write_text(json.dumps({"argv": [SECRET]}))
    (place / "x.json").write_text(json.dumps({"id": SECRET, "command": SECRET, "attempt": 1, "args": {}}))
    (place / "run.json").write_text(json.dumps({"name": SECRET, "source": "cli"}))
    return place


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, outside: Path) -> Iterator[Direct]:
    home = Home(tmp_path_factory.mktemp("h") / "home")
    home.create()
    for kind in KINDS:
        spoil(home, outside, kind)
    led = RunDir(home.runs / "20260101-000000-folders-00ff")
    led.root.mkdir()
    led.run_json.write_text('{"name": "folders", "source": "cli"}')
    for name in FOLDERS[:2] + FOLDERS[3:]:
        (led.root / name).symlink_to(outside)
    (home.runs / "20260101-000000-elsewhere-00ff").symlink_to(outside)
    named = RunDir(home.runs / "20260101-000000-named-00ff")
    named.create({"name": "named", "source": "cli", "config_source": "../../../outside0/secret.txt"})
    for place in (home.flows, home.profiles, home.presets, home.datasets):
        place.mkdir(exist_ok=True)
        for ending in ("json", "yaml", "jsonl"):
            for kind in KINDS if ending == "jsonl" else KINDS[:-1]:
                kind(place / f"{kind.__name__}.{ending}", outside)
    direct = Direct(home)
    yield direct
    direct.stop()


READS = (
    "", "/status", "/metrics", "/metrics/names", "/metrics/latest", "/events", "/console", "/console/find?q=s", "/system",
    "/checkpoints", "/report", "/report?format=md", "/error-log", "/config", "/config/diff", "/config/schema", "/commands", "/schedule",
    "/export?format=csv", "/export?format=json", "/export?format=zip", "/export?format=log",
)  # fmt: skip


def test_every_page_of_a_hostile_run_answers_and_tells_nothing_from_outside(world: Direct) -> None:
    for kind in (*[one.__name__ for one in KINDS], "folders", "named"):
        for what in READS:
            if kind == "sparse" and what.startswith("/export"):
                continue  # a terabyte of zeros is an event stream like another: it is sent as long as somebody takes it
            path, _, query = what.partition("?")
            answer = world.ask("GET", f"/api/v1/runs/20260101-000000-{kind}-00ff{path}", query)
            assert SECRET.encode() not in answer.body, (kind, what)
            assert answer.status < 500, (kind, what, answer.body[:300])
            if what.endswith("zip"):
                for one in zipfile.ZipFile(io.BytesIO(answer.body)).infolist():
                    assert re.fullmatch(r"[\w.]+", one.filename) and stat.S_IFMT(one.external_attr >> 16) in (
                        0,
                        stat.S_IFREG,
                    )


def test_a_run_that_is_a_link_is_none_and_the_others_are_listed(world: Direct) -> None:
    told = {run["name"] for run in world.ask("GET", "/api/v1/runs", "limit=100").json()["runs"]}
    assert told == {*[one.__name__ for one in KINDS], "folders", "named"}


def test_what_is_no_plain_file_is_named_in_the_runs_health(world: Direct) -> None:
    health = world.ask("GET", "/api/v1/runs/20260101-000000-link-00ff").json()["summary"]["health"]
    assert (
        health["code"] == "unfit_file" and health["level"] == "attention" and health["data"]["file"] == "events.jsonl"
    )
    health = world.ask("GET", "/api/v1/runs/20260101-000000-folders-00ff").json()["summary"]["health"]
    assert health["data"]["file"] == "attempts"


def test_flows_profiles_presets_and_datasets_from_outside_are_shown_and_not_read(world: Direct) -> None:
    for what in ("flows", "profiles", "presets", "datasets"):
        answer = world.ask("GET", f"/api/v1/{what}")
        assert answer.status == 200 and SECRET.encode() not in answer.body, what
    assert "link" in {one["id"] for one in world.ask("GET", "/api/v1/profiles").json()}
    assert world.ask("GET", "/api/v1/profiles/link/file").status < 500


def test_writing_to_a_hostile_run_writes_nowhere_else(world: Direct, outside: Path) -> None:
    before = {path.name: path.read_text() for path in outside.iterdir()}
    for kind in ("link", "folders", "named", "device"):
        run = f"/api/v1/runs/20260101-000000-{kind}-00ff"
        for method, path, body in (
            ("POST", "/commands", {"command": "terminate"}), ("POST", "/commands", {"command": "stop"}),
            ("PATCH", "", {"notes": "mine"}), ("PUT", "/config", {"text": "train:\n  epochs: 2\n"}),
            ("POST", "/resume", {}), ("DELETE", "", None),
        ):  # fmt: skip
            answer = world.ask(method, run + path, body=b"" if body is None else json.dumps(body).encode())
            assert SECRET.encode() not in answer.body, (kind, method, path)
    assert {path.name: path.read_text() for path in outside.iterdir()} == before


def test_a_lock_that_is_a_link_leaves_what_it_leads_to(tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("kept")
    (tmp_path / "lock").symlink_to(tmp_path / "kept")
    with pytest.raises(OSError):
        FileLock(tmp_path / "lock").acquire()
    assert (tmp_path / "kept").read_text() == "kept"


def test_the_scripts_own_file_is_shown_where_it_ran_and_nowhere_else(home: Home, tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    own.write_text(f"rate: {SECRET}\n")
    me = Identity.current().as_dict()
    for name, who in (("here", me), ("foreign", {**me, "boot_id": "another"})):
        written = Written(home, Identity.current()).begin(1, config_file=str(own), name=name, **who)
        (home.root / name).write_text(written.directory.run_id)
        written.trainer.close()
    direct = Direct(home)
    try:
        for name in ("here", "foreign"):
            diff = direct.ask("GET", f"/api/v1/runs/{(home.root / name).read_text()}/config/diff")
            assert (SECRET in diff.body.decode()) == (name == "here"), diff.body
    finally:
        direct.stop()


def test_a_link_that_is_swapped_in_during_the_request_is_noticed(home: Home, outside: Path) -> None:
    """A dataset's file is exchanged with a link to the secret, over and over, while it is previewed."""
    good, bad = home.datasets / "swap.jsonl", home.datasets / ".bad"
    text = '{"messages": [{"role": "user", "content": "fine"}, {"role": "assistant", "content": "fine"}]}\n'
    (outside / "secret.jsonl").write_text(text.replace("fine", SECRET))
    good.write_text(text)
    over = threading.Event()

    def swap() -> None:
        while not over.is_set():
            bad.symlink_to(outside / "secret.jsonl")
            bad.replace(good)
            kept = good.with_name(".kept")
            kept.write_text(text)
            kept.replace(good)

    direct, swapper = Direct(home), threading.Thread(target=swap)
    quick, sys_interval = 1e-5, sys.getswitchinterval()
    swapper.start()
    sys.setswitchinterval(quick)
    try:
        for what in ("preview", "check") * 60:
            assert SECRET not in direct.ask("GET", f"/api/v1/datasets/swap/{what}").body.decode()
    finally:
        sys.setswitchinterval(sys_interval)
        over.set()
        swapper.join()
        direct.stop()
