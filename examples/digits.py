"""Train a network on real handwritten digits: 64 pixels in, 10 classes out.

    python examples/digits.py

prints the loss and the accuracies of every epoch and saves the loss curve.
"""

import math
import time
from pathlib import Path

import numpy as np

from layers import Dense, Dropout, ReLU, Sequential
from losses import SoftmaxCrossEntropy
from optimizers import SGD
from pictures.scales import log_scale
from pictures.style import TRAINING, VALIDATION, panels
from training import batches, digits

EPOCHS = 30
BATCH_SIZE = 32
HELD_OUT = 360  # images that training never sees, a fifth


def accuracy(model, x, y):
    return np.mean(model.predict(x).argmax(axis=1) == y)


rng = np.random.default_rng(0)
x, y = digits()
order = rng.permutation(len(x))
x_held_out, y_held_out = x[order[:HELD_OUT]], y[order[:HELD_OUT]]
x_train, y_train = x[order[HELD_OUT:]], y[order[HELD_OUT:]]

model = Sequential([Dense(64, 256), ReLU(), Dropout(0.3), Dense(256, 10)], rng=rng)
loss = SoftmaxCrossEntropy()
steps = EPOCHS * math.ceil(len(x_train) / BATCH_SIZE)
optimizer = SGD(learning_rate=lambda step: 0.2 * (1 - step / steps), momentum=0.9)  # falls to zero at the end
print(model.summary((64,)))

start = time.perf_counter()
train_losses, held_out_losses = [], []
for epoch in range(1, EPOCHS + 1):
    total = 0.0
    for x_batch, y_batch in batches(x_train, y_train, batch_size=BATCH_SIZE, rng=rng):
        total += loss.forward(model.forward(x_batch), y_batch) * len(x_batch)  # the last batch is smaller
        model.backward(loss.backward(), input_gradient=False)
        optimizer.step(model)
    train_losses.append(total / len(x_train))
    held_out_losses.append(loss.forward(model.predict(x_held_out), y_held_out))
    print(
        f"epoch {epoch:2d}   loss {train_losses[-1]:.4f} nats   held-out loss {held_out_losses[-1]:.4f}   "
        f"training accuracy {accuracy(model, x_train, y_train):6.2%}   "
        f"held-out accuracy {accuracy(model, x_held_out, y_held_out):6.2%}"
    )
seconds, right = time.perf_counter() - start, accuracy(model, x_held_out, y_held_out)
print(f"trained in {seconds:.1f} s: {right:.2%} of the {HELD_OUT} held-out images are right")

figure, (axes,) = panels(1, 1, (7, 4), whole=True)
epochs = np.arange(1, EPOCHS + 1)
axes.plot(epochs, train_losses, **TRAINING, label="training (with dropout)")
axes.plot(epochs, held_out_losses, **VALIDATION, label="held out")
axes.set(xlabel="epoch", ylabel="cross-entropy (nats)", title="64-256-10 network on 1,437 digits")
log_scale(axes)
axes.legend()
path = Path("digits_loss.png").resolve()
figure.savefig(path, dpi=150)
print(f"loss curve saved to {path}")
