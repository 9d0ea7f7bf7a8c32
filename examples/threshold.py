"""Two classes and a threshold: which digits are a 9? A precision-recall curve says what each threshold costs.

    python examples/threshold.py

The network gives one number for each image, a logit: above 0 it holds a 9 to be likelier than not. Where it matters
more to miss none, or to raise no false alarm, another threshold is better. It is chosen on validation images, and what
it is worth is measured on test images, which had no say in it.
"""

from pathlib import Path

import numpy as np

from layers import Dense, ReLU, Sequential
from losses import SigmoidBinaryCrossEntropy
from optimizers import Adam
from pictures.scales import log_scale
from pictures.style import COLORS, GUIDE, panels
from training import (
    best_threshold,
    digits,
    f1,
    fit,
    precision,
    precision_recall_curve,
    recall,
    roc_auc,
    train_test_split,
)

RECALL = 0.98  # of the nines: so many have to be found
x, y = digits()
x = np.clip(x + np.random.default_rng(0).normal(0, 0.1, x.shape), 0, 1)  # noise, or it would be too easy
y = (y == 9).astype(int)[:, np.newaxis]  # (N, 1), as the logits
x_train, x_test, y_train, y_test = train_test_split(x, y, test_size=600, rng=0)
x_train, x_valid, y_train, y_valid = train_test_split(x_train, y_train, test_size=500, rng=1)
print(f"{len(x_train)} images to learn from, {y_train.sum()} of them nines")

model = Sequential([Dense(64, 32), ReLU(), Dense(32, 1)], rng=0)
fit(model, SigmoidBinaryCrossEntropy(), Adam(0.003), x_train, y_train, epochs=15, rng=0, verbose=False)
scores_valid, scores_test = model.predict(x_valid), model.predict(x_test)
print(f"area under the ROC curve, on the test images {roc_auc(scores_test, y_test):.4f}")

# The highest threshold that still finds 98 of 100 nines of the validation images: the fewest false alarms.
found = precision_recall_curve(scores_valid, y_valid)
high_recall = float(found.thresholds[np.flatnonzero(found.recall >= RECALL)[-1]])
thresholds = {
    "likelier than not": 0.0,
    "largest f1": best_threshold(scores_valid, y_valid),
    f"recall of {RECALL:.0%}": np.nextafter(high_recall, -np.inf),  # metrics count what lies above
}
print(f"\n{'threshold':<20}{'logit':>8}{'precision':>11}{'recall':>9}{'f1':>8}   on the test images")
reached = {}
for name, at in thresholds.items():
    reached[name] = [metric(scores_test, y_test, threshold=at) for metric in (precision, recall, f1)]
    numbers = "{:11.3f}{:9.3f}{:8.3f}".format(*reached[name])
    print(f"{name:<20}{at:8.2f}{numbers}")

figure, (left, right) = panels(1, 2, (8.5, 4.2))
for name, scores, truth, color, dash in (
    ("validation", scores_valid, y_valid, COLORS["vermillion"], "--"),
    ("test", scores_test, y_test, COLORS["blue"], "-"),
):
    curve = precision_recall_curve(scores, truth)
    left.step(curve.recall, curve.precision, color=color, linestyle=dash, where="post", label=name)
for (name, (its_precision, its_recall, _)), marker in zip(reached.items(), "osD", strict=True):
    left.plot(its_recall, its_precision, marker, color="black", linestyle="", label=f"test, {name}")
left.axhline(y_test.mean(), **GUIDE, linestyle=":", label=f"by guess, {y_test.mean():.2f}")
left.set(xlabel="recall: share of the nines that are found", ylabel="precision: share of the found that are nines")
left.legend(loc="lower left", bbox_to_anchor=(0, 0.14), frameon=False)
bins = np.linspace(scores_test.min(), scores_test.max(), 40)
for of, name, color, hatch in ((0, "no nine", COLORS["sky blue"], ""), (1, "nine", COLORS["vermillion"], "///")):
    right.hist(scores_test[y_test == of], bins, color=color, hatch=hatch, alpha=0.7, label=name)
for (name, at), dash in zip(thresholds.items(), ("-", "--", ":"), strict=True):
    right.axvline(at, color="black", linestyle=dash, linewidth=1, label=name)
right.set(xlabel="logit", ylabel="test images", yscale="log", ylim=(0.7, 3_000))  # with room for the legend
log_scale(right)
right.legend(loc="upper left", frameon=False)
path = Path("threshold.png").resolve()
figure.savefig(path, dpi=150)
print(f"\npicture saved to {path}")
