"""The normal distribution, to the last digits: what an exact GELU needs, and NumPy does not have.

With z = |x| / sqrt(2), the tail beyond |x| is erfc(z) / 2 = exp(-x²/2) * erfcx(z) / 2, where erfcx(z), which is
exp(z²) * erfc(z), falls slowly, like 1 / z. What is left of it hardly changes, and is a polynomial:

    float64     (1 + 2z) * erfcx(z), in t = (z - 5/2) / (z + 5/2)      26 coefficients, to 6e-16 of itself
    float32     erfcx(z) / t, in t = 1 / (1 + 0.38 z)                  10 coefficients, to 5e-7 of itself

They are those of the Chebyshev series, cut where the dtype cannot see the rest: `tests/test_gaussian.py` has the script
that made them. Nothing cancels, so that a tail is right in its own digits, also those that x² has no room for.

Shepherd, Laframboise (1981), "Chebyshev Approximation of (1 + 2x) exp(x²) erfc(x) in 0 <= x < inf", Mathematics of
Computation 36. The exponential of a square that is cut in two: Cody (1969), "Rational Chebyshev Approximations for the
Error Function", Mathematics of Computation 23.
"""

from __future__ import annotations

import math

import numpy as np

from .contract import Array

SINGLE = (
    0.107196041, 0.1071921773, 0.09957602689, 0.0825677019, 0.07056493157, 0.01298857441, 0.05705502677,
    -0.02915976755, -0.01707892615, 0.009098238997,
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
FARTHEST = 160.0  # beyond, both tails are 0 in every dtype
CHUNK = 1 << 15  # numbers that stay in the cache from one term of the polynomial to the next


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
    """Write both for a chunk of x, in float32 or wider."""
    if x.dtype == np.float32:
        _fill_single(share, density, np.abs(x))
    else:
        _fill_double(share, density, np.minimum(np.abs(x), FARTHEST))
    share[...] = np.where(x > 0, 1 - share, share)
    density *= 1 / math.sqrt(2 * math.pi)


def _fill_single(tail: Array, density: Array, far: Array) -> None:
    with np.errstate(over="ignore"):
        np.multiply(far, far, out=density)
    beyond = np.flatnonzero((far > 3) & (far < 20))  # few as a rule
    wide = far[beyond].astype(np.float64)
    lost = 0.5 * (wide * wide - density[beyond])  # what float32 had no room for in x²/2, where exp would feel it
    density *= -0.5
    np.exp(density, out=density)
    density[beyond] *= (1 - lost).astype(np.float32)
    far *= 0.38 / math.sqrt(2)
    far += 1
    t = np.reciprocal(far, out=far)
    np.multiply(t, SINGLE[-1], out=tail)
    for coefficient in SINGLE[-2::-1]:
        tail += coefficient
        tail *= t
    tail *= density


def _fill_double(tail: Array, density: Array, far: Array) -> None:
    high = np.trunc(far * 16) / 16  # x² = high² + (|x| - high) * (|x| + high), the first of which is exact
    np.multiply(np.exp(-0.5 * high * high), np.exp(-0.5 * (far - high) * (far + high)), out=density)
    t = (far - MIDDLE) / (far + MIDDLE)
    tail[...] = DOUBLE[-1]
    for coefficient in DOUBLE[-2::-1]:
        tail *= t
        tail += coefficient
    tail *= density
    tail *= 0.5 / (1 + math.sqrt(2) * far)
