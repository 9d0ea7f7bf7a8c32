"""A convolution taken apart into the positions of its kernel: nine shifted images, weighted and added up.

    python examples/convolution_by_hand.py

compares this with the layer Conv2D, shows what both cost, and draws how out and dx grow, position by position.

All windows of 3 x 3 pixels together see, at one of their positions (a, b), the whole image, shifted by (a, b):

    forward     out            += shifted @ weights[a, b]              (N, H, W, C) @ (C, K)
    backward    dweights[a, b]  = shifted.T @ dout                     (C, N * H * W) @ (N * H * W, K)
                dshifted       += dout @ weights[a, b].T               (N, H, W, K) @ (K, C)

A pixel is seen by nine windows, from each of its positions by another one: the nine gradients add.
"""

import timeit
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from layers import Conv2D, check_gradients
from pictures.style import SIGNED
from training import digits

POSITIONS = [(a, b) for a in range(3) for b in range(3)]


def framed(x):
    """Return images (N, H, W, C) with a frame of zeros, one pixel wide: out gets the size of x."""
    return np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))


def shifted(padded, a, b):
    """Return what all windows see at their position (a, b): a view, so that adding to it adds to the pixels."""
    return padded[:, a : padded.shape[1] - 2 + a, b : padded.shape[2] - 2 + b]


def forward_by_hand(x, weights, bias):
    """Yield out after each position; the last one is out."""
    padded, out = framed(x), bias
    for a, b in POSITIONS:
        out = out + shifted(padded, a, b) @ weights[a, b]
        yield out


def backward_by_hand(x, dout, weights):
    """Yield dweights, dbias and dx after each position; the last ones are the gradients."""
    padded, dweights = framed(x), np.zeros_like(weights)
    dpadded = np.zeros_like(padded)
    for a, b in POSITIONS:
        dweights[a, b] = np.einsum("nijc,nijk->ck", shifted(padded, a, b), dout)
        shifted(dpadded, a, b)[...] += dout @ weights[a, b].T
        yield dweights, dout.sum(axis=(0, 1, 2)), shifted(dpadded, 1, 1).copy()  # without the frame


rng = np.random.default_rng(0)
x = digits()[0][:64].reshape(64, 8, 8, 1).astype(float)
layer = Conv2D(1, 4, 3, padding=1, rng=0)
layer.weights[..., 0] = np.array([[0, 1, 2], [-1, 0, 1], [-2, -1, 0]])[..., np.newaxis] / 4  # bright to the upper right
layer.bias = rng.normal(size=4)
dout = rng.normal(size=(64, 8, 8, 4))


def by_hand():
    *_, out = forward_by_hand(x, layer.weights, layer.bias)
    *_, gradients = backward_by_hand(x, dout, layer.weights)
    return out, *gradients


def by_the_layer():
    out, dx = layer.forward(x), layer.backward(dout)
    return out, layer.dweights, layer.dbias, dx


print("largest difference from the layer Conv2D, in float64")
for name, mine, layers_own in zip(("out", "dweights", "dbias", "dx"), by_hand(), by_the_layer(), strict=True):
    print(f"    {name:9}{np.abs(mine - layers_own).max():.0e}")
    assert np.abs(mine - layers_own).max() < 1e-11
print(f"\n{check_gradients(layer, x[:5])}\n")
for name, run in (("by hand", by_hand), ("the layer", by_the_layer)):
    milliseconds = min(timeit.repeat(run, number=3, repeat=3)) / 3 * 1e3
    print(f"forward and backward, {name:10} {milliseconds:5.2f} ms")

# One image and one filter, and dout = out: the gradient of the sum of squares of out, divided by 2.
image, kernel = x[3:4], layer.weights[..., :1]
outs = list(forward_by_hand(image, kernel, 0.0))
dxs = [dx for _, _, dx in backward_by_hand(image, outs[-1], kernel)]
figure = Figure(figsize=(11.5, 3.1), layout="constrained")
axes = figure.subplots(2, 10)
for row, name, first, steps in ((axes[0], "out", image, outs), (axes[1], "dx", outs[-1], dxs)):
    reach = max(np.abs(step).max() for step in steps)
    if name == "out":
        row[0].imshow(first[0, :, :, 0], cmap="gray_r")
    else:
        row[0].imshow(first[0, :, :, 0], cmap=SIGNED, vmin=-np.abs(first).max(), vmax=np.abs(first).max())
    row[0].set_title("x" if name == "out" else "dout = out", fontsize=9)
    for axis, (a, b), step in zip(row[1:], POSITIONS, steps, strict=True):
        axis.imshow(step[0, :, :, 0], cmap=SIGNED, vmin=-reach, vmax=reach)
        axis.set_title(f"{name} after ({a}, {b})\nweight {kernel[a, b, 0, 0]:g}", fontsize=9)
for axis in axes.ravel():
    axis.set(xticks=[], yticks=[])
figure.suptitle("a convolution, one position of its kernel after the other: above forward, below backward")
path = Path("convolution_by_hand.png").resolve()
figure.savefig(path, dpi=110)
print(f"\npicture saved to {path}")
