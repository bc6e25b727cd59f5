"""Train with Keras 3, on any of its backends, and be paused, resumed, saved, validated and tuned while it trains.

    KERAS_BACKEND=torch gladius run -- python examples/keras_loop.py [EPOCHS]

The order of an epoch's batches follows from its number, so that of the data only the step has to be remembered. Resumed, it
trains on to the same losses, to the last bit on a CPU.
"""

import os
import sys
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "torch")

import keras
import numpy as np

import gladius

EPOCHS, BATCH = int(sys.argv[1]) if len(sys.argv) > 1 else 5, 32

keras.utils.set_random_seed(0)
inputs = np.random.standard_normal((1024, 8)).astype("float32")
labels = (inputs[:, :2].prod(1) > 0).astype("int32")  # not linear: whether two signs are the same
training, held_back = slice(0, 896), slice(896, None)
steps_per_epoch = 896 // BATCH

layers = keras.layers
# A dropout layer with a seed draws from a state of its own, which is saved; without one, from torch's generator.
model = keras.Sequential([keras.Input((8,)), layers.Dense(64, "relu"), layers.Dropout(0.1, seed=1), layers.Dense(2)])
loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
model.compile(keras.optimizers.Adam(3e-3), loss, metrics=["accuracy"])
model.optimizer.build(model.trainable_variables)


def variables():
    """All that training changes: the weights, what dropout draws from, and the optimizer's memory and rate."""
    return [variable for part in (*model.layers, model.optimizer) for variable in part.variables]


def save(folder):
    """Write a checkpoint."""
    values = [keras.ops.convert_to_numpy(variable) for variable in variables()]
    np.savez(folder / "state.npz", *values, step=run.last_step)


def load(folder):
    """Put a checkpoint back; returns its last step."""
    with np.load(Path(folder, "state.npz")) as saved:
        for place, variable in enumerate(variables()):
            variable.assign(saved[f"arr_{place}"])
        return int(saved["step"])


def evaluate(_split):
    """Loss and accuracy on the rows that are never trained on."""
    return model.evaluate(inputs[held_back], labels[held_back], verbose=0, return_dict=True)


def set_rate(rate):
    """Change the learning rate from the next step on."""
    model.optimizer.learning_rate = rate


def batches(step):
    """The rows of this step and of all that follow, in the order of their epochs."""
    for epoch, place in (divmod(later, steps_per_epoch) for later in range(step, EPOCHS * steps_per_epoch)):
        order = np.random.default_rng(epoch).permutation(896)
        yield order[place * BATCH : (place + 1) * BATCH]


with gladius.start(name="keras loop", total_epochs=EPOCHS, steps_per_epoch=steps_per_epoch) as run:
    contents = ["model", "optimizer", "random_states", "data_position", "counters"]
    run.on("checkpoint", save, every_minutes=10, keep_last=2, contents=contents)
    run.on("validate", evaluate)
    run.adjustable("learning_rate", get=lambda: float(model.optimizer.learning_rate), set=set_rate, min=0)
    begun = 0
    if run.resume_from:
        begun = load(run.resume_from) + 1
        run.resumed(run.resume_from, begun - 1)
    for _step, rows in run.steps(batches(begun)):
        model.reset_metrics()  # or the loss would be the mean since the beginning
        told = model.train_on_batch(inputs[training][rows], labels[training][rows], return_dict=True)
        run.log({"train/loss": told["loss"], "train/learning_rate": float(model.optimizer.learning_rate)})
