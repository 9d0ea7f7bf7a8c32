"""What goes into a network: one array, or several by name, for a network of several inputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from layers.contract import Array, Padded, as_numbers

from .arrays import plain_array

Examples: TypeAlias = Any  # an array, a Padded, or a dict of them by name: row i of each belongs to example i


def by_rows(x: ArrayLike | Mapping[str, ArrayLike], as_array: Callable[..., Array] = np.asanyarray) -> Examples:
    """Return x as what is cut by rows: an array, a Padded, or a dict of them.

    Examples
    --------
    >>> by_rows([1, 2]), by_rows({"a": [1, 2]})
    (array([1, 2]), {'a': array([1, 2])})
    """
    if isinstance(x, Mapping):
        return {name: by_rows(value, as_array) for name, value in x.items()}
    return x if isinstance(x, Padded) else as_array(x)


def paired(who: str, x: Examples, y: Array, least: int = 1) -> int:
    """Return the number of examples; raise unless x, each array of it, and y have the same length, at least `least`.

    Examples
    --------
    >>> paired("fit", {"a": np.zeros((3, 2)), "b": np.zeros(3)}, np.zeros(3))
    3
    >>> paired("fit", {"a": np.zeros((3, 2)), "b": np.zeros(2)}, np.zeros(3))
    Traceback (most recent call last):
        ...
    ValueError: fit: x and y must have the same length of at least 1, got shapes a (3, 2), b (2,) and y (3,)
    """
    arrays = [*(x.values() if isinstance(x, dict) else [x]), y]
    if len(arrays) < 2 or any(a.ndim == 0 or y.ndim == 0 or len(a) != len(y) or len(a) < least for a in arrays):
        shapes = f"{in_words(x)} and y {y.shape}" if isinstance(x, dict) else f"{x.shape} and {y.shape}"
        bound = f" of at least {least}" if least else ""
        raise ValueError(f"{who}: x and y must have the same length{bound}, got shapes {shapes}")
    return len(y)


def in_words(x: Examples) -> str:
    """Return the shape of x, or those of its arrays with their names.

    Examples
    --------
    >>> in_words(np.zeros(3)), in_words({"a": np.zeros((3, 2)), "b": np.zeros(3)})
    ('(3,)', 'a (3, 2), b (3,)')
    """
    if isinstance(x, dict):
        return ", ".join(f"{name} {array.shape}" for name, array in x.items()) or "of no array"
    return str(x.shape)


def rows(x: Examples, chosen: Any) -> Examples:
    """Return some of the examples, chosen by a slice or by indices.

    Examples
    --------
    >>> rows({"a": np.arange(4), "b": np.arange(4) * 10}, [2, 0])
    {'a': array([2, 0]), 'b': array([20,  0])}
    """
    return {name: array[chosen] for name, array in x.items()} if isinstance(x, dict) else x[chosen]


def first_row(x: Any) -> int:
    """Return the first row of x, or of an array in a dict, that is not finite.

    Examples
    --------
    >>> first_row([[1.0, 2.0], [3.0, np.nan]]), first_row({"a": [1], "b": [np.inf]})
    (1, 0)
    """
    arrays = [array for array in (x.values() if isinstance(x, Mapping) else [x]) if not_finite(array)]
    array = np.asarray(getattr(arrays[0], "x", arrays[0]))
    return int(np.argmax(~np.isfinite(array).reshape(len(array), -1).all(axis=1)))


def not_finite(x: Any) -> str:
    """Return the name of what holds NaN or infinity, "x" where it is the one array, "" where all is finite.

    Examples
    --------
    >>> not_finite([1.0, np.nan]), not_finite({"a": [1], "b": [np.inf]}), not_finite(["word"])
    ('x', 'b', '')
    """
    arrays = x.items() if isinstance(x, Mapping) else [("x", x)]
    for name, array in arrays:
        array = as_numbers(array)
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            return str(name)
    return ""


def check_finite(who: str, **arrays: Any) -> None:
    """Raise if one of these arrays, each under its name, holds NaN or infinity; say in which row.

    Examples
    --------
    >>> from training.data.examples import check_finite
    >>> check_finite("overfit_one_batch", x=[1.0, np.nan], y=[0, 1])
    Traceback (most recent call last):
        ...
    ValueError: overfit_one_batch: x must be finite, got NaN or infinity in row 1
    """
    for name, array in arrays.items():
        array = array if isinstance(array, Padded) else plain_array(who, name, array)
        if not_finite(array):
            raise ValueError(f"{who}: {name} must be finite, got NaN or infinity in row {first_row(array)}")
