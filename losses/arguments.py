"""What the arguments of losses may be."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np

from . import checks

Array: TypeAlias = np.ndarray[Any, Any]


def reductions(who: str, name: str, value: Any) -> str:
    """Return value; raise unless it is "mean" or "sum"."""
    return checks.choice(who, name, value, ("mean", "sum"))


def weights_of_classes(n_classes: int | None) -> Callable[[str, str, Any], Array]:
    """Return the check of the weights of so many classes, or, for None, of two or more."""

    def check(who: str, name: str, value: Any) -> Array:
        if isinstance(value, str | Mapping):  # as other libraries take them
            such_as = "balanced_weights(y)" if value == "balanced" else "np.array([1.0, 2.0])"
            raise TypeError(
                f"{who}: {name} must be an array, the weight of class 0 first, got {value!r:.80}: such as {such_as}"
            )
        weights = checks.array(who, name, value)
        if weights.size and weights.dtype.kind not in "fiu":
            raise TypeError(f"{who}: {name} must hold real numbers, got dtype {weights.dtype}")
        size = "(C,) with C of at least 2" if n_classes is None else f"({n_classes},)"
        if weights.ndim != 1 or len(weights) < 2 or len(weights) != (n_classes or len(weights)):
            raise ValueError(f"{who}: {name} must have shape {size}, got {weights.shape}")
        with np.errstate(over="ignore"):
            floats = weights.astype(float)
        if not np.all(np.isfinite(floats)) or floats.min() < 0:
            raise ValueError(f"{who}: {name} must be finite and not negative, got {weights.tolist()}")
        return floats

    return check


def any_whole(who: str, name: str, value: Any) -> int:
    """Return value as an int; raise unless it is a whole number."""
    return checks.whole(who, name, value, -(2**63))
