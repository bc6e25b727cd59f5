"""The flows of a home: the built-in ones and those in its folder. Upstream: flow. Downstream: runner, server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from gladius.errors import FlowNotFound
from gladius.flows.flow import Flow, parse, read, refused

BUILTIN = Path(__file__).with_name("builtin")
_ALMOST = (".yaml", ".yml", ".toml", ".json5", ".jsonc", ".jsonl")


class Flows:
    """A person's file goes before the built-in one of the same id. Every file is read anew each time."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def folder(self) -> Path:
        """Where a person puts flows."""
        return self._folder

    def all(self) -> list[Flow]:
        """Every flow, people's own first, a broken one with its problems."""
        own = list(_once_each(map(_read_own, _files(self._folder))))
        taken = {flow.id for flow in own}
        builtin = [read(path, builtin=True) for path in _files(BUILTIN)]
        return [*own, *(flow for flow in builtin if flow.id not in taken)]

    def get(self, flow_id: str) -> Flow:
        """One flow, a broken one too. Raises FlowNotFound."""
        for flow in self.all():
            if flow.id == flow_id:
                return flow
        raise FlowNotFound(flow_id)

    def check(self, text: str, flow_id: str) -> Flow:
        """What a text would be as a flow; nothing is kept."""
        # A name with a slash in it must not lead anywhere: nothing is read or written there, but it is shown.
        return parse(text.encode("utf-8", "surrogatepass"), self._folder / f"{Path(flow_id).name or 'draft'}.json")


def _read_own(path: Path) -> Flow:
    if path.suffix.lower() in _ALMOST:
        return refused(path, f"a flow is no {path.suffix} file", f"Write it as JSON, in {path.stem}.json.")
    return read(path)


def _once_each(flows: Iterator[Flow]) -> Iterator[Flow]:
    """The second of two files that give themselves the same id is a mistake, the first one stays what it is."""
    files: dict[str, str | None] = {}
    for flow in flows:
        if flow.id in files:
            broken = refused(
                Path(flow.file or ""), f"the id '{flow.id}' is that of {files[flow.id]}", "Give each flow its own id."
            )
            yield flow.model_copy(
                update={"problem": flow.problem or broken.problem, "problems": [*flow.problems, *broken.problems]}
            )
        else:
            files[flow.id] = flow.file
            yield flow


def _files(folder: Path) -> list[Path]:
    """What is, or was meant as, a flow's file."""
    try:
        found = sorted(folder.iterdir())
    except OSError:
        return []
    return [one for one in found if one.suffix.lower() in (".json", *_ALMOST) and not one.name.startswith(".")]
