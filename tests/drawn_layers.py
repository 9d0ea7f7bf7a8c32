"""Layers, gates, networks and losses at random, with their inputs, at scales from 1e-5 to 1e5."""

import copy
import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import layers
import losses


@dataclass
class Draw:
    """What goes into `check_gradients`, drawn."""

    layer: Any
    inputs: list
    options: dict = field(default_factory=dict)

    def check(self, check_gradients, **options):
        return check_gradients(self.layer, *self.inputs, **{**self.options, **options})


class Projection:
    """f = scale * sum(y * out), which gives the layer in front of it a dout of that scale."""

    def __init__(self, scale):
        self.scale = scale

    def forward(self, out, y):
        self.y = y
        return float(self.scale * np.sum(y * out))

    def backward(self):
        return self.scale * self.y


def power(rng, wide):
    """Return a scale from 1e-5 to 1e5, or, less wide, from 0.1 to 10."""
    return 10.0 ** (rng.uniform(-5, 5) if wide else rng.uniform(-1, 1))


def numbers(rng, shape, wide=True):
    """Return normal numbers of one scale, or, now and then, of one scale for each feature, or on a lattice."""
    x = rng.normal(size=shape)
    kind = rng.integers(6)
    if kind == 0 and len(shape) > 1:
        return x * np.array([power(rng, wide) for _ in range(shape[-1])])
    if kind == 1:
        x = np.rint(4 * x) / 4 + 0.1
    return x * power(rng, wide)


def sizes(rng, n, most):
    return [int(v) for v in rng.integers(1, most + 1, n)]


def shape_of(rng, features):
    """Return (N, D), (N, T, D) or (N, H, W, D)."""
    return (*[(sizes(rng, 1, 8)), (sizes(rng, 2, 5)), (sizes(rng, 3, 4))][rng.integers(3)], features)


def values_shape(rng, features):
    while True:
        shape = shape_of(rng, features)
        if math.prod(shape[:-1]) > 1:
            return shape


def pick(rng, *things):
    return things[rng.integers(len(things))]


def sequence_window(rng, t):
    kernel = int(rng.integers(1, t + 1))
    return {"kernel_size": kernel, "stride": int(rng.integers(1, 4)), "padding": pick(rng, 0, "same", (kernel - 1, 0))}


def image_window(rng, h, w):
    kernel = int(rng.integers(1, h + 1)), int(rng.integers(1, w + 1))
    padding = pick(rng, 0, 0, "same", (kernel[0] - 1, kernel[1] // 2))
    return {"kernel_size": kernel, "stride": int(rng.integers(1, 3)), "padding": padding}


def plain(rng):
    name = pick(
        rng,
        "Sigmoid",
        "Tanh",
        "Softplus",
        "SiLU",
        "GELU",
        "ReLU",
        "LeakyReLU",
        "ELU",
        "SELU",
        "Softmax",
        "LogSoftmax",
        "Identity",
        "Flatten",
    )
    return getattr(layers, name)(), shape_of(rng, *sizes(rng, 1, 6))


def optioned(rng):
    n = int(rng.integers(1, 7))
    shape = shape_of(rng, n)
    layer = pick(
        rng,
        layers.LeakyReLU(float(rng.uniform(0, 0.9))),
        layers.ELU(float(rng.uniform(0.1, 2))),
        layers.PReLU(n),
        layers.PReLU(),
        layers.Dropout(float(rng.uniform(0, 0.8)), rng=int(rng.integers(99))),
    )
    return layer, shape


def dense(rng):
    n, m = sizes(rng, 2, 20)
    return layers.Dense(n, m, use_bias=bool(rng.integers(2))), shape_of(rng, n)


def norm(rng):
    n = int(rng.integers(1, 8))
    epsilon = 10.0 ** rng.integers(-8, 0)
    kind = rng.integers(5)
    if kind == 0:
        return layers.BatchNorm(n, epsilon=epsilon), values_shape(rng, n)
    if kind == 1:
        return layers.LayerNorm(n, epsilon=epsilon), shape_of(rng, n)
    if kind == 2:
        return layers.RMSNorm(n, epsilon=epsilon), shape_of(rng, n)
    if kind == 3:
        groups, each = sizes(rng, 2, 3)
        return layers.GroupNorm(groups * each, groups, epsilon=epsilon), (2, *sizes(rng, 1, 4), 2, groups * each)
    return layers.InstanceNorm(n, epsilon=epsilon), (2, int(rng.integers(2, 6)), n)


def convolution(rng):
    n, h, w, c, k = sizes(rng, 5, 4)
    h, w = h + 2, w + 2
    bias = bool(rng.integers(2))
    if rng.integers(3) == 0:
        groups = int(rng.integers(1, 3))
        window = sequence_window(rng, h)
        return layers.Conv1D(groups * c, groups * k, **window, n_groups=groups, use_bias=bias), (n, h, groups * c)
    window = image_window(rng, h, w)
    kind = rng.integers(3)
    if kind == 0:
        return layers.Conv2D(c, k, **window, use_bias=bias), (n, h, w, c)
    if kind == 1:
        return layers.DepthwiseConv2D(c, **window, multiplier=int(rng.integers(1, 3)), use_bias=bias), (n, h, w, c)
    return layers.ConvTranspose2D(c, k, window["kernel_size"], window["stride"], use_bias=bias), (n, h, w, c)


def pool(rng):
    n, h, w, c = sizes(rng, 4, 4)
    h, w = h + 1, w + 1
    size = int(rng.integers(1, min(h, w) + 1))
    stride, padding = pick(rng, None, 1, 2), pick(rng, 0, "same")
    name = pick(rng, "MaxPool", "AveragePool")
    kind = rng.integers(4)
    if kind == 0:
        return getattr(layers, name + "1D")(size, stride, padding), (n, h, c)
    if kind == 1:
        return getattr(layers, name + "2D")(size, stride, padding), (n, h, w, c)
    other = pick(
        rng,
        layers.GlobalAveragePool(),
        layers.GlobalMaxPool(),
        layers.Upsample2D((2, 1)),
        layers.ZeroPad2D((1, 2)),
        layers.Dropout2D(0.4, rng=1),
        layers.Reshape((-1, c)),
    )
    return other, (n, h, w, c)


def embedding(rng):
    n, m = sizes(rng, 2, 6)
    return layers.Embedding(n, m), rng.integers(0, n, tuple(sizes(rng, int(rng.integers(1, 3)), 5)))


def network(rng):
    n, m, k = sizes(rng, 3, 8)
    exact = {"dtype": np.float64}
    act = lambda: pick(rng, layers.Tanh, layers.ReLU, layers.GELU, layers.Softplus, layers.ELU)()  # noqa: E731
    kind = rng.integers(5)
    shape = int(rng.integers(2, 9)), n
    if kind == 0:
        return layers.Sequential([layers.Dense(n, m), act(), layers.Dense(m, k), act()], **exact), shape
    if kind == 1:
        return layers.Sequential([layers.Dense(n, m), layers.BatchNorm(m), act(), layers.Dense(m, k)], **exact), shape
    if kind == 2:
        return layers.Residual([layers.Dense(n, m), act(), layers.Dense(m, n)]), shape
    if kind == 3:
        return layers.Concatenate([layers.Dense(n, m), act()], layers.Dense(n, k)), shape
    parts = layers.Conv2D(1, 2, 3, padding=1), act(), layers.MaxPool2D(2), layers.Flatten(), layers.Dense(8, k)
    return layers.Sequential(parts, **exact), (int(rng.integers(1, 4)), 4, 4, 1)


def recurrent(rng):
    """Return a recurrent layer: not one of FAMILIES, since differences cannot see past a gate that is wholly open."""
    n, t, d, h = sizes(rng, 4, 5)
    reverse = bool(rng.integers(2))
    layer = pick(
        rng,
        layers.SimpleRNN(d, h, reverse=reverse),
        layers.LSTM(d, h, reverse=reverse),
        layers.GRU(d, h, reverse=reverse, reset_after=bool(rng.integers(2))),
        layers.Concatenate([layers.LSTM(d, h)], [layers.GRU(d, h, reverse=True)]),
        layers.Sequential([layers.GRU(d, h), layers.LastStep(), layers.Repeat(2)], dtype=np.float64),
    )
    return layer, (n, t, d)


FAMILIES = [plain, optioned, dense, norm, convolution, pool, embedding, network]


def draw_layer(rng, wide=True, families=FAMILIES):
    """Return one layer of one input."""
    layer, x = pick(rng, *families)(rng)
    x = x if isinstance(x, np.ndarray) else numbers(rng, x, wide)
    options = {"rng": int(rng.integers(1000))}
    if rng.integers(2):
        layer.parameters = power(rng, wide) * rng.normal(size=layer.parameters.size)
        options["randomize"] = False
    if rng.integers(2):
        out = copy.deepcopy(layer).forward(x)
        options.update(loss=Projection(power(rng, wide)), y=rng.normal(size=out.shape))
    return Draw(layer, [x], options)


def draw_large(rng, wide=True):
    """Return one layer of a usual size, along random directions."""
    n, m, k = (int(2 ** rng.integers(3, 7)) for _ in range(3))
    layer, shape = pick(
        rng,
        (layers.Conv1D(n, m, 5), (8, 20, n)),
        (layers.Dense(n, m), (32, n)),
        (layers.BatchNorm(n), (64, n)),
        (layers.Conv2D(3, k, 3), (8, 10, 10, 3)),
        (layers.LayerNorm(n), (16, 10, n)),
        (layers.PReLU(n), (64, n)),
        (layers.Sequential([layers.Dense(n, m), layers.ReLU(), layers.Dense(m, 10)]), (32, n)),
    )
    x = numbers(rng, shape, wide)
    return Draw(layer, [x], {"rng": int(rng.integers(1000)), "directions": 2})


def draw_gate(rng, wide=True):
    """Return a gate with its inputs."""
    shape = tuple(sizes(rng, int(rng.integers(1, 4)), 5))
    a = numbers(rng, shape, wide)
    other = pick(rng, shape, shape[-1:], (1, *shape[1:]), ())
    b = np.asarray(numbers(rng, other, wide))
    kind = rng.integers(5)
    if kind == 0:
        axis = pick(rng, None, 0, -1)
        return Draw(pick(rng, layers.Sum, layers.Mean, layers.Max)(axis, keepdims=bool(rng.integers(2))), [a])
    if kind == 1:
        return Draw(layers.MatMul(), [numbers(rng, (3, 4), wide), numbers(rng, (4, 2), wide)])
    if kind == 2:
        return Draw(layers.Log(), [np.abs(a) + 1e-12])
    if kind == 3:
        return Draw(layers.Exp(), [np.clip(a, -100, 100)])
    gate = pick(rng, layers.Add, layers.Subtract, layers.Multiply, layers.Maximum, layers.Divide)()
    if isinstance(gate, layers.Divide):
        b = np.where(np.abs(b) < 1e-9, 1.0, b)
    return Draw(gate, [a, b])


def draw_loss(rng, wide=True):
    """Return a loss with predictions and targets."""
    n, c = int(rng.integers(1, 9)), int(rng.integers(2, 7))
    logits, reduction = numbers(rng, (n, c), wide), pick(rng, "mean", "sum")
    labels, soft = rng.integers(0, c, n), rng.dirichlet(np.ones(c), n)
    weights = [rng.uniform(0.1, 2, n)] if rng.integers(2) else []
    kind = rng.integers(5)
    if kind == 0:
        smoothing = float(rng.uniform(0, 0.5))
        return Draw(
            losses.SoftmaxCrossEntropy(reduction, label_smoothing=smoothing),
            [logits, pick(rng, labels, soft), *weights],
        )
    if kind == 1:
        return Draw(
            losses.CategoricalCrossEntropy(reduction), [rng.dirichlet(np.ones(c), n), pick(rng, labels, soft), *weights]
        )
    if kind == 2:
        return Draw(losses.SigmoidBinaryCrossEntropy(reduction), [logits, rng.integers(0, 2, (n, c)), *weights])
    if kind == 3:
        return Draw(losses.Hinge(float(rng.uniform(0.1, 2)), reduction), [logits, labels, *weights])
    loss = pick(
        rng,
        losses.MeanSquaredError(reduction),
        losses.MeanAbsoluteError(reduction),
        losses.Huber(float(rng.uniform(0.1, 2)), reduction),
    )
    return Draw(loss, [logits, numbers(rng, (n, c), wide), *weights])


def draw(seed, wide=True):
    """Return the draw of this number."""
    rng = np.random.default_rng(seed)
    return pick(rng, draw_layer, draw_layer, draw_layer, draw_large, draw_gate, draw_loss)(rng, wide)
