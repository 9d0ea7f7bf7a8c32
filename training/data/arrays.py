"""What is given for an array of numbers, seen at the door: nothing masked, nothing ragged, no words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from layers.contract import Array, Padded
from layers.contract import cure_of as as_numbers_of


def real_array(who: str, name: str, value: Any, *, empty: bool = False) -> Array:
    """Return value as an array of real numbers; raise, with the cure where there is one, unless it is one.

    Examples
    --------
    >>> from training.data.arrays import real_array
    >>> real_array("accuracy", "y", [[1, 2], [3]])
    Traceback (most recent call last):
        ...
    ValueError: accuracy: y must have rows of equal length, got a list of unequal ones
    >>> real_array("fit", "x", np.array([1.5, True], object))
    Traceback (most recent call last):
        ...
    TypeError: fit: x must hold real numbers, got dtype object: x.astype(float)
    """
    array = plain_array(who, name, value)
    if array.dtype.kind not in "fiub":
        got, cure = described(value, array), cure_of(name, array)
        raise TypeError(f"{who}: {name} must hold real numbers, got {got}{cure}")
    if not array.size and not empty:
        raise ValueError(f"{who}: {name} must hold at least one example, got shape {array.shape}")
    return array


def is_mapped(x: Any) -> bool:
    """Return whether x gives examples by their numbers: what can be gone through by itself gives batches instead.

    Examples
    --------
    >>> from training.data.arrays import is_mapped
    >>> class Squares:
    ...     def __len__(self):
    ...         return 10
    ...     def __getitem__(self, i):
    ...         return [float(i)], [float(i) ** 2]
    >>> is_mapped(Squares()), is_mapped([([0.0], [0.0])]), is_mapped(np.zeros(3))
    (True, False, False)
    """
    has = all(hasattr(type(x), method) for method in ("__len__", "__getitem__"))
    return has and not isinstance(x, type) and not any(hasattr(x, other) for other in ("__iter__", "__array__", "keys"))


def plain_array(who: str, name: str, value: Any) -> Array:
    """Return value as an array, of whatever; raise where NumPy would drop a mask, or can make none of it.

    Examples
    --------
    >>> from training.data.arrays import plain_array
    >>> plain_array("fit", "x", np.ma.masked_array([1.0, 2.0], [False, True]))
    Traceback (most recent call last):
        ...
    TypeError: fit: x must be a plain array, got a masked one, whose mask would be lost: x.filled(...)
    """
    if isinstance(value, np.ma.MaskedArray):
        raise TypeError(
            f"{who}: {name} must be a plain array, got a masked one, whose mask would be lost: {name}.filled(...)"
        )
    if is_mapped(value):  # of which NumPy would ask for everything
        raise TypeError(
            f"{who}: {name} must be an array, got the data set {type(value).__name__}, which gives one example at a "
            "time: fit and evaluate take it"
        )
    if hasattr(value, "toarray") and not hasattr(value, "__array__"):
        raise TypeError(f"{who}: {name} must be an array, got the sparse {type(value).__name__}: {name}.toarray()")
    try:
        array = np.asanyarray(value)
        return np.asarray(array) if isinstance(array, np.matrix) else array  # a memory map stays one
    except Exception as error:
        if isinstance(value, list | tuple) and isinstance(error, ValueError):
            kind = type(value).__name__
            raise ValueError(f"{who}: {name} must have rows of equal length, got a {kind} of unequal ones") from None
        raise TypeError(
            f"{who}: {name} must be an array, got {type(value).__name__}, of which NumPy says: {error}"
        ) from None


def described(value: Any, array: Array) -> str:
    """Return what somebody gave for an array of numbers, in words.

    Examples
    --------
    >>> from training.data.arrays import described
    >>> described("word", np.asarray("word")), described({1: 2}, np.asarray({1: 2})), described([1j], np.array([1j]))
    ("'word'", 'dict', 'dtype complex128')
    """
    if value is None or isinstance(value, str):
        return repr(value)
    return type(value).__name__ if array.ndim == 0 and array.dtype.kind == "O" else f"dtype {array.dtype}"


def cure_of(name: str, array: Array) -> str:
    """Return what makes numbers of an array that is none, where it is one at heart; or "".

    Examples
    --------
    >>> from training.data.arrays import cure_of
    >>> cure_of("x", np.array([1, None])), cure_of("x", np.array([1, True], object))
    ('', ': x.astype(float)')
    >>> cure_of("y", np.array(["cat", "dog"]))
    ': of names, Labels(y).encode(y)'
    """
    if cure := as_numbers_of(name, array):
        return f": {cure}"
    text = array.dtype.kind in "UT" or (array.size and all(isinstance(each, str) for each in array.flat))
    return f": of names, Labels(y).encode({name})" if text and name in ("y", "predictions") else ""


def rows_of(who: str, name: str, value: Any) -> Array:
    """Return value as an array; raise, in words, where it is one thing that has no rows, such as a generator.

    Examples
    --------
    >>> from training.data.arrays import rows_of
    >>> rows_of("fit", "x", (row for row in [[1.0], [2.0]]))
    Traceback (most recent call last):
        ...
    TypeError: fit: x must be an array with a row for each example, got a generator
    """
    if type(value) is np.ndarray or isinstance(value, Padded):
        return value  # type: ignore[return-value]  # either is cut by rows
    array = plain_array(who, name, value)
    if array.ndim == 0 and array.dtype.kind in "OUS":
        got = f"{'a ' if isinstance(value, Iterator) else ''}{described(value, array)}"
        raise TypeError(f"{who}: {name} must be an array with a row for each example, got {got}")
    return array
