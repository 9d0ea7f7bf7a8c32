"""Between sequences (N, T, D) and single rows (N, D), and noise that is the same in all steps."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..contract import Array, Layer, Shape, as_shape, check_lengths, checks
from ..dropout import Dropout2D
from ..speed import sum_axes


class LastStep(Layer):
    """The last step of each row: out = x[:, -1], or, of rows with lengths, x[i, lengths[i] - 1].

    A row of length 0 has none, and gives zeros. Of a recurrent layer that goes in reverse the last step is the first
    that it has read: what it has made of the whole row is its `state`, and its step 0.

    Shapes
    ------
    x (N, T, D), out (N, D)

    Examples
    --------
    >>> layer = LastStep()
    >>> x = np.array([[[1.0], [2.0], [3.0]], [[4.0], [5.0], [6.0]]])
    >>> layer.forward(x)
    array([[3.],
           [6.]])
    >>> layer.forward(x, lengths=[2, 3])
    array([[2.],
           [6.]])
    >>> layer.backward(np.array([[1.0], [10.0]]))[..., 0]
    array([[ 0.,  1.,  0.],
           [ 0.,  0., 10.]])
    """

    last_axis = None, None
    grid = False
    takes_lengths = True

    def forward(self, x: ArrayLike, lengths: Any = None) -> Array:
        x = self._check_x(x)
        self.output_shape(x.shape[1:])
        n, n_steps = x.shape[:2]
        if lengths is None:
            last, has_one = np.full(n, n_steps - 1), np.ones(n, bool)
        else:
            lengths = check_lengths(self.who, lengths, n, n_steps)
            last, has_one = np.maximum(lengths - 1, 0), lengths > 0
        self._cache = x.shape, last, has_one
        out = x[np.arange(n), last]
        out[~has_one] = 0
        return out

    def backward(self, dout: ArrayLike) -> Array:
        shape, last, has_one = self._recall()
        dout = self._check_dout(dout, (shape[0], *shape[2:]))
        dx = np.zeros(shape, dout.dtype)
        dx[np.flatnonzero(has_one), last[has_one]] = dout[has_one]
        return dx

    def output_lengths(self, lengths: Array) -> None:
        return None

    def output_shape(self, input_shape: Shape) -> Shape:
        shape = as_shape(input_shape, self)
        if len(shape) != 2:
            raise ValueError(f"{self.who}: an example must have shape (T, D), got {shape}")
        return shape[1:]


class Repeat(Layer):
    """The same row in every step: out[:, t] = x, n_steps times: the way back from `LastStep`.

    Parameters
    ----------
    n_steps : int
        T.

    Shapes
    ------
    x (N, D), out (N, T, D)

    Raises
    ------
    ValueError
        If x has other axes.

    Examples
    --------
    >>> layer = Repeat(2)
    >>> layer.forward(np.array([[1.0, 5.0]]))
    array([[[1., 5.],
            [1., 5.]]])
    >>> layer.backward(np.array([[[1.0, 2.0], [10.0, 20.0]]]))  # the gradients of all copies add
    array([[11., 22.]])
    """

    last_axis = None, None
    grid = True

    def __init__(self, n_steps: int) -> None:
        self.n_steps = checks.whole("Repeat", "n_steps", n_steps)
        super().__init__()

    def forward(self, x: ArrayLike) -> Array:
        x = self._check_x(x)
        self._cache = len(x), *self.output_shape(x.shape[1:])
        return np.repeat(x[:, np.newaxis], self.n_steps, axis=1)

    def backward(self, dout: ArrayLike) -> Array:
        return sum_axes(self._check_dout(dout, self._recall()), (1,))

    def output_shape(self, input_shape: Shape) -> Shape:
        shape = as_shape(input_shape, self)
        if len(shape) != 1:
            raise ValueError(f"{self.who}: an example must have shape (D,), got {shape}")
        return self.n_steps, *shape


class SequenceDropout(Dropout2D):
    """Zero features with probability rate, the same in all steps of a row: out = x * mask / (1 - rate).

    A feature that is zeroed in one step and not in the next is noise on what a recurrent layer remembers; here it is
    gone from the whole row, or stays.

    Parameters
    ----------
    rate : float in [0, 1)
        The probability of *zeroing* a feature of a row.
    rng : int or numpy.random.Generator, optional
        Seeds the layer's own stream.

    Shapes
    ------
    x (N, T, D); the mask is (N, D)

    Raises
    ------
    ValueError
        If the rate is not in [0, 1), or x is no sequence.

    References
    ----------
    Gal, Ghahramani (2016), "A Theoretically Grounded Application of Dropout in Recurrent Neural Networks",
    arXiv:1512.05287: here for what goes in and comes out; the recurrent product has none.

    Examples
    --------
    >>> SequenceDropout(0.5, rng=1).forward(np.ones((1, 3, 4)))[0]
    array([[2., 0., 2., 0.],
           [2., 0., 2., 0.],
           [2., 0., 2., 0.]])
    """

    def output_shape(self, input_shape: Shape) -> Shape:
        shape = as_shape(input_shape, self)
        if len(shape) != 2:
            raise ValueError(f"{self.who}: an example must have shape (T, D), got {shape}; of images use Dropout2D")
        return shape
