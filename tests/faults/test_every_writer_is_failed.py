"""Whatever module of ours writes a file has a row in the matrix of disk faults, or a test of its own that is named here."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import written_files

TESTS = Path(__file__).resolve().parents[1]
SOURCES = TESTS.parent / "src"
WRITES = {"atomic_write_json", "write_text", "write_bytes", "append_line", "lay_down"}

FAILED_BY = {
    "gladius/alerts/book.py": "faults/test_the_server_and_its_disk.py",
    "gladius/alerts/settings.py": "thresholds",
    "gladius/catalog/dataset_adding.py": "upload",
    "gladius/catalog/datasets.py": "words_of_datasets",
    "gladius/catalog/presets.py": "preset",
    "gladius/catalog/profile_shelf.py": "profile",
    "gladius/flows/log.py": "flow_log",
    "gladius/knowledge/build.py": "document_index",
    "gladius/knowledge/indexer.py": "faults/test_indexes_on_a_full_disk.py",
    "gladius/knowledge/progress.py": "index_progress",
    "gladius/knowledge/search.py": "faults/test_indexes_on_a_full_disk.py",
    "gladius/knowledge/shelf.py": "faults/test_indexes_on_a_full_disk.py",
    "gladius/launch/attempt.py": "configuration",
    "gladius/launch/config_file.py": "profile",
    "gladius/launch/queue_book.py": "queue_entry",
    "gladius/pulse/checkpoints.py": "checkpoint",
    "gladius/pulse/control.py": "command",
    "gladius/pulse/events.py": "faults/test_durable_points.py",
    "gladius/pulse/files.py": "history",
    "gladius/pulse/rundir.py": "run_record",
    "gladius/pulse/saving.py": "checkpoint",
    "gladius/server/flow_services.py": "export",
    "gladius/store/annotations.py": "annotations",
    "gladius/store/columns.py": "column_copy",
    "gladius/store/index.py": "faults/test_indexes_on_a_full_disk.py",
    "gladius/supervise/record.py": "history",
    "gladius/supervise/report.py": "report",
    "gladius/supervise/rollback.py": "followed_configuration",
    "gladius/users/audit.py": "audit",
    "gladius/users/home_token.py": "token",
    "gladius/users/ledger.py": "users",
    "pulse_wrapper.py": "status",
}
"""A module, and the row or the file of tests that fails what it writes."""

AS_ANY_JSON = {
    "gladius/catalog/dataset_memory.py": "what was read of datasets: read again",
    "gladius/exchange/event_files.py": "how far TensorBoard's copy is: made anew",
    "gladius/flows/steps/command.py": "a program's order, in a try of its own",
    "gladius/flows/warden.py": "a program's papers, in a try of its own",
    "gladius/server/serve.py": "where the server is: it does not start without",
    "gladius/users/seen.py": "when somebody was last seen: kept in memory",
}
"""Written by the one function of the row `any_json`, and what becomes of it when it fails."""

NO_FILE_OF_OURS_DEPENDS = {
    "gladius/cli/connect.py": "the server's log",
    "gladius/cli/main.py": "nowhere, when a pipe was closed",
    "gladius/client/download.py": "a file that a person asked for",
    "gladius/exchange/boards.py": "TensorBoard's log",
    "gladius/exchange/archive.py": "a stream that leaves as it comes",
    "gladius/integrations/llama_factory_files.py": "what LLaMA-Factory reads, in the trainer",
    "gladius/integrations/trainer_memory.py": "what a trainer remembers, inside a checkpoint",
    "gladius/knowledge/__main__.py": "an indexing's log",
    "gladius/knowledge/reader.py": "a pipe",
    "gladius/launch/environment.py": "an environment that is being installed",
    "gladius/pulse/lock.py": "a lock that the kernel holds",
    "gladius/pulse/plain_file.py": "how files are opened",
    "gladius/store/soundness.py": "the trial that finds a disk well again",
    "gladius/supervise/__main__.py": "a supervisor's log",
    "gladius/supervise/process.py": "console.log, which the trainer writes: pulse/test_output.py",
    "gladius/wire/__main__.py": "schemas, when the sources change",
}


def writers() -> Iterator[str]:
    """Every module outside of the recipes that opens a file for writing, or has it written."""
    for path in sorted([*SOURCES.joinpath("gladius").rglob("*.py"), SOURCES / "pulse_wrapper.py"]):
        name = path.relative_to(SOURCES).as_posix()
        if not name.startswith("gladius/recipes/") and any(map(_writes, ast.walk(ast.parse(path.read_bytes())))):
            yield name


def _writes(node: ast.AST) -> bool:
    if isinstance(node, ast.Attribute) and node.attr in ("O_CREAT", "O_WRONLY"):
        return True
    if not isinstance(node, ast.Call):
        return False
    called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    if called not in ("open", "fdopen"):
        return called in WRITES
    said = (part for word in [*node.args, *(one.value for one in node.keywords)] for part in ast.walk(word))
    modes = {part.value for part in said if isinstance(part, ast.Constant) and isinstance(part.value, str)}
    return any(set(mode) <= set("rwaxbt+") and set(mode) & set("wax+") for mode in modes)


def test_who_writes_is_failed_by_name() -> None:
    known = {**FAILED_BY, **AS_ANY_JSON, **NO_FILE_OF_OURS_DEPENDS}
    found = set(writers())
    assert found - set(known) == set(), "give what it writes a row in written_files.py"
    assert set(known) - found == set(), "it writes no more"
    for by in FAILED_BY.values():
        assert by in written_files.ALL or (TESTS / by).is_file(), by
