"""Checks of numbers, each returned as Python's own: a NumPy number would decide the dtype of the arrays that it meets.

The same file stands in each package that may not import another one, and a test says so.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np


def number(who: str, name: str, value: Any, least: float = -math.inf) -> float:
    """Return value as a float; raise unless it is a finite real number >= least."""
    real = _real(who, name, value)
    if not (math.isfinite(real) and real >= least):
        bound = f" and >= {least:g}" if math.isfinite(least) else ""
        raise ValueError(f"{who}: {name} must be finite{bound}, got {value}")
    return real


def positive(who: str, name: str, value: Any) -> float:
    """Return value as a float; raise unless it is a finite real number above 0."""
    real = _real(who, name, value)
    if not 0 < real < math.inf:
        raise ValueError(f"{who}: {name} must be finite and > 0, got {value}")
    return real


def fraction(who: str, name: str, value: Any, *, one: bool = False) -> float:
    """Return value as a float; raise unless it is in [0, 1), or, with one=True, in [0, 1]."""
    real = _real(who, name, value)
    if not (0 <= real < 1 or (one and real == 1)):
        raise ValueError(f"{who}: {name} must be in {'[0, 1]' if one else '[0, 1)'}, got {value}")
    return real


def whole(who: str, name: str, value: Any, least: int = 1) -> int:
    """Return value as an int; raise unless it is a whole number of at least `least`."""
    if not isinstance(value, int | np.integer) or isinstance(value, bool):
        raise TypeError(f"{who}: {name} must be a whole number, got {value!r}")
    if value < least:
        raise ValueError(f"{who}: {name} must be at least {least}, got {value}")
    return int(value)


def _real(who: str, name: str, value: Any) -> float:
    """Return value, a real number, as a float: infinite where it is too large for one."""
    if not isinstance(value, int | float | np.integer | np.floating) or isinstance(value, bool):
        raise TypeError(f"{who}: {name} must be a number, got {value!r}")
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf
