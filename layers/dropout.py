"""Noise that keeps units from relying on one another."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .contract import Array, Layer, Noise, Rng, Shape, as_shape, checks
from .speed import as_rows, repeat_channels


class Dropout(Layer):
    """Zero each element with probability rate, and scale the others: out = x * mask / (1 - rate).

    The scaling ("inverted" dropout) keeps the mean of every unit, so that `predict` is simply out = x. Each
    `forward` has a new mask, and `backward` sends the gradient through the same one. The mask is a function of the
    layer's seed, the step and the row (`Noise`): a part of a batch has the masks of its rows in the whole.

    Parameters
    ----------
    rate : float in [0, 1)
        The probability of *zeroing*.
    rng : int or numpy.random.Generator, optional
        Gives the layer's own seed.

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

    step_by_step = True

    training_only = ("rate",)
    knows_rest = True

    def __init__(self, rate: float, *, rng: Rng = None) -> None:
        self.rate = checks.fraction(type(self).__name__, "rate", rate)
        super().__init__()
        self.initialize(rng)

    def initialize(self, rng: Rng = None) -> None:
        self.noise = Noise(rng=rng)

    def forward(self, x: ArrayLike) -> Array:
        x = self._check_x(x)
        if self.resting:
            self._cache = x.shape
            return x
        mask = self._cache = self._mask(x.shape, x.dtype)
        return (x * mask).astype(x.dtype, copy=False)

    def _mask(self, shape: Shape, dtype: Any) -> Array:
        """Return 0 with probability rate and 1 / (1 - rate) otherwise, drawn for each element."""
        # 1 - rate is at least 1e-16, and a float32 between 0 and 1 is drawn in steps of 6e-8
        draws = self.noise.draw(shape, np.float32 if self.rate <= 0.99 else np.float64)
        mask: Array = (draws >= self.rate).astype(
            dtype if dtype.itemsize > 2 else np.float32
        )  # 1 / (1 - rate) may be large
        mask /= 1 - self.rate
        return mask

    def backward(self, dout: ArrayLike) -> Array:
        mask = self._recall()
        if self.resting:
            return self._check_dout(dout, mask)
        dout = self._check_dout(dout, mask.shape)
        return (dout * mask).astype(dout.dtype, copy=False)

    def predict(self, x: ArrayLike) -> Array:
        return self._check_x(x)


class Dropout2D(Dropout):
    """Zero whole channels with probability rate, and scale the others: out = x * mask / (1 - rate).

    Neighboring pixels of a channel say nearly the same: where some are zeroed, the others tell. So a channel of an
    image goes as a whole, or stays.

    Parameters
    ----------
    rate : float in [0, 1)
        The probability of *zeroing* a channel of an example.
    rng : int or numpy.random.Generator, optional
        Gives the layer's own seed.

    Shapes
    ------
    x (N, H, W, C), channels last, or (N, T, C); the mask is (N, C)

    Raises
    ------
    ValueError
        If the rate is not in [0, 1), or x has no positions.

    References
    ----------
    Tompson, Goroshin, Jain, LeCun, Bregler (2014), "Efficient Object Localization Using Convolutional Networks",
    arXiv:1411.4280.

    Examples
    --------
    >>> out = Dropout2D(0.5, rng=1).forward(np.ones((1, 2, 2, 2)))
    >>> out[0, ..., 0], out[0, ..., 1]
    (array([[2., 2.],
           [2., 2.]]), array([[0., 0.],
           [0., 0.]]))
    """

    last_axis = None, None
    knows_rest = True

    def forward(self, x: ArrayLike) -> Array:
        x = self._check_x(x)
        self.output_shape(x.shape[1:])
        if self.resting:
            return super().forward(x)
        mask = self._mask((len(x), x.shape[-1]), x.dtype)
        self._cache = mask, x.shape
        return self._masked(x, mask)

    def backward(self, dout: ArrayLike) -> Array:
        if self.resting:
            return super().backward(dout)
        mask, shape = self._recall()
        return self._masked(self._check_dout(dout, shape), mask)

    def predict(self, x: ArrayLike) -> Array:
        x = self._check_x(x)
        self.output_shape(x.shape[1:])
        return x

    @staticmethod
    def _masked(x: Array, mask: Array) -> Array:
        rows = as_rows(x, kept=1)  # (N, n_rows, width)
        out: Array = rows * repeat_channels(mask[:, np.newaxis], rows.shape[2])
        return out.astype(x.dtype, copy=False).reshape(x.shape)

    def output_shape(self, input_shape: Shape) -> Shape:
        shape = as_shape(input_shape, self)
        if len(shape) < 2:
            raise ValueError(f"{self.who}: an example must have shape (H, W, C), got {shape}; of features use Dropout")
        return shape
