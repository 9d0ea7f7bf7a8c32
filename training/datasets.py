"""Data to try a network on: real digits, and shapes made from a seed."""

from __future__ import annotations

from importlib import resources
from typing import Any, TypeAlias

import numpy as np

from layers.checks import check_number, check_sizes

Array: TypeAlias = np.ndarray[Any, Any]
Rng: TypeAlias = int | np.random.Generator | None


def digits() -> tuple[Array, Array]:
    """Return 1,797 handwritten digits: x (1797, 64) float32 in [0, 1], y (1797,) of 0 .. 9.

    Rows are images of 8 x 8 pixels; `x.reshape(-1, 8, 8, 1)` has them as images. They come in the order in which
    they were collected, a writer after another: shuffle before you split.

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


def spirals(rng: Rng = None, n_per_class: int = 100, n_classes: int = 3, noise: float = 0.2) -> tuple[Array, Array]:
    """Return points on spiral arms that wind around one another: x (N, 2) in about [-1, 1], y (N,).

    Arm k starts at the origin at the angle 2 pi k / n_classes and turns by 4 radians on its way to radius 1: no
    straight line separates the classes.

    Parameters
    ----------
    rng : int or numpy.random.Generator, optional
    n_per_class, n_classes : int
    noise : float, default 0.2
        Standard deviation of the angle, in radians.

    References
    ----------
    The toy data of Karpathy, "CS231n: Convolutional Neural Networks for Visual Recognition", Stanford, 2015.

    Examples
    --------
    >>> x, y = spirals(rng=0)
    >>> x.shape, np.bincount(y)
    ((300, 2), array([100, 100, 100]))
    """
    check_sizes("spirals", n_per_class=n_per_class, n_classes=n_classes)
    check_number("spirals", "noise", noise, low=0)
    rng = np.random.default_rng(rng)
    y = np.repeat(np.arange(n_classes), n_per_class)
    radius = np.tile(np.linspace(0, 1, n_per_class), n_classes)
    angle = 2 * np.pi * y / n_classes + 4 * radius + rng.normal(0, noise, len(y))
    return np.stack([radius * np.sin(angle), radius * np.cos(angle)], axis=1), y
