"""What layers with one array of weights share, and a bias that they may add."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from .contract import Array, Layer, Rng, Shape, checks
from .initializers import WeightsShape, check_initializer, drawn

Initializer: TypeAlias = Callable[[np.random.Generator, Shape], Any]


class Weighted(Layer):
    """A layer with weights, drawn by its initializer, and a bias for each of its outputs, which starts at zero.

    Parameters
    ----------
    shape : tuple of int
        Of the weights.
    n_outputs : int, optional
        Length of the bias; None for a layer that never has one.
    use_bias : bool, default True
    initializer : callable (rng, shape) -> array
    fans : (n_inputs, n_outputs), optional
        Of one number of out and of one of x, where the axes of the weights do not tell: see `initializers.fans`.
    rng : int or numpy.random.Generator, optional
    """

    weights: Array
    dweights: Array
    bias: Array
    dbias: Array

    def __init__(
        self,
        shape: Shape,
        n_outputs: int | None = None,
        *,
        use_bias: bool = True,
        initializer: Initializer,
        fans: tuple[float, float] | None = None,
        rng: Rng = None,
    ) -> None:
        check_initializer(type(self).__name__, initializer)
        self.use_bias = checks.flag(type(self).__name__, "use_bias", use_bias) and n_outputs is not None
        self.initializer = initializer
        self._fans = fans
        if n_outputs is not None and use_bias:
            super().__init__(weights=shape, bias=(n_outputs,))
        else:
            super().__init__(weights=shape)
        self.initialize(rng)

    def initialize(self, rng: Rng = None) -> None:
        shape = self.weights.shape if self._fans is None else WeightsShape(self.weights.shape, self._fans)
        self.weights = drawn(type(self).__name__, self.initializer, checks.generator(self, rng), shape)
        if self.use_bias:
            self.bias = np.zeros(self.bias.shape)
