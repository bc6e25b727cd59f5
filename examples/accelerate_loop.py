"""Train with accelerate, in one process or several, and be paused, resumed, saved, validated and tuned on all of them.

    accelerate launch examples/accelerate_loop.py [EPOCHS]

What accelerate saves with `save_state` is the checkpoint, and `skip_first_batches` finds the place within the epoch again.
"""

import sys

import torch
from accelerate import Accelerator
from torch.utils.data import DataLoader, TensorDataset

import gladius
from gladius.integrations.torch_ranks import join

EPOCHS, BATCH = int(sys.argv[1]) if len(sys.argv) > 1 else 3, 16

torch.manual_seed(0)
torch.set_num_threads(1)  # a model this small gains nothing from more
accelerator = Accelerator(cpu=not torch.cuda.is_available())
inputs = torch.randn(1024, 8)
labels = (inputs.prod(1) > 0).long()  # not linear: the parity of the signs
training, held_back = TensorDataset(inputs[:896], labels[:896]), TensorDataset(inputs[896:], labels[896:])
model = torch.nn.Sequential(torch.nn.Linear(8, 64), torch.nn.ReLU(), torch.nn.Dropout(0.1), torch.nn.Linear(64, 2))
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
loader = DataLoader(training, batch_size=BATCH, shuffle=True)
model, optimizer, loader, rest = accelerator.prepare(model, optimizer, loader, DataLoader(held_back, batch_size=64))


def evaluate(_split):
    """Loss and accuracy on the rows that are never trained on, counted over all processes."""
    model.eval()
    loss, right = 0.0, 0
    with torch.no_grad():
        for rows, wanted in rest:
            guesses, all_wanted = accelerator.gather_for_metrics((model(rows), wanted))
            loss += torch.nn.functional.cross_entropy(guesses, all_wanted, reduction="sum").item()
            right += (guesses.argmax(1) == all_wanted).sum().item()
    model.train()
    return {"loss": loss / len(held_back), "accuracy": right / len(held_back)}


def set_rate(rate):
    """Change the learning rate of every group."""
    for group in optimizer.param_groups:
        group["lr"] = rate


with join(gladius.start(name="accelerate loop", total_epochs=EPOCHS, steps_per_epoch=len(loader))) as run:
    run.on("checkpoint", lambda folder: accelerator.save_state(str(folder)), every_minutes=10, keep_last=2)
    run.on("validate", evaluate)
    run.adjustable("learning_rate", get=lambda: optimizer.param_groups[0]["lr"], set=set_rate, min=0)
    begun = 0
    if run.resume_from:
        accelerator.load_state(run.resume_from)
        begun = int(run.resume_from.rpartition("step-")[2]) + 1
        run.resumed(run.resume_from, begun - 1)
    for epoch in range(begun // len(loader), EPOCHS):
        loader.set_epoch(epoch)
        trained = max(0, begun - epoch * len(loader))
        for _step, (rows, wanted) in run.steps(accelerator.skip_first_batches(loader, trained)):
            loss = torch.nn.functional.cross_entropy(model(rows), wanted)
            optimizer.zero_grad()
            accelerator.backward(loss)
            optimizer.step()
            run.log({"train/loss": loss.item(), "train/learning_rate": optimizer.param_groups[0]["lr"]})
        if run.should_stop:
            break
accelerator.end_training()
