"""Make the smallest Llama with a chat template, records that it can learn, and LLaMA-Factory's YAML for them, in a folder.

Run by the Python of LLaMA-Factory's own environment: python tiny_llama.py FOLDER
"""

import json
import sys
from pathlib import Path

YAML = """\
### model
model_name_or_path: {folder}/model

### method
stage: sft
do_train: true
finetuning_type: full

### dataset
dataset: sums
dataset_dir: {folder}/data
template: default
cutoff_len: 64
preprocessing_num_workers: 1

### output
output_dir: {folder}/saves
logging_steps: 1
logging_nan_inf_filter: false
save_steps: 100000
overwrite_output_dir: true
report_to: none

### train
per_device_train_batch_size: 2
learning_rate: 1.0e-3  # the peak
lr_scheduler_type: cosine
warmup_steps: 10
max_steps: 400

### eval
val_size: 0.1
eval_strategy: steps
eval_steps: 100000
"""


def make(folder: Path) -> None:
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    sums = [(a, b) for a in range(20) for b in range(20)]
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    special, letters = ["<pad>", "<s>", "</s>"], pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=320, special_tokens=special, initial_alphabet=letters)
    tokenizer.train_from_iterator([f"What is {a} plus {b}? It is {a + b}." for a, b in sums], trainer)
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="<pad>", bos_token="<s>", eos_token="</s>")
    fast.chat_template = "{% for m in messages %}<s>{{ m['role'] }}: {{ m['content'] }}</s>{% endfor %}"
    fast.save_pretrained(folder / "model")
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(fast), hidden_size=16, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2,
        num_key_value_heads=2, max_position_embeddings=256, attention_dropout=0.1, pad_token_id=0, bos_token_id=1,
        eos_token_id=2,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(folder / "model")

    data = folder / "data"
    data.mkdir()
    records = [{"instruction": f"What is {a} plus {b}?", "input": "", "output": f"It is {a + b}."} for a, b in sums]
    (data / "sums.json").write_text(json.dumps(records))
    (data / "dataset_info.json").write_text(json.dumps({"sums": {"file_name": "sums.json"}}))
    (folder / "sft.yaml").write_text(YAML.format(folder=folder))


if __name__ == "__main__":
    make(Path(sys.argv[1]))
