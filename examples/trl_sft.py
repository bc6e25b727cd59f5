"""Fine-tune a small model with TRL's SFTTrainer and a LoRA adapter; pause, resume, save, validate and tune it meanwhile.

    gladius up
    python examples/trl_sft.py [EPOCHS]

The model is made here, so that nothing is downloaded: give `AutoModelForCausalLM.from_pretrained(...)` and its tokenizer
instead. Released or killed, the same command with the same GLADIUS_RUN_DIR goes on where it was; the console does that.
"""

import sys

from datasets import Dataset
from peft import LoraConfig
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast, set_seed
from trl import SFTConfig, SFTTrainer

import gladius
from gladius.integrations.transformers import GladiusCallback

EPOCHS = float(sys.argv[1]) if len(sys.argv) > 1 else 3
WORDS = ["red", "green", "blue", "one", "two", "three", "cat", "dog", "bird"]
ROWS = [{"prompt": f"say {word} twice:", "completion": f" {word} {word}"} for word in WORDS * 8]


def make_tokenizer():
    """Train a byte-level tokenizer on the rows."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=320, special_tokens=["<pad>", "<end>"], initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator((row["prompt"] + row["completion"] for row in ROWS), trainer)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="<pad>", eos_token="<end>")


def make_model(tokenizer):
    """Make a model of a few thousand weights."""
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=32, intermediate_size=64, num_hidden_layers=1, num_attention_heads=2,
        max_position_embeddings=64, pad_token_id=tokenizer.pad_token_id, eos_token_id=tokenizer.eos_token_id,
    )  # fmt: skip
    return LlamaForCausalLM(config)


def make_trainer(folder, *callbacks):
    """An SFTTrainer with an adapter of rank 8; everything of it is TRL's own."""
    set_seed(0)
    tokenizer = make_tokenizer()
    rows = Dataset.from_list(ROWS)
    return SFTTrainer(
        model=make_model(tokenizer),
        args=SFTConfig(
            output_dir=str(folder), num_train_epochs=EPOCHS, per_device_train_batch_size=4, learning_rate=2e-3,
            logging_steps=1, save_strategy="no", report_to=[], max_length=64, bf16=False, gradient_checkpointing=False,
            use_cpu=True, disable_tqdm=True, logging_nan_inf_filter=False,
        ),
        train_dataset=rows,
        eval_dataset=rows.select(range(len(WORDS))),
        processing_class=tokenizer,
        peft_config=LoraConfig(r=8, lora_alpha=16, lora_dropout=0.05, target_modules="all-linear", task_type="CAUSAL_LM"),
        callbacks=list(callbacks),
    )  # fmt: skip


if __name__ == "__main__":
    with gladius.start(name="sft") as run:
        steering = GladiusCallback(run=run, checkpoint_minutes=10, samples=ROWS[:4], sample_tokens=6)
        trainer = make_trainer(run.dir.root / "trainer", steering)
        trainer.train(resume_from_checkpoint=run.resume_from)
