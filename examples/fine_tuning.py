"""Fine-tuning: a network that knows the digits 0 to 4 learns 5 to 9 from 15 images, its convolutions at rest.

    python examples/fine_tuning.py

The first network sees all images of the digits 0 to 4. Its layers but the last are then copied into a second one with a
new head for the digits 5 to 9, of which there are 3 images each. At rest, they compute what they did when they were
trained, batch norms included, and training goes back no farther than to the head; then they wake, and all of it learns
at a small rate. A third network of the same kind learns from the 15 images alone.
"""

from __future__ import annotations

import copy

import numpy as np
from matplotlib.figure import Figure

from layers import BatchNorm, Conv2D, Dense, Flatten, Layer, MaxPool2D, ReLU, Sequential
from losses import SoftmaxCrossEntropy
from optimizers import Adam
from pictures import COLORS
from training import accuracy, digits, evaluate, fit

SEEDS = 3
N_EACH = 3


def convolutions() -> list[Layer]:
    """Return the layers that find what is in an image of 8 x 8: 4 * 4 * 16 features."""
    first = [Conv2D(1, 16, 3, padding="same"), BatchNorm(16), ReLU()]
    return [*first, Conv2D(16, 16, 3, padding="same"), BatchNorm(16), ReLU(), MaxPool2D(2), Flatten()]


def main() -> None:
    """Train the three networks over some seeds, print and draw what they reach."""
    x, y = digits()
    x = x.reshape(-1, 8, 8, 1)
    low = y < 5
    x_low, y_low, x_high, y_high = x[low], y[low], x[~low], y[~low] - 5
    found: dict[str, list[list[float]]] = {"from 15 images alone": [], "fine-tuned: the head, then all": []}
    for seed in range(SEEDS):
        rng = np.random.default_rng(seed)
        shuffled = rng.permutation(len(y_high))
        few = np.concatenate([shuffled[y_high[shuffled] == digit][:N_EACH] for digit in range(5)])
        others = np.setdiff1d(shuffled, few)[:400]
        options = {"batch_size": 5, "verbose": False, "metrics": accuracy, "rng": seed}
        options["validation"] = (x_high[others], y_high[others])

        old = Sequential([*convolutions(), Dense(256, 5)], rng=seed)
        fit(old, SoftmaxCrossEntropy(), Adam(0.003), x_low, y_low, epochs=3, verbose=False, rng=seed)

        new = Sequential([*copy.deepcopy(old.layers[:-1]), Dense(256, 5, rng=seed)])
        for layer in new.layers[:-1]:
            layer.rest()
        if seed == 0:
            print(new.summary((8, 8, 1)))
        head = fit(new, SoftmaxCrossEntropy(), Adam(0.003), x_high[few], y_high[few], epochs=20, **options)
        new.wake()
        whole = fit(new, SoftmaxCrossEntropy(), Adam(0.0003), x_high[few], y_high[few], epochs=20, **options)
        found["fine-tuned: the head, then all"].append(head["validation_accuracy"] + whole["validation_accuracy"][1:])

        alone = Sequential([*convolutions(), Dense(256, 5)], rng=seed)
        from_nothing = fit(alone, SoftmaxCrossEntropy(), Adam(0.003), x_high[few], y_high[few], epochs=40, **options)
        found["from 15 images alone"].append(from_nothing["validation_accuracy"])
        if seed == 0:
            own = evaluate(old, SoftmaxCrossEntropy(), x_low, y_low, metrics=accuracy)["accuracy"]
            print(f"the old network on the digits 0 to 4 that it was trained on: {own:.1%} right")

    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    for (name, curves), color, dash in zip(found.items(), COLORS.values(), ("--", "-"), strict=False):
        mean, low_end, high_end = np.mean(curves, axis=0), np.min(curves, axis=0), np.max(curves, axis=0)
        axes.plot(mean, dash, color=color, label=name)
        axes.fill_between(np.arange(len(mean)), low_end, high_end, color=color, alpha=0.15, linewidth=0)
        print(f"{name}: {mean[-1]:.1%} of 400 other images right, the mean of {SEEDS} seeds")
    axes.axvline(20, color="0.6", linewidth=1)
    axes.annotate("the convolutions wake", (20, 0.32), xytext=(4, 0), textcoords="offset points", color="0.35")
    axes.set(xlabel="epoch", ylabel="accuracy on images never seen", ylim=(0, 1))
    axes.set_title(f"{N_EACH} images each of the digits 5 to 9; band: lowest to highest of {SEEDS} seeds", fontsize=10)
    axes.legend(loc="lower right", frameon=False)
    figure.savefig("fine_tuning.png", dpi=150)
    print("curves saved to fine_tuning.png")


if __name__ == "__main__":
    main()
