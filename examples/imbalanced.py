"""Classes of very different size: where three in a hundred images are an 8, who never says 8 is nearly always right.

    python examples/imbalanced.py

Weights that let each class count the same in the loss make the network look for the rare ones. The price is paid by
the others: it says 8 more often than it should. Accuracy, where eights are rare, even falls; the recall of each class
tells what has been gained. There are as many eights as others among the test images, so that recalls can be measured.
"""

from pathlib import Path

import numpy as np

from layers import Dense, ReLU, Sequential
from losses import SoftmaxCrossEntropy
from optimizers import Adam
from pictures.style import COLORS, SHARES, panels
from training import balanced_weights, confusion_matrix, digits, fit, recall, train_test_split

NAMES = ("3", "5", "8")  # which are mistaken for one another
KEPT = {3: 1.0, 5: 1.0, 8: 0.06}  # of each, the share of the training images that is left
rng = np.random.default_rng(0)
x, y = digits()
x = np.clip(x + rng.normal(0, 0.3, x.shape), 0, 1)  # bad photographs, or it would be too easy
chosen = np.isin(y, list(KEPT))
x, y = x[chosen], np.searchsorted(list(KEPT), y[chosen])  # classes 0, 1, 2
x_train, x_test, y_train, y_test = train_test_split(x, y, test_size=0.4, stratify=True, rng=0)
left = np.concatenate([np.flatnonzero(y_train == k)[: int(share * np.sum(y_train == k))]
                       for k, share in enumerate(KEPT.values())])  # fmt: skip
x_train, y_train = x_train[left], y_train[left]
weights = balanced_weights(y_train)
counts = np.bincount(y_train)
for name, n, weight in zip(NAMES, counts, weights, strict=True):
    print(f"{n:4d} images of the {name} to learn from: each weighs {weight:.2f}")

losses = {
    "every image counts the same": SoftmaxCrossEntropy(),
    "every class counts the same": SoftmaxCrossEntropy(class_weights=weights),
}
figure, places = panels(1, 3, (9.5, 3.6), width_ratios=(1, 1, 1.1))
recalls = {}
for (name, loss), place in zip(losses.items(), places, strict=False):
    model = Sequential([Dense(64, 32), ReLU(), Dense(32, 3)], rng=0)
    fit(model, loss, Adam(0.002), x_train, y_train, epochs=15, rng=0, verbose=False)
    logits = model.predict(x_test)
    matrix = confusion_matrix(logits, y_test)
    recalls[name] = np.diag(matrix) / matrix.sum(axis=1)
    print(f"\n{name}: mean of the recalls {recall(logits, y_test):.1%}")
    print(f"    accuracy {recalls[name] @ counts / counts.sum():.1%} where eights are as rare as in training")
    for digit, row, share in zip(NAMES, matrix, recalls[name], strict=True):
        print(f"    of {row.sum()} images of the {digit}, {share:6.1%} found")
    place.imshow(matrix / matrix.sum(axis=1, keepdims=True), cmap=SHARES, vmin=0, vmax=1)
    for (i, j), count in np.ndenumerate(matrix):
        place.text(
            j, i, f"{count}", ha="center", va="center", color="white" if count > matrix[i].sum() / 2 else "black"
        )
    place.set(xlabel="predicted", ylabel="true", xticks=range(3), yticks=range(3), title=name)
    place.set(xticklabels=NAMES, yticklabels=NAMES)
    place.grid(visible=False)

bars, width = places[2], 0.38
for k, ((name, values), color, hatch) in enumerate(
    zip(recalls.items(), (COLORS["sky blue"], COLORS["orange"]), ("", "///"), strict=True)
):
    where = np.arange(3) + (k - 0.5) * width
    bars.bar(where, values, width, color=color, hatch=hatch, edgecolor="black", linewidth=0.6, label=name)
    for at, value in zip(where, values, strict=True):
        bars.text(at, value + 0.01, f"{value:.0%}", ha="center", va="bottom", fontsize=9)
bars.set(xlabel="true class", ylabel="recall: share that is found", ylim=(0, 1.45), title="what the weights change")
bars.set_xticks(range(3), [f"{name}\n{n} to learn" for name, n in zip(NAMES, counts, strict=True)])
bars.set_yticks(np.linspace(0, 1, 6))
bars.legend(loc="upper center", frameon=False)
path = Path("imbalanced.png").resolve()
figure.savefig(path, dpi=150)
print(f"\npicture saved to {path}")
