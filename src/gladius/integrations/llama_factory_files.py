"""Read LLaMA-Factory's YAML as it does itself, and a profile's in its words. Upstream: a YAML file. Downstream: llama_factory."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Sequence

from gladius.errors import ConfigError
from gladius.integrations.config_file import flat
from gladius.integrations.records import detect, read_records
from gladius.pulse.reporter import Run
from gladius.pulse.rundir import RunDir

EPOCHS = "train.epochs"
"""The one setting that a profile's configuration says in Gladius' words, besides those under `data`."""

_SECRET = ("_token", "api_key", "_secret", "password")
_NOT_LEARNED = -100
_MESSAGES = {
    "formatting": "sharegpt",
    "columns": {"messages": "messages"},
    "tags": {
        "role_tag": "role", "content_tag": "content", "user_tag": "user", "assistant_tag": "assistant",
        "system_tag": "system",
    },
}  # fmt: skip


def read(path: Path, overrides: Sequence[str] = ()) -> Dict[str, Any]:
    """Return what the file says, `key=value` words in it replaced: OmegaConf's reading, which is LLaMA-Factory's.

    Raises ConfigError for a file that cannot be used.
    """
    try:
        from omegaconf import OmegaConf
    except ImportError as error:
        raise ConfigError(
            f"There is no LLaMA-Factory here: {error}.",
            "'gladius env create llama-factory' makes an environment that has it.",
        ) from error
    words = [word for word in overrides if "=" not in word or word.startswith("-")]
    if words:
        raise ConfigError(f"'{words[0]}' is no override.", "LLaMA-Factory takes them as key=value behind its file.")
    try:
        told = json.loads(path.read_text(encoding="utf-8")) if path.suffix == ".json" else OmegaConf.load(path)
        merged = OmegaConf.to_container(OmegaConf.merge(told, OmegaConf.from_cli(list(overrides))))
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}.", "Give LLaMA-Factory's YAML file.") from error
    except Exception as error:
        # YAML's and OmegaConf's own errors, with line and column in their words.
        raise ConfigError(f"{path} cannot be read: {error}", "Mend the file.") from error
    if not isinstance(merged, dict) or not merged:
        raise ConfigError(f"{path} holds no settings.", "Write them as key: value.")
    return {str(key): value for key, value in merged.items()}


def read_flat(path: Path) -> Dict[str, Any]:
    """What the file says now, dotted keys and values, for `reload_config`. Raises ConfigError."""
    return dict(flat(without_secrets(read(path))))


def without_secrets(settings: Mapping[str, Any]) -> Dict[str, Any]:
    """The settings but for tokens and keys: they have no place in a record."""
    return {key: value for key, value in settings.items() if not key.endswith(_SECRET)}


def directory(run: Run) -> Optional[RunDir]:
    """The run's directory, on every rank, though only rank 0 records."""
    named = os.environ.get("GLADIUS_RUN_DIR")
    return run.dir if run.dir is not None else RunDir(named) if named else None


def current(run: Run, source: Path) -> Path:
    """The file that people edit while this runs: the one that the run names, else the one it was started with."""
    if run.dir is None or not run.dir.run_json.exists():
        return source
    named = run.dir.read_run().get("config_source")
    return run.dir.root / named if isinstance(named, str) and named else source


def in_their_words(settings: Mapping[str, Any], run: Run) -> Dict[str, Any]:
    """A profile's configuration as LLaMA-Factory takes it: epochs, and the chosen dataset as a `dataset_info.json`.

    A file of LLaMA-Factory's own has neither section and stays as it is. Raises ConfigError for a dataset without a file.
    """
    train, data = settings.get("train"), settings.get("data")
    theirs = {key: value for key, value in settings.items() if key not in ("train", "data") and value is not None}
    if isinstance(train, dict) and train.get("epochs"):
        theirs["num_train_epochs"] = train["epochs"]
    if isinstance(data, dict) and (data.get("path") or data.get("builtin")):
        theirs.update(_dataset(data, run))
    return theirs


def prompts(trainer: Any, count: int) -> List[Dict[str, Any]]:
    """The first records of the evaluation set as prompts with their answers; none where its rows are not such."""
    rows: Any = getattr(trainer, "eval_dataset", None)
    if isinstance(rows, dict):
        rows = next(iter(rows.values()), None)
    if count < 1 or not hasattr(rows, "__getitem__") or not hasattr(rows, "__len__"):
        return []
    found = []
    for index in range(min(count, len(rows))):
        ids, labels = rows[index].get("input_ids"), rows[index].get("labels")
        if not isinstance(ids, list) or not isinstance(labels, list) or len(ids) != len(labels):
            return []
        begin = next((place for place, label in enumerate(labels) if label != _NOT_LEARNED), 0)
        end = next((place for place in range(begin, len(labels)) if labels[place] == _NOT_LEARNED), len(labels))
        if begin:
            answer = trainer.processing_class.decode(ids[begin:end], skip_special_tokens=True).strip()
            found.append({"input_ids": ids[:begin], "reference": answer})
    return found


def _dataset(data: Mapping[str, Any], run: Run) -> Dict[str, Any]:
    """LLaMA-Factory finds datasets by an index file: one beside the run names this one where it lies."""
    home = directory(run)
    if not data.get("path") or home is None:
        raise ConfigError("LLaMA-Factory trains on a file of records.", "Choose a dataset that has one.", "dataset_id")
    path = Path(str(data["path"])).absolute()
    kind = data.get("format") or "auto"
    info: Dict[str, Any] = {"file_name": str(path)}
    if kind == "auto":
        kind = next((detect(record) for _, record in read_records(path)), None) or "alpaca"
    if kind == "messages":
        info.update(_MESSAGES)
    elif kind == "sharegpt":
        info.update({"formatting": "sharegpt", "columns": {"messages": "conversations", "system": "system"}})
    elif kind == "text":
        info["columns"] = {"prompt": "text"}
    folder, name = home.root / "llama-factory", str(data.get("id") or path.stem)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    (folder / "dataset_info.json").write_text(json.dumps({name: info}, indent=2), encoding="utf-8")
    return {"dataset_dir": str(folder), "dataset": name}
