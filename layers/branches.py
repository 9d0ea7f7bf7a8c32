"""Layers where the signal forks and joins: at a fork the gradients add."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .layer import Array, Layer, Rng, Shape, _as_shape
from .sequential import Sequential


class Residual(Sequential):
    """A chain of layers with a way around it: out = x + f(x).

    Parameters
    ----------
    layers : sequence of Layer
        f, in the order of the forward pass; its out has the shape of its x.
    rng : int or numpy.random.Generator, optional
        As in `Sequential`.

    Shapes
    ------
    x as the first layer takes it, out the same

    Raises
    ------
    ValueError
        If f changes the shape.

    References
    ----------
    He, Zhang, Ren, Sun (2015), "Deep Residual Learning for Image Recognition", arXiv:1512.03385.

    Examples
    --------
    >>> block = Residual([Dense(2, 2, initializer=constant(1.0))])
    >>> block.forward(np.array([[1.0, 2.0]]))
    array([[4., 5.]])
    """

    def __init__(self, layers: Sequence[Layer], rng: Rng = None) -> None:
        super().__init__(layers, np.float64, rng)

    def _add(self, x: Array, out: Array) -> Array:
        if out.shape != x.shape:
            self._forget()
            raise ValueError(f"{self._who}: f(x) must have the shape of x, {x.shape}, got {out.shape}")
        return x + out

    def forward(self, x: Any) -> Array:
        self._cache = None
        x = self._at_the_door(self._as_floats(x))
        return self._add(x, super().forward(x))

    def backward(self, dout: Any, input_gradient: bool = True) -> Array | None:
        # x goes two ways, so its gradient is the sum of both: straight through, and through f.
        dx = super().backward(dout, input_gradient)
        return self._at_the_door(self._real("dout", dout)) + dx if input_gradient else None

    def predict(self, x: Any, batch_size: int | None = None) -> Array:
        if batch_size is not None:
            return super().predict(x, batch_size)
        x = self._at_the_door(self._as_floats(x))
        return self._add(x, super().predict(x))

    def output_shape(self, input_shape: Shape) -> Shape:
        shape, out = _as_shape(input_shape), super().output_shape(input_shape)
        if out != shape:
            raise ValueError(f"{self._who}: f(x) must have the shape of x, {shape}, got {out}")
        return out
