"""A batch norm taken apart into gates: the long way back through each of them, and the short way, in one line.

    python examples/batchnorm_by_hand.py

compares both with the layer BatchNorm, shows what they cost, and draws what the short way says: backward fits a
straight line to the gradients and passes on what the line leaves.

The gates and their shapes, M = 32 examples of 64 features each:

    mean        (1, 64) = sum over the rows of x (32, 64), divided by M
    difference  (32, 64) = x - mean              mean is repeated for every row: broadcasting
    square      (32, 64) = difference * difference
    variance    (1, 64) = sum over the rows of square, divided by M
    root        (1, 64) = sqrt(variance + epsilon)
    normalized  (32, 64) = difference / root
    out         (32, 64) = gain * normalized + bias
"""

import timeit
from pathlib import Path

import numpy as np

from layers import Add, BatchNorm, Divide, Gate, Mean, Multiply, Subtract, check_gradients
from pictures.style import COLORS, panels

M, FEATURES, EPSILON = 32, 64, 1e-5


class Root(Gate):
    """out = sqrt(x), the one gate that is not in the toolkit. d sqrt(x) / dx = 1 / (2 * sqrt(x))."""

    def forward(self, x):
        out = self._cache = np.sqrt(x)
        return out

    def backward(self, dout):
        return dout / (2 * self._recall())


mean_gate, variance_gate = Mean(axis=0, keepdims=True), Mean(axis=0, keepdims=True)
minus, times_itself, plus_epsilon, root_gate = Subtract(), Multiply(), Add(), Root()
divided, times_gain, plus_bias = Divide(), Multiply(), Add()


def forward_by_hand(x, gain, bias):
    """Return out, gate after gate."""
    mean = mean_gate.forward(x)
    difference = minus.forward(x, mean)
    square = times_itself.forward(difference, difference)
    variance = variance_gate.forward(square)
    root = root_gate.forward(plus_epsilon.forward(variance, EPSILON))
    normalized = divided.forward(difference, root)
    return plus_bias.forward(times_gain.forward(normalized, gain), bias)


def long_way_back(dout):
    """Return dx, dgain, dbias: the gates once more, the last one first, each with its own derivative."""
    dproduct, dbias = plus_bias.backward(dout)
    dnormalized, dgain = times_gain.backward(dproduct)
    ddifference, droot = divided.backward(dnormalized)
    dvariance, _ = plus_epsilon.backward(root_gate.backward(droot))
    dsquare = variance_gate.backward(dvariance)
    ddifference = ddifference + sum(times_itself.backward(dsquare))  # difference went three ways: the gradients add
    dx, dmean = minus.backward(ddifference)
    return dx + mean_gate.backward(dmean), dgain, dbias  # x went two ways


def short_way_back(dout, x, gain):
    """Return the same, from the formula that is left when all of these lines are put into one another."""
    root = np.sqrt(x.var(axis=0) + EPSILON)
    normalized = (x - x.mean(axis=0)) / root
    dbias, dgain = dout.sum(axis=0), np.sum(dout * normalized, axis=0)
    return gain / root * (dout - dbias / M - normalized * dgain / M), dgain, dbias


rng = np.random.default_rng(0)
x = rng.normal(rng.normal(0, 3, FEATURES), rng.uniform(0.2, 4, FEATURES), (M, FEATURES))
gain, bias = rng.uniform(0.5, 1.5, FEATURES), rng.normal(size=FEATURES)
dout = forward_by_hand(x, gain, bias) - rng.normal(size=x.shape)  # as if out should come close to random targets

layer = BatchNorm(FEATURES, epsilon=EPSILON)
layer.gain, layer.bias = gain, bias
results = {"the layer BatchNorm": (layer.forward(x), layer.backward(dout), layer.dgain, layer.dbias)}
results["the long way"] = (forward_by_hand(x, gain, bias), *long_way_back(dout))
results["the short way"] = (results["the long way"][0], *short_way_back(dout, x, gain))

print("largest difference from the layer, in float64")
print(f"{'':16}{'out':>9}{'dx':>9}{'dgain':>9}{'dbias':>9}")
for way in ("the long way", "the short way"):
    differences = [np.abs(a - b).max() for a, b in zip(results[way], results["the layer BatchNorm"], strict=True)]
    print(f"{way:16}" + "".join(f"{difference:9.0e}" for difference in differences))
    assert max(differences) < 1e-12
print(f"\n{check_gradients(layer, x[:5])}\n")


def microseconds(run):
    return min(timeit.repeat(run, number=100, repeat=5)) / 100 * 1e6


def long_way():
    forward_by_hand(x, gain, bias)
    long_way_back(dout)


def layers_way():
    layer.forward(x)
    layer.backward(dout)


print(f"forward and backward, gate by gate  {microseconds(long_way):4.0f} microseconds")
print(f"forward and backward of the layer   {microseconds(layers_way):4.0f} microseconds")

root, feature = np.sqrt(x.var(axis=0) + EPSILON), 0
normalized = (x - x.mean(axis=0)) / root
dnormalized = gain * dout
order = np.argsort(normalized[:, feature])
u, du, dx = (a[order, feature] for a in (normalized, dnormalized, results["the short way"][1]))
line = du.mean() + u * np.mean(du * u)
assert np.allclose(du - line, dx * root[feature])

figure, (left, right) = panels(1, 2, (9, 4.2), width_ratios=(1, 1.2))
for i in range(8):
    left.plot(np.full(M, i - 0.13), x[:, i], ".", color="0.5", label="x" if i == 0 else None)
    label = "normalized" if i == 0 else None
    left.plot(np.full(M, i + 0.13), normalized[:, i], "_", color=COLORS["blue"], label=label)
left.set(xlabel="feature", ylabel="value", title=f"forward, 8 of {FEATURES} features: mean 0, variance 1")
right.vlines(u, line, du, color=COLORS["vermillion"], label="what is left: dx * root")
right.plot(u, du, "o", color=COLORS["blue"], markersize=4, label="dnormalized, one dot for each example")
right.plot(u, line, color="black", label="mean(dnormalized) + slope * normalized")
right.set(xlabel="normalized", ylabel="gradient", title=f"backward, feature {feature}: what no line explains")
for axes, corner in ((left, "upper left"), (right, "lower right")):
    axes.legend(loc=corner, fontsize=8)
path = Path("batchnorm_by_hand.png").resolve()
figure.savefig(path, dpi=150)
print(f"\npicture saved to {path}")
