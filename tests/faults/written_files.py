"""Every file that Gladius writes, as a thing that can be written, read back and failed: the rows of the matrix of disk faults."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from small_index import DOCUMENTS, index_documents

from gladius.alerts.settings import SettingsFile
from gladius.catalog.dataset_adding import Upload
from gladius.catalog.dataset_roots import Roots
from gladius.catalog.datasets import Datasets
from gladius.catalog.presets import Presets
from gladius.flows.log import FlowLog
from gladius.knowledge.folder import IndexFolder
from gladius.knowledge.progress import Progress
from gladius.knowledge.search import search
from gladius.launch.attempt import write_config
from gladius.launch.queue_book import Entry, QueueBook
from gladius.pulse import checkpoints
from gladius.pulse.control import Command, Mailbox
from gladius.pulse.files import write_text
from gladius.pulse.rundir import Home
from gladius.server.flow_services import _write_export
from gladius.store.annotations import annotate
from gladius.store.columns import ColumnCopy
from gladius.store.trash import Trash
from gladius.supervise.record import append_history
from gladius.supervise.report import write_report
from gladius.supervise.rollback import _follow_along
from gladius.users.asker import ROLES
from gladius.users.audit import Audit, Wanted, read_audit
from gladius.users.book import Book
from gladius.users.home_token import load_token
from gladius.wire.catalog import Resources, StartRequest
from gladius.wire.presets import PresetRequest
from gladius.wire.runs import RunPatch
from gladius.wire.settings import Thresholds
from pulse_wrapper import atomic_write_json, safe_read_json, write_running_status


@dataclass
class Written:
    """`write(value)` puts it on the disk and raises when it cannot; `read()` says what a reader sees. Values are 1 and 2.

    `durable`: after a failed fsync it must not return as if it were on the disk. `grows`: what was written is added, once.
    """

    write: Callable[[int], object]
    read: Callable[[], Any]
    folder: Path
    durable: bool = True
    again: bool = True


def _json(path: Path) -> Callable[[], Any]:
    return lambda: safe_read_json(path)


def _lines(path: Path) -> Callable[[], Any]:
    return lambda: [json.loads(line) for line in path.read_text().splitlines() if line] if path.exists() else []


def status(home: Home) -> Written:
    path = home.root / "training_status.json"
    return Written(
        lambda v: write_running_status(path, v, 3, 0.5, "x"),
        lambda: (safe_read_json(path) or {}).get("epoch"),
        home.root,
    )


def any_json(home: Home) -> Written:
    path = home.root / "any.json"
    return Written(lambda v: atomic_write_json(path, {"v": v}), _json(path), home.root)


def run_record(home: Home) -> Written:
    run = home.run("r")

    def write(value: int) -> None:
        run.create({"name": "r"}, "Queued")
        run.write_attempt(1, {"argv": [value]})

    def read() -> Any:
        return safe_read_json(run.attempt_json(1))

    return Written(write, read, run.root)


def configuration(home: Home) -> Written:
    path = home.root / "config.yaml"
    return Written(
        lambda v: write_config(path, {"v": v}), lambda: path.read_text() if path.exists() else None, home.root
    )


def followed_configuration(home: Home) -> Written:
    """A rollback changes the editable file; one that cannot be written is left as it is, with a word in the log."""
    path = home.root / "config.yaml"
    path.write_text("v: 0\n")

    def write(value: int) -> None:
        before = {"v": int(path.read_text().split(":")[1])}
        _follow_along(path, before, {"v": value})
        if path.read_text() != f"v: {value}\n":
            raise OSError("left as it is")

    return Written(write, path.read_text, home.root)


def history(home: Home) -> Written:
    def write(value: int) -> None:
        append_history(home.history, {"training_id": "r", "attempt": value})

    return Written(write, lambda: [line["attempt"] for line in _lines(home.history)()], home.history.parent)


def report(home: Home) -> Written:
    run = home.run("r")
    run.root.mkdir(parents=True)
    facts = dict.fromkeys((
        "evidence", "profile", "dataset", "started_at", "finished_at", "duration_s", "epochs_completed",
        "total_epochs", "last_step", "train_loss", "eval_loss", "tokens_per_second", "samples_per_second",
        "peak_memory", "resume",
    ))  # fmt: skip
    facts |= {"state": "done", "name": "r", "run_id": "r", "checkpoints": [], "changes": [], "alerts": []}

    def read() -> Any:
        text = run.report_md.read_text() if run.report_md.exists() else ""
        told = safe_read_json(run.report_json)
        # The figures come first, the page for people after them; each is whole.
        assert text == "" or text.endswith("|\n")
        return None if told is None else told["attempt"]

    return Written(lambda v: write_report(run, {**facts, "attempt": v}), read, run.root)


def command(home: Home) -> Written:
    """The same id is posted once, so a value is an id."""
    folder = home.root / "control"
    box = Mailbox(folder)

    def write(value: int) -> None:
        box.post(Command(f"c{value}", "resume", 1))

    return Written(write, lambda: [one.id for one in Mailbox(folder).all()], folder, durable=False)


def checkpoint(home: Home) -> Written:
    parent = home.root / "checkpoints"

    def write(value: int) -> None:
        folder = parent / ".saving-step-1-7"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "weights").write_bytes(bytes([value]) * 1000)
        checkpoints.publish(checkpoints.seal(folder), parent / "step-1")

    def read() -> Any:
        checkpoints.recover(parent)
        target = parent / "step-1"
        if not target.exists():
            return None
        assert checkpoints.verify(target) == []
        return (target / "weights").read_bytes()[0]

    return Written(write, read, parent)


def queue_entry(home: Home) -> Written:
    book = QueueBook(home.queue)

    def write(value: int) -> None:
        book.write(Entry("r", StartRequest(profile_id="p"), "api", 1.0, value, 1.0, None, Resources()))

    return Written(write, lambda: [one.priority for one in book.all()], home.queue)


def flow_log(home: Home) -> Written:
    log = FlowLog(home.flow_logs / "f.jsonl")

    def write(value: int) -> None:
        if value not in [one["v"] for one in (log.read() if log.path.exists() else ())]:
            log.append("step_told", v=value)

    return Written(write, lambda: [one["v"] for one in log.read()] if log.path.exists() else [], home.flow_logs)


def profile(home: Home) -> Written:
    path = home.profiles / "p.yaml"
    return Written(
        lambda v: write_text(path, f"v: {v}\n"), lambda: path.read_text() if path.exists() else None, home.profiles
    )


def preset(home: Home) -> Written:
    presets = Presets(home.presets)

    def write(value: int) -> None:
        presets.put("mine", PresetRequest(name="mine", values={"train.epochs": value}))

    def read() -> Any:
        path = home.presets / "mine.yaml"
        return presets.get("mine").values if path.exists() else None

    return Written(write, read, home.presets)


def upload(home: Home) -> Written:
    """Uploads never replace: each value is a file of its own."""

    def write(value: int) -> None:
        if (home.datasets / f"d{value}.jsonl").exists():
            return
        one = Upload(home.datasets, f"d{value}.jsonl", None)
        try:
            one.write(b"{}\n" * 10_000)
            one.finish()
        finally:
            one.abort()

    def read() -> Any:
        found = sorted(home.datasets.glob("*.jsonl"))
        assert all(path.stat().st_size == 30_000 for path in found)
        return [path.name for path in found]

    return Written(write, read, home.datasets)


def token(home: Home) -> Written:
    path = home.state / "token"

    def write(value: int) -> None:
        if value > 1:
            load_token(path)

    def read() -> Any:
        return path.exists() and len(path.read_text()) == 43

    return Written(write, read, home.state)


def annotations(home: Home) -> Written:
    run = home.run("r")
    run.create({"name": "r"})
    return Written(
        lambda v: annotate(run, RunPatch(notes=str(v))),
        lambda: (safe_read_json(run.annotations) or {}).get("notes"), run.root,
    )  # fmt: skip


def thresholds(home: Home) -> Written:
    path = home.state / "settings.json"
    return Written(
        lambda v: SettingsFile(path).write(Thresholds(gpu_temperature=80 + v)),
        lambda: ((safe_read_json(path) or {}).get("alerts") or {}).get("gpu_temperature"), home.state,
    )  # fmt: skip


def index_progress(home: Home) -> Written:
    path = home.state / "progress.json"

    def write(value: int) -> None:
        Progress(path).end("done", str(value))

    # It says of itself how far it is: a first word that came through stays true.
    return Written(write, lambda: (safe_read_json(path) or {}).get("message") or "1", home.state)


def document_index(home: Home) -> Written:
    """What goes through Python of it; SQLite's own writes fail on a real full disk (test_indexes_on_a_full_disk.py)."""
    folder = IndexFolder(home, "d")
    folder.root.mkdir(parents=True)

    def read() -> Any:
        if not folder.search.exists():
            return None
        found = [search(folder.search, f"value{value}", 1).total for value in (1, 2)]
        assert sorted(found) == [0, DOCUMENTS], "the search is the old one or the new one"
        assert safe_read_json(folder.manifest) and safe_read_json(folder.built)
        records = [json.loads(line)["text"].split()[0] for line in folder.dataset.read_text().splitlines()]
        assert len(records) == DOCUMENTS
        return set(records)

    return Written(lambda v: index_documents(folder, v), read, home.root)


def column_copy(home: Home) -> Written:
    """Made from the lines, so nothing of it need be on the disk: what is there is a beginning of them."""
    events = home.root / "events.jsonl"
    copy = ColumnCopy(events, home.state / "copy")

    def write(value: int) -> None:
        lines = [
            json.dumps({"seq": i, "time": 1.0, "attempt": 1, "type": "metrics", "step": i, "values": {"a": i}})
            for i in range(100 * value)
        ]
        if not events.exists() or events.read_text().count("\n") < len(lines):
            with events.open("a") as file:
                file.write("\n".join(lines[events.read_text().count("\n") :]) + "\n")
        copy.extend()

    return Written(write, copy.covered, home.state, durable=False)


def export(home: Home) -> Written:
    target = home.exports / "run.csv"

    def write(value: int) -> None:
        _write_export(iter([bytes([48 + value]) * 1000, b"\n"]), target)

    return Written(write, lambda: target.read_bytes()[:1] if target.exists() else None, home.exports)


def trash(home: Home) -> Written:
    run = home.run("r")
    run.create({"name": "r"})
    bin_ = Trash(home)

    def write(value: int) -> None:
        if value > 1 and run.root.exists():
            bin_.put(run)

    def read() -> Any:
        there, gone = run.run_json.exists(), [one.run_id for one in bin_.entries()]
        assert there != bool(gone), "a run is in one place"
        return gone

    return Written(write, read, home.trashed_runs, durable=False)


def users(home: Home) -> Written:
    book = Book(home.users)

    def write(value: int) -> None:
        if not Book(home.users).users():
            book.add_user("anna", "viewer", None)
        book.change_user("anna", ROLES[value])

    return Written(write, lambda: [one.role for one in Book(home.users).users()], home.state)


def audit(home: Home) -> Written:
    """It keeps nobody from working, so it does not raise; what was written before, and each later line, is read."""

    def write(value: int) -> None:
        if value in read():
            return
        book = Audit(home.audit)
        book.note(None, "api", "POST", "/", None, value, None)
        if book._failing:
            raise OSError("told in the server's log")

    def read() -> list[int]:
        return [one.outcome for one in read_audit(home.audit, Wanted(), 10)]

    return Written(write, read, home.audit.parent, durable=False)


def words_of_datasets(home: Home) -> Written:
    (home.datasets / "d.jsonl").write_text("{}\n")
    datasets = Datasets(home.state, Roots.of(home.datasets, []))
    return Written(lambda v: datasets.describe("d", str(v), None), lambda: datasets.get("d").name, home.state)


ALL: dict[str, Callable[[Home], Written]] = {
    one.__name__: one
    for one in (
        status, any_json, run_record, configuration, followed_configuration, history, report, command, checkpoint,
        queue_entry, flow_log, profile, preset, upload, token, annotations, thresholds, index_progress, document_index,
        column_copy, export, trash, users, audit, words_of_datasets,
    )
}  # fmt: skip


def leftovers(folder: Path) -> Iterator[str]:
    """What a write that failed has left behind."""
    for path in folder.rglob("*") if folder.exists() else ():
        if path.is_file() and (path.name.startswith(".") or path.suffix in (".tmp", ".part")):
            yield path.name
