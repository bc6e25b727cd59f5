"""Save checkpoints: when, through whose function, and which are kept. Upstream: steering. Downstream: checkpoints, the stream."""

from __future__ import annotations

import contextlib
import json
import math
import os
import time
from pathlib import Path
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Tuple, Union

from gladius.errors import RankLost
from gladius.pulse import checkpoints
from gladius.pulse.adjust import Adjustable, Adjustables
from gladius.pulse.crew import alone
from gladius.pulse.encode import encode
from gladius.pulse.randomness import preserved
from gladius.pulse.voice import Voice
from gladius.pulse.warn import warn


class Policy(NamedTuple):
    """How a trainer saves: its function, where the folders go, which of them stay, what they hold."""

    save: Callable[..., Any]
    publish_to: Optional[Path]
    keep_last: Optional[int]
    keep_best: Optional[str]
    contents: Tuple[str, ...]


class Saver:
    """Carries a checkpoint from the script's function to a verified folder and its event.

    It tells the loop when the next periodic save is due. A checkpoint of weights that are suspect now is marked, and no
    good one makes way for it.
    """

    def __init__(
        self, voice: Voice, adjustables: Adjustables, folder: Path, identity: Dict[str, Any], first_step: int = 0
    ) -> None:
        self.policy: Optional[Policy] = None
        self.first_step = first_step
        self.saved: List[Tuple[int, Path]] = []
        self.failure = ""
        self.saves = True
        self.together: Callable[..., Any] = alone
        self._voice = voice
        self._loop = voice.loop
        self._adjustables = adjustables
        self._folder = folder
        self._identity = identity
        self._every_steps = 0
        self._every_minutes = 0.0
        self._measured: Dict[int, float] = {}

    def use(self, policy: Policy, every_steps: Optional[int], every_minutes: Optional[float]) -> None:
        """Take the script's function, and offer its cadence to people; raises ValueError for a cadence below 0."""
        keeps_none = policy.keep_last is not None and policy.keep_last < 1
        if (every_steps or 0) < 0 or (every_minutes or 0) < 0 or keeps_none:
            raise ValueError("every_steps and every_minutes are 0 or more, keep_last is 1 or more")
        if (policy.keep_last or policy.keep_best) and policy.publish_to is None and not _takes_argument(policy.save):
            raise ValueError("keep_last and keep_best need publish_to: a folder that was returned stays where it is")
        self.policy = policy
        self._loop.watched = (policy.keep_best or "").lstrip("-")
        checkpoints.recover(self.parent, shared=policy.publish_to is not None)
        self._every_steps, self._every_minutes = int(every_steps or 0), float(every_minutes or 0)
        self._read_measured()
        self.plan_next(self._loop.step)
        for adjustable in (
            Adjustable(
                "checkpoint_every_steps", lambda: self._every_steps, self._set_every_steps, 0, None, "live",
                "train.checkpoint_steps", "steps between checkpoints (0: none)", own=True,
            ),
            Adjustable(
                "checkpoint_every_minutes", lambda: self._every_minutes, self._set_every_minutes, 0, None, "live",
                "train.checkpoint_minutes", "minutes between checkpoints (0: none)", own=True,
            ),
        ):  # fmt: skip
            self._adjustables.add(adjustable)

    @property
    def parent(self) -> Path:
        """The folder in which checkpoints are published."""
        published_to = self.policy.publish_to if self.policy is not None else None
        return published_to or self._folder

    def plan_next(self, step: Optional[int]) -> None:
        """Work out when the next periodic save is due; by steps it lies on multiples, whatever was saved between."""
        self._loop.save_step = None
        if self._every_steps:
            done = 0 if step is None else step + 1 - self.first_step
            self._loop.save_step = (done // self._every_steps + 1) * self._every_steps + self.first_step - 1
        self._loop.save_time = time.monotonic() + 60 * self._every_minutes if self._every_minutes else None

    def _set_every_steps(self, value: int) -> None:
        self._every_steps = value
        self.plan_next(self._loop.step)

    def _set_every_minutes(self, value: float) -> None:
        self._every_minutes = value
        self.plan_next(self._loop.step)

    def note(self, value: float, step: int) -> None:
        """Remember the watched metric at a step: it belongs to the checkpoint of that very step."""
        with contextlib.suppress(OverflowError):  # of an integer beyond all floats, which is no best of anything
            if math.isfinite(value):
                self._measured[step] = value

    # Saving

    def save(self, kind: str) -> Optional[checkpoints.Sealed]:
        """Save now, between two steps. None when it failed: that is told, `failure` says why, and the training goes on."""
        policy = self.policy
        if policy is None:
            self.failure = "this trainer has no function that saves a checkpoint"
            return None
        if not self.saves:
            self.failure = "a probe saves nothing"
            return None
        step = self._loop.step or 0
        with self._voice.long("checkpointing", f"Saving a checkpoint at step {step}"), preserved():
            self._say("checkpoint: writing")
            temporary = self.parent / f"{checkpoints.SAVING}step-{step}-{os.getpid()}"
            try:
                folder = self._write(policy.save, temporary)
                moves = policy.publish_to is not None or folder == temporary
                return self._publish(folder, step, kind, moves)
            except RankLost:
                raise
            except Exception as error:  # noqa: BLE001
                # The user's own function, torch, a full disk: whatever it raises must not end the training.
                self._failed(step, kind, error)
                return None
            finally:
                checkpoints.remove_tree(temporary)
                self.plan_next(self._loop.step)

    def publish(self, folder: Path, step: int, kind: str) -> Optional[checkpoints.Sealed]:
        """Seal, publish and tell a folder that a framework has just saved by itself; None when that failed."""
        try:
            return self._publish(folder, step, kind, self.policy is not None and self.policy.publish_to is not None)
        except (OSError, ValueError) as error:
            self._failed(step, kind, error)
            return None

    def _write(self, save: Callable[..., Any], temporary: Path) -> Path:
        if not _takes_argument(save):
            written = self.together("checkpoint", save)
            if written is None:
                raise ValueError("the function that saves returned no folder; let it return one, or take one")
            return Path(written)
        temporary.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.together("checkpoint", lambda: save(temporary), folder=str(temporary))
        return temporary

    def _publish(self, folder: Path, step: int, kind: str, moves: bool) -> checkpoints.Sealed:
        self._write_facts(folder, step, kind)
        sealed = checkpoints.seal(folder, self._reading_back)
        target = self.parent / f"step-{step}"
        if moves and target.exists() and not self._is_own(target):
            raise FileExistsError(f"{target} is another run's; give each run a folder of its own")
        if moves:
            sealed = checkpoints.publish(sealed, target)
        path = str(sealed.path.resolve())
        self.saved = [one for one in self.saved if one[0] != step] + [(step, sealed.path)]
        self.failure = ""
        self._tell(step, kind, path=path, bytes=sealed.bytes, manifest=sealed.manifest)
        if moves and self.policy is not None:
            # What a person asked for is a person's to delete.
            own = [path for path in self._own() if checkpoints.read_facts(path).get("kind") != "manual"]
            alike = [path for path in own if _is_suspect(path) == bool(self._loop.suspect)]
            checkpoints.keep(alike, self.policy.keep_last, also=[sealed.path, *self._best()])
        return sealed

    def _write_facts(self, folder: Path, step: int, kind: str) -> None:
        self._voice.heart.look()
        facts: Dict[str, Any] = {
            **self._identity, "step": step, "epoch": self._voice.heart.fields.epoch, "kind": kind, "time": time.time(),
            "contents": list(self.policy.contents) if self.policy is not None else [],
            "hyperparameters": self._adjustables.values(), "config_keys": self._adjustables.keys(),
        }  # fmt: skip
        if self._loop.suspect:
            facts["suspect"] = self._loop.suspect
        if step in self._measured:
            facts["metrics"] = {self._loop.watched: self._measured[step]}
        (folder / checkpoints.FACTS).write_text(json.dumps(json.loads(encode(facts)), indent=1), encoding="utf-8")

    def _reading_back(self, done: int, total: int) -> None:
        words = f"reading back {total / 1e6:.1f} MB"
        if done == 0:
            self._say(f"checkpoint: {words}")
        self._voice.progress(f"Saving a checkpoint: {words}, {100 * done // max(1, total)} %")

    def _failed(self, step: int, kind: str, error: Exception) -> None:
        self.failure = str(error) or type(error).__name__
        warn("checkpoint at step %d failed: %s", step, self.failure)
        self._tell(step, kind, failed=self.failure)

    def _tell(self, step: int, kind: str, **fields: Union[str, int]) -> None:
        self._voice.write("checkpoint", {"step": step, "kind": kind, **fields}, durable=True)
        if "failed" in fields:
            message = f"checkpoint failed at step {step}: {fields['failed']}"
            self._voice.alert("warning", "checkpoint_failed", message)

    def _say(self, message: str) -> None:
        self._voice.write("log", {"level": "info", "message": message})

    # Which are kept

    @property
    def last_is_whole(self) -> bool:
        """Whether the newest checkpoint of this attempt is still there."""
        return bool(self.saved) and _is_sealed(self.saved[-1][1])

    def last_good(self, until: int, began_at: Optional[int]) -> Optional[Path]:
        """The newest checkpoint that is still there, of a step up to `until`.

        Of earlier attempts only what lies before `began_at`, the step that this one went on from (None: it began anew):
        the rest was left behind.
        """
        own = {path: step for step, path in self.saved}
        if began_at is not None:
            own.update({path: step for path in self._own() if (step := checkpoints.step_of(path)) <= began_at})
        good = [
            (step, path) for path, step in own.items() if step <= until and _is_sealed(path) and not _is_suspect(path)
        ]
        return max(good)[1] if good else None

    def _own(self) -> List[Path]:
        """What this run has published: a script's own folder may hold what other runs have left there."""
        return [path for path in checkpoints.published(self.parent) if self._is_own(path)]

    def _is_own(self, folder: Path) -> bool:
        return bool(checkpoints.read_facts(folder).get("run_id") == self._identity["run_id"])

    def _best(self) -> List[Path]:
        """The checkpoint with the best measured value, if any was measured."""
        keep_best = self.policy.keep_best if self.policy is not None else None
        if not keep_best:
            return []
        sign = -1 if keep_best.startswith("-") else 1
        known = [path for path in self._own() if checkpoints.step_of(path) in self._measured]
        return sorted(known, key=lambda path: sign * self._measured[checkpoints.step_of(path)])[:1]

    def _read_measured(self) -> None:
        """What earlier attempts measured stands in their checkpoints."""
        for path in self._own() if self._loop.watched else ():
            value = (checkpoints.read_facts(path).get("metrics") or {}).get(self._loop.watched)
            if isinstance(value, (int, float)):
                self._measured.setdefault(checkpoints.step_of(path), float(value))


def _is_sealed(folder: Path) -> bool:
    return (folder / checkpoints.MANIFEST).is_file()


def _is_suspect(folder: Path) -> bool:
    """Whether its weights were saved while the loss was no number."""
    return bool(checkpoints.read_facts(folder).get("suspect"))


def _takes_argument(function: Callable[..., Any]) -> bool:
    """Whether a function of the script wants to be told something; one that cannot be inspected is told nothing."""
    import inspect

    try:
        inspect.signature(function).bind("argument")
    except (TypeError, ValueError):
        return False
    return True
