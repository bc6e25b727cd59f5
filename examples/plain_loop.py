"""Train a small character model in a plain PyTorch loop that can be paused, resumed, saved, validated and tuned.

    gladius run -- python examples/plain_loop.py [config.json]

What the config file may say, with its defaults, is CONFIG; `gladius reload` takes it over while the training runs.
The data are the source of Python's own argparse: the first nine tenths are trained on, the rest is evaluated on.
"""

import argparse
import json
import sys
from pathlib import Path

import torch
from torch.utils.data import DataLoader

import gladius
from gladius.integrations.live_batches import LiveBatches
from gladius.integrations.torch_loop import TorchLoop

CONFIG = {
    "total_epochs": 3, "batch_size": 16, "learning_rate": 3e-3, "weight_decay": 0.01, "max_grad_norm": 1.0,
    "warmup_steps": 20, "log_every": 5, "evaluate_every": 100, "checkpoint_every": 100, "width": 32, "length": 32,
    "bad_loss": "warn", "characters": 100_000,
}  # fmt: skip
file = Path(sys.argv[1]) if len(sys.argv) > 1 else None
config = {**CONFIG, **(json.loads(file.read_text()) if file else {})}

torch.manual_seed(0)
torch.set_num_threads(1)  # a model this small gains nothing from more
text = Path(argparse.__file__).read_text(encoding="utf-8")[: config["characters"]]
alphabet = sorted(set(text))
ids = torch.tensor([alphabet.index(character) for character in text])
rows = ids[: len(ids) // (config["length"] + 1) * (config["length"] + 1)].view(-1, config["length"] + 1)
training, held_back = rows[: len(rows) * 9 // 10], rows[len(rows) * 9 // 10 :]


class NextCharacter(torch.nn.Module):
    """One attention block between an embedding and a guess at the next character."""

    def __init__(self, width, length):
        super().__init__()
        self.characters = torch.nn.Embedding(len(alphabet), width)
        self.places = torch.nn.Parameter(torch.zeros(length, width))
        self.block = torch.nn.TransformerEncoderLayer(width, 2, 2 * width, dropout=0.1, batch_first=True)
        self.guess = torch.nn.Linear(width, len(alphabet))
        self.register_buffer("ahead", torch.triu(torch.ones(length, length, dtype=torch.bool), 1))

    def forward(self, row):
        """Guess after each of [rows, length] characters: scores [rows, length, alphabet]."""
        return self.guess(self.block(self.characters(row) + self.places, src_mask=self.ahead))


model = NextCharacter(config["width"], config["length"])
optimizer = torch.optim.AdamW(model.parameters(), lr=config["learning_rate"], weight_decay=config["weight_decay"])
batches = LiveBatches(training, config["batch_size"], seed=0)
loader = DataLoader(training, batch_sampler=batches)
steps = config["total_epochs"] * len(loader)
schedule = torch.optim.lr_scheduler.LambdaLR(
    optimizer, lambda step: min((step + 1) / config["warmup_steps"], max(0.0, 1 - step / steps))
)


def loss_of(batch):
    """The mean loss of a batch [rows, length + 1], and how many characters were guessed right."""
    guesses = model(batch[:, :-1])
    loss = torch.nn.functional.cross_entropy(guesses.flatten(0, 1), batch[:, 1:].flatten())
    return loss, (guesses.argmax(-1) == batch[:, 1:]).sum().item()


def evaluate(_split):
    """Loss and accuracy of the next character on the rows that are never trained on."""
    loss, right = loss_of(held_back)
    return {"loss": loss.item(), "accuracy": right / held_back[:, 1:].numel()}


with gladius.start(name="plain loop", config=config) as run:
    loop = TorchLoop(
        run, model, optimizer, scheduler=schedule, batches=batches, config_file=file, keep_last=2, keep_best="eval/loss",
        total_epochs=config["total_epochs"], max_grad_norm=config["max_grad_norm"], log_every=config["log_every"],
        evaluate_every=config["evaluate_every"], every_steps=config["checkpoint_every"], bad_loss=config["bad_loss"],
    )  # fmt: skip
    loop.on_validate(evaluate)
    for _epoch in loop.epochs():
        for _step, batch in loop.steps(loader):
            loss, _ = loss_of(batch)
            loop.watch(loss)
            optimizer.zero_grad()
            loss.backward()
            norm = loop.clip()
            optimizer.step()
            rate = schedule.get_last_lr()[0]
            schedule.step()
            if loop.due("log"):
                loop.log({"train/loss": loss.item(), "train/grad_norm": norm.item(), "train/learning_rate": rate})
            if loop.due("evaluate"):
                loop.evaluate()
