"""The normal distribution, to the last digits: what an exact GELU needs, and NumPy does not have.

With z = |x| / sqrt(2), the tail is erfc(z) / 2 = exp(-x²/2) * erfcx(z) / 2, where erfcx(z) = exp(z²) * erfc(z) falls
slowly, like 1 / z. (1 + 2z) * erfcx(z) hardly changes at all, and is a polynomial in t = (z - 5/2) / (z + 5/2), which
goes from -1 to 1. Its coefficients are those of the Chebyshev series, cut where the dtype cannot see the rest:
`tests/test_gaussian.py` has the script that made them. So all x have one form, with no cancellation.

Shepherd, Laframboise (1981), "Chebyshev Approximation of (1 + 2x) exp(x²) erfc(x) in 0 <= x < inf", Mathematics of
Computation 36. The exponential of a square that is cut in two: Cody (1969), "Rational Chebyshev Approximations for the
Error Function", Mathematics of Computation 23.
"""

from __future__ import annotations

import math

import numpy as np

from .contract import Array

SINGLE = (
    1.26483818024, -0.122356800752, -0.0990242416581, 0.157630994362, -0.102970538356, 0.0327520525687,
    0.000946759630325, -0.00435049234049, 0.000463337520599, 0.000575734629342, -6.39178660443e-5, -6.19075309708e-5,
)  # fmt: skip
DOUBLE = (
    1.2648381843668614789, -0.12235676308240418761, -0.099024539573600495972, 0.15762991902320517276,
    -0.10296705603863627992, 0.03276089326911623486, 0.00093189281848112006268, -0.0043820783473330841762,
    0.00049186580363016760958, 0.00063212439819415282419, -0.00008847920401989570094, -0.00011352262410925999119,
    6.2659998621332962933e-6, 0.000022700290410224004641, 2.6086987545423581059e-6, -4.2186424999325638054e-6,
    -1.5844879915918409865e-6, 5.2689313603536227469e-7, 5.3243599646306641312e-7, 3.4936104538281037133e-8,
    -1.2509628526229701258e-7, -4.3124610340179023729e-8, 1.9303115531577288484e-8, 1.1931732700186582647e-8,
    -1.4784116258340192312e-9, -1.3731859756683200069e-9,
)  # fmt: skip
MIDDLE = 2.5 * math.sqrt(2)  # |x| where t is 0
FARTHEST = 40.0  # beyond, both tails are 0 in every dtype that is a C double or shorter
CHUNK = 1 << 14  # numbers that stay in the cache from one term of the polynomial to the next


def normal_distribution(x: Array) -> tuple[Array, Array]:
    """Return Phi(x), the share of a normal distribution that lies below x, and its density exp(-x²/2) / sqrt(2 pi).

    Examples
    --------
    >>> share, density = normal_distribution(np.array([-1.0, 0.0, 1.0]))
    >>> share.round(6), density.round(6)
    (array([0.158655, 0.5     , 0.841345]), array([0.241971, 0.398942, 0.241971]))
    """
    if x.dtype.itemsize < 4:
        share, density = normal_distribution(x.astype(np.float32))
        return share.astype(x.dtype), density.astype(x.dtype)
    share, density, flat = np.empty(x.shape, x.dtype), np.empty(x.shape, x.dtype), x.reshape(-1)
    for start in range(0, x.size, CHUNK):
        here = slice(start, start + CHUNK)
        _fill(share.reshape(-1)[here], density.reshape(-1)[here], flat[here])
    return share, density


def _fill(share: Array, density: Array, x: Array) -> None:
    far = np.minimum(np.abs(x), FARTHEST)
    if x.dtype == np.float32:
        coefficients: tuple[float, ...] = SINGLE
        np.multiply(far, far, out=density)
        density *= -0.5
        np.exp(density, out=density)
    else:  # x² = high² + (|x| - high) * (|x| + high), the first of which is exact
        coefficients = DOUBLE
        high = np.trunc(far * 16) / 16
        np.multiply(np.exp(-0.5 * high * high), np.exp(-0.5 * (far - high) * (far + high)), out=density)
    t = (far - MIDDLE) / (far + MIDDLE)
    polynomial = np.full_like(t, coefficients[-1])
    for coefficient in coefficients[-2::-1]:
        polynomial *= t
        polynomial += coefficient
    far *= math.sqrt(2)
    far += 1
    polynomial /= far  # erfcx
    np.multiply(density, polynomial, out=share)
    share *= 0.5
    np.subtract(1, share, out=share, where=x > 0)
    density *= 1 / math.sqrt(2 * math.pi)
