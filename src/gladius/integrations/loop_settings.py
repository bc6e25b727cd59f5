"""The numbers of a training loop that people may change. Upstream: torch_loop. Downstream: the run's adjustables."""

from __future__ import annotations

from typing import Any, Callable, Dict, Mapping, NamedTuple, Optional, Set

from gladius.integrations.live_batches import LiveBatches
from gladius.integrations.torch_rates import LearningRate, WeightDecay
from gladius.pulse.reporter import Run


class Setting(NamedTuple):
    """One number: how to read and to change it, what the script said it is, and how it is announced."""

    get: Callable[[], Any]
    set: Callable[[Any], None]
    script: Any
    facts: Mapping[str, Any]


class LoopSettings:
    """Announces each number when the loop first uses it: what a loop never looks at, nobody is offered to change.

    A checkpoint holds what each one was. Resumed, the checkpoint's value holds, as people may have changed it; but a
    value that was edited in the script since then was meant, and wins.
    """

    def __init__(self, run: Run, keys: Mapping[str, str]) -> None:
        self._run = run
        self._keys = keys
        self._settings: Dict[str, Setting] = {}
        self._announced: Set[str] = set()

    def add(self, name: str, get: Callable[[], Any], set: Callable[[Any], None], **facts: Any) -> None:
        """Take a number in; `facts` are the other arguments of `Run.adjustable`."""
        self._settings[name] = Setting(get, set, get(), {"key": self._keys.get(name, ""), **facts})

    def add_attribute(self, owner: Any, name: str, **facts: Any) -> None:
        """Take in a number that is an attribute of the loop."""
        self.add(name, lambda: getattr(owner, name), lambda value: setattr(owner, name, value), **facts)

    def announce(self, name: str) -> None:
        """Offer it to people, from the first call on."""
        if name not in self._announced:
            self._announced.add(name)
            setting = self._settings[name]
            self._run.adjustable(name, get=setting.get, set=setting.set, **setting.facts)

    def state(self) -> Dict[str, Dict[str, Any]]:
        """What a checkpoint holds of them: by name, the value of now and the script's."""
        return {name: {"live": one.get(), "script": one.script} for name, one in self._settings.items()}

    def settle(self, saved: Mapping[str, Mapping[str, Any]]) -> None:
        """Take the values of a checkpoint, but for those that the script says otherwise now; people are told of each."""
        for name, one in self._settings.items():
            then = saved.get(name)
            if then is None:
                continue
            edited = one.script != then["script"]
            wanted = one.script if edited else then["live"]
            if one.get() != wanted:
                one.set(wanted)
            if wanted != (then["live"] if edited else one.script):
                whose = "the script's, edited since, holds" if edited else "the checkpoint's, changed live, holds"
                message = f"{name} is {one.script:g} in the script and {then['live']:g} in the checkpoint: {whose}."
                self._run.alert("info", "setting_differs", message)


def offer_optimizer(settings: LoopSettings, rate: LearningRate, decay: WeightDecay) -> None:
    """Offer what the optimizer has."""
    if rate.known:
        settings.add("learning_rate", rate.get, rate.set, min=0, applies=rate.applies, label=rate.label)
        settings.announce("learning_rate")
    if decay.known:
        settings.add("weight_decay", decay.get, decay.set, min=0, label="weight decay")
        settings.announce("weight_decay")


def optimizer_facts(optimizer: Any) -> Dict[str, Any]:
    """The optimizer's kind and what it was made with, as far as that is plain numbers."""
    known = getattr(optimizer, "defaults", None) or {}
    facts: Dict[str, Any] = {"optimizer": type(optimizer).__name__}
    for name in ("betas", "eps", "momentum"):
        value = known.get(name)
        if isinstance(value, (tuple, list)) and all(isinstance(one, float) for one in value):
            facts[name] = list(value)
        elif isinstance(value, (int, float)):
            facts[name] = value
    return facts


def offer_plan(settings: LoopSettings, loop: Any, batches: Optional[LiveBatches], changed: Callable[[], None]) -> None:
    """Take in the loop's own numbers; `changed` is called when the training has become longer or shorter."""

    def set_batch_size(size: int) -> None:
        assert batches is not None
        batches.batch_size = size
        changed()

    def set_total_epochs(total: int) -> None:
        if total <= loop.epoch:
            raise ValueError(f"epoch {loop.epoch + 1} is under way")
        loop.total_epochs = total
        changed()

    if batches is not None:
        label = "batch size, after what the loader has drawn ahead"
        if batches.largest < batches.samples:
            label = "batch size of each process, after what the loader has drawn ahead"
        settings.add("batch_size", lambda: batches.batch_size, set_batch_size, min=1, max=batches.largest, label=label)
        settings.announce("batch_size")
    label = "total epochs, the schedule not stretched"
    settings.add("total_epochs", lambda: loop.total_epochs, set_total_epochs, min=1, label=label)
    settings.add_attribute(loop, "max_grad_norm", min=0, label="gradient clipping by norm (0: none)")
    settings.add_attribute(loop, "log_every", min=0, label="steps between logs (0: none)")
    settings.add_attribute(loop, "evaluate_every", min=0, label="steps between evaluations (0: none)")
