"""Checks of numbers, each returned as Python's own: a NumPy number would decide the dtype of the arrays that it meets.

The same file stands in each package that may not import another one, and a test says so.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
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


def flag(who: str, name: str, value: Any) -> bool:
    """Return value as a bool; raise unless it is True or False, which NumPy has too."""
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"{who}: {name} must be True or False, got {value!r:.80}")
    return bool(value)


def array(who: Any, name: str, value: Any) -> np.ndarray[Any, Any]:
    """Return value as an array; raise where NumPy cannot read it as one, or it has a mask, which would be lost.

    Here `who` may be the object itself, whose name costs a look at all its arguments: only an error needs it.
    """
    if type(value) is np.ndarray:
        return value
    if isinstance(value, np.ma.MaskedArray):
        raise TypeError(f"{_name(who)}: {name} must have no mask, got a masked array: write {name}.filled(...)")
    try:
        return np.asarray(value)
    except Exception as error:
        got = f"a {type(value).__name__} that NumPy cannot read"
        raise TypeError(f"{_name(who)}: {name} must be an array, got {got}: {error}") from error


def floating(who: str, value: Any) -> np.dtype[Any]:
    """Return value as a dtype; raise unless it is one of real floating numbers."""
    try:
        dtype = np.dtype(value)
    except Exception:
        dtype = np.dtype(object)
    if dtype.kind != "f" or value is None or isinstance(value, np.generic):
        raise TypeError(f"{who}: dtype must be a floating dtype such as np.float32, got {value!r:.80}")
    return dtype


def generator(who: Any, rng: Any) -> np.random.Generator:
    """Return a generator of random numbers: rng itself, if it is one, or a new one with this seed."""
    if rng is None or isinstance(rng, np.random.Generator | np.random.BitGenerator | np.random.SeedSequence):
        return np.random.default_rng(rng)
    whole_number = isinstance(rng, int | np.integer) and not isinstance(rng, bool)
    if whole_number and rng >= 0:
        return np.random.default_rng(int(rng))
    kind = ValueError if whole_number else TypeError
    raise kind(
        f"{_name(who)}: rng must be a seed, a whole number >= 0, a numpy.random.Generator or None, got {rng!r:.80}"
    )


def _name(who: Any) -> str:
    return who if isinstance(who, str) else getattr(who, "who", None) or repr(who)


def choice(who: str, name: str, value: Any, choices: tuple[str, ...]) -> str:
    """Return value; raise unless it is one of these words."""
    if not isinstance(value, str) or value not in choices:
        raise ValueError(f"{who}: {name} must be {' or '.join(map(repr, choices))}, got {value!r:.80}")
    return value


def mapping(who: str, name: str, value: Any) -> Any:
    """Return value; raise unless it is a dict, or like one, with names as keys."""
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise TypeError(f"{who}: {name} must be a dict by names, got {value!r:.80}")
    return value


def in_memory(who: str, shapes: dict[str, tuple[int, ...]]) -> int:
    """Return how many numbers arrays of these shapes have together; raise where no memory holds them."""
    size = sum(math.prod(shape) for shape in shapes.values())
    if size >= 2**48:
        raise ValueError(
            f"{who}: arrays must fit into memory, got {size:.3g} numbers"
            if size < 1e300
            else f"{who}: arrays must fit into memory, got more numbers than a float holds"
        )
    return size


def _real(who: str, name: str, value: Any) -> float:
    """Return value, a real number, as a float: infinite where it is too large for one."""
    if not isinstance(value, int | float | np.integer | np.floating) or isinstance(value, bool):
        raise TypeError(f"{who}: {name} must be a number, got {value!r}")
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf
