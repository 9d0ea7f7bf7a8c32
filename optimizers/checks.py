"""Checks of numbers, each returned as Python's own: a NumPy number would decide the dtype of the arrays that it meets.

The same file stands in each package that may not import another one, and a test says so.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np


def number(who: str, name: str, value: Any, least: float = -math.inf) -> float:
    """Return value as a float; raise unless it is a finite real number >= least."""
    if not isinstance(value, int | float | np.integer | np.floating) or isinstance(value, bool):
        raise TypeError(f"{who}: {name} must be a number, got {value!r}")
    if not (abs(value) < math.inf and value >= least) or abs(value) > np.finfo(np.float64).max:
        bound = f" and >= {least:g}" if math.isfinite(least) else ""
        raise ValueError(f"{who}: {name} must be finite{bound}, got {value}")
    return float(value)


def positive(who: str, name: str, value: Any) -> float:
    """Return value as a float; raise unless it is a finite real number above 0."""
    if number(who, name, value) <= 0:
        raise ValueError(f"{who}: {name} must be finite and > 0, got {value}")
    return float(value)


def fraction(who: str, name: str, value: Any, *, one: bool = False) -> float:
    """Return value as a float; raise unless it is in [0, 1), or, with one=True, in [0, 1]."""
    if not 0 <= number(who, name, value) < 1 and not (one and value == 1):
        raise ValueError(f"{who}: {name} must be in {'[0, 1]' if one else '[0, 1)'}, got {value}")
    return float(value)


def whole(who: str, name: str, value: Any, least: int = 1) -> int:
    """Return value as an int; raise unless it is a whole number of at least `least`."""
    if not isinstance(value, int | np.integer) or isinstance(value, bool):
        raise TypeError(f"{who}: {name} must be a whole number, got {value!r}")
    if value < least:
        raise ValueError(f"{who}: {name} must be at least {least}, got {value}")
    return int(value)
