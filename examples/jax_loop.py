"""Train with JAX and optax, and be paused, resumed, saved, validated and tuned while it trains.

    gladius run -- python examples/jax_loop.py [EPOCHS]

All that training changes is one tree of arrays; what dropout draws and the order of the data follow from the step. Resumed,
it trains on to the same losses, to the last bit on a CPU.
"""

import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax

import gladius

EPOCHS, BATCH = int(sys.argv[1]) if len(sys.argv) > 1 else 5, 32

inputs = np.random.default_rng(0).standard_normal((1024, 8)).astype("float32")
labels = (inputs[:, :2].prod(1) > 0).astype("int32")  # not linear: whether two signs are the same
training, held_back = slice(0, 896), slice(896, None)
steps_per_epoch = 896 // BATCH

optimizer = optax.inject_hyperparams(optax.adamw)(learning_rate=3e-3)  # so that the rate is a part of its state
first, second, dropping = jax.random.split(jax.random.key(0), 3)
weights = {
    "in": jax.random.normal(first, (8, 64)) / 8**0.5,
    "bias": jnp.zeros(64),
    "out": jax.random.normal(second, (64, 2)) / 8,
}
state = {"weights": weights, "optimizer": optimizer.init(weights)}


def guess(weights, rows, kept=1.0):
    """Scores of both classes; `kept` says which of the hidden values are, and how much louder for it."""
    return (jax.nn.relu(rows @ weights["in"] + weights["bias"]) * kept) @ weights["out"]


def loss_of(weights, rows, wanted, kept=1.0):
    """The mean loss of a batch."""
    return optax.softmax_cross_entropy_with_integer_labels(guess(weights, rows, kept), wanted).mean()


@jax.jit
def train(state, rows, wanted, step):
    """One step: the new state, and the loss before it."""
    kept = jax.random.bernoulli(jax.random.fold_in(dropping, step), 0.9, (len(rows), 64)) / 0.9
    loss, gradients = jax.value_and_grad(loss_of)(state["weights"], rows, wanted, kept)
    changes, memory = optimizer.update(gradients, state["optimizer"], state["weights"])
    return {"weights": optax.apply_updates(state["weights"], changes), "optimizer": memory}, loss


def save(folder):
    """Write a checkpoint."""
    np.savez(folder / "state.npz", *jax.tree.leaves(state), step=run.last_step)


def load(folder):
    """Put a checkpoint back; returns its last step."""
    with np.load(Path(folder, "state.npz")) as saved:
        leaves = [jnp.asarray(saved[f"arr_{place}"]) for place in range(len(jax.tree.leaves(state)))]
        state.update(jax.tree.unflatten(jax.tree.structure(state), leaves))
        return int(saved["step"])


def evaluate(_split):
    """Loss and accuracy on the rows that are never trained on."""
    right = guess(state["weights"], inputs[held_back]).argmax(1) == labels[held_back]
    return {
        "loss": float(loss_of(state["weights"], inputs[held_back], labels[held_back])),
        "accuracy": float(right.mean()),
    }


def rate():
    """The learning rate of the next step."""
    return float(state["optimizer"].hyperparams["learning_rate"])


def set_rate(value):
    """Change it."""
    state["optimizer"].hyperparams["learning_rate"] = jnp.float32(value)


def batches(step):
    """The rows of this step and of all that follow, in the order of their epochs."""
    for epoch, place in (divmod(later, steps_per_epoch) for later in range(step, EPOCHS * steps_per_epoch)):
        order = np.random.default_rng(epoch).permutation(896)
        yield order[place * BATCH : (place + 1) * BATCH]


with gladius.start(name="jax loop", total_epochs=EPOCHS, steps_per_epoch=steps_per_epoch) as run:
    contents = ["model", "optimizer", "random_states", "data_position", "counters"]
    run.on("checkpoint", save, every_minutes=10, keep_last=2, contents=contents)
    run.on("validate", evaluate)
    run.adjustable("learning_rate", get=rate, set=set_rate, min=0)
    begun = 0
    if run.resume_from:
        begun = load(run.resume_from) + 1
        run.resumed(run.resume_from, begun - 1)
    for step, rows in run.steps(batches(begun)):
        trained, loss = train(state, inputs[training][rows], labels[training][rows], step)
        state.update(trained)
        run.log({"train/loss": float(loss), "train/learning_rate": rate()})
