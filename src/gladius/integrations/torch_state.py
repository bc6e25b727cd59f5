"""Write all that a training is into a folder, and put it back. Upstream: torch_loop. Downstream: a checkpoint's files.

`model.safetensors` (or `model.pt` without safetensors), `optimizer.pt`, and `training_state.pt` with all that is small.
Nothing is unpickled: every file loads with `weights_only=True`.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any, Collection, Dict, Mapping, Optional, Sequence, Tuple

import torch

from gladius.errors import CheckpointDamaged, CheckpointMismatch, CheckpointNotFound
from gladius.integrations.torch_random import random_states
from gladius.pulse.checkpoints import MANIFEST, verify

WEIGHTS, PLAIN_WEIGHTS = "model.safetensors", "model.pt"
OPTIMIZER = "optimizer.pt"
STATE = "training_state.pt"
_FORMAT = 1
_POSITION = "data_position"


class TorchState:
    """The parts of one training: model, optimizer and what has `state_dict` and `load_state_dict` besides.

    `parts` are named: scheduler, scaler, data_position, and a user's own. In a job of several processes (`rank` of
    `size`) all but the random states and the position in the data are the same on each.
    """

    def __init__(self, model: Any, optimizer: Any, parts: Mapping[str, Any], rank: int = 0, size: int = 1) -> None:
        self.model = _unwrapped(model)
        self.optimizer = optimizer
        self.parts = {name: part for name, part in parts.items() if part is not None}
        self._rank, self._size = rank, size

    @property
    def contents(self) -> Tuple[str, ...]:
        """What a checkpoint of this training holds."""
        return ("model", "optimizer", *self.parts, "random_states", "counters")

    def own(self) -> Dict[str, Any]:
        """What no other process has: the random states and the position in the data."""
        own: Dict[str, Any] = {"random_states": random_states()}
        if _POSITION in self.parts:
            own[_POSITION] = self.parts[_POSITION].state_dict()
        return own

    def save(self, folder: Path, counters: Mapping[str, Any], ranks: Sequence[Mapping[str, Any]] = ()) -> None:
        """Write the folder, with the `own` of each rank where there are several.

        Raises OSError, and ValueError for a part whose state would not load again.
        """
        self._save_weights(folder)
        torch.save(self.optimizer.state_dict(), folder / OPTIMIZER)
        state = {
            "format": _FORMAT,
            "kinds": self._kinds(),
            "parts": {name: part.state_dict() for name, part in self.parts.items()},
            "random_states": random_states(),
            "counters": dict(counters),
            "ranks": [dict(one) for one in ranks],
        }
        torch.save(state, folder / STATE)
        try:
            _load(folder / STATE)
        except Exception as error:
            # Pickle and torch raise what they like; a checkpoint that cannot be loaded must not be called one.
            raise ValueError(f"{STATE} would not load again: let state_dict() return numbers, texts, lists, dicts and "
                             f"tensors only ({_first_line(error)})") from error  # fmt: skip

    def load(self, folder: Path, without: Collection[str] = ()) -> Tuple[Dict[str, Any], Dict[str, Any]]:
        """Put everything back but the parts in `without` and the random states, which come last of all.

        Returns the counters and the random states. Raises CheckpointNotFound, CheckpointDamaged, and
        CheckpointMismatch for one that is another training's: nothing is trained from half of it.
        """
        state = self._read_state(folder)
        known = {*self.contents, *state["kinds"]} - {"counters"}  # the steps of a run go on
        unknown = sorted(set(without) - known)
        if unknown:
            raise ValueError(
                f"there is no part {unknown[0]!r} to restore without; there are {', '.join(sorted(known))}"
            )
        different = self._differences(state, without)
        if different:
            left_out = ", ".join(f'"{name}"' for name in different)
            hint = f"Build them as they were, or begin them anew: restore_without=({left_out},)."
            raise CheckpointMismatch(folder, list(different.values()), hint)
        if "model" not in without:
            self._load_weights(folder)
        if "optimizer" not in without:
            self._put_back("optimizer", self.optimizer, _read(folder / OPTIMIZER), folder)
        own = state["ranks"][self._rank] if len(state.get("ranks", ())) == self._size > 1 else {}
        for name, part in self.parts.items():
            if name not in without:
                self._put_back(name, part, own.get(name, state["parts"][name]), folder)
        return state["counters"], own.get("random_states", state["random_states"])

    def _save_weights(self, folder: Path) -> None:
        weights = self.model.state_dict()
        tensors_only = all(isinstance(value, torch.Tensor) for value in weights.values())
        if tensors_only and importlib.util.find_spec("safetensors") is not None:
            from safetensors.torch import save_model

            save_model(self.model, str(folder / WEIGHTS))
        else:
            torch.save(weights, folder / PLAIN_WEIGHTS)

    def _load_weights(self, folder: Path) -> None:
        try:
            if (folder / WEIGHTS).exists():
                from safetensors.torch import load_model

                missing, unexpected = load_model(self.model, folder / WEIGHTS, strict=False)
            else:
                missing, unexpected = self.model.load_state_dict(_read(folder / PLAIN_WEIGHTS), strict=False)
        except RuntimeError as error:
            # torch names each weight of another shape on a line of its own.
            shapes = [line.strip() for line in str(error).splitlines() if "size mismatch" in line]
            raise CheckpointMismatch(folder, shapes or [_first_line(error)], _BUILD_THE_SAME) from error
        problems = [f"it has no weight {name}" for name in sorted(missing)]
        problems += [f"this model has no weight {name}" for name in sorted(unexpected)]
        if problems:
            raise CheckpointMismatch(folder, problems, _BUILD_THE_SAME)

    def _put_back(self, name: str, part: Any, state: Any, folder: Path) -> None:
        try:
            part.load_state_dict(state)
        except (KeyError, ValueError, TypeError, IndexError, RuntimeError) as error:
            hint = f'Build it as it was, or leave it out: restore_without=("{name}",).'
            raise CheckpointMismatch(folder, [f"the {name} does not take its state ({error})"], hint) from error

    def _read_state(self, folder: Path) -> Dict[str, Any]:
        if not folder.is_dir():
            raise CheckpointNotFound(f"There is no checkpoint {folder}.", "It was moved or deleted: choose another.")
        damaged = verify(folder) if (folder / MANIFEST).exists() else []
        if damaged:
            raise CheckpointDamaged(f"{folder} is not what was saved: {damaged[0]}.", "Go on from another checkpoint.")
        if not (folder / STATE).exists():
            raise CheckpointMismatch(
                folder, [f"it has no {STATE}, so a plain loop did not save it"],
                "Load its weights in the script and start a new run, or choose a checkpoint of this script.",
            )  # fmt: skip
        state: Dict[str, Any] = _read(folder / STATE)
        return state

    def _differences(self, state: Mapping[str, Any], without: Collection[str]) -> Dict[str, str]:
        """By part: what the checkpoint holds and the script has not, the other way round, or of another kind."""
        problems = {}
        processes = max(1, len(state.get("ranks", ())))
        if processes != self._size:
            words = f"was saved by {processes} process(es), and this job has {self._size}"
            of_each = [name for name in ("random_states", _POSITION) if name not in without]
            problems.update({name: f"its {name} {words}" for name in of_each})
        saved, here = state["kinds"], self._kinds()
        for name in sorted((set(saved) | set(here)) - set(without)):
            if name not in here:
                problems[name] = f"it holds a {name} ({saved[name]}), the script has none"
            elif name not in saved:
                problems[name] = f"it holds no {name}, the script has one ({here[name]})"
            elif saved[name] != here[name]:
                problems[name] = f"its {name} was a {saved[name]}, the script's is a {here[name]}"
        return problems

    def _kinds(self) -> Dict[str, str]:
        parts = {"optimizer": self.optimizer, **self.parts}
        return {name: type(part).__name__ for name, part in parts.items()}


_BUILD_THE_SAME = "Build the model as it was when it was saved; to begin with other weights, start a new run."


def _read(path: Path) -> Any:
    """Load one file; raises CheckpointDamaged where it is none that torch can read."""
    try:
        return _load(path)
    except OSError:
        raise
    except Exception as error:
        # Pickle and torch raise what they like of a broken file.
        raise CheckpointDamaged(
            f"{path} cannot be read: {_first_line(error)}", "Go on from another checkpoint."
        ) from error


def _load(path: Path) -> Any:
    # To the CPU: the optimizer itself moves its state to where the weights are, and generators are the CPU's.
    return torch.load(path, map_location="cpu", weights_only=True)


def _unwrapped(model: Any) -> Any:
    """The model itself, out of torch.compile and DistributedDataParallel, so that its weights load anywhere."""
    model = getattr(model, "_orig_mod", model)
    wrapper: Optional[Any] = getattr(torch.nn.parallel, "DistributedDataParallel", None)
    return model.module if wrapper is not None and isinstance(model, wrapper) else model


def _first_line(error: BaseException) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]
