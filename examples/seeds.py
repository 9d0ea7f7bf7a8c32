"""Is it better, or was it luck? Two trainings compared over ten seeds, with bands.

    python examples/seeds.py

A training draws its first weights and the order of its batches. Another seed gives another curve, and a single pair of
curves may well say the opposite of what holds on average. So both are trained ten times, each pair with the same seed
and the same split, and the differences of the pairs are looked at: what a seed does to both of them falls out.
"""

from pathlib import Path

import numpy as np

from layers import Dense, Dropout, ReLU, Sequential
from losses import SoftmaxCrossEntropy
from optimizers import Adam
from pictures.scales import log_scale
from pictures.style import COLORS, GUIDE, panels
from training import digits, fit, train_test_split

SEEDS, EPOCHS = 10, 12
KINDS = {"without dropout": 0.0, "dropout of 0.3": 0.3}


def train(rate, seed):
    """Return the validation losses of a training: a split, a network and an order of batches for each seed."""
    x_train, x_valid, y_train, y_valid = train_test_split(*digits(), test_size=1_300, stratify=True, rng=seed)
    model = Sequential([Dense(64, 128), ReLU(), Dropout(rate), Dense(128, 10)], rng=seed)
    options = {"validation": (x_valid[:700], y_valid[:700]), "rng": seed, "verbose": False}
    return fit(model, SoftmaxCrossEntropy(), Adam(0.002), x_train, y_train, epochs=EPOCHS, **options).validation_loss


curves = {name: np.array([train(rate, seed) for seed in range(SEEDS)]) for name, rate in KINDS.items()}
for name, values in curves.items():
    last = values[:, -1]
    print(f"{name:<17} validation loss {last.mean():.4f} nats, from {last.min():.4f} to {last.max():.4f}")
first, second = (values[:, -1] for values in curves.values())
apart = second - first
error = apart.std(ddof=1) / np.sqrt(SEEDS)  # of the mean of the differences
print(f"with dropout it is {apart.mean():+.4f} nats, give or take {2 * error:.4f} (two standard errors)")
print(f"lower with dropout in {np.sum(apart < 0)} of {SEEDS} pairs; of all 100 pairs of different seeds in "
      f"{np.sum(second[:, np.newaxis] < first)}")  # fmt: skip

figure, (left, right) = panels(1, 2, (8.5, 4), whole=True, width_ratios=(1.5, 1))
for (name, values), color, dash in zip(curves.items(), (COLORS["blue"], COLORS["orange"]), ("-", "-."), strict=True):
    epochs = np.arange(1, EPOCHS + 1)
    low, high = np.quantile(values[:, 1:], (0.1, 0.9), axis=0)  # epoch 0, before training, would take all the room
    left.fill_between(epochs, low, high, color=color, alpha=0.2, linewidth=0)
    left.plot(epochs, np.median(values[:, 1:], axis=0), dash, color=color, label=name)
left.set(xlabel="epoch", ylabel="validation loss (nats)")
log_scale(left)
left.set_title(f"median of {SEEDS} seeds; bands: 8 of 10 seeds", fontsize=10)
left.legend(frameon=False)
right.axhline(0, **GUIDE)
right.plot(range(SEEDS), apart, "o", color=COLORS["blue"], label="a pair with the same seed")
right.axhline(apart.mean(), color="black", label="mean")
right.axhspan(apart.mean() - 2 * error, apart.mean() + 2 * error, color="0.8", zorder=0, label="± 2 standard errors")
right.set(xlabel="seed", ylabel="with dropout - without (nats)", xticks=range(SEEDS))
right.set_title("difference of the losses at the end", fontsize=10)
right.set_ylim(min(apart.min(), 0) * 1.15 - 0.002, max(apart.max(), 0) + 0.45 * np.ptp(np.append(apart, 0)))
right.legend(loc="upper left", frameon=False)
path = Path("seeds.png").resolve()
figure.savefig(path, dpi=150)
print(f"picture saved to {path}")
