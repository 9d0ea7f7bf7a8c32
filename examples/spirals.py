"""Three spirals that no straight line separates, and the regions that a small network learns.

    python examples/spirals.py

The training loop is written out: forward, loss, backward, step.
"""

from pathlib import Path

import numpy as np

from layers import Dense, ReLU, Sequential
from losses import SoftmaxCrossEntropy
from optimizers import SGD
from pictures.scales import log_scale
from pictures.style import COLORS, panels
from training import batches, spirals

EPOCHS = 300
COLOR, MARKER = (
    [COLORS[name] for name in ("blue", "orange", "green")],
    ["o", "s", "^"],
)  # to be told apart without colour, too

rng = np.random.default_rng(0)
x, y = spirals(rng=rng)
x_new, y_new = spirals(rng=rng)  # fresh points of the same spirals

model = Sequential([Dense(2, 64), ReLU(), Dense(64, 3)], rng=rng)
loss = SoftmaxCrossEntropy()
optimizer = SGD(learning_rate=0.3, momentum=0.9)

losses = []
for epoch in range(1, EPOCHS + 1):
    total = 0.0
    for x_batch, y_batch in batches(x, y, batch_size=32, rng=rng):
        total += loss.forward(model.forward(x_batch), y_batch) * len(x_batch)
        model.backward(loss.backward(), input_gradient=False)
        optimizer.step(model)
    losses.append(total / len(x))
    if epoch % 50 == 0 or epoch == 1:
        print(f"epoch {epoch:3d}   loss {losses[-1]:.4f} nats")

right, right_new = (np.mean(model.predict(points).argmax(axis=1) == of) for points, of in [(x, y), (x_new, y_new)])
print(f"right on the training points {right:.1%}, on fresh points {right_new:.1%}")

figure, (curve, regions) = panels(1, 2, (8.5, 4.1))
curve.plot(np.arange(1, EPOCHS + 1), losses, color=COLOR[0])
curve.set(xlabel="epoch", ylabel="cross-entropy (nats)", title="Training loss")
log_scale(curve)

side = np.linspace(-1.25, 1.25, 300)
grid = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
predicted = model.predict(grid).argmax(axis=1).reshape(300, 300)
regions.contourf(side, side, predicted, levels=[-0.5, 0.5, 1.5, 2.5], colors=COLOR, alpha=0.3)
for k in range(3):
    regions.scatter(
        *x[y == k].T, color=COLOR[k], marker=MARKER[k], s=18, edgecolors="black", linewidths=0.4, label=f"{k}"
    )
regions.set(xlabel="x₁", ylabel="x₂", title=f"Regions of a 2-64-3 network, {right:.1%} right", aspect="equal")
regions.legend(title="class", loc="upper right")
path = Path("spirals.png").resolve()
figure.savefig(path, dpi=120)
print(f"loss curve and regions saved to {path}")
