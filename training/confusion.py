"""Which class was taken for which: the matrix behind accuracy, precision and recall."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from layers.contract import Array
from losses.counted import what_counts


def real_ones(who: str, predictions: Any, y: Any) -> tuple[Any, Any]:
    """Return predictions and y, or, of those that are padded, what is no padding, (M, ...).

    Examples
    --------
    >>> from training.confusion import real_ones
    >>> real_ones("metric", Padded(np.array([[1.0, 2.0], [3.0, 0.0]]), [2, 1]), np.array([[5, 6], [7, 8]]))
    (array([1., 2., 3.]), array([5, 6, 7]))
    """
    predictions, y, where = what_counts(who, predictions, y)
    return (predictions, y) if where is None else (predictions[where], y[where])


def classes_of(predictions: ArrayLike, y: ArrayLike) -> tuple[Array, Array, int]:
    """Return (predicted class, true class, number of classes), both flat.

    predictions are scores (N, ..., C), the largest wins, with y class indices (N, ...) or rows (N, ..., C); or one
    score for each example, (N,) or (N, 1), with y of the same shape: positive means class 1, and y is 0 or 1
    (or -1 or 1).

    Examples
    --------
    >>> from training.confusion import classes_of
    >>> classes_of([[0.1, 0.9], [0.8, 0.2]], [1, 1])
    (array([1, 0]), array([1, 1]), 2)
    """
    scores, labels = np.asarray(predictions), np.asarray(y)
    if scores.size == 0:
        raise ValueError(f"metric: predictions must hold at least one example, got shape {scores.shape}")
    if not np.all(np.isfinite(scores)):
        raise ValueError("metric: predictions must be finite, got NaN or infinity")
    if scores.shape == labels.shape and (scores.ndim == 1 or scores.shape[-1] == 1):
        return (scores > 0).astype(int).reshape(-1), (labels > 0).astype(int).reshape(-1), 2
    if labels.shape not in (scores.shape, scores.shape[:-1]):
        either = f"{scores.shape[:-1]} or {scores.shape}"
        raise ValueError(f"metric: y must have shape {either} for predictions {scores.shape}, got {labels.shape}")
    n_classes = scores.shape[-1]
    if labels.shape == scores.shape:
        near = 1e-2 if labels.dtype == np.float16 else 1e-5
        if np.abs(labels.sum(axis=-1, dtype=np.float64) - 1).max() > near:
            raise ValueError("metric: rows of y must be one-hot or probabilities that sum to 1, got others")
        labels = labels.argmax(axis=-1)
    elif labels.dtype.kind not in "iu":
        raise TypeError(f"metric: y must hold class indices as integers, got dtype {labels.dtype}")
    if labels.min() < 0 or labels.max() >= n_classes:
        raise ValueError(f"metric: y must hold classes 0 .. {n_classes - 1}, got {labels.min()} .. {labels.max()}")
    # as np.intp, since class * n_classes + class would overflow in the bytes that labels often come in
    return scores.argmax(axis=-1).reshape(-1), labels.reshape(-1).astype(np.intp), n_classes


def confusion_matrix(predictions: ArrayLike, y: ArrayLike) -> Array:
    """Count how often class i, the row, was taken for class j, the column.

    Parameters
    ----------
    predictions : array (N, C)
        Scores; the largest wins. Or one score for each example, (N,): positive means class 1.
    y : array (N,) of int, or (N, C)
        Sequences, (N, T, C) with (N, T), are counted as the N * T examples that they are, Padded ones without what is
        padding.

    Returns
    -------
    array (C, C) of int

    Examples
    --------
    >>> confusion_matrix(np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]), np.array([0, 1, 1]))
    array([[1, 0],
           [1, 1]])
    """
    predicted, true, n_classes = classes_of(*real_ones("confusion_matrix", predictions, y))
    return np.bincount(true * n_classes + predicted, minlength=n_classes**2).reshape(n_classes, n_classes)
