"""Talk to a console server. Upstream: transport. Downstream: cli, notebooks.

Past 400 lines because every call that is not of one run stands in this one file.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import quote

from gladius.client.download import save
from gladius.client.flows import FlowCalls
from gladius.client.history import History
from gladius.client.probes import ProbeCalls, chosen
from gladius.client.run import RunHandle
from gladius.client.stream import ServerFrame, open_stream
from gladius.client.transport import PYTHON, Transport, discover, pinned
from gladius.errors import ConfigError
from gladius.pulse.rundir import Home
from gladius.wire.alerts import AlertRecord, AlertsAnswer
from gladius.wire.catalog import DatasetInfo, ProfileFile, ProfileInfo, TrashedProfile
from gladius.wire.compare import Comparison
from gladius.wire.datasets import DatasetPreview, DatasetReport, RemovedDataset, TokenLengths
from gladius.wire.knowledge import (
    DocumentFolders,
    DocumentSearch,
    IndexDetail,
    IndexInfo,
    IndexOptions,
    UploadedDocument,
)
from gladius.wire.messages import Topic
from gladius.wire.overview import ActivitiesAnswer, Activity, AttachAnswer, MachineSample
from gladius.wire.preflight import CheckAnswer
from gladius.wire.presets import PresetInfo, PresetRequest
from gladius.wire.queue import QueueAnswer
from gladius.wire.runs import Cursors, RunList, RunSummary
from gladius.wire.server import HealthAnswer, SessionAnswer, SignInLink
from gladius.wire.settings import Settings

_PAGE = 200
_ALL_TOPICS: tuple[Topic, ...] = ("status", "metrics", "events", "console", "system", "runs", "alerts")


class Client(History, FlowCalls, ProbeCalls):
    """A console server, found by itself on the same machine.

    Args:
        url: the server; default GLADIUS_URL, else the one that server.json names, else http://127.0.0.1:8642.
        token: default GLADIUS_TOKEN, else that of server.json.
        home: whose server.json to read; given, it goes before GLADIUS_URL.
        agent: what asks, for the record of who sent a command.

    Every method may raise ServerUnreachable, or RequestRejected with the server's code and hint.

    """

    def __init__(
        self,
        url: str | None = None,
        token: str | None = None,
        home: str | os.PathLike[str] | Home | None = None,
        agent: str = PYTHON,
    ) -> None:
        folder = home if home is None or isinstance(home, Home) else Home(home)
        self._transport = Transport(*discover(url, token, folder), agent, pinned(folder))

    @property
    def url(self) -> str:
        """The server's address."""
        return self._transport.url

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    def health(self) -> HealthAnswer:
        """Whether the server answers, and its version."""
        return HealthAnswer.model_validate(self._transport.get("/health"))

    def session(self) -> SessionAnswer:
        """Who this client is to the server, and what it may do."""
        return SessionAnswer.model_validate(self._transport.get("/session"))

    def sign_in_link(self) -> SignInLink:
        """A URL that signs one browser in as the home's owner, once; for who has the home's token or is an admin."""
        return SignInLink.model_validate(self._transport.post("/session/link", {}))

    def runs(
        self,
        status: str | None = None,
        profile: str | None = None,
        tag: str | None = None,
        q: str | None = None,
        limit: int | None = None,
        dataset: str | None = None,
        source: str | None = None,
        sort: str | None = None,
        order: str | None = None,
    ) -> list[RunSummary]:
        """Summaries of the runs that fit, newest first unless sorted otherwise; all of them, or `limit`.

        `sort`: created, ended, name, profile, dataset, status, loss, eval_loss, best or duration; `order`: asc or desc.
        """
        wanted = {
            "status": status, "profile": profile, "dataset": dataset, "tag": tag, "source": source, "q": q, "sort": sort,
            "order": order,
        }  # fmt: skip
        found: list[RunSummary] = []
        cursor: str | None = None
        while True:
            size = _PAGE if limit is None else min(_PAGE, limit - len(found))
            params = {**wanted, "limit": size, "cursor": cursor}
            page = RunList.model_validate(self._transport.get("/runs", params))
            found += page.runs
            cursor = page.cursor
            if cursor is None or (limit is not None and len(found) >= limit):
                return found

    def run(self, run: str) -> RunHandle:
        """A handle of one run, by id, unique prefix, name or `latest`; nothing is asked before a method is called."""
        return RunHandle(self._transport, run)

    def start(
        self,
        profile_id: str,
        dataset_id: str | None = None,
        epochs: float | None = None,
        overrides: Mapping[str, Any] | None = None,
        name: str | None = None,
        tags: Sequence[str] = (),
        preset: str | None = None,
        queue: bool | None = None,
        priority: int = 0,
    ) -> RunHandle:
        """Start a run and return its handle; while the machine is full it waits, unless `queue` is False."""
        choice = chosen(profile_id, dataset_id, epochs, overrides, preset)
        body = {**choice, "name": name, "tags": list(tags), "queue": queue, "priority": priority}
        return self.run(self._transport.post("/runs", body)["run_id"])

    def check_start(
        self,
        profile_id: str,
        dataset_id: str | None = None,
        epochs: float | None = None,
        overrides: Mapping[str, Any] | None = None,
        preset: str | None = None,
    ) -> CheckAnswer:
        """Whether such a run can start, and what would go wrong; nothing is started."""
        body = chosen(profile_id, dataset_id, epochs, overrides, preset)
        return CheckAnswer.model_validate(self._transport.post("/runs/check", body))

    def queue(self) -> QueueAnswer:
        """What the machine can hold, what runs, and who waits, the next one first."""
        return QueueAnswer.model_validate(self._transport.get("/queue"))

    def change_queue(self, run_id: str, priority: int | None = None, position: int | None = None) -> QueueAnswer:
        """Give a waiting run another priority or place (1 is next); rejected when it does not wait."""
        body = {"priority": priority, "position": position}
        return QueueAnswer.model_validate(self._transport.request("PATCH", _waiting(run_id), json=body).json())

    def cancel_waiting(self, run_id: str) -> QueueAnswer:
        """Cancel a run that waits; rejected when it does not wait."""
        return QueueAnswer.model_validate(self._transport.request("DELETE", _waiting(run_id)).json())

    def compare(self, runs: Sequence[str], metrics: Sequence[str] = ()) -> Comparison:
        """Up to 20 runs beside each other: results, and which settings differ; `missing` names those that are not there.

        `metrics`: names of expert shares (`moe/load/...`) to tell of too; of every other metric the result is told anyway.
        """
        params = {"runs": list(runs), "metric": list(metrics)}
        return Comparison.model_validate(self._transport.get("/compare", params))

    def save_comparison(
        self,
        runs: Sequence[str],
        path: str | os.PathLike[str],
        metrics: Sequence[str] = (),
        curves: bool = False,
        force: bool = False,
    ) -> Path:
        """Write the results, or with `curves` every point of the `metrics`, into a CSV file and return it.

        Raises FileExistsError unless `force` is given.
        """
        params = {"runs": list(runs), "metric": list(metrics), "format": "curves" if curves else "csv"}
        with self._transport.stream("/compare", params) as answer:
            return save(answer, Path(path), force)

    def activities(self, limit: int = 100) -> list[Activity]:
        """The last things that happened, over all runs, newest first."""
        return ActivitiesAnswer.model_validate(self._transport.get("/activities", {"limit": limit})).activities

    def machine(self) -> MachineSample:
        """The server's machine, measured now."""
        return MachineSample.model_validate(self._transport.get("/machine"))

    def attach(self, path: str | Path, name: str | None = None) -> RunHandle:
        """Watch a training_status.json on the server's machine as a run; it must lie where the server reads."""
        return self.run(self._transport.post("/attach", {"path": str(path), "name": name})["run_id"])

    def detach(self, run: str) -> AttachAnswer:
        """Watch a status file no more."""
        return AttachAnswer.model_validate(self._transport.request("DELETE", f"/attach/{quote(run, safe='')}").json())

    def alerts(self, run: str | None = None, active: bool | None = None, limit: int = 200) -> list[AlertRecord]:
        """Alerts and notices, newest first, of one run or of all; `active` chooses those that last, or that have ended."""
        params = {"run_id": run, "active": None if active is None else str(active).lower(), "limit": limit}
        return AlertsAnswer.model_validate(self._transport.get("/alerts", params)).alerts

    def acknowledge(self, alert_id: str) -> AlertRecord:
        """Note that you have seen an alert; done twice, the first stays."""
        return AlertRecord.model_validate(self._transport.post(f"/alerts/{quote(alert_id, safe='')}/ack", {}))

    def settings(self) -> Settings:
        """The console's settings, and their defaults."""
        return Settings.model_validate(self._transport.get("/settings"))

    def change_settings(self, **thresholds: float) -> Settings:
        """Change thresholds of alerts by name; the others stay. RequestRejected names a wrong one."""
        held = self.settings().alerts.model_dump()
        return Settings.model_validate(self._transport.put("/settings", {"alerts": {**held, **thresholds}}))

    def profiles(self) -> list[ProfileInfo]:
        """Every profile."""
        return [ProfileInfo.model_validate(one) for one in self._transport.get("/profiles")]

    def profile(self, profile_id: str) -> ProfileInfo:
        """One profile."""
        return ProfileInfo.model_validate(self._transport.get(_of_profile(profile_id)))

    def profile_file(self, profile_id: str) -> ProfileFile:
        """A profile's file as it is, broken or not, and its version."""
        return ProfileFile.model_validate(self._transport.get(f"{_of_profile(profile_id)}/file"))

    def check_profile(self, text: str, profile_id: str = "draft") -> ProfileInfo:
        """What a text would be as a profile: `problems` is everything that is wrong with it. Nothing is kept."""
        found = self._transport.post("/profiles/check", {"text": text, "id": profile_id})
        return ProfileInfo.model_validate(found)

    def add_profile(self, profile_id: str, text: str) -> ProfileInfo:
        """Keep a new profile. RequestRejected names each mistake with its line, or says that there is one of that id."""
        return ProfileInfo.model_validate(self._transport.post("/profiles", {"id": profile_id, "text": text}))

    def copy_profile(self, profile_id: str, new_id: str, name: str | None = None) -> ProfileInfo:
        """Keep a copy of a profile, built in or not, under another id."""
        body = {"id": new_id, "copy_of": profile_id, "name": name}
        return ProfileInfo.model_validate(self._transport.post("/profiles", body))

    def save_profile(self, profile_id: str, text: str, version: str) -> ProfileInfo:
        """Write a profile's file, a built-in one's beside it; rejected when it is not the `version` that you edited."""
        body = {"text": text, "version": version}
        return ProfileInfo.model_validate(self._transport.put(_of_profile(profile_id), body))

    def remove_profile(self, profile_id: str) -> TrashedProfile:
        """Put one of people's own profiles into the trash."""
        return TrashedProfile.model_validate(self._transport.request("DELETE", _of_profile(profile_id)).json())

    def deleted_profiles(self) -> list[TrashedProfile]:
        """The profiles in the trash, newest first."""
        return [TrashedProfile.model_validate(one) for one in self._transport.get("/trash/profiles")]

    def restore_profile(self, entry: str) -> ProfileInfo:
        """Put a profile back from the trash."""
        place = f"/trash/profiles/{quote(entry, safe='')}/restore"
        return ProfileInfo.model_validate(self._transport.post(place, {}))

    def presets(self) -> list[PresetInfo]:
        """Every preset, people's own first."""
        return [PresetInfo.model_validate(one) for one in self._transport.get("/presets")]

    def preset(self, preset_id: str) -> PresetInfo:
        """One preset."""
        return PresetInfo.model_validate(self._transport.get(f"/presets/{quote(preset_id, safe='')}"))

    def save_preset(self, preset: PresetRequest, replace: str | None = None) -> PresetInfo:
        """Keep a preset under an id made of its name, or under that of the one that it replaces."""
        body = preset.model_dump(mode="json")
        if replace is None:
            return PresetInfo.model_validate(self._transport.post("/presets", body))
        return PresetInfo.model_validate(self._transport.put(f"/presets/{quote(replace, safe='')}", body))

    def remove_preset(self, preset_id: str) -> None:
        """Delete one of people's own presets."""
        self._transport.request("DELETE", f"/presets/{quote(preset_id, safe='')}")

    def datasets(self) -> list[DatasetInfo]:
        """Every dataset."""
        return [DatasetInfo.model_validate(one) for one in self._transport.get("/datasets")]

    def dataset(self, dataset_id: str) -> DatasetInfo:
        """One dataset."""
        return DatasetInfo.model_validate(self._transport.get(_dataset(dataset_id)))

    def check_dataset(self, dataset_id: str) -> DatasetReport:
        """All that is wrong with a dataset, by line."""
        return DatasetReport.model_validate(self._transport.get(f"{_dataset(dataset_id)}/check"))

    def dataset_preview(self, dataset_id: str, offset: int = 0, limit: int = 20) -> DatasetPreview:
        """Some records of a dataset."""
        told = self._transport.get(f"{_dataset(dataset_id)}/preview", {"offset": offset, "limit": limit})
        return DatasetPreview.model_validate(told)

    def token_lengths(self, dataset_id: str, tokenizer: Path | str, sample: int | None = None) -> TokenLengths:
        """How long a dataset's records are, by the tokenizer of a model folder on the server's machine."""
        asked = {"tokenizer": str(tokenizer), "sample": sample}
        return TokenLengths.model_validate(self._transport.count(f"{_dataset(dataset_id)}/tokens", asked))

    def add_dataset(self, path: Path | str) -> DatasetInfo:
        """Add a file or folder that lies within the server's folders of datasets."""
        return DatasetInfo.model_validate(self._transport.post("/datasets", {"path": str(path)}))

    def describe_dataset(self, dataset_id: str, name: str | None = None, description: str | None = None) -> DatasetInfo:
        """Give a dataset another name or description for people; None leaves it."""
        words = {"name": name, "description": description}
        return DatasetInfo.model_validate(self._transport.put(_dataset(dataset_id), words))

    def remove_dataset(self, dataset_id: str) -> RemovedDataset:
        """Put a file of the home's datasets into the trash, or forget a path that was added."""
        return RemovedDataset.model_validate(self._transport.request("DELETE", _dataset(dataset_id)).json())

    def deleted_datasets(self) -> list[RemovedDataset]:
        """The datasets in the trash, newest first."""
        return [RemovedDataset.model_validate(one) for one in self._transport.get("/trash/datasets")]

    def restore_dataset(self, entry: str) -> DatasetInfo:
        """Put a deleted dataset back."""
        path = f"/trash/datasets/{quote(entry, safe='')}/restore"
        return DatasetInfo.model_validate(self._transport.post(path, {}))

    def upload_dataset(self, file: Path, name: str | None = None) -> DatasetInfo:
        """Send a copy of a file here to the server's datasets. Raises ConfigError where it cannot be read."""
        try:
            with file.open("rb") as body:
                told = self._transport.send("/datasets/upload", body, {"filename": name or file.name})
        except OSError as error:
            hint = "Give a file; a folder is added with --in-place."
            raise ConfigError(f"{file}: {error.strerror}.", hint, "path") from error
        return DatasetInfo.model_validate(told)

    def index(self, path: Path | str, name: str | None = None, options: IndexOptions | None = None) -> str:
        """Begin to make a dataset of a folder of documents on the server's machine; return the index's id."""
        body = {"path": str(path), "name": name, "options": options.model_dump() if options else None}
        return str(self._transport.post("/knowledge", body)["index_id"])

    def indexes(self) -> list[IndexInfo]:
        """Every index, with how far it is."""
        return [IndexInfo.model_validate(one) for one in self._transport.get("/knowledge")]

    def index_info(self, index_id: str, offset: int = 0, limit: int = 100, reason: str | None = None) -> IndexDetail:
        """One index, and some of the files that gave nothing."""
        asked = {"offset": offset, "limit": limit, "reason": reason}
        return IndexDetail.model_validate(self._transport.get(_index(index_id), asked))

    def cancel_index(self, index_id: str) -> IndexInfo:
        """Tell an indexing to end; its dataset stays as it was."""
        return IndexInfo.model_validate(self._transport.post(f"{_index(index_id)}/cancel", {}))

    def remove_index(self, index_id: str) -> None:
        """Put an index and its dataset into the trash; the documents stay."""
        self._transport.request("DELETE", _index(index_id))

    def search_documents(self, index_id: str, query: str, limit: int = 20, offset: int = 0) -> DocumentSearch:
        """What an index's documents say: every word, and every phrase in quotes."""
        asked = {"q": query, "limit": limit, "offset": offset}
        return DocumentSearch.model_validate(self._transport.get(f"{_index(index_id)}/search", asked))

    def document_folders(self, path: Path | str | None = None) -> DocumentFolders:
        """What can be indexed on the server's machine."""
        told = self._transport.get("/knowledge/folders", {"path": None if path is None else str(path)})
        return DocumentFolders.model_validate(told)

    def upload_document(self, file: Path, folder: str, name: str | None = None) -> UploadedDocument:
        """Send a copy of a document here to a folder of the server's documents. Raises ConfigError where it cannot be read."""
        try:
            with file.open("rb") as body:
                asked = {"folder": folder, "filename": name or file.name}
                told = self._transport.send("/knowledge/documents", body, asked)
        except OSError as error:
            raise ConfigError(f"{file}: {error.strerror}.", "Give a file.", "path") from error
        return UploadedDocument.model_validate(told)

    def stream(
        self,
        runs: Sequence[str] = ("*",),
        topics: Sequence[Topic] = _ALL_TOPICS,
        cursors: Mapping[str, Cursors] | None = None,
    ) -> Iterator[ServerFrame]:
        """Yield the socket's messages as they come; ends when the server closes, raises ServerUnreachable when it is gone."""
        return open_stream(self._transport, runs, topics, cursors or {})


def _waiting(run_id: str) -> str:
    return f"/queue/{quote(run_id, safe='')}"


def _of_profile(profile_id: str) -> str:
    return f"/profiles/{quote(profile_id, safe='')}"


def _dataset(dataset_id: str) -> str:
    return f"/datasets/{quote(dataset_id, safe='')}"


def _index(index_id: str) -> str:
    return f"/knowledge/{quote(index_id, safe='')}"
