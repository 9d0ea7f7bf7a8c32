"""Layers that only rearrange: the numbers stay, the shape of an example changes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .contract import Array, Gate, Layer, Shape, as_shape, checks, native
from .contract.gate import listed


class _Rearranging(Layer):
    """A layer whose backward brings dout back into the shape of x."""

    def forward(self, x: Any) -> Array:
        x = native(checks.array(self, "x", x))  # integers on their way to an Embedding stay integers
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
        return (math.prod(as_shape(input_shape, self)),)


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
        input_shape = as_shape(input_shape, self)
        size, known = math.prod(input_shape), math.prod(n for n in self.shape if n != -1)
        if size % known or (-1 not in self.shape and size != known):
            raise ValueError(f"{self.who}: an example must have {known} elements, got {size} of shape {input_shape}")
        return tuple(size // known if n == -1 else int(n) for n in self.shape)


class Join(Gate):
    """out = [a | b | ...], side by side on one axis, the last if not said otherwise. It cuts: each receives its part.

    Parameters
    ----------
    n_operands : int, default 2
        The number of inputs.
    axis : int, default -1

    Shapes
    ------
    a (..., A), b (..., B), alike in all other axes, out (..., A + B)

    Examples
    --------
    >>> gate = Join()
    >>> gate.forward(np.array([[1.0, 2.0]]), np.array([[3.0]]))
    array([[1., 2., 3.]])
    >>> gate.backward(np.array([[10.0, 20.0, 30.0]]))
    (array([[10., 20.]]), array([[30.]]))
    """

    sign = "|"

    @property
    def step_by_step(self) -> bool:  # type: ignore[override]  # side by side along the steps they would change places
        """Whether it leaves the steps where they are."""
        return self.axis == -1 or self.axis >= 2

    def __init__(self, n_operands: int = 2, axis: int = -1) -> None:
        self.n_operands = checks.whole("Join", "n_operands", n_operands)
        self.axis = checks.whole("Join", "axis", axis, -(10**9))
        super().__init__()

    def forward(self, *inputs: ArrayLike) -> Any:
        if len(inputs) != self.n_operands:
            raise TypeError(f"{self.who}: forward must be given {self.n_operands} inputs, got {len(inputs)}")
        arrays = self._operands(*inputs)
        out_shape = self.shape_of_out(*(a.shape for a in arrays))
        self._cache = out_shape, np.cumsum([a.shape[self.axis] for a in arrays])[:-1]
        return np.concatenate(arrays, self.axis)

    def backward(self, dout: ArrayLike) -> Any:
        shape, cuts = self._recall()
        parts = [part.copy() for part in np.split(self._check_dout(dout, shape), cuts, self.axis)]
        return tuple(parts) if len(parts) > 1 else parts[0]

    def shape_of_out(self, *shapes: Shape) -> Shape:
        n, axis = len(shapes[0]), self.axis
        if not -n <= axis < n or any(len(shape) != n for shape in shapes):
            raise ValueError(f"{self.who}: the inputs must have as many axes, with axis {axis}, got {listed(shapes)}")
        rest = {(*shape[: axis % n], *shape[axis % n + 1 :]) for shape in shapes}
        if len(rest) > 1:
            raise ValueError(f"{self.who}: the inputs must agree in all axes but {axis}, got {listed(shapes)}")
        out = list(shapes[0])
        out[axis] = sum(shape[axis] for shape in shapes)
        return tuple(out)
