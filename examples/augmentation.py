"""Augmentation: each batch is shifted at random before the network sees it.

    python examples/augmentation.py

The digits of the training set stand in the middle of their images, those that come in use do not. A digit that has
moved by a pixel is the same digit; whoever knows that tells the network, by shifting its images anew in every epoch. It
is done in `on_batch_begin`, the one place where a callback may put another batch in the place of that which comes.
(Where x, y and random numbers are all that is needed, `fit(..., transform=function)` does the same.)
"""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from layers import Dense, Flatten, ReLU, Sequential
from losses import SoftmaxCrossEntropy
from optimizers import Adam
from pictures.style import COLORS, dressed
from training import Callback, accuracy, digits, fit

N_TRAINING, EPOCHS, SEEDS = 300, 40, 3


def shifted(images, rng):
    """Return images (N, H, W, C), each moved by up to a pixel down or up and right or left; what comes in is 0."""
    height, width = images.shape[1:3]
    framed = np.pad(images, ((0, 0), (1, 1), (1, 1), (0, 0)))
    down, right = rng.integers(3, size=(2, len(images)))
    rows = down[:, np.newaxis] + np.arange(height)
    columns = right[:, np.newaxis] + np.arange(width)
    return framed[np.arange(len(images))[:, np.newaxis, np.newaxis], rows[:, :, np.newaxis], columns[:, np.newaxis]]


class Shift(Callback):
    """Shifts the images of every batch, with random numbers of its own."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)

    def on_batch_begin(self, run):
        x, *rest = run.batch  # y, and sample weights if there are any
        run.batch = (shifted(x, self.rng), *rest)  # a new array: those of the caller are never changed


x, y = digits()
x = x.reshape(-1, 8, 8, 1)
curves, in_the_middle = {}, {}
for seed in range(SEEDS):
    order = np.random.default_rng(seed).permutation(len(x))
    few, others = order[:N_TRAINING], order[N_TRAINING : N_TRAINING + 600]
    moved = shifted(x[others], np.random.default_rng(seed))
    for name, callbacks in (("as they are", []), ("shifted anew in every epoch", [Shift(seed)])):
        model = Sequential([Flatten(), Dense(64, 128), ReLU(), Dense(128, 10)], rng=seed)
        history = fit(
            model,
            SoftmaxCrossEntropy(),
            Adam(0.002),
            x[few],
            y[few],
            epochs=EPOCHS,
            validation=(moved, y[others]),
            metrics=accuracy,
            callbacks=callbacks,
            rng=seed,
            verbose=False,
        )
        curves.setdefault(name, []).append(history.validation_accuracy)
        in_the_middle.setdefault(name, []).append(accuracy(model.predict(x[others]), y[others]))
for name, values in curves.items():
    last = np.array(values)[:, -1]
    print(f"learned from {N_TRAINING} images {name}")
    print(f"    of 600 others that have moved     {last.mean():.1%} right, from {last.min():.1%} to {last.max():.1%}")
    print(f"    of the same 600 in the middle     {np.mean(in_the_middle[name]):.1%} right")

figure = Figure(figsize=(8.5, 3.9), layout="constrained")
left, right = figure.subfigures(1, 2, width_ratios=(1.5, 1))
axes = dressed(left.subplots(), whole=True)
for (name, values), color, dash in zip(curves.items(), (COLORS["blue"], COLORS["orange"]), ("-", "-."), strict=True):
    axes.plot(np.mean(values, axis=0), dash, color=color, label=f"{name}, {np.mean(values, axis=0)[-1]:.1%} at the end")
    low, high = np.min(values, axis=0), np.max(values, axis=0)
    axes.fill_between(np.arange(EPOCHS + 1), low, high, color=color, alpha=0.2, linewidth=0)
axes.set(xlabel="epoch", ylabel="accuracy on images that have moved", ylim=(0, 1))
axes.set_title(f"mean of {SEEDS} seeds; bands: lowest to highest", fontsize=10)
axes.legend(loc="lower right", frameon=False)
right.suptitle("one image, as the network sees it", fontsize=10)
rng = np.random.default_rng(0)
views = [x[3], *(shifted(x[3:4], rng)[0] for _ in range(8))]
for k, (place, view) in enumerate(zip(right.subplots(3, 3).flat, views, strict=True)):
    place.imshow(view[..., 0], cmap="gray_r")
    place.set(xticks=[], yticks=[])
    place.set_title("as it is" if k == 0 else f"epoch {k}", fontsize=9)
path = Path("augmentation.png").resolve()
figure.savefig(path, dpi=150)
print(f"picture saved to {path}")
