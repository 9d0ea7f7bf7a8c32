"""The picture of a confusion matrix."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .shown import empty_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from numpy.typing import ArrayLike

MANY = 30  # classes, beyond which the numbers would be too small to read


def plot_confusion_matrix(matrix: ArrayLike, *, names: Sequence[str | int] | None = None) -> Figure:
    """Draw a confusion matrix: the counts, on the share of each true class as a color.

    Parameters
    ----------
    matrix : array (C, C) of int
        As `confusion_matrix` gives it.
    names : sequence of str or int, optional
        Of the classes; default 0, 1, ...

    Returns
    -------
    matplotlib.figure.Figure

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
    counts = _counts(matrix)
    if counts.ndim != 2 or counts.shape[0] != counts.shape[1]:
        raise ValueError(f"plot_confusion_matrix: matrix must have shape (C, C), got {counts.shape}")
    if names is not None and (isinstance(names, str) or not isinstance(names, Sequence | np.ndarray)):
        raise TypeError(f"plot_confusion_matrix: names must be a sequence of texts, got {names!r}")
    if not all(isinstance(name, str | int | np.integer) for name in (() if names is None else names)):
        raise TypeError(f"plot_confusion_matrix: names must be a sequence of texts, got {names!r}")
    labels = [str(name) for name in (range(len(counts)) if names is None else names)]
    if len(labels) != len(counts):
        raise ValueError(f"plot_confusion_matrix: names must be {len(counts)}, one a class, got {len(labels)}")
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    accuracy = np.trace(counts) / max(counts.sum(), 1)
    side = max(3.5, 0.5 * len(counts) + 1.5)
    figure = empty_figure(figsize=(side + 1, side), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    if len(counts) <= MANY:
        for (i, j), count in np.ndenumerate(counts):
            axes.text(j, i, f"{count}", ha="center", va="center", color="white" if shares[i, j] > 0.5 else "black")
    axes.set_xticks(range(len(labels)), labels, rotation=45 if max(map(len, labels)) > 3 else 0)
    axes.set_yticks(range(len(labels)), labels)
    axes.set(xlabel="predicted class", ylabel="true class", title=f"accuracy {accuracy:.1%}")
    figure.colorbar(image, ax=axes, label="share of the true class")
    return figure


def _counts(matrix: Any) -> Any:
    """Return a matrix as an array of counts: whole numbers, or shares, none below 0."""
    try:
        counts = np.asarray(matrix)
    except Exception:
        raise TypeError(f"plot_confusion_matrix: matrix must be an array, got {type(matrix).__name__}") from None
    if counts.dtype.kind not in "fiu" or isinstance(matrix, np.ma.MaskedArray):
        raise TypeError(f"plot_confusion_matrix: matrix must hold real numbers, got dtype {counts.dtype}")
    if counts.size and not (np.isfinite(counts).all() and counts.min() >= 0):
        raise ValueError(f"plot_confusion_matrix: matrix must hold counts, finite and not negative, got {counts.min()}")
    return counts
