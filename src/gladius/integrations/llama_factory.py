"""Train with LLaMA-Factory as it is, steered. Upstream: launch, a person's YAML. Downstream: LLaMA-Factory, GladiusCallback.

    python -m gladius.integrations.llama_factory [--samples N] [--nan-policy P] [--checkpoint-minutes M] FILE.yaml [key=value ...]

The YAML and the `key=value` words are LLaMA-Factory's own. Of its settings only these become others, each said on stderr:
`resume_from_checkpoint` (and then no `overwrite_output_dir`) where the run goes on from a checkpoint, `output_dir` where
none is given or a fork would write among its parent's checkpoints, and what a person changed for this attempt.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from pathlib import Path
from typing import Any, Dict, List, Mapping, NoReturn, Optional

from gladius.errors import ConfigError, GladiusError
from gladius.integrations import llama_factory_files as files
from gladius.pulse.reporter import Run
from gladius.pulse.start import start

CONFIG_KEYS = {
    "learning_rate": "learning_rate",
    "weight_decay": "weight_decay",
    "max_grad_norm": "max_grad_norm",
    "logging_steps": "logging_steps",
    "eval_steps": "eval_steps",
    "batch_size": "per_device_train_batch_size",
    "gradient_accumulation": "gradient_accumulation_steps",
    "total_epochs": "num_train_epochs",
    "max_steps": "max_steps",
    "warmup_steps": "warmup_steps",
    "schedule": "lr_scheduler_type",
}
"""Standard names of what can be adjusted, and LLaMA-Factory's keys that say the same."""

_MODULE = "gladius.integrations.llama_factory"


class _Left(Exception):
    """Carries a released training, or one that was stopped without a checkpoint, out of LLaMA-Factory."""


def main(argv: Optional[List[str]] = None) -> int:
    """Train; 0 when it ended as planned or was stopped, 1 when it could not, 2 for a wrong call."""
    words = sys.argv[1:] if argv is None else argv
    asked = _parser().parse_args(words)
    try:
        source = Path(asked.config).absolute()
        files.read(source, asked.overrides)  # a mistake in it is told before anything is loaded
        processes = _processes()
        if processes is not None:
            _become_torchrun(processes, words)
        with start(name=source.stem) as run:
            train(run, source, asked)
    except GladiusError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    return 1 if run.state == "error" else 0  # a policy ended it, not an exception


def train(run: Run, source: Path, asked: argparse.Namespace) -> None:
    """Train as the file says and report to `run`. Raises ConfigError, and whatever LLaMA-Factory raises."""
    given = files.read(source, asked.overrides)
    settings = _settings(files.in_their_words(given, run), run)
    run.describe(config=files.without_secrets(given), ready=False)
    with _preparing(run, "Loading LLaMA-Factory"):
        try:
            from llamafactory.train.tuner import run_exp
        except ImportError as error:
            raise ConfigError(
                f"LLaMA-Factory cannot be loaded by {sys.executable}: {error}.",
                "'gladius env create llama-factory' makes an environment that can.",
            ) from error
        callback = _callback(run, source, asked, given)
    with contextlib.suppress(_Left):
        run_exp(settings, callbacks=[callback])
    _end_process_group()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=f"python -m {_MODULE}", description="Train with LLaMA-Factory, steered.")
    parser.add_argument("--samples", type=int, default=4, metavar="N", help="records answered at each evaluation (4)")
    parser.add_argument("--nan-policy", default="warn", choices=["warn", "pause", "stop", "rollback"])
    parser.add_argument("--checkpoint-minutes", type=float, metavar="M", help="save that often besides save_steps")
    parser.add_argument("config", help="LLaMA-Factory's YAML or JSON file")
    parser.add_argument("overrides", nargs=argparse.REMAINDER, metavar="key=value", help="as LLaMA-Factory takes them")
    return parser


def _settings(settings: Dict[str, Any], run: Run) -> Dict[str, Any]:
    """What LLaMA-Factory is called with: the person's settings, but for what this attempt must have otherwise."""
    changed = {_in_their_words(key): value for key, value in run.overrides.items() if not key.startswith("data.")}
    settings = {**settings, **changed}
    home = _home_of_output(run, settings.get("output_dir"))
    if home is not None:
        settings["output_dir"] = home
        _say(f"The output goes to {home}")
    if run.resume_from:
        settings["resume_from_checkpoint"] = run.resume_from
        settings["overwrite_output_dir"] = False  # else its log of the steps so far is deleted
        _say(f"Going on from {run.resume_from}")
    return settings


def _in_their_words(key: str) -> str:
    """LLaMA-Factory's key for one of ours; whatever else was said is one of its own, or it will say so."""
    return "num_train_epochs" if key == files.EPOCHS else CONFIG_KEYS.get(key, key)


def _home_of_output(run: Run, given: Any) -> Optional[str]:
    """The run's own folder where nothing else is said, and for a fork, which must not write among its parent's checkpoints."""
    home = files.directory(run)
    if home is None:
        return None
    facts = home.read_run() if home.run_json.exists() else {}
    return str(home.root / "output") if not given or facts.get("parent") else None


def _callback(run: Run, source: Path, asked: argparse.Namespace, given: Mapping[str, Any]) -> Any:
    from gladius.integrations.trainer_facts import metric_values
    from gladius.integrations.transformers import GladiusCallback

    class Callback(GladiusCallback):
        """Knows that LLaMA-Factory goes on when its Trainer has ended: it saves, evaluates and predicts."""

        _trained = False

        def on_train_end(self, args: Any, *rest: Any, **kwargs: Any) -> None:
            """A release leaves at once; a stop keeps what was trained and asks for no more."""
            leaves = run.released or (run.should_stop and not run.stop_checkpoint)
            if run.should_stop:
                args.do_eval = args.do_predict = False
            super().on_train_end(args, *rest, **kwargs)
            self._trained = True
            if leaves:
                raise _Left

        def on_log(self, args: Any, state: Any, *rest: Any, **kwargs: Any) -> None:
            """The evaluation after the training counts too."""
            if not self._trained:
                super().on_log(args, state, *rest, **kwargs)
            elif run.active:
                run.log(metric_values(kwargs.get("logs") or {}), step=state.global_step, epoch=state.epoch)

    current = files.current(run, source)
    keys = {**CONFIG_KEYS, "total_epochs": files.EPOCHS} if isinstance(given.get("train"), dict) else CONFIG_KEYS
    return Callback(
        run=run,
        checkpoint_minutes=asked.checkpoint_minutes,
        nan_policy=asked.nan_policy,
        samples=lambda trainer: files.prompts(trainer, asked.samples),
        config_keys=keys,
        read_config=lambda: files.read_flat(current),
        config_file=current,
    )


def _processes() -> Optional[str]:
    """How many processes `llamafactory-cli train` would start here; None for one alone, or within such a process."""
    if "LOCAL_RANK" in os.environ or os.environ.get("USE_RAY", "0").lower() in ("1", "true", "y"):
        return None
    import torch

    devices = torch.cuda.device_count()
    if devices > 1 or os.environ.get("FORCE_TORCHRUN", "0").lower() in ("1", "true", "y"):
        return os.environ.get("NPROC_PER_NODE") or str(max(1, devices))
    return None


def _become_torchrun(processes: str, words: List[str]) -> NoReturn:
    """Take torchrun's place in this process, so that whoever watches this one watches all ranks."""
    nodes = os.environ.get("NNODES", "1")
    place = ["--standalone"]
    if nodes != "1":
        where = {name: os.environ.get(name.upper()) for name in ("node_rank", "master_addr", "master_port")}
        place = ["--nnodes", nodes, *(word for name, value in where.items() if value for word in (f"--{name}", value))]
    _say(f"Starting {processes} processes")
    command = ["-m", "torch.distributed.run", *place, "--nproc_per_node", processes, "-m", _MODULE, *words]
    os.execv(sys.executable, [sys.executable, *command])


def _end_process_group() -> None:
    """As LLaMA-Factory does in its end, which a release does not reach."""
    import torch.distributed as dist

    with contextlib.suppress(Exception):
        if dist.is_available() and dist.is_initialized():
            dist.destroy_process_group()


@contextlib.contextmanager
def _preparing(run: Run, what: str) -> Any:
    _say(what)
    with run.long("preparing", reason=what):
        yield


def _say(text: str) -> None:
    sys.stderr.write(f"gladius: {text}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
