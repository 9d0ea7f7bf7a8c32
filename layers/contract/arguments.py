"""Checks of the arguments with which layers are made."""

from __future__ import annotations

from typing import Any

import numpy as np


def check_sizes(who: str, **sizes: Any) -> None:
    """Raise unless each of the sizes is a whole number of at least 1."""
    for name, size in sizes.items():
        if not isinstance(size, int | np.integer) or isinstance(size, bool):
            raise TypeError(f"{who}: {name} must be a whole number, got {size!r}")
        if size < 1:
            raise ValueError(f"{who}: {name} must be at least 1, got {size}")


def check_number(who: str, name: str, value: Any, low: float = -np.inf, high: float = np.inf) -> None:
    """Raise unless value is a finite real number with low <= value < high."""
    if not isinstance(value, int | float | np.integer | np.floating) or isinstance(value, bool):
        raise TypeError(f"{who}: {name} must be a number, got {value!r}")
    if not low <= value < high or not np.isfinite(value):
        below = f" and >= {low:g}" if np.isfinite(low) else ""
        bounds = f"in [{low:g}, {high:g})" if np.isfinite(high) else f"finite{below}"
        raise ValueError(f"{who}: {name} must be {bounds}, got {value}")


def check_initializer(who: str, initializer: Any) -> None:
    """Raise unless this can be called as initializer(rng, shape)."""
    if not callable(initializer):
        raise TypeError(f"{who}: initializer must be a callable (rng, shape) -> array, got {initializer!r}")
    if isinstance(initializer, type):
        name = initializer.__name__
        raise TypeError(f"{who}: initializer must be a callable (rng, shape) -> array, such as {name}(0.1), got {name}")
