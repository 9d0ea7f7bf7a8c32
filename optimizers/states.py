"""Vectors of state on their way in: from a state_dict, and into the dtype of a model."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from . import checks
from .blocks import Array
from .ranges import magnitude


def floats(who: str, name: str, value: ArrayLike, size: int | None) -> Array:
    """Return a copy, in memory of the plainest kind; raise unless it is a vector of this size, finite throughout."""
    vector: Array = np.array(checks.array(who, name, value), order="C")
    if vector.dtype.kind != "f" or vector.ndim != 1 or size not in (None, vector.size):
        wanted = "P" if size is None else size
        got = f"{vector.dtype} of shape {vector.shape}"
        raise ValueError(f"{who}: {name} must hold floating numbers in shape ({wanted},), got {got}")
    if not np.isfinite(vector).all():
        raise ValueError(f"{who}: {name} must hold finite numbers, got {_largest(vector)}")
    return vector.astype(vector.dtype.newbyteorder("="), copy=False)


def cast(who: str, name: str, vector: Array, dtype: np.dtype[Any]) -> Array:
    """Return the vector in this dtype; raise if that cannot hold its numbers."""
    with np.errstate(over="ignore"):
        made = vector.astype(dtype, copy=False)
    if made is not vector and not np.isfinite(made).all():
        raise ValueError(f"{who}: {name} must fit {dtype}, got numbers of up to {_largest(vector):.3g}")
    return made


def _largest(vector: Array) -> float:
    return magnitude(vector, [slice(0, vector.size)])
