"""What TRL's trainers keep that a Trainer does not. Upstream: SFTTrainer, DPOTrainer, GRPOTrainer ... Downstream: transformers.

Known by what they hold, without importing trl: sums between two logs (entropy, accuracy, rewards), a count of tokens that
no checkpoint has, and, where they generate, the completions of the newest batch with their rewards.
"""

from __future__ import annotations

import contextlib
import copy
import math
from typing import Any, Dict, Iterator, List, Mapping, Optional

from gladius.integrations.samples import as_text


def window(trainer: Any) -> Dict[str, Any]:
    """What was summed up since the last log, and the tokens since the beginning; empty for other trainers."""
    sums = _sums(trainer)
    if sums is None:
        return {}
    kept = {name: [float(one).hex() for one in values] for name, values in sums.items()}
    tokens = getattr(trainer, "_total_train_tokens", None)
    return {"sums": kept, **({"tokens": float(tokens).hex()} if isinstance(tokens, (int, float)) else {})}


def restore_window(trainer: Any, facts: Mapping[str, Any], due: bool) -> None:
    """Go on summing where a checkpoint was saved; `due`: the log of its step closed that window."""
    sums = _sums(trainer)
    if sums is None:
        return
    if not due:
        for name, values in facts.get("sums", {}).items():
            sums[name] = [float.fromhex(one) for one in values]
    if "tokens" in facts:
        trainer._total_train_tokens = type(trainer._total_train_tokens)(float.fromhex(facts["tokens"]))


def _sums(trainer: Any) -> Optional[Any]:
    kept = getattr(trainer, "_metrics", None)
    sums = kept.get("train") if isinstance(kept, dict) else None
    return sums if isinstance(sums, dict) else None


def generates_every(trainer: Any) -> Optional[int]:
    """Batches that are trained on completions of one generation; None for a trainer that generates none."""
    if not hasattr(trainer, "_buffered_inputs") or not hasattr(trainer, "_step"):
        return None
    args = trainer.args
    return int(getattr(args, "steps_per_generation", None) or 1) * int(getattr(trainer, "num_iterations", 1) or 1)


def resumes_exactly(trainer: Any) -> bool:
    """Whether each step generates anew: no checkpoint holds completions that several steps are trained on."""
    every = generates_every(trainer)
    return every is None or every <= trainer.args.gradient_accumulation_steps


@contextlib.contextmanager
def same_completions(trainer: Any) -> Iterator[None]:
    """Put back what was generated for the newest batch, where an evaluation would leave its own in its place."""
    logs = getattr(trainer, "_logs", None)
    before = _copied(logs) if isinstance(logs, dict) and generates_every(trainer) is not None else None
    try:
        yield
    finally:
        if before is not None:
            trainer._logs = before


def _copied(logs: Any) -> Any:
    """Its own lists, with the same texts and pictures in them."""
    kept = copy.copy(logs)
    if isinstance(kept, dict):
        for name, value in kept.items():
            kept[name] = _copied(value)
    return kept


class Completions:
    """The completions of the newest generation, as rows of a `samples` event; each generation is told once."""

    def __init__(self, trainer: Any, most: int) -> None:
        self._trainer = trainer
        self._most = most
        self._every = (
            generates_every(trainer) if most > 0 and isinstance(getattr(trainer, "_logs", None), dict) else None
        )
        self._told: Optional[int] = None

    def take(self) -> List[Dict[str, Any]]:
        """Rows of prompt, output and score (the weighted reward); none where nothing new was generated."""
        if self._every is None:
            return []
        generation = self._generation()
        if generation == self._told:
            return []
        self._told = generation
        return self._rows()

    def pass_over(self) -> None:
        """An evaluation has put its completions in the place of the newest generation's."""
        if self._every is not None:
            self._told = self._generation()

    def _generation(self) -> int:
        return -(-int(self._trainer._step) // (self._every or 1))

    def _rows(self) -> List[Dict[str, Any]]:
        logs = self._trainer._logs
        pairs = list(zip(logs.get("prompt", ()), logs.get("completion", ())))[: self._most]  # noqa: B905 (Python 3.9)
        rows: List[Dict[str, Any]] = []
        for index, (prompt, completion) in enumerate(pairs):
            row: Dict[str, Any] = {"prompt": as_text(prompt), "output": as_text(completion)}
            score = self._score(index)
            rows.append(row if score is None else {**row, "score": score})
        return rows

    def _score(self, index: int) -> Optional[float]:
        """What the trainer itself makes of the rewards: their weighted sum without those that are NaN."""
        columns = self._trainer._logs.get("rewards", {})
        weights = [float(one) for one in getattr(self._trainer, "reward_weights", [])]
        names = list(getattr(self._trainer, "reward_func_names", columns))
        if len(weights) != len(names) or any(len(columns.get(name, ())) <= index for name in names):
            return None
        told = [(weight, float(columns[name][index])) for weight, name in zip(weights, names)]  # noqa: B905
        known = [weight * reward for weight, reward in told if not math.isnan(reward)]
        return sum(known) if known else None
