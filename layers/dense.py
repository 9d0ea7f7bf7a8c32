"""The fully connected layer: every output is a weighted sum of all inputs, plus a bias."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .contract import Array, Layer, Rng, Shape, check_initializer, check_sizes
from .initializers import he_normal, name_of
from .speed import multiply_into, sum_rows_into


class Dense(Layer):
    """Fully connected layer: out = x @ weights + bias.

    Parameters
    ----------
    n_inputs, n_outputs : int
        Number of features of x and of out.
    initializer : callable (rng, shape) -> array, default he_normal
        Draws the weights; the bias starts at zero.
    use_bias : bool, default True
        Without it, out = x @ weights.
    rng : int or numpy.random.Generator, optional

    Shapes
    ------
    x (N, n_inputs), weights (n_inputs, n_outputs), bias (n_outputs,), out (N, n_outputs).
    Axes in between are kept: of a sequence (N, T, n_inputs) every step goes through the same weights.

    Raises
    ------
    ValueError
        If the last axis of x is not n_inputs, or x has no examples.

    Examples
    --------
    >>> layer = Dense(2, 1)
    >>> layer.weights = [[1.0], [2.0]]
    >>> layer.forward(np.array([[3.0, 4.0]]))
    array([[11.]])
    >>> layer.backward(np.array([[1.0]]))
    array([[1., 2.]])
    >>> layer.dweights
    array([[3.],
           [4.]])
    """

    weights: Array
    dweights: Array
    bias: Array
    dbias: Array

    def __init__(
        self,
        n_inputs: int,
        n_outputs: int,
        initializer: Callable[[np.random.Generator, Shape], Any] = he_normal,
        use_bias: bool = True,
        rng: Rng = None,
    ) -> None:
        check_sizes("Dense", n_inputs=n_inputs, n_outputs=n_outputs)
        check_initializer("Dense", initializer)
        self.n_inputs, self.n_outputs = n_inputs, n_outputs
        self.initializer, self.use_bias = initializer, use_bias
        bias: dict[str, Shape] = {"bias": (n_outputs,)} if use_bias else {}
        super().__init__(weights=(n_inputs, n_outputs), **bias)
        self.initialize(rng)

    def initialize(self, rng: Rng = None) -> None:
        self.weights = self.initializer(np.random.default_rng(rng), self.weights.shape)
        if self.use_bias:
            self.bias = np.zeros(self.n_outputs)

    def forward(self, x: Any) -> Array:
        x = self._cache = self._check_features(x, self.n_inputs)
        out: Array = x.reshape(-1, self.n_inputs).dot(self.weights)
        if self.use_bias:
            out += self.bias
        return out if x.ndim == 2 else out.reshape(*x.shape[:-1], self.n_outputs)

    def backward(self, dout: Any, input_gradient: bool = True) -> Array | None:
        # out[i, k] = sum_j x[i, j] * weights[j, k] + bias[k], so that
        # dweights[j, k] = sum_i x[i, j] * dout[i, k]      (n_inputs, N) @ (N, n_outputs)
        # dbias[k]       = sum_i dout[i, k]
        # dx[i, j]       = sum_k dout[i, k] * weights[j, k]  (N, n_outputs) @ (n_outputs, n_inputs)
        x = self._recall()
        dout = self._check_dout(dout, (*x.shape[:-1], self.n_outputs)).reshape(-1, self.n_outputs)
        multiply_into(self.dweights, x.reshape(-1, self.n_inputs).T, dout)
        if self.use_bias:
            sum_rows_into(self.dbias, dout)
        return dout.dot(self.weights.T).reshape(x.shape) if input_gradient else None

    def output_shape(self, input_shape: Shape) -> Shape:
        return (*self._check_feature_shape(input_shape, self.n_inputs)[:-1], self.n_outputs)

    def __repr__(self) -> str:
        initializer = "" if self.initializer is he_normal else f", initializer={name_of(self.initializer)}"
        return f"Dense({self.n_inputs}, {self.n_outputs}{initializer}{'' if self.use_bias else ', use_bias=False'})"
