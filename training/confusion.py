"""Which class was taken for which: the matrix behind accuracy, precision and recall, and its picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np

Array: TypeAlias = np.ndarray[Any, Any]


def classes_of(predictions: Any, y: Any) -> tuple[Array, Array, int]:
    """Return (predicted class, true class, number of classes), both flat.

    predictions are scores (N, ..., C), the largest wins, with y class indices (N, ...) or rows (N, ..., C); or one
    score for each example, (N,) or (N, 1), with y of the same shape: positive means class 1, and y is 0 or 1
    (or -1 or 1).
    """
    predictions, y = np.asarray(predictions), np.asarray(y)
    if predictions.size == 0:
        raise ValueError(f"metric: predictions must hold at least one example, got shape {predictions.shape}")
    if not np.all(np.isfinite(predictions)):
        raise ValueError("metric: predictions must be finite, got NaN or infinity")
    if predictions.shape == y.shape and (predictions.ndim == 1 or predictions.shape[-1] == 1):
        return (predictions > 0).astype(int).reshape(-1), (y > 0).astype(int).reshape(-1), 2
    if y.shape not in (predictions.shape, predictions.shape[:-1]):
        either = f"{predictions.shape[:-1]} or {predictions.shape}"
        raise ValueError(f"metric: y must have shape {either} for predictions {predictions.shape}, got {y.shape}")
    n_classes = predictions.shape[-1]
    if y.shape == predictions.shape:
        if np.abs(y.sum(axis=-1) - 1).max() > 1e-5:
            raise ValueError("metric: rows of y must be one-hot or probabilities that sum to 1, got others")
        y = y.argmax(axis=-1)
    elif y.dtype.kind not in "iu":
        raise TypeError(f"metric: y must hold class indices as integers, got dtype {y.dtype}")
    if y.min() < 0 or y.max() >= n_classes:
        raise ValueError(f"metric: y must hold classes 0 .. {n_classes - 1}, got {y.min()} .. {y.max()}")
    # as np.intp, since class * n_classes + class would overflow in the bytes that labels often come in
    return predictions.argmax(axis=-1).reshape(-1), y.reshape(-1).astype(np.intp), n_classes


def confusion_matrix(predictions: Any, y: Any) -> Array:
    """Count how often class i, the row, was taken for class j, the column.

    Parameters
    ----------
    predictions : array (N, C)
        Scores; the largest wins. Or one score for each example, (N,): positive means class 1.
    y : array (N,) of int, or (N, C)

    Returns
    -------
    array (C, C) of int

    Examples
    --------
    >>> confusion_matrix(np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]), np.array([0, 1, 1]))
    array([[1, 0],
           [1, 1]])
    """
    predicted, true, n_classes = classes_of(predictions, y)
    return np.bincount(true * n_classes + predicted, minlength=n_classes**2).reshape(n_classes, n_classes)


def plot_confusion_matrix(matrix: Any, names: Sequence[str] | None = None) -> Any:
    """Return a matplotlib figure of a confusion matrix: counts, coloured by the share of each true class.

    Parameters
    ----------
    matrix : array (C, C) of int
        As `confusion_matrix` gives it.
    names : sequence of str, optional
        Of the classes; default 0, 1, ...

    Raises
    ------
    ValueError
        If the matrix is not square, or there are not C names.

    Examples
    --------
    >>> figure = plot_confusion_matrix([[5, 1], [0, 4]], names=["cat", "dog"])
    >>> figure.axes[0].get_xlabel()
    'predicted class'
    """
    import matplotlib.pyplot as plt

    matrix = np.asarray(matrix)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
        raise ValueError(f"plot_confusion_matrix: matrix must have shape (C, C), got {matrix.shape}")
    labels = [str(i) for i in range(len(matrix))] if names is None else [str(name) for name in names]
    if len(labels) != len(matrix):
        raise ValueError(f"plot_confusion_matrix: names must be {len(matrix)}, one a class, got {len(labels)}")
    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    side = max(3.5, 0.5 * len(matrix) + 1.5)
    figure, axes = plt.subplots(figsize=(side + 1, side), layout="constrained")
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    if len(matrix) <= 30:  # beyond, the numbers would be too small to read
        for (i, j), count in np.ndenumerate(matrix):
            axes.text(j, i, f"{count}", ha="center", va="center", color="white" if shares[i, j] > 0.5 else "black")
    axes.set_xticks(range(len(labels)), labels, rotation=45 if max(map(len, labels)) > 3 else 0)
    axes.set_yticks(range(len(labels)), labels)
    axes.set(
        xlabel="predicted class", ylabel="true class", title=f"accuracy {np.trace(matrix) / max(matrix.sum(), 1):.1%}"
    )
    figure.colorbar(image, ax=axes, label="share of the true class")
    return figure
