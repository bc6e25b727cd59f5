"""Make a mixture-of-experts model and its tokenizer from nothing. Upstream: config, data. Downstream: finetune."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from gladius.recipes.config import TinyMoeConfig

PAD, END = "<|pad|>", "<|end|>"
ROLES = ("<|system|>", "<|developer|>", "<|user|>", "<|assistant|>", "<|tool|>")

CHAT_TEMPLATE = (
    "{% for message in messages %}<|{{ message['role'] }}|>{{ message['content'] }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


def make_tokenizer(texts: Iterable[str], vocabulary: int, max_length: int) -> Any:
    """Train a byte-level BPE tokenizer of at most `vocabulary` tokens. Every byte is one, so no text is unknown."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=[PAD, END, *ROLES],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=PAD,
        eos_token=END,
        model_max_length=max_length,
        model_input_names=["input_ids", "attention_mask"],
    )
    fast.chat_template = CHAT_TEMPLATE
    return fast


def make_model(shape: TinyMoeConfig, tokenizer: Any, max_length: int) -> Any:
    """Initialise a Qwen2-MoE model with random weights (seed torch before); some 3 million parameters by default."""
    from transformers import Qwen2MoeConfig, Qwen2MoeForCausalLM

    config = Qwen2MoeConfig(
        vocab_size=len(tokenizer),
        hidden_size=shape.hidden,
        num_hidden_layers=shape.layers,
        num_attention_heads=max(1, shape.hidden // 32),
        num_key_value_heads=max(1, shape.hidden // 64),
        intermediate_size=2 * shape.hidden,
        moe_intermediate_size=shape.expert_hidden,
        shared_expert_intermediate_size=shape.hidden,
        num_experts=shape.experts,
        num_experts_per_tok=shape.active_experts,
        norm_topk_prob=True,
        max_position_embeddings=max(512, max_length),
        tie_word_embeddings=True,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
        bos_token_id=None,
    )
    config.name_or_path = "tiny-moe"
    model = Qwen2MoeForCausalLM(config)
    if hasattr(model, "set_experts_implementation"):
        model.set_experts_implementation("grouped_mm")  # `batched_mm` is 40 times slower on a CPU
    return model
