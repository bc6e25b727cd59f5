"""Numbers from what an uninstrumented trainer prints. Upstream: console.log. Downstream: `metrics` in supervisor.jsonl.

Nothing is guessed from ordinary prose: a line counts when it holds a name that metrics have. What a program prints is anything at
all, so each pattern is bounded: its time grows with the length of a line and not with the square of it.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field

_NUMBER = r"[-+]?(?:\d[\d,]{0,40}\.?\d{0,40}(?:[eE][-+]?\d{1,9})?|\.\d{1,40}(?:[eE][-+]?\d{1,9})?|nan|inf(?:inity)?)"
_SPACE = r"\s{0,40}"
_WORD = r"[A-Za-z][\w/.-]{0,80}"
_COUNT = r"\d{1,15}(?!\d)"
_ANSI = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-_])")
_NUMERIC = re.compile(rb"\d|nan|inf", re.IGNORECASE)
_DICT = re.compile(r"\{['\"][^{}]*\}")
_PAIR = re.compile(
    rf"(?<![A-Za-z])(?P<name>{_WORD}(?: {_WORD}){{0,2}}){_SPACE}[:=]{_SPACE}"
    rf"(?P<value>{_NUMBER})(?P<unit> ?%| ?[A-Za-z]+/s(?:ec)?)?(?![\w.:/])",
    re.IGNORECASE,
)
_COUNTER = re.compile(
    rf"\b(?P<name>epoch|step|batch|iter(?:ation)?)(?P<plural>e?s)?\b\s{{0,8}}[:=#]?\s{{0,8}}[\[(]?\s{{0,8}}(?P<n>{_COUNT}(?:\.\d{{1,40}})?)(?:\s{{0,8}}(?:/|of)\s{{0,8}}(?P<total>{_COUNT}))?",
    re.IGNORECASE,
)
_BAR = re.compile(rf"\d{{1,3}}%\|[^|]*\|{_SPACE}(?P<n>{_COUNT})/(?P<total>{_COUNT}){_SPACE}\[(?P<rest>[^\]]*)")
_EXPERT = re.compile(r"expert[-_ ]?(\d+)$")
_METRIC_WORDS = re.compile(
    r"loss|acc|perplexity|ppl|\blr\b|learning[ _]rate|grad[ _]norm|reward|f1|bleu|\bmse|\bmae|rmse|\bauc|throughput|expert[-_ ]?\d",
    re.IGNORECASE,
)
_TELLING = re.compile(
    rb"\{|%\||epoch|step|batch|iter|" + _METRIC_WORDS.pattern.replace("\\b", "").encode(), re.IGNORECASE
)
"""What a line holds that may tell something: the other ones are most of a log."""
LONGEST_LINE = 1 << 14
"""Bytes: a longer line is no line of numbers."""
_SPACED_LOSS = re.compile(r"\bloss (?P<value>\d{1,40}\.\d{1,40}(?:[eE][-+]?\d{1,9})?)(?![\w.])", re.IGNORECASE)
_LEVEL = re.compile(r"^(?:debug|info|warn(?:ing)?|error|critical) (?=\w)", re.IGNORECASE)
_NOT_METRICS = frozenset({"epoch", "step", "batch", "iter", "iteration", "memory", "temp", "time", "eta", "elapsed"})
_ALIASES = {"lr": "learning_rate", "acc": "accuracy", "gradient_norm": "grad_norm"}
_COUNTED = ("token", "sample")
_SPLITS = (("validation_", "eval/"), ("valid_", "eval/"), ("val_", "eval/"), ("eval_", "eval/"), ("test_", "test/"),
           ("training_", "train/"), ("train_", "train/"))  # fmt: skip


@dataclass
class Reading:
    """The numbers of one printed line."""

    offset: int
    step: int | None
    epoch: float | None
    values: dict[str, float] = field(default_factory=dict)


@dataclass
class Counters:
    """Where the printed output says the training is."""

    epoch: float | None = None
    epoch_is_exact: bool = False
    epoch_total: float | None = None
    zero_based: bool = False
    batch: int | None = None
    batch_total: int | None = None
    step: int | None = None
    step_total: int | None = None
    batches_before: int = 0
    lines: int = 0


class Scraper:
    """Reads raw output piece by piece; a line that a carriage return overwrites counts like one that a newline ends."""

    def __init__(self, offset: int = 0) -> None:
        self.counters = Counters()
        self._offset = offset
        self._rest = b""
        self._within = False

    @property
    def offset(self) -> int:
        """Bytes of the log that were read, the unfinished line included."""
        return self._offset + len(self._rest)

    @property
    def total_epochs(self) -> float | None:
        """The total that the output names."""
        return self.counters.epoch_total

    def feed(self, data: bytes) -> list[Reading]:
        """Take the next bytes of the log; return what its whole lines say."""
        readings = []
        lines = (self._rest + data).splitlines(keepends=True)
        self._rest = lines.pop() if lines and not lines[-1].endswith((b"\r", b"\n")) else b""
        for line in lines:
            values = {} if self._within or len(line) > LONGEST_LINE else self._read_line(line)
            if values:
                self.counters.lines += 1
                readings.append(Reading(self._offset, self._step(), self.epoch, values))
            self._offset += len(line)
            self._within = False
        if len(self._rest) > LONGEST_LINE:
            self._offset += len(self._rest)
            self._rest, self._within = b"", True
        return readings

    def go_on_from(self, offset: int) -> None:
        """Leave out what lies before byte `offset`, and the rest of the line that is there."""
        self._offset, self._rest, self._within = offset, b"", True

    def finish(self) -> list[Reading]:
        """Take the last line as whole: nothing will end it any more."""
        return self.feed(b"\n") if self._rest else []

    @property
    def epoch(self) -> float | None:
        """Epochs done: a printed `Epoch n` means n - 1 complete, plus the part of it that batches tell."""
        counters = self.counters
        if counters.epoch is None or counters.epoch_is_exact:
            return counters.epoch
        done = counters.epoch - (0 if counters.zero_based else 1)
        if counters.batch is not None and counters.batch_total:
            done += min(1.0, counters.batch / counters.batch_total)
        return max(0.0, done)

    def _step(self) -> int:
        counters = self.counters
        if counters.step is not None:
            return counters.step
        if counters.batch is not None:
            return counters.batches_before + counters.batch
        return counters.lines - 1

    def _read_line(self, line: bytes) -> dict[str, float]:
        if not _NUMERIC.search(line) or not _TELLING.search(_ANSI.sub(b"", line) if b"\x1b" in line else line):
            return {}
        text = _ANSI.sub(b"", line).decode("utf-8", "replace").strip()
        return self._read(text) if text else {}

    def _read(self, text: str) -> dict[str, float]:
        logged = self._read_dict(text)
        if logged is not None:
            return logged
        bar = _BAR.search(text) if "%|" in text else None
        if bar is not None and not set("|%").intersection(bar.string[: bar.start()]):
            return self._read_bar(bar)
        measured = _METRIC_WORDS.search(text) is not None
        counted = self._read_counters(text, measured)
        if not measured:
            return {}
        values = _pairs(text)
        spaced = _SPACED_LOSS.search(text) if counted and not values else None
        return {"train/loss": float(spaced["value"])} if spaced else values

    def _read_dict(self, text: str) -> dict[str, float] | None:
        """Read `{'loss': 2.1, 'epoch': 0.5}` as Hugging Face's Trainer prints it."""
        match = _DICT.search(text) if "{" in text else None
        if match is None:
            return None
        try:
            printed = ast.literal_eval(re.sub(r"(?<=: )(nan|inf|-inf)(?=[,}])", r"'\1'", match[0]))
        except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
            return None
        if not isinstance(printed, dict):
            return None
        numbers = {str(key): number for key, value in printed.items() if (number := _number(value)) is not None}
        if not any(_METRIC_WORDS.search(name) for name in numbers):
            return {}
        if "epoch" in numbers:
            self._set_epoch(numbers.pop("epoch"), None, exact=True)
        if "train_runtime" in numbers and "train_loss" in numbers:
            # The Trainer's summary: a mean over the whole training, no loss of a step.
            numbers["train_mean_loss"] = numbers.pop("train_loss")
        return {metric_name(name): value for name, value in numbers.items()}

    def _read_bar(self, bar: re.Match[str]) -> dict[str, float]:
        """Read a tqdm bar; one that carries another label (a download, a tokenisation) is not the training's."""
        label = bar.string[: bar.start()].rstrip().removesuffix(":").strip().lower()
        counter = _COUNTER.search(label)
        if counter is not None:
            self._count(counter)
        elif label and not label.startswith("train"):
            return {}
        self._set_batch(int(bar["n"]), int(bar["total"]))
        return _pairs(bar["rest"].partition(",")[2]) if "=" in bar["rest"] else {}

    def _read_counters(self, text: str, measured: bool) -> bool:
        """Note where the line says it is; `Num Epochs = 3` or `10 steps` on a line without a metric is no place."""
        matches = [match for match in _COUNTER.finditer(text) if measured or not match["plural"]]
        in_epoch = any(match["name"].lower() == "epoch" for match in matches)
        for match in matches:
            self._count(match, in_epoch)
        return bool(matches)

    def _count(self, match: re.Match[str], in_epoch: bool = False) -> None:
        """Note a counter; `Step [100/600]` beside an epoch counts within that epoch, as a batch does."""
        name, number = match["name"].lower(), float(match["n"])
        total = int(match["total"]) if match["total"] else None
        if name == "epoch":
            self._set_epoch(number, total, exact="." in match["n"])
        elif name == "batch" or (in_epoch and total is not None):
            self._set_batch(int(number), total)
        else:
            self.counters.step = int(number)
            self.counters.step_total = total or self.counters.step_total

    def _set_epoch(self, number: float, total: int | None, exact: bool) -> None:
        """Note an epoch: an exact one (2.5, or a logged field) is epochs done, a printed `Epoch 3` is the third one."""
        counters = self.counters
        counters.zero_based = counters.zero_based or (number == 0 and not exact)
        if counters.epoch is not None and number > counters.epoch and not exact:
            counters.batches_before += counters.batch or 0
            counters.batch = None
        counters.epoch, counters.epoch_is_exact = number, exact
        counters.epoch_total = total or counters.epoch_total

    def _set_batch(self, number: int, total: int | None) -> None:
        counters = self.counters
        if counters.batch is not None and number < counters.batch:
            counters.batches_before += counters.batch
        counters.batch = number
        counters.batch_total = total or counters.batch_total


def metric_name(printed: str) -> str:
    """Map a printed name to the console's: `Loss` is `train/loss`, `eval_x` is `eval/x`, `Expert-3` is `moe/loss/3`."""
    name = re.sub(r"[\s-]+", "_", printed.strip().lower()).strip("_.")
    expert = _EXPERT.search(name)
    if expert:
        return f"moe/loss/{expert[1]}"
    if "/" in name:
        return name
    for prefix, room in _SPLITS:
        if name.startswith(prefix):
            rest = name[len(prefix) :]
            return room + _ALIASES.get(rest, rest)
    return "train/" + _ALIASES.get(name, name)


def _pairs(text: str) -> dict[str, float]:
    values = {}
    for match in _PAIR.finditer(text):
        name = _LEVEL.sub("", match["name"])
        number = _number(match["value"])
        if number is not None and name.lower() not in _NOT_METRICS:
            unit = (match["unit"] or "").strip().lower()
            rate = next((f"train/{thing}s_per_second" for thing in _COUNTED if unit.startswith(thing[:3])), None)
            values[rate or metric_name(name)] = number
    return values


def _number(value: object) -> float | None:
    if isinstance(value, bool):
        return None
    try:
        return float(value if isinstance(value, int | float) else str(value).replace(",", ""))
    except (ValueError, OverflowError):
        return None
