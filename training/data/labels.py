"""Classes by name: words or numbers as they come in a table, and the integers that a network learns."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from layers.contract import Array

from .arrays import cure_of, described, plain_array


class Labels:
    """The classes of a data set by their names: `encode` makes integers of names, `decode` names of integers.

    Parameters
    ----------
    y : array (N,) of text, integers or bools
        Every name that occurs gets a number, in the order of the alphabet, or of size.

    Attributes
    ----------
    names : list
        Class i is names[i].

    Raises
    ------
    ValueError, TypeError
        If y is not (N,), is empty, or holds other things, such as missing values.

    Examples
    --------
    >>> labels = Labels(["cat", "dog", "cat", "bird"])
    >>> labels.names, labels.encode(["dog", "bird"])
    (['bird', 'cat', 'dog'], array([2, 0]))
    >>> labels.decode([[0.1, 0.7, 0.2]])  # scores: the largest wins
    array(['cat'], dtype='<U4')
    """

    def __init__(self, y: ArrayLike) -> None:
        array = _words("Labels", y)
        if not array.size:
            raise ValueError(f"Labels: y must hold at least one label, got shape {array.shape}")
        self._names = np.unique(array)

    @property
    def names(self) -> list[Any]:
        """Class i is names[i]: text, or whole numbers."""
        names: list[Any] = self._names.tolist()
        return names

    def encode(self, y: ArrayLike) -> Array:
        """Return the number of each label, (N,) integers; raise where one is none of the names."""
        array = _words("Labels.encode", y)
        if array.dtype.kind != self._names.dtype.kind and "U" in (array.dtype.kind, self._names.dtype.kind):
            kinds = {"U": "text"}
            wanted, got = (kinds.get(a.dtype.kind, "whole numbers") for a in (self._names, array))
            raise TypeError(f"Labels.encode: y must hold {wanted}, as the names, got {got}")
        places = np.minimum(np.searchsorted(self._names, array), len(self._names) - 1)
        unknown = self._names[places] != array
        if unknown.any():
            at = int(np.argmax(unknown))
            raise ValueError(
                f"Labels.encode: y must hold names among {_shown(self.names)}, got {array[at].item()!r} at [{at}]"
            )
        return places

    def decode(self, classes: ArrayLike) -> Array:
        """Return the names of classes, integers (N,), or of the largest of scores (N, C) each."""
        array, n = plain_array("Labels.decode", "classes", classes), len(self._names)
        if array.dtype.kind == "f" and array.ndim == 2 and array.shape[1] == n:
            if not np.isfinite(array).all():
                raise ValueError("Labels.decode: classes must be finite scores, got NaN or infinity")
            array = array.argmax(axis=1)
        if array.dtype.kind not in "iu" or array.ndim != 1:
            got = described(classes, array)
            raise TypeError(
                f"Labels.decode: classes must be integers (N,), or scores (N, {n}), got {got}, shape {array.shape}"
            )
        if array.size and not 0 <= array.min() <= array.max() < n:
            raise ValueError(f"Labels.decode: classes must be 0 .. {n - 1}, got {array.min()} .. {array.max()}")
        return self._names[array]

    def __len__(self) -> int:
        return len(self._names)

    def __repr__(self) -> str:
        return f"Labels({_shown(self.names)})"


def balanced_weights(y: ArrayLike) -> Array:
    """Return a weight for each class, so that all classes weigh the same together: N / (C * examples of the class).

    `SoftmaxCrossEntropy(class_weights=balanced_weights(y))`. The weights of all examples sum to N.

    Parameters
    ----------
    y : array (N,) of int
        Classes 0 .. C - 1, each of which must occur.

    Returns
    -------
    array (C,)

    Raises
    ------
    ValueError, TypeError
        If y does not hold classes (N,), or one of them is missing.

    Examples
    --------
    >>> balanced_weights([0, 0, 0, 1])
    array([0.66666667, 2.        ])
    """
    array = plain_array("balanced_weights", "y", y)
    if array.dtype.kind not in "iu":
        cure = ": Labels(y).encode(y)" if array.dtype.kind in "USOb" else ": y.astype(int)" * (array.dtype.kind == "f")
        raise TypeError(f"balanced_weights: y must hold classes as integers, got {described(y, array)}{cure}")
    if array.ndim != 1 or not array.size:
        raise ValueError(f"balanced_weights: y must be classes (N,), got shape {array.shape}")
    n_classes = int(array.max()) + 1
    if array.min() < 0 or n_classes > array.size:
        got = f"{array.min()} .. {array.max()} of {array.size} examples"
        raise ValueError(f"balanced_weights: y must hold every class 0, 1, ... up to the largest, got {got}")
    counts = np.bincount(array)
    if not counts.all():
        raise ValueError(
            f"balanced_weights: y must hold every class 0 .. {n_classes - 1}, got none of class {int(counts.argmin())}"
        )
    weights: Array = array.size / (n_classes * counts)
    return weights


def _words(who: str, y: ArrayLike) -> Array:
    """Return labels as a flat array of text, integers or bools; raise where there is anything else."""
    array = plain_array(who, "y", y)
    if array.dtype.kind == "O" and array.size:
        if all(isinstance(each, str) for each in array.flat):
            array = array.astype(str)
        elif all(isinstance(each, int | np.integer) for each in array.flat):
            array = array.astype(np.int64)
    if array.dtype.kind == "T":
        array = array.astype(str)
    if array.dtype.kind not in "Uiub":
        got = described(y, array)
        cure = ": y.astype(int)" if array.dtype.kind == "f" else cure_of("y", array)
        raise TypeError(f"{who}: y must hold text or whole numbers, got {got}{cure}")
    if array.ndim != 1:
        raise ValueError(f"{who}: y must be labels (N,), got shape {array.shape}")
    return array


def _shown(names: list[Any]) -> str:
    few = names if len(names) <= 8 else [*names[:4], ..., names[-1]]
    return "[" + ", ".join("..." if name is ... else repr(name) for name in few) + "]"
