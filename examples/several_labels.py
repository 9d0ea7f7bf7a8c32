"""Several labels at once: which digits are in an image of two that lie over one another?

    python examples/several_labels.py

y has a column for each digit, 1 where it is in the image. The network gives a logit for each, and each is a question of
its own, yes or no: sigmoids and a binary cross-entropy, no softmax, which would divide one certainty among all.
"""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from layers import Dense, ReLU, Sequential, sigmoid
from losses import SigmoidBinaryCrossEntropy
from optimizers import Adam, CosineDecay
from pictures.style import COLORS, dressed
from training import accuracy, digits, f1, fit, train_test_split

N_PAIRS, EPOCHS, BATCH_SIZE = 6_000, 25, 64


def pairs(x, y, n, rng):
    """Return n images (n, 64), each the brighter pixel of two, and which digits are in them (n, 10)."""
    first, second = rng.integers(len(x), size=(2, n))
    labels = np.zeros((n, 10), dtype=int)
    labels[np.arange(n), y[first]] = 1
    labels[np.arange(n), y[second]] = 1  # a one in ten times the same digit again
    return np.maximum(x[first], x[second]), labels


rng = np.random.default_rng(0)
# First apart, then in pairs: an image of the test is made of digits that training has never seen.
x_train, x_test, y_train, y_test = train_test_split(*digits(), stratify=True, rng=0)
x_train, y_train = pairs(x_train, y_train, N_PAIRS, rng)
x_test, y_test = pairs(x_test, y_test, 1_000, rng)
print(f"{N_PAIRS:,} images with {y_train.sum(axis=1).mean():.2f} digits each to learn from")

model = Sequential([Dense(64, 256), ReLU(), Dense(256, 128), ReLU(), Dense(128, 10)], rng=0)
steps = EPOCHS * -(-N_PAIRS // BATCH_SIZE)
optimizer, options = Adam(CosineDecay(0.002, steps)), {"batch_size": BATCH_SIZE, "rng": 0, "verbose": False}
fit(model, SigmoidBinaryCrossEntropy(), optimizer, x_train, y_train, epochs=EPOCHS, **options)

logits = model.predict(x_test)
print(f"of all answers, yes or no, right        {accuracy.of_labels('micro').of_logits()(logits, y_test):.1%}")
print(f"    of which to say no to all would get {np.mean(y_test == 0):.1%}")
print(f"images with all ten answers right       {accuracy.of_labels('exact').of_logits()(logits, y_test):.1%}")
print(f"f1, the mean over the digits            {f1.of_labels('macro').of_logits()(logits, y_test):.3f}")
each = [f1.of_logits()(logits[:, k], y_test[:, k]) for k in range(10)]
print("f1 of each digit                        " + "  ".join(f"{k}: {value:.2f}" for k, value in enumerate(each)))

figure = Figure(figsize=(8.5, 4.2), layout="constrained")
left, right = figure.subfigures(1, 2, width_ratios=(1, 1.5))
axes = dressed(left.subplots())
axes.barh(range(10), each, color=COLORS["sky blue"], edgecolor="black", linewidth=0.6)
for k, value in enumerate(each):
    axes.text(0.02, k, f"{value:.2f}", va="center")
axes.set(xlabel="f1 on 1,000 images never seen", ylabel="digit", yticks=range(10), xlim=(0, 1))
axes.invert_yaxis()
right.suptitle("what is seen with a probability above one half, and what is there", fontsize=10)
probabilities = sigmoid(logits)
for place, i in zip(right.subplots(2, 5).flat, range(10), strict=True):
    place.imshow(x_test[i].reshape(8, 8), cmap="gray_r")
    seen = ", ".join(f"{k}" for k in np.flatnonzero(probabilities[i] > 0.5)) or "nothing"
    true = ", ".join(f"{k}" for k in np.flatnonzero(y_test[i]))
    place.set_title(f"{seen}\n(true: {true})", fontsize=9, color="black" if seen == true else COLORS["vermillion"])
    place.set(xticks=[], yticks=[])
path = Path("several_labels.png").resolve()
figure.savefig(path, dpi=150)
print(f"picture saved to {path}")
