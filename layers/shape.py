"""Layers that only rearrange: the numbers stay, the shape of an example changes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .contract import Array, Layer, Shape, as_shape, native


class _Rearranging(Layer):
    """A layer whose backward brings dout back into the shape of x."""

    def forward(self, x: Any) -> Array:
        x = native(np.asarray(x))  # integers on their way to an Embedding stay integers
        if x.dtype.kind not in "fiub":
            raise TypeError(f"{self.who}: x must hold real numbers, got dtype {x.dtype}")
        out = self._check_examples(x).reshape(len(x), *self.output_shape(x.shape[1:]))
        self._cache = x.shape, out.shape
        return out

    def backward(self, dout: Any) -> Array:
        x_shape, out_shape = self._recall()
        return self._check_dout(dout, out_shape).reshape(x_shape)


class Identity(_Rearranging):
    """Nothing at all: out = x. The way around, where layers are joined.

    Shapes
    ------
    x of any shape, out the same

    Examples
    --------
    >>> Identity().forward(np.array([[1.0, 2.0]]))
    array([[1., 2.]])
    """

    step_by_step = True


class Flatten(_Rearranging):
    """All features of an example in one row: (N, a, b, ...) -> (N, a * b * ...).

    Shapes
    ------
    x (N, ...), out (N, D)

    Examples
    --------
    >>> Flatten().forward(np.zeros((2, 8, 8, 1))).shape
    (2, 64)
    """

    def output_shape(self, input_shape: Shape) -> Shape:
        return (math.prod(as_shape(input_shape)),)


class Reshape(_Rearranging):
    """Every example in a new shape, in row-major order: (N, ...) -> (N, *shape).

    Parameters
    ----------
    shape : tuple of int
        Of one example, without N; one of its numbers may be -1, and is what remains.

    Shapes
    ------
    x (N, ...), out (N, *shape)

    Raises
    ------
    ValueError
        If an example of x has another number of elements.

    Examples
    --------
    >>> Reshape((8, 8, -1)).forward(np.zeros((2, 64))).shape
    (2, 8, 8, 1)
    """

    def __init__(self, shape: Shape) -> None:
        self.shape = tuple(np.atleast_1d(np.asarray(shape, dtype=object)).tolist())
        if not all(isinstance(n, int | np.integer) and (n >= 1 or n == -1) for n in self.shape):
            raise ValueError(f"Reshape: shape must hold whole numbers of at least 1, or one -1, got {self.shape}")
        if self.shape.count(-1) > 1:
            raise ValueError(f"Reshape: shape must hold at most one -1, got {self.shape}")
        super().__init__()

    def output_shape(self, input_shape: Shape) -> Shape:
        input_shape = as_shape(input_shape)
        size, known = math.prod(input_shape), math.prod(n for n in self.shape if n != -1)
        if size % known or (-1 not in self.shape and size != known):
            raise ValueError(f"{self.who}: an example must have {known} elements, got {size} of shape {input_shape}")
        return tuple(size // known if n == -1 else int(n) for n in self.shape)
