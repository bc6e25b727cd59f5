"""Fine-tune a causal language model. Upstream: launch. Downstream: trainer.

Run as `python -m gladius.recipes.finetune config.yaml`. The whole course of a run is `train` below. It loads PyTorch
only after the run has begun, so that people see what it waits for.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gladius.errors import GladiusError
from gladius.pulse.checkpoints import SAVING
from gladius.pulse.reporter import Run
from gladius.pulse.start import start
from gladius.recipes.config import RecipeConfig, load
from gladius.recipes.console import say
from gladius.recipes.gguf import CARRIED, gguf_file
from gladius.recipes.gguf import load as load_gguf

if TYPE_CHECKING:
    from gladius.recipes.data import Prepared

_USAGE = "usage: python -m gladius.recipes.finetune config.yaml\n"


def main(argv: list[str] | None = None) -> int:
    """Run the recipe; 0 when it ended as planned or was stopped, 1 when it could not, 2 for a wrong call."""
    arguments = sys.argv[1:] if argv is None else argv
    if len(arguments) != 1 or arguments[0].startswith("-"):
        sys.stderr.write(_USAGE)
        return 2
    source = Path(arguments[0])
    try:
        with start(name=source.stem) as run:
            train(load(source), run, source)
    except GladiusError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    return 1 if run.state == "error" else 0  # a policy ended it, not an exception


def train(config: RecipeConfig, run: Run, source: Path) -> None:
    """Train as configured in the file `source` and report to `run`. Raises ConfigError, and what the libraries raise."""
    _set_environment(config)
    with _preparing(run, "Loading PyTorch and transformers"):
        from gladius.integrations.transformers import GladiusCallback
        from gladius.recipes.steering import current_config, steering
        from gladius.recipes.trainer import RecipeTrainer
    from transformers import set_seed
    from transformers.utils.logging import disable_progress_bar

    set_seed(config.train.seed)
    model, tokenizer, data = _prepare(config, run)
    disable_progress_bar()  # loading may take minutes and shows one; each save would draw one into the log
    say(_summary(model, data))
    output = run.dir.checkpoints if run.dir is not None else Path(config.output)
    saving = output / f"{SAVING}trainer" if run.active else output
    wishes = steering(config, tokenizer, data, current_config(run, source))
    trainer = RecipeTrainer(
        gladius=GladiusCallback(run=run, publish_to=output, **wishes),
        model=model,
        args=_training_arguments(config, saving, data),
        processing_class=tokenizer,
        train_dataset=data.train,
        eval_dataset=data.evaluation,
        data_collator=_collator(tokenizer),
    )
    if run.resume_from:
        say(f"Going on from {run.resume_from}")
    trainer.train(resume_from_checkpoint=run.resume_from)
    _remove_if_empty(saving)


@contextlib.contextmanager
def _preparing(run: Run, what: str) -> Iterator[None]:
    say(what)
    with run.long("preparing", reason=what):
        yield


def _set_environment(config: RecipeConfig) -> None:
    """No telemetry, and no network at all unless the model is a hub id; what the user set stays."""
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
    name = config.model.name
    if config.is_tiny or _is_folder(name) or name.endswith(".gguf") or name.lower() in CARRIED:
        os.environ.setdefault("HF_HUB_OFFLINE", "1")
    os.environ.setdefault("HF_DATASETS_OFFLINE", "1")  # records come from a file, never from a hub


def _prepare(config: RecipeConfig, run: Run) -> tuple[Any, Any, Prepared]:
    from gladius.recipes import data

    with _preparing(run, "Reading the dataset"):
        conversations = data.load_conversations(config.data)
    if config.is_tiny:
        from gladius.recipes import tiny_moe

        tokenizer = _tiny_tokenizer(config, run, conversations)
        model = tiny_moe.make_model(config.tiny_moe, tokenizer, config.data.max_length)
    else:
        with _preparing(run, f"Loading the model {config.model.name}"):
            model, tokenizer = _load_pretrained(config)
    with _preparing(run, f"Tokenizing {len(conversations):,} records"):
        prepared = data.prepare(conversations, tokenizer, config.data, config.train.seed)
    if config.train.gradient_checkpointing:
        model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    if config.train.method == "lora":
        model = _with_adapter(model, config)
    return model, tokenizer, prepared


def _tiny_tokenizer(config: RecipeConfig, run: Run, conversations: Any) -> Any:
    """Weights belong to the tokenizer that they learned with: a resumed run takes it from its checkpoint."""
    from gladius.recipes import data, tiny_moe

    if run.resume_from and Path(run.resume_from, "tokenizer.json").is_file():
        from transformers import AutoTokenizer

        return AutoTokenizer.from_pretrained(run.resume_from)
    with _preparing(run, "Training the tokenizer"):
        length = max(512, config.data.max_length)
        return tiny_moe.make_tokenizer(data.texts(conversations), config.tiny_moe.vocabulary, length)


def _load_pretrained(config: RecipeConfig) -> tuple[Any, Any]:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    frozen = config.train.method == "lora" and _precision(config).get("bf16")
    kind = torch.bfloat16 if frozen else torch.float32  # weights that learn stay in fp32, mixed precision casts them
    file = gguf_file(config.model.name)
    if file is not None:
        return load_gguf(file, kind)
    name = str(Path(config.model.name).expanduser()) if _is_folder(config.model.name) else config.model.name
    tokenizer = AutoTokenizer.from_pretrained(name, revision=config.model.revision)
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return AutoModelForCausalLM.from_pretrained(name, revision=config.model.revision, dtype=kind), tokenizer


def _with_adapter(model: Any, config: RecipeConfig) -> Any:
    from peft import LoraConfig, get_peft_model

    lora = config.lora
    targets: Any = lora.target_modules
    if targets != "all-linear":
        targets = [name.strip() for name in targets.split(",")]
    adapter = LoraConfig(
        r=lora.rank, lora_alpha=lora.alpha, lora_dropout=lora.dropout, target_modules=targets, task_type="CAUSAL_LM"
    )
    return get_peft_model(model, adapter)


def _training_arguments(config: RecipeConfig, saving: Path, data: Prepared) -> Any:
    import torch
    from transformers import TrainingArguments

    train = config.train
    fields = TrainingArguments.__dataclass_fields__
    by_length: dict[str, Any] = {"train_sampling_strategy": "group_by_length"}
    if "group_by_length" in fields:  # transformers 4
        by_length = {"group_by_length": True}
    return TrainingArguments(
        output_dir=str(saving),
        num_train_epochs=train.epochs,
        max_steps=train.max_steps or -1,
        per_device_train_batch_size=train.batch_size,
        per_device_eval_batch_size=train.eval_batch_size,
        gradient_accumulation_steps=train.gradient_accumulation,
        learning_rate=train.learning_rate,
        lr_scheduler_type=train.schedule,
        warmup_steps=train.warmup_steps,
        weight_decay=train.weight_decay,
        max_grad_norm=train.max_grad_norm,
        logging_steps=train.log_every,
        logging_nan_inf_filter=False,  # the filter would put an average where the loss is NaN
        eval_strategy=_eval_strategy(config, data),
        eval_steps=train.eval_steps or None,
        save_strategy="epoch",
        save_total_limit=train.keep_checkpoints,
        report_to=[],
        disable_tqdm=True,
        seed=train.seed,
        dataloader_pin_memory=torch.cuda.is_available(),
        **_precision(config),
        **by_length,
    )


def _eval_strategy(config: RecipeConfig, data: Prepared) -> str:
    if data.evaluation is None:
        return "no"
    return "steps" if config.train.eval_steps else "epoch"


def _precision(config: RecipeConfig) -> dict[str, bool]:
    """Mixed precision where a GPU can: bf16 before fp16."""
    import torch

    wanted = config.train.precision
    if wanted == "auto" and torch.cuda.is_available():
        wanted = "bf16" if torch.cuda.is_bf16_supported() else "fp16"
    return {"bf16": wanted == "bf16", "fp16": wanted == "fp16"}


def _collator(tokenizer: Any) -> Any:
    from gladius.recipes.data import collate

    return collate(tokenizer.pad_token_id)


def _summary(model: Any, data: Prepared) -> str:
    total = sum(parameter.numel() for parameter in model.parameters())
    learning = sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
    text = f"{total:,} parameters ({learning:,} of them learn), {len(data.train):,} training records"
    text += f", {len(data.evaluation):,} for evaluation" if data.evaluation is not None else ""
    text += f", {len(data.test):,} for the test" if data.test is not None else ""
    text += f"; {data.cut:,} cut to length" if data.cut else ""
    return text + (f"; {data.dropped:,} dropped (no answer left)" if data.dropped else "")


def _is_folder(name: str) -> bool:
    return Path(name).expanduser().is_dir()


def _remove_if_empty(folder: Path) -> None:
    with contextlib.suppress(OSError):  # what a failed save left there is the user's to see
        folder.rmdir()


if __name__ == "__main__":
    sys.exit(main())
