"""Checks of the arguments with which optimizers and schedules are made."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np


def number(who: str, name: str, value: Any, low: float = 0.0, high: float = math.inf) -> float:
    """Return value as a float; raise unless it is a finite real number with low <= value < high."""
    if not isinstance(value, int | float | np.integer | np.floating) or isinstance(value, bool):
        raise TypeError(f"{who}: {name} must be a number, got {value!r}")
    if not low <= value < math.inf:
        raise ValueError(f"{who}: {name} must be finite and >= {low:g}, got {value}")
    if value >= high:
        raise ValueError(f"{who}: {name} must be in [{low:g}, {high:g}), got {value}")
    return float(value)


def positive(who: str, name: str, value: Any) -> float:
    """Return value as a float; raise unless it is a finite real number above 0."""
    if number(who, name, value) == 0:
        raise ValueError(f"{who}: {name} must be finite and > 0, got {value}")
    return float(value)


def whole(who: str, name: str, value: Any, low: int = 1) -> int:
    """Return value as an int; raise unless it is a whole number of at least low."""
    if not isinstance(value, int | np.integer) or isinstance(value, bool):
        raise TypeError(f"{who}: {name} must be a whole number, got {value!r}")
    if value < low:
        raise ValueError(f"{who}: {name} must be at least {low}, got {value}")
    return int(value)


def names(who: str, name: str, value: Iterable[str]) -> tuple[str, ...]:
    """Return value as a tuple of strings; raise if it is a single string, which is a tuple of letters to Python."""
    if isinstance(value, str):
        raise TypeError(f"{who}: {name} must be a tuple of names, got the string {value!r}")
    value = tuple(value)
    if not all(isinstance(each, str) for each in value):
        raise TypeError(f"{who}: {name} must be a tuple of names, got {value!r}")
    return value
