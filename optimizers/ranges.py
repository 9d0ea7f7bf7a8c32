"""Where numbers end: norms that neither overflow nor underflow, and what float32 and float64 can hold."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from .blocks import BLOCK, Array, walk

ROW = 4096  # numbers in a product that BLAS does at once, in the thread that asks: from 10,000 on it starts its own
FAST = 2.0**40  # more than any ordinary learning rate


def norm(vector: Array, blocks: Sequence[slice]) -> float:
    """Return sqrt(sum(vector²)) over these blocks, summed in float64, or wider where the vector is.

    Examples
    --------
    >>> norm(np.array([3.0, 4.0, 12.0]), [slice(0, 2)])
    5.0
    >>> norm(np.array([0.0, 2e200]), [slice(0, 2)])  # the square of this would be infinite
    2e+200
    """
    total = _wide_sum(vector, blocks, 1.0)
    if 1e-280 < total < math.inf:  # no square that counts was lost below or above the range of float64
        return math.sqrt(total)
    largest = magnitude(vector, blocks)
    if not 0 < largest < math.inf:
        return largest
    return largest * math.sqrt(_wide_sum(vector, blocks, largest))


def magnitude(vector: Array, blocks: Sequence[slice]) -> float:
    """Return the largest absolute value in these blocks: NaN where one of them is NaN.

    Examples
    --------
    >>> magnitude(np.array([3.0, -4.0, 12.0]), [slice(0, 2)])
    4.0
    """
    found = [float(np.abs(vector[here]).max()) for here in blocks]
    return math.nan if any(map(math.isnan, found)) else max(found, default=0.0)


def squares(vector: Array, blocks: Sequence[slice]) -> float:
    """Return sum(vector²) over these blocks, in the dtype of the vector: infinite or NaN where that cannot hold it.

    One quick look at the numbers, to see whether all of them are finite and none is of an unusual size.

    Examples
    --------
    >>> squares(np.array([3.0, 4.0, 12.0]), [slice(0, 2)])
    25.0
    >>> squares(np.array([3.0, 1e30], np.float32), [slice(0, 2)])
    inf
    """
    if len(blocks) == 1:
        here = vector[blocks[0]]
        return float(np.vdot(here, here))  # overflows without a warning, and so without the errstate that costs as much
    sums: list[Any] = []  # one for each block, in any order

    def work(some: Iterable[slice]) -> None:
        with np.errstate(over="ignore", invalid="ignore"):
            sums.extend([_product(vector[here]) for here in some])

    walk(work, blocks[::-1], vector.size)  # backwards: whoever walks next finds the first ones in the cache
    return sum(map(float, sums))


def ordinary(dtype: np.dtype[Any]) -> float:
    """Return the root of the largest number, below which the sum of the squares of ordinary gradients is.

    A step by such gradients overflows nothing, whatever the parameters are: it is too small to change the largest
    number there is. Rates up to `FAST`, a momentum up to 1 - eps and states that are `calm` included.
    """
    return math.sqrt(top(dtype))


def calm(states: Iterable[Array]) -> bool:
    """Whether all numbers of these vectors are so far from the ends of their dtype that `ordinary` holds."""
    return all(magnitude(each, [slice(0, each.size)] if each.size else []) < top(each.dtype) ** 0.75 for each in states)


def top(dtype: np.dtype[Any]) -> float:
    """Return the largest number of this dtype that a Python float can hold."""
    return float(min(np.finfo(dtype).max, np.finfo(np.float64).max))


def least_outside(dtype: np.dtype[Any]) -> float:
    """Return the least epsilon of sqrt(squares) + epsilon, beside which squares lost below the range are nothing.

    Examples
    --------
    >>> f"{least_outside(np.dtype(np.float32)):.1e}"
    '3.1e-16'
    """
    limits = np.finfo(dtype)
    return float(np.sqrt(limits.smallest_subnormal) / limits.eps)


def least_inside(dtype: np.dtype[Any]) -> float:
    """Return the least epsilon of sqrt(squares + epsilon): divided by squares that are `calm`, it keeps its digits."""
    return float(np.finfo(dtype).tiny) * top(dtype) ** 0.75


def quotient(limit: float, length: float, dtype: np.dtype[Any]) -> tuple[float, ...]:
    """Return limit / length as factors, of which each has all its digits in this dtype.

    Examples
    --------
    >>> quotient(1.0, 4.0, np.dtype(np.float32))
    (0.25,)
    >>> quotient(2.0**-120, 2.0**100, np.dtype(np.float32)) == (2.0**-101, 2.0**-119)
    True
    """
    if limit / length >= np.finfo(dtype).tiny:
        return (limit / length,)
    unit = math.ldexp(1.0, -math.frexp(length)[1])
    return unit, limit / (length * unit)


def weights_of(beta: float, t: int) -> float:
    """Return 1 - beta**t, the sum of the weights of t steps: with all its digits also where beta is close to 1.

    Examples
    --------
    >>> weights_of(0.5, 2), weights_of(0.999, 10**9)
    (0.75, 1.0)
    """
    return 1 - beta**t if beta < 0.999999 else -math.expm1(t * math.log1p(beta - 1))


def _product(vector: Array) -> Any:
    """Return sum(vector²), a row at a time where it is long."""
    if vector.size <= ROW:
        return vector.dot(vector)
    n_rows = vector.size // ROW
    rows, rest = vector[: n_rows * ROW].reshape(n_rows, ROW), vector[n_rows * ROW :]
    return np.add.reduce(np.vecdot(rows, rows)) + rest.dot(rest)


def _wide_sum(vector: Array, blocks: Sequence[slice], unit: float) -> float:
    sums = np.empty(len(blocks))  # added up at the end, in the order of the blocks, whoever was faster

    def work(some: Iterable[tuple[int, slice]]) -> None:
        scratch = np.empty(min(BLOCK, vector.size), np.result_type(vector, np.float64))
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            for i, here in some:
                wide = scratch[: here.stop - here.start]
                np.copyto(wide, vector[here])
                if unit != 1:
                    wide /= unit
                sums[i] = _product(wide)

    walk(work, list(enumerate(blocks)), vector.size)
    with np.errstate(over="ignore", invalid="ignore"):
        return float(sums.sum())
