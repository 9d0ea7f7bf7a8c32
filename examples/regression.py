"""Regression: the electricity that a house uses in a year, from five numbers that are known of it.

    python examples/regression.py

The data are made up here, so that it is known how good a network can be: the noise has a deviation of 250 kWh. Features
and target are brought to mean 0 and deviation 1 by what is known of the training set, and predictions are brought back:
errors are told in kWh. The network is compared with two that know less, the mean of all houses and a straight line.
"""

from pathlib import Path

import numpy as np

from layers import Dense, ReLU, Sequential
from losses import MeanSquaredError
from optimizers import Adam
from pictures.style import COLORS, GUIDE, panels
from training import EarlyStopping, Standardizer, fit, train_test_split

NOISE = 250.0  # kWh
rng = np.random.default_rng(0)
n = 2_000
area, people = rng.uniform(40, 220, n), rng.integers(1, 7, n)
winter, insulation = rng.normal(2.0, 3.0, n), rng.uniform(0, 1, n)  # degrees; 0 for none, 1 for the best there is
solar = rng.random(n) < 0.3
heating = 0.9 * area * np.maximum(18 - winter, 0) * (1 - 0.7 * insulation)  # a product: no sum of five terms
used = 600 + 450 * people + heating - 1_200 * solar * np.minimum(area / 120, 1) + rng.normal(0, NOISE, n)

x = np.column_stack([area, people, winter, insulation, solar])
y = used[:, np.newaxis]  # (N, 1), as the network's out: a loss compares numbers of the same shape only
x_train, x_test, y_train, y_test = train_test_split(x, y, test_size=500, rng=0)
x_train, x_valid, y_train, y_valid = train_test_split(x_train, y_train, test_size=300, rng=1)

# Learned from the training set alone: what is measured later must not have been looked at.
features, target = Standardizer().fit(x_train), Standardizer().fit(y_train)
print(f"a house uses {target.mean.item():,.0f} kWh on average, with a deviation of {target.deviation.item():,.0f} kWh")

model = Sequential([Dense(5, 64), ReLU(), Dense(64, 64), ReLU(), Dense(64, 1)], rng=0)
history = fit(
    model,
    MeanSquaredError(),
    Adam(0.003),
    features.transform(x_train),
    target.transform(y_train),
    epochs=100,
    validation=(features.transform(x_valid), target.transform(y_valid)),
    callbacks=[EarlyStopping(patience=15)],  # and the weights of the best epoch come back
    rng=0,
    verbose=False,
)
best = history.best()
print(f"best of {history.epoch[-1]} epochs: {best['epoch']}, validation loss {best['validation_loss']:.4f} deviations²")


def in_kwh(x):
    """Return what the network predicts for houses as they are, in kWh: there and back again."""
    return target.invert(model.predict(features.transform(x)))


def error(y_hat):
    """Return the root of the mean squared error on the test houses."""
    return float(np.sqrt(np.mean((y_hat - y_test) ** 2)))


line, *_ = np.linalg.lstsq(np.column_stack([x_train, np.ones(len(x_train))]), y_train, rcond=None)
y_hat = in_kwh(x_test)
errors = {
    "the mean of the training set": error(y_train.mean()),
    "a straight line": error(np.column_stack([x_test, np.ones(len(x_test))]) @ line),
    "the network": error(y_hat),
    "nothing but the noise": NOISE,
}
for name, value in errors.items():
    print(f"{name:<29} {value:6,.0f} kWh")
explained = 1 - errors["the network"] ** 2 / np.var(y_test)
print(f"share of the variance that the network explains {explained:.3f}")

figure, (left, right) = panels(1, 2, (8.5, 4.3))
ends = [min(y_test.min(), y_hat.min()), max(y_test.max(), y_hat.max())]
left.plot(ends, ends, **GUIDE, label="predicted = true")
left.plot(y_test, y_hat, ".", color=COLORS["blue"], markersize=4, label=f"{len(y_test)} houses never seen")
left.set(xlabel="true (kWh)", ylabel="predicted (kWh)", aspect="equal", title=f"R² {explained:.3f}")
left.legend(loc="upper left", frameon=False)
right.axhline(0, **GUIDE)
right.plot(y_hat, y_hat - y_test, ".", color=COLORS["blue"], markersize=4)
for sign in (-1, 1):
    label = f"± 2 deviations of the noise, {2 * NOISE:.0f} kWh" if sign > 0 else None
    right.axhline(2 * NOISE * sign, color=COLORS["vermillion"], linestyle="--", label=label)
right.set(xlabel="predicted (kWh)", ylabel="predicted - true (kWh)")
right.set_title(f"root of the mean squared error {errors['the network']:.0f} kWh")
right.set_ylim(-5.2 * NOISE, 5.2 * NOISE)
right.legend(loc="upper left", frameon=False)
path = Path("regression.png").resolve()
figure.savefig(path, dpi=150)
print(f"picture saved to {path}")
