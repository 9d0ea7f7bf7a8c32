"""Gates that reduce: the sum, the mean, the largest and the smallest element along axes."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .contract import Array, Gate, Shape, as_shape, check_lengths, checks, real_steps, within_range
from .speed import sum_axes


class _Reduction(Gate):
    """A gate that reduces some axes of x, all of them by default; along axis 1, of rows with lengths the real steps."""

    takes_lengths = True

    def __init__(self, axis: int | tuple[int, ...] | None = None, *, keepdims: bool = False) -> None:
        axes = () if axis is None else axis if isinstance(axis, tuple) else (axis,)
        if not all(isinstance(i, int | np.integer) and not isinstance(i, bool) and abs(i) < 2**31 for i in axes):
            kind = type(self).__name__
            raise TypeError(f"{kind}: axis must be a whole number, a tuple of them or None, got {axis!r}")
        self.axis, self.keepdims = axis, checks.flag(type(self).__name__, "keepdims", keepdims)
        super().__init__()

    def _check_axes(self, x: ArrayLike) -> tuple[Array, tuple[int, ...]]:
        """Return x as floating numbers, which must have the axes to reduce, and these, from 0 on."""
        (x,) = self._operands(x)
        if x.size == 0:
            raise ValueError(f"{self.who}: x must have at least one element, got shape {x.shape}")
        return x, self._axes(x.shape)

    def _axes(self, shape: Shape) -> tuple[int, ...]:
        """Return the axes to reduce of an x of this shape, from 0 on."""
        n = len(shape)
        axes = range(n) if self.axis is None else self.axis if isinstance(self.axis, tuple) else (self.axis,)
        if any(not -n <= i < n for i in axes):
            raise ValueError(f"{self.who}: x must have the axis {self.axis}, got shape {shape}")
        return tuple(sorted({int(i) % n for i in axes}))

    def _real(self, x: Array, lengths: Any) -> Array | None:
        """Return which steps of x are real, (N, T, 1, ...), where axis 1 is reduced and there are lengths."""
        if lengths is None or self.output_lengths(lengths) is not None:
            return None
        real = real_steps(check_lengths(self.who, lengths, *x.shape[:2]), x.shape[1])
        return real.reshape(*real.shape, *(1,) * (x.ndim - 2))

    def output_lengths(self, lengths: Array) -> Array | None:
        if self.axis == 1:
            return None
        if isinstance(self.axis, int | np.integer) and (self.axis == -1 or self.axis > 1):  # of each step by itself
            return lengths
        return super().output_lengths(lengths)

    def _out_shape(self, shape: Shape, axes: tuple[int, ...]) -> Shape:
        """Return the shape of out."""
        return tuple(1 if i in axes else n for i, n in enumerate(shape) if self.keepdims or i not in axes)

    def _restore_axes(self, dout: ArrayLike, shape: Shape, axes: tuple[int, ...]) -> Array:
        """Return dout with the reduced axes back, of length 1."""
        kept = tuple(1 if i in axes else n for i, n in enumerate(shape))
        return self._check_dout(dout, self._out_shape(shape, axes)).reshape(kept)

    def _total(self, x: Array, axes: tuple[int, ...], n: int = 1) -> Any:
        """Return the sum along the axes, over n."""
        with np.errstate(all="ignore"):
            out = sum_axes(x, axes) / n
            finite = np.isfinite(out)
        if not finite.all():  # a sum on the way may be too large where its result, or the mean, need not be
            power = math.prod(x.shape[i] for i in axes).bit_length()
            scaled = sum_axes(np.ldexp(x, -power), axes)
            largest = np.ldexp(np.finfo(x.dtype).max, -power) * n  # a mean is no larger than what it is of, but rounded
            clipped = np.where(np.isfinite(scaled), np.clip(scaled, -largest, largest), scaled)
            out = np.where(finite, out, np.ldexp((scaled if n == 1 else clipped) / n, power)).astype(x.dtype)
        return out.reshape(self._out_shape(x.shape, axes))[()]

    def output_shape(self, input_shape: Shape) -> Shape:  # type: ignore[override]  # it has one input
        shape = (1, *as_shape(input_shape, self))  # one example
        axes = self._axes(shape)
        if 0 in axes:
            raise ValueError(f"{self.who}: axis must leave out 0, the examples, for an output_shape, got {self.axis}")
        return self._out_shape(shape, axes)[1:]

    def shape_of_out(self, *shapes: Shape) -> Shape:
        (shape,) = shapes
        return self._out_shape(shape, self._axes(shape))


class Sum(_Reduction):
    """The sum along axes. It copies: every element receives the dout of its sum.

    Parameters
    ----------
    axis : int, tuple of int or None, default None
        None sums everything.
    keepdims : bool, default False
        Keep the summed axes, with length 1.

    Shapes
    ------
    x of any shape, out as `np.sum` gives it

    Examples
    --------
    >>> gate = Sum(axis=1, keepdims=True)
    >>> gate.forward(np.array([[1.0, 2.0], [3.0, 4.0]]))
    array([[3.],
           [7.]])
    >>> gate.backward(np.array([[10.0], [20.0]]))
    array([[10., 10.],
           [20., 20.]])
    """

    sign = "sum"

    @within_range
    def forward(self, x: ArrayLike, lengths: Any = None) -> Any:
        x, axes = self._check_axes(x)
        real = self._real(x, lengths)
        self._cache = x.shape, axes, real
        return self._total(x if real is None else np.where(real, x, 0), axes)

    @within_range
    def backward(self, dout: ArrayLike) -> Any:
        shape, axes, real = self._recall()
        dx = np.broadcast_to(self._restore_axes(dout, shape, axes), shape)
        return dx.copy()[()] if real is None else np.where(real, dx, 0)


class Mean(_Reduction):
    """The mean along axes. Every element receives its share of dout: dout / (number of elements averaged).

    Parameters
    ----------
    axis : int, tuple of int or None, default None
        None averages everything.
    keepdims : bool, default False
        Keep the averaged axes, with length 1.

    Shapes
    ------
    x of any shape, out as `np.mean` gives it

    Examples
    --------
    >>> gate = Mean()
    >>> float(gate.forward(np.array([1.0, 2.0, 6.0])))
    3.0
    >>> gate.backward(3.0)
    array([1., 1., 1.])
    """

    sign = "mean"

    @within_range
    def forward(self, x: ArrayLike, lengths: Any = None) -> Any:
        x, axes = self._check_axes(x)
        real = self._real(x, lengths)
        self._cache = x.shape, axes, real
        if real is not None:
            return self._total(np.where(real, x, 0) / _numbers_of_steps(real, x.dtype), axes)
        return self._total(x, axes, math.prod(x.shape[i] for i in axes))

    @within_range
    def backward(self, dout: ArrayLike) -> Any:
        shape, axes, real = self._recall()
        dout = self._restore_axes(dout, shape, axes)
        if real is not None:
            return np.where(real, dout / _numbers_of_steps(real, dout.dtype), 0)
        return np.broadcast_to(dout / math.prod(shape[i] for i in axes), shape).copy()[()]


class _Extreme(_Reduction):
    """A gate that finds one element along axes, and gives it all of dout."""

    _pick: Callable[..., Any]
    _extreme: Callable[..., Any]
    _never: float  # what is not found, whatever stands beside it: for the padding

    @within_range
    def forward(self, x: ArrayLike, lengths: Any = None) -> Any:
        x, axes = self._check_axes(x)
        real = self._real(x, lengths)
        if real is not None:
            x = np.where(real, x, self._never)
            x[np.flatnonzero(~real[:, 0])] = 0  # rows of length 0
        rows, _ = _axes_last(x, axes)
        self._cache = x.shape, axes, real, self._pick(rows, axis=-1, keepdims=True)
        return self._extreme(x, axis=axes, keepdims=self.keepdims)

    @within_range
    def backward(self, dout: ArrayLike) -> Any:
        shape, axes, real, first = self._recall()
        dout = self._restore_axes(dout, shape, axes)
        if real is not None:
            dout = np.where(real[:, :1], dout, 0)
        dx = np.zeros(shape, dout.dtype)
        rows, moved = _axes_last(dx, axes)
        np.put_along_axis(rows, first, dout.reshape(first.shape), axis=-1)
        return np.moveaxis(rows.reshape(moved), range(-len(axes), 0), axes)[()]


class Max(_Extreme):
    """The largest element along axes. It routes: that element receives dout, in a tie the first one only.

    Parameters
    ----------
    axis : int, tuple of int or None, default None
        None takes the largest of all.
    keepdims : bool, default False
        Keep the reduced axes, with length 1.

    Shapes
    ------
    x of any shape, out as `np.max` gives it

    Examples
    --------
    >>> gate = Max(axis=1)
    >>> gate.forward(np.array([[1.0, 5.0, 5.0]]))
    array([5.])
    >>> gate.backward(np.array([10.0]))
    array([[ 0., 10.,  0.]])
    """

    sign = "max"
    _pick, _extreme, _never = staticmethod(np.argmax), staticmethod(np.max), -math.inf


class Min(_Extreme):
    """The smallest element along axes. It routes: that element receives dout, in a tie the first one only.

    Parameters
    ----------
    axis : int, tuple of int or None, default None
        None takes the smallest of all.
    keepdims : bool, default False
        Keep the reduced axes, with length 1.

    Shapes
    ------
    x of any shape, out as `np.min` gives it

    Examples
    --------
    >>> gate = Min(axis=1)
    >>> gate.forward(np.array([[1.0, 5.0, 1.0]]))
    array([1.])
    >>> gate.backward(np.array([10.0]))
    array([[10.,  0.,  0.]])
    """

    sign = "min"
    _pick, _extreme, _never = staticmethod(np.argmin), staticmethod(np.min), math.inf


def _numbers_of_steps(real: Array, dtype: Any) -> Array:
    """Return how many steps of each row are real, (N, 1, ...); 1 where none is, and their sum is 0."""
    return np.maximum(real.sum(axis=1, keepdims=True), 1).astype(dtype)


def _axes_last(x: Array, axes: tuple[int, ...]) -> tuple[Array, Shape]:
    """Return x with these axes moved to the end and joined into one, and its shape before they were joined."""
    moved = np.moveaxis(x, axes, range(-len(axes), 0))
    kept = moved.shape[: x.ndim - len(axes)]
    return moved.reshape(*kept, -1), moved.shape
