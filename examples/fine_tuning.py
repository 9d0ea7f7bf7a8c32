"""Fine-tuning: a network that knows the ten digits learns from 20 images which of them have a hole.

    python examples/fine_tuning.py

0, 6, 8 and 9 have one. The first network learns to read digits from 1,000 images, of which nobody says whether there is
a hole. Its layers but the last are then copied into a second one with a new head of two classes. At rest, they compute
what they did when they were trained, batch norms included, and training goes back no farther than to the head; then
they wake, and all of it learns at a small rate. A third network of the same kind learns from the 20 images alone.
"""

import copy
from pathlib import Path

import numpy as np

from layers import BatchNorm, Dense, ReLU, Sequential
from losses import SoftmaxCrossEntropy
from optimizers import Adam
from pictures.style import COLORS, GUIDE, panels
from training import accuracy, digits, evaluate, fit

SEEDS, N_FEW, EPOCHS = 6, 20, 15  # epochs at rest, and as many awake
WITH_A_HOLE = (0, 6, 8, 9)


def network(n_classes, seed):
    """Return two layers that find what is in an image, and the head, which is the last layer."""
    body = [Dense(64, 64), BatchNorm(64), ReLU(), Dense(64, 32), ReLU()]
    return Sequential([*body, Dense(32, n_classes)], rng=seed)


x, y = digits()
hole = np.isin(y, WITH_A_HOLE).astype(int)
found = {"from 20 images alone": [], "the head, then all of it": []}
for seed in range(SEEDS):
    order = np.random.default_rng(seed).permutation(len(x))
    many, few, others = order[:1_000], order[1_000 : 1_000 + N_FEW], order[-400:]
    options = {"batch_size": 5, "verbose": False, "metrics": accuracy, "rng": seed}
    options["validation"] = (x[others], hole[others])

    old = network(10, seed)
    fit(old, SoftmaxCrossEntropy(), Adam(0.003), x[many], y[many], epochs=10, verbose=False, rng=seed)

    new = Sequential([*copy.deepcopy(old[:-1]), Dense(32, 2, rng=seed)])  # copies: the old network stays as it is
    for layer in new[:-1]:
        layer.rest()
    if seed == 0:
        read = evaluate(old, SoftmaxCrossEntropy(), x[others], y[others], metrics=accuracy)["accuracy"]
        print(f"the old network reads {read:.1%} of other digits right\n")
        print(new.summary((64,)))
    head = fit(new, SoftmaxCrossEntropy(), Adam(0.03), x[few], hole[few], epochs=EPOCHS, **options)
    new.wake()
    whole = fit(new, SoftmaxCrossEntropy(), Adam(0.0003), x[few], hole[few], epochs=EPOCHS, **options)
    found["the head, then all of it"].append(head.validation_accuracy + whole.validation_accuracy[1:])

    alone = network(2, seed)
    from_nothing = fit(alone, SoftmaxCrossEntropy(), Adam(0.003), x[few], hole[few], epochs=2 * EPOCHS, **options)
    found["from 20 images alone"].append(from_nothing.validation_accuracy)

print()
figure, (axes,) = panels(1, 1, (7, 4), whole=True)
for (name, curves), color, dash in zip(found.items(), (COLORS["orange"], COLORS["blue"]), ("-.", "-"), strict=True):
    mean, low, high = np.mean(curves, axis=0), np.min(curves, axis=0), np.max(curves, axis=0)
    axes.plot(mean, dash, color=color, label=f"{name}, {mean[-1]:.1%} at the end")
    axes.fill_between(np.arange(len(mean)), low, high, color=color, alpha=0.2, linewidth=0)
    print(f"{name:<26} {mean[-1]:.1%} of 400 other images right, from {low[-1]:.1%} to {high[-1]:.1%} of {SEEDS} seeds")
axes.axvline(EPOCHS, **GUIDE)
axes.annotate("all of it wakes", (EPOCHS, 0.45), xytext=(5, 0), textcoords="offset points", color="0.35")
axes.set(xlabel="epoch", ylabel="accuracy on images never seen", ylim=(0.3, 1))
axes.set_title(
    f"has it a hole? {N_FEW} images to learn from; mean of {SEEDS} seeds, bands: lowest to highest", fontsize=10
)
axes.legend(loc="lower right", frameon=False)
path = Path("fine_tuning.png").resolve()
figure.savefig(path, dpi=150)
print(f"curves saved to {path}")
