"""Normalization at the ends of a dtype: where squares are too large or too small for it, and in float16.

The chapters of the norms compute in the dtype of x, and look at the roots they get. Where one of those is so large that
products with it may leave float32, or NaN, the whole is done once more here: in float64, each group of numbers over a
power of two, which loses nothing and brings its largest number below 1. With x = 2**power * y,

    normalized = (y - mean(y)) / relative
    relative = root / 2**power = hypot(deviation(y), sqrt(epsilon) / 2**power)

where hypot squares nothing too large. It takes several times as long, and is right from the smallest number to the
largest; what is not finite spoils its own group and no other.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from .contract import Array, Layer, Shape
from .speed import sum_axes, sum_rows

FAR = {np.dtype(np.float32): 4e9, np.dtype(np.float64): 1e77}  # the fourth root of the largest number
LEAST_EPSILON = 1e-18  # whose root is as far from the smallest float32
LEAST_POWER = -900  # brings the smallest float64 above its squares, and sqrt(epsilon) / 2**power not beyond the largest


class Normalized(NamedTuple):
    """Numbers normalized with care, in groups, and what backward needs of them."""

    normalized: Array  # in float64, with the axes of the groups
    root: Array
    axes: tuple[int, ...]  # over which a mean is taken
    centered: bool  # whether it was taken away, as all norms do but RMSNorm
    shape: Shape  # of x

    @classmethod
    def of(
        cls, difference: Array, root: Array, axes: tuple[int, ...], shape: Shape, centered: bool = True
    ) -> Normalized:
        """Return what the usual way computed, as a whole, for a dout that is at the ends."""
        wide = difference.astype(np.result_type(difference.dtype, np.float64))
        return cls(wide / root, root, axes, centered, shape)


class Careful(Layer):
    """The slow and sure way of all norms, forward and backward.

    Examples
    --------
    >>> LayerNorm(2).forward(np.array([[1e300, 3e300], [1.0, 3.0]])).round(3)
    array([[-1.,  1.],
           [-1.,  1.]])
    """

    n_features: int
    epsilon: float
    gain: Array
    bias: Array

    def _is_usual(self, root: Array) -> bool:
        """Return whether these roots, and products of two of them, are well within their dtype."""
        return self.epsilon > LEAST_EPSILON and bool(np.maximum.reduce(root, axis=None) < FAR.get(root.dtype, 0.0))

    def _careful_forward(
        self, x: Array, grouped: Shape, axes: tuple[int, ...], centered: bool = True
    ) -> tuple[Array, Array, Array]:
        """Return out, and the mean and the variance of each group, in float64."""
        wide = x.astype(np.result_type(x.dtype, np.float64)).reshape(grouped)
        power = np.maximum(_power(wide, axes), LEAST_POWER)
        y = np.ldexp(wide, -power)
        mean = _mean(y, axes)
        difference = y - mean if centered else y
        if centered:
            rest = _mean(difference, axes)  # what rounding left of the mean
            mean, difference = mean + rest, difference - rest
        deviation = np.sqrt(_mean(np.square(difference), axes))
        relative = np.hypot(deviation, np.ldexp(math.sqrt(self.epsilon), -power))
        normalized = difference / np.where(relative == 0, 1, relative)  # 0 where all are equal, and epsilon far below
        root = np.hypot(np.ldexp(deviation, power), math.sqrt(self.epsilon))
        self._cache = Normalized(normalized, root, axes, centered, x.shape)
        out = normalized.reshape(x.shape) * self.gain
        if "bias" in self.shapes:
            out += self.bias
        return out.astype(x.dtype), np.ldexp(mean, power), np.ldexp(np.square(deviation), 2 * power)

    def _careful_backward(self, cache: Normalized, dout: ArrayLike, input_gradient: bool) -> Array | None:
        """Set the gradients and return dx, as `plain_norm` does."""
        normalized, root, axes, centered, shape = cache
        dout = self._check_dout(dout, shape)
        wide = dout.astype(normalized.dtype)
        power = _power(wide, None).item()  # everything here is linear in dout
        wide = np.ldexp(wide, -power)
        rows = wide.reshape(-1, self.n_features)
        self.dgain = np.ldexp(sum_rows(rows, normalized.reshape(rows.shape)), power)
        if "bias" in self.shapes:
            self.dbias = np.ldexp(sum_rows(rows), power)
        if not input_gradient:
            return None
        dnormalized = (wide * self.gain).reshape(normalized.shape)
        dx = dnormalized - normalized * _mean(dnormalized * normalized, axes)
        if centered:
            dx -= _mean(dnormalized, axes)
        return np.ldexp(dx / root, power).astype(dout.dtype).reshape(shape)


def _power(x: Array, axes: tuple[int, ...] | None) -> Array:
    """Return the least exponent for which x / 2**power is below 1, 0 where x is not finite."""
    power: Array = np.frexp(np.max(np.abs(x), axis=axes, keepdims=True))[1]  # of inf and NaN it is 0 or -1
    return power


def _mean(x: Array, axes: tuple[int, ...]) -> Array:
    kept = tuple(1 if i in axes else n for i, n in enumerate(x.shape))
    return sum_axes(x, axes).reshape(kept) / math.prod(x.shape[i] for i in axes)
