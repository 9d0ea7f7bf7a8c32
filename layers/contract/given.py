"""What somebody gave where an array of numbers was asked for, in words, and what makes numbers of it."""

from __future__ import annotations

from typing import Any

import numpy as np

from .storage import Array

REAL = (int, float, np.bool_, np.integer, np.floating)
WORDS = "words become numbers by pandas.get_dummies(x).astype(float), or classes by Labels"


def as_given(name: str, array: Array) -> str:
    """Return what came where an array of numbers was asked for, and the cure, if there is one.

    Examples
    --------
    >>> from layers.contract.given import as_given
    >>> as_given("x", np.asarray(None)), as_given("x", np.array([True, 0.5], object))
    ('None', 'dtype object; if all of it are numbers, x.astype(float)')
    >>> as_given("x", np.array([[1.0, "red"]], object))
    "dtype object, 'red' at [0, 1]; words become numbers by pandas.get_dummies(x).astype(float), or classes by Labels"
    """
    if array.ndim == 0 and array.dtype.kind == "O":
        value = array.item()
        return "None" if value is None else type(value).__name__
    if cure := cure_of(name, array):
        missing = "to_numpy" in cure
        return f"dtype object{', some of it missing' if missing else '; if all of it are numbers'}, {cure}"
    if array.dtype.kind == "O" and array.size:
        where = tuple(int(i) for i in np.argwhere(~_are(array, REAL))[0])
        return f"dtype object, {array[where]!r:.40} at {list(where)}{f'; {WORDS}' * isinstance(array[where], str)}"
    return f"dtype {array.dtype}{f'; {WORDS}' * (array.dtype.kind in 'UT')}"


def cure_of(name: str, array: Array) -> str:
    """Return what makes numbers of an array that is none, where it is one at heart; or "".

    That are tables of pandas whose columns are of several kinds, or whose numbers may be missing.

    Examples
    --------
    >>> from layers.contract.given import cure_of
    >>> cure_of("x", np.array([1, None])), cure_of("x", np.array([1, True], object))
    ('', 'x.astype(float)')
    """
    if array.dtype.kind != "O" or not array.size:
        return ""
    real = _are(array, REAL)
    if real.all():
        return f"{name}.astype(float)"
    missing = [type(each).__name__ == "NAType" for each in array[~real].flat]  # pandas.NA, which NumPy has not
    return f"{name}.to_numpy(float, na_value=np.nan), and then fill what is NaN" if all(missing) else ""


def _are(array: Array, kinds: Any) -> Array:
    """Return which elements of an array of objects are of one of these kinds."""
    return np.array([isinstance(each, kinds) for each in array.flat], bool).reshape(array.shape)
