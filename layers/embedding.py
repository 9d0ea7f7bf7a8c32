"""A table of vectors, one for each token: how words and characters enter a network."""

from __future__ import annotations

from typing import Any

import numpy as np

from .contract import Array, Rng, Shape, as_shape, checks, native
from .initializers import normal
from .speed import BLOCK
from .weighted import Initializer, Weighted

STANDARD_NORMAL = normal(1.0)


class Embedding(Weighted):
    """Look up a row for every index: out = weights[x].

    The same as a one-hot row times weights, without building it.

    Parameters
    ----------
    n_inputs : int
        Number of different tokens: x holds whole numbers 0 .. n_inputs - 1.
    n_outputs : int
        Length of the vector of each token.
    initializer : callable (rng, shape) -> array, default normal(1)
    rng : int or numpy.random.Generator, optional

    Shapes
    ------
    x (N, ...) of integers, weights (n_inputs, n_outputs), out (N, ..., n_outputs). There is no dx: `backward`
    returns None.

    Raises
    ------
    TypeError, ValueError
        If x does not hold integers, or one of them is outside 0 .. n_inputs - 1.

    Examples
    --------
    >>> layer = Embedding(3, 2)
    >>> layer.weights = [[0.0, 0.0], [1.0, 10.0], [2.0, 20.0]]
    >>> layer.forward(np.array([2, 1, 1]))
    array([[ 2., 20.],
           [ 1., 10.],
           [ 1., 10.]])
    >>> layer.backward(np.ones((3, 2)))
    >>> layer.dweights
    array([[0., 0.],
           [2., 2.],
           [1., 1.]])
    """

    last_axis = None, "n_outputs"
    step_by_step = True

    def __init__(
        self, n_inputs: int, n_outputs: int, *, initializer: Initializer = STANDARD_NORMAL, rng: Rng = None
    ) -> None:
        self.n_inputs = checks.whole("Embedding", "n_inputs", n_inputs)
        self.n_outputs = checks.whole("Embedding", "n_outputs", n_outputs)
        super().__init__((self.n_inputs, self.n_outputs), initializer=initializer, rng=rng)

    def forward(self, x: Any) -> Array:
        x = native(checks.array(self, "x", x))
        if x.dtype.kind not in "iu":
            raise TypeError(f"{self.who}: x must hold integers, got dtype {x.dtype}")
        if self._check_examples(x).min() < 0 or x.max() >= self.n_inputs:
            raise ValueError(f"{self.who}: x must hold 0 .. {self.n_inputs - 1}, got {x.min()} .. {x.max()}")
        self._cache = x
        return self.weights[x]

    def backward(self, dout: Any, input_gradient: bool = True) -> None:
        # dweights[k] is the sum of dout over the places where x == k: sort the places by token, add up each run.
        x = self._recall()
        rows = self._check_dout(dout, (*x.shape, self.n_outputs)).reshape(-1, self.n_outputs)
        order = np.argsort(x, axis=None, kind="stable")
        tokens, starts = np.unique(x.reshape(-1)[order], return_index=True)
        self.dweights[...] = 0
        longest = np.diff(starts, append=len(rows)).max()
        # reduceat adds one after the other: a long run in float64, or it loses digits
        wide = np.result_type(rows.dtype, np.float64 if longest > BLOCK else rows.dtype)
        self.dweights[tokens] = np.add.reduceat(rows[order], starts, axis=0, dtype=wide)

    def output_shape(self, input_shape: Shape) -> Shape:
        return (*as_shape(input_shape, self), self.n_outputs)
