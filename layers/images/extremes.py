"""Numbers at the ends: infinity and NaN, which mark what is missing, and sums beyond the largest number of a dtype.

The formulas of the images are sums over windows, and a sum over numbers that are not finite is what the mathematics
says, without a warning. What is fast, though, may multiply such a number by a 0 that stands in no formula, and
0 * inf is NaN; or add up 60,000 + 60,000 in half precision on the way to a mean of 60,000. So the fast forms look at
what they got, once, and where it is not all finite go the slow way.
"""

from __future__ import annotations

import math

import numpy as np

from ..contract import Array

FEW = 256  # terms of a sum that costs no digits of float32
quiet = np.errstate(over="ignore", invalid="ignore")  # a decorator: inf - inf is NaN, and needs no warning


def all_finite(x: Array) -> bool:
    """Return whether all numbers are finite. Of numbers whose squares overflow together it may say no.

    The product of x with itself reads x once, at the speed of the memory, and is finite only if all numbers are.

    Examples
    --------
    >>> all_finite(np.array([1.0, 2.0])), all_finite(np.array([1.0, -np.inf])), all_finite(np.array([np.nan]))
    (True, False, False)
    """
    if x.itemsize < 4:  # whose squares overflow at once
        return bool(np.isfinite(x).all())
    flat = x.reshape(-1)
    return math.isfinite(np.vdot(flat, flat))


def with_room(x: Array, n_terms: int = 1) -> Array:
    """Return numbers in a dtype in which so many of them can be added up one by one, as they are where it is theirs.

    Half precision becomes float32, and float32 becomes float64 for more than `FEW` terms.

    Examples
    --------
    >>> with_room(np.zeros(2, np.float16)).dtype, with_room(np.zeros(2, np.float32), 1000).dtype
    (dtype('float32'), dtype('float64'))
    """
    if x.itemsize < 8 and n_terms > FEW:
        return x.astype(np.float64)
    return x.astype(np.float32) if x.itemsize < 4 else x


def wider(x: Array) -> Array:
    """Return numbers in a dtype that holds sums of them: float64 for float32, longdouble for float64.

    Examples
    --------
    >>> float(wider(np.full(4, 3e38, np.float32)).sum())  # doctest: +ELLIPSIS
    1.2...e+39
    """
    return x.astype(np.float64 if x.itemsize < 8 else np.longdouble)
