"""Data to try a network on: real digits, and shapes and sequences made from a seed."""

from __future__ import annotations

from importlib import resources

import numpy as np

from layers.contract import Array, Rng, checks


def digits() -> tuple[Array, Array]:
    """Return 1,797 handwritten digits: x (1797, 64) float32 in [0, 1], y (1797,) of 0 .. 9.

    Rows are images of 8 x 8 pixels; `x.reshape(-1, 8, 8, 1)` has them as images. They come in the order in which
    they were collected, one writer after the other: shuffle before you split.

    References
    ----------
    Alpaydin, Kaynak (1998), "Optical Recognition of Handwritten Digits", UCI Machine Learning Repository,
    doi:10.24432/C50P49, licence CC BY 4.0. Embedded, nothing is downloaded.

    Examples
    --------
    >>> x, y = digits()
    >>> x.shape, y[:5]
    ((1797, 64), array([0, 1, 2, 3, 4]))
    """
    with resources.as_file(resources.files("training") / "data" / "digits.npz") as path, np.load(path) as data:
        images, labels = data["images"], data["labels"]
    return images.reshape(-1, 64).astype(np.float32) / 16, labels.astype(np.int64)


def spirals(n_per_class: int = 100, n_classes: int = 3, *, noise: float = 0.2, rng: Rng = None) -> tuple[Array, Array]:
    """Return points on spiral arms that wind around each other: x (N, 2) in about [-1, 1], y (N,).

    Arm k starts at the origin at the angle 2 pi k / n_classes and turns by 4 radians on its way to radius 1: no
    straight line separates the classes.

    Parameters
    ----------
    n_per_class, n_classes : int
    noise : float, default 0.2
        Standard deviation of the angle, in radians.
    rng : int or numpy.random.Generator, optional

    References
    ----------
    The toy data of Karpathy, "CS231n: Convolutional Neural Networks for Visual Recognition", Stanford, 2015.

    Examples
    --------
    >>> x, y = spirals(rng=0)
    >>> x.shape, np.bincount(y)
    ((300, 2), array([100, 100, 100]))
    """
    n_per_class = checks.whole("spirals", "n_per_class", n_per_class)
    n_classes = checks.whole("spirals", "n_classes", n_classes)
    noise = checks.number("spirals", "noise", noise, least=0)
    rng = checks.generator("spirals", rng)
    y = np.repeat(np.arange(n_classes), n_per_class)
    radius = np.tile(np.linspace(0, 1, n_per_class), n_classes)
    angle = 2 * np.pi * y / n_classes + 4 * radius + rng.normal(0, noise, len(y))
    return np.stack([radius * np.sin(angle), radius * np.cos(angle)], axis=1), y


def moons(n_per_class: int = 100, *, noise: float = 0.1, rng: Rng = None) -> tuple[Array, Array]:
    """Return two half circles that reach into each other: x (N, 2), y (N,) of 0 and 1.

    Class 0 is the upper half of the unit circle around (0, 0), class 1 the lower half of that around (1, 0.5).

    Parameters
    ----------
    n_per_class : int
    noise : float, default 0.1
        Standard deviation added to both coordinates.
    rng : int or numpy.random.Generator, optional

    Examples
    --------
    >>> x, y = moons(50, rng=0)
    >>> x.shape, np.bincount(y)
    ((100, 2), array([50, 50]))
    """
    n_per_class = checks.whole("moons", "n_per_class", n_per_class)
    noise = checks.number("moons", "noise", noise, least=0)
    rng = checks.generator("moons", rng)
    angle = np.pi * np.tile(np.linspace(0, 1, n_per_class), 2)
    y = np.repeat([0, 1], n_per_class)
    x = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    x[y == 1] = [1.0, 0.5] - x[y == 1]
    return x + rng.normal(0, noise, x.shape), y


def circles(n_per_class: int = 100, *, noise: float = 0.05, rng: Rng = None) -> tuple[Array, Array]:
    """Return a circle of radius 1, class 0, around one of radius 0.5, class 1: x (N, 2), y (N,).

    Parameters
    ----------
    n_per_class : int
    noise : float, default 0.05
        Standard deviation added to both coordinates.
    rng : int or numpy.random.Generator, optional

    Examples
    --------
    >>> x, y = circles(noise=0, rng=0)
    >>> np.unique(np.hypot(x[:, 0], x[:, 1]).round(6))
    array([0.5, 1. ])
    """
    n_per_class = checks.whole("circles", "n_per_class", n_per_class)
    noise = checks.number("circles", "noise", noise, least=0)
    rng = checks.generator("circles", rng)
    angle = 2 * np.pi * np.tile(np.arange(n_per_class) / n_per_class, 2)
    y = np.repeat([0, 1], n_per_class)
    radius = np.where(y == 0, 1.0, 0.5)
    x = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    return x + rng.normal(0, noise, x.shape), y


def xor(n: int = 200, *, noise: float = 0.0, rng: Rng = None) -> tuple[Array, Array]:
    """Return points of the square [-1, 1]²: x (n, 2), y (n,), 1 where the signs of the two coordinates differ.

    The smallest problem that a single layer cannot solve (Minsky, Papert, 1969, "Perceptrons").

    Parameters
    ----------
    n : int
    noise : float, default 0
        Standard deviation added to both coordinates after the class is decided.
    rng : int or numpy.random.Generator, optional

    Examples
    --------
    >>> x, y = xor(rng=0)
    >>> bool(np.all(y == (x[:, 0] * x[:, 1] < 0)))
    True
    """
    n = checks.whole("xor", "n", n)
    noise = checks.number("xor", "noise", noise, least=0)
    rng = checks.generator("xor", rng)
    x = rng.uniform(-1, 1, (n, 2))
    y = (x[:, 0] * x[:, 1] < 0).astype(np.int64)
    return x + rng.normal(0, noise, x.shape), y


def sine(n: int = 200, *, noise: float = 0.1, rng: Rng = None) -> tuple[Array, Array]:
    """Return a noisy sine to fit: x (n, 1) in [-pi, pi], y (n, 1) = sin(x) + noise.

    Parameters
    ----------
    n : int
    noise : float, default 0.1
        Standard deviation of y around the sine.
    rng : int or numpy.random.Generator, optional

    Examples
    --------
    >>> x, y = sine(noise=0, rng=0)
    >>> x.shape, y.shape, bool(np.allclose(y, np.sin(x)))
    ((200, 1), (200, 1), True)
    """
    n = checks.whole("sine", "n", n)
    noise = checks.number("sine", "noise", noise, least=0)
    rng = checks.generator("sine", rng)
    x = rng.uniform(-np.pi, np.pi, (n, 1))
    return x, np.sin(x) + rng.normal(0, noise, x.shape)


def adding(n: int, n_steps: int, *, rng: Rng = None) -> tuple[Array, Array]:
    """Return sequences of numbers of which two, which are marked, are to be added: x (n, n_steps, 2), y (n, 1).

    x[..., 0] is uniform in [0, 1), x[..., 1] is 1 at one step of the first half and at one of the second, and 0
    elsewhere; y is the sum of the two numbers there. Whoever always says 1 has a mean squared error of 1 / 6. What has
    to be remembered lies many steps back, among numbers that mean nothing.

    Parameters
    ----------
    n, n_steps : int
        N and T, of at least 2.
    rng : int or numpy.random.Generator, optional

    References
    ----------
    Hochreiter, Schmidhuber (1997), "Long Short-Term Memory", Neural Computation 9, experiment 4: there numbers in
    [-1, 1], marks of -1 at both ends, both marks in the first half, lengths that vary by a tenth, and a target of
    0.5 + sum / 4. Here the variant of Arjovsky, Shah, Bengio (2016), "Unitary Evolution Recurrent Neural Networks",
    arXiv:1511.06464.

    Examples
    --------
    >>> x, y = adding(100, 50, rng=0)
    >>> x.shape, bool(np.allclose(y[:, 0], np.sum(x[..., 0] * x[..., 1], axis=1)))
    ((100, 50, 2), True)
    """
    n, n_steps = checks.whole("adding", "n", n), checks.whole("adding", "n_steps", n_steps, 2)
    rng = checks.generator("adding", rng)
    numbers, marks, rows = rng.random((n, n_steps)), np.zeros((n, n_steps)), np.arange(n)
    first, second = rng.integers(n_steps // 2, size=n), rng.integers(n_steps // 2, n_steps, size=n)
    marks[rows, first] = marks[rows, second] = 1
    return np.stack([numbers, marks], axis=2), (numbers[rows, first] + numbers[rows, second])[:, np.newaxis]
