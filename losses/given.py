"""What somebody gave in the place of numbers, in words, and what makes numbers of it."""

from __future__ import annotations

import numpy as np

from .extremes import Array

REAL = (int, float, np.bool_, np.integer, np.floating)


def as_given(name: str, array: Array, whole: bool = False) -> str:
    """Return what came where numbers were asked for, or `whole` ones, and the cure, if there is one.

    Examples
    --------
    >>> from losses.given import as_given
    >>> as_given("y", np.array([0.0, 1.0]), whole=True), as_given("y", np.array([0.0, np.nan]), whole=True)
    ('dtype float64: y.astype(int)', 'nan at [1]')
    >>> as_given("y", np.array(["cat", "dog"]))
    'dtype <U3: of names, Labels(y).encode(y)'
    """
    kind, cure = array.dtype.kind, ""
    if kind == "f" and not np.isfinite(array).all():
        where = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
        return f"{array[where]} at {list(where)}"
    if kind in "fb" or (kind == "O" and array.size and all(isinstance(each, REAL) for each in array.flat)):
        cure = f": {name}.astype({'int' if whole else 'float'})"
    elif kind in "UT" or (kind == "O" and array.size and all(isinstance(each, str) for each in array.flat)):
        cure = f": of names, Labels({name}).encode({name})"
    return f"dtype {array.dtype}{cure}"
