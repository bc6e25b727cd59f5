"""The smallest SFTTrainer with a LoRA adapter, and rows to train it with."""

from small_trainer import make_model as make_moe

LETTERS = "abcdefghijkl"


def make_tokenizer():
    from gladius.recipes import tiny_moe

    return tiny_moe.make_tokenizer(["what comes after a? b comes after a"], 300, 64)


def make_dense(tokenizer, hidden=16, seed=0):
    import torch
    import transformers

    torch.manual_seed(seed)
    config = transformers.LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=hidden, intermediate_size=2 * hidden, num_hidden_layers=1, num_attention_heads=2,
        max_position_embeddings=64, pad_token_id=tokenizer.pad_token_id, eos_token_id=tokenizer.eos_token_id,
        bos_token_id=None,
    )  # fmt: skip
    return transformers.LlamaForCausalLM(config)


def make_experts(tokenizer):
    return make_moe(len(tokenizer), pad_token_id=tokenizer.pad_token_id, eos_token_id=tokenizer.eos_token_id)


def pairs(count=12):
    from datasets import Dataset

    rows = [
        {"prompt": f"what comes after {a}?", "completion": f" {chr(ord(a) + 1)}" * (1 + i % 3)}
        for i, a in enumerate(LETTERS)
    ]
    return Dataset.from_list(rows[:count])


def chats(count=12):
    from datasets import Dataset

    rows = [
        {"messages": [{"role": "user", "content": f"after {a}?"}, {"role": "assistant", "content": chr(ord(a) + 1)}]}
        for a in LETTERS
    ]
    return Dataset.from_list(rows[:count])


def lora(**options):
    from peft import LoraConfig

    settings = {"r": 4, "lora_alpha": 8, "lora_dropout": 0.1, "target_modules": ["q_proj", "v_proj"]}
    return LoraConfig(task_type="CAUSAL_LM", **{**settings, **options})


def make_sft(output_dir, *callbacks, tokenizer, model=None, rows=None, adapter=None, **options):
    """An SFTTrainer for two epochs of six steps; nothing is saved or evaluated by its own plan."""
    import trl

    rows = rows if rows is not None else pairs()
    settings = {
        "num_train_epochs": 2, "per_device_train_batch_size": 2, "logging_steps": 1, "eval_strategy": "no",
        "save_strategy": "no", "report_to": [], "disable_tqdm": True, "use_cpu": True, "bf16": False,
        "learning_rate": 1e-2, "lr_scheduler_type": "cosine", "max_length": 48, "logging_nan_inf_filter": False,
        "gradient_checkpointing": False,
    }  # fmt: skip
    return trl.SFTTrainer(
        model=model if model is not None else make_dense(tokenizer),
        args=trl.SFTConfig(output_dir=str(output_dir), **{**settings, **options}),
        train_dataset=rows,
        eval_dataset=rows.select(range(3)),
        processing_class=tokenizer,
        peft_config=adapter,
        callbacks=list(callbacks),
    )
