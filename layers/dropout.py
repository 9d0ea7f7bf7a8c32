"""Noise that keeps units from relying on one another."""

from __future__ import annotations

from typing import Any

import numpy as np

from .checks import check_number
from .layer import Array, Layer, Rng


class Dropout(Layer):
    """Zero each element with probability rate, and scale the others: out = x * mask / (1 - rate).

    The scaling ("inverted" dropout) keeps the mean of every unit, so that `predict` is simply out = x. Each
    `forward` draws a new mask, and `backward` sends the gradient through the same one.

    Parameters
    ----------
    rate : float in [0, 1)
        The probability of *zeroing*.
    rng : int or numpy.random.Generator, optional
        Where the layer takes a stream of its own from.

    Shapes
    ------
    x of any shape, out the same

    Raises
    ------
    ValueError
        If the rate is not in [0, 1).

    References
    ----------
    Srivastava, Hinton, Krizhevsky, Sutskever, Salakhutdinov (2014), "Dropout: a simple way to prevent neural
    networks from overfitting", JMLR 15. There the scaling is done at test time instead.

    Examples
    --------
    >>> layer = Dropout(0.5, rng=0)
    >>> out = layer.forward(np.ones((1000, 10)))
    >>> np.unique(out), round(float(out.mean()), 1)
    (array([0., 2.]), 1.0)
    >>> layer.predict(np.ones((1, 3)))
    array([[1., 1., 1.]])
    """

    def __init__(self, rate: float, rng: Rng = None) -> None:
        check_number("Dropout", "rate", rate, 0, 1)
        self.rate = rate
        super().__init__()
        self.initialize(rng)

    def initialize(self, rng: Rng = None) -> None:
        # A stream of its own: how often this layer draws does not change what the next layer draws.
        self._rng = np.random.default_rng(np.random.default_rng(rng).integers(2**63))

    def forward(self, x: Any) -> Array:
        x = self._as_floats(x)
        draws = self._rng.random(x.shape, dtype=np.float32)
        mask = self._cache = (draws >= self.rate).astype(x.dtype)
        mask /= 1 - self.rate
        return x * mask

    def backward(self, dout: Any) -> Array:
        mask = self._recall()
        return self._check_dout(dout, mask.shape) * mask

    def predict(self, x: Any) -> Array:
        return self._as_floats(x)

    def __repr__(self) -> str:
        return f"Dropout({self.rate:g})"
