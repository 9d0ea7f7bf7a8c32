"""Use an installed handgrad from an empty folder: import it, load its digits, train a network, try the command."""

import subprocess
import sys
from pathlib import Path

import numpy as np

import layers
import losses
import optimizers
import training

REQUIRED = 0.97  # of the digits that training did not see

for package in (layers, losses, optimizers, training):
    if not Path(package.__file__).is_relative_to(sys.prefix):
        sys.exit(f"{package.__name__} must come from the environment, got {package.__file__}")

rng = np.random.default_rng(0)
x, y = training.digits()
order = rng.permutation(len(x))
train, held_out = order[360:], order[:360]
model = layers.Sequential([layers.Dense(64, 64), layers.ReLU(), layers.Dense(64, 10)], rng=rng)
loss = losses.SoftmaxCrossEntropy()
optimizer = optimizers.SGD(learning_rate=0.1, momentum=0.9)
for _ in range(20):
    for x_batch, y_batch in training.batches(x[train], y[train], batch_size=32, rng=rng):
        loss.forward(model.forward(x_batch), y_batch)
        model.backward(loss.backward(), input_gradient=False)
        optimizer.step(model)
accuracy = np.mean(model.predict(x[held_out]).argmax(axis=1) == y[held_out])
print(f"held-out accuracy {accuracy:.2%}, at least {REQUIRED:.0%} is required")
if accuracy < REQUIRED:
    sys.exit("the installed network learned too little")

command = [sys.executable, "-m", "training", "digits", "--layers", "64,32,10", "--epochs", "3", "--output", "first_try"]
subprocess.run(command, check=True)
subprocess.run([sys.executable, "first_try.py"], check=True)  # the script that it has written
for result in ("first_try.png", "first_try.npz"):
    if not Path(result).is_file():
        sys.exit(f"python -m training must leave {result}")
