"""Several labels of an example: which of them were found, counted label by label."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from layers.contract import Array

from .confusion import Doubt
from .data.arrays import real_array

AVERAGES = ("micro", "macro", "exact")


def label_counts(
    who: str, predictions: ArrayLike, y: ArrayLike, threshold: float | None, doubt: Doubt | None
) -> tuple[Array, int, int]:
    """Return counts (4, L) of labels found, predicted, true, and judged right; rows that are right whole; all rows.

    Predictions are scores (N, ..., L), above the threshold, 0 if not given, for a label that is there; or the labels
    themselves, integers or bools 0 and 1. y is 0 or 1 for each.

    Examples
    --------
    >>> from training.several import label_counts
    >>> counts, n_exact, n = label_counts("f1", [[1, 0], [1, 1]], [[1, 0], [0, 1]], None, None)
    >>> counts.tolist(), n_exact, n
    ([[1, 1], [2, 1], [1, 1], [1, 2]], 1, 2)
    """
    scores, labels = real_array(who, "predictions", predictions), real_array(who, "y", y)
    if scores.ndim < 2 or scores.shape != labels.shape:
        raise ValueError(
            f"{who}: of several labels predictions and y must have one shape (N, ..., L), got {scores.shape} and "
            f"{labels.shape}"
        )
    odd = (labels != 0) & (labels != 1)
    if odd.any():
        hint = "; predictions come first, then y: exchanged?" if np.isin(scores, (0, 1)).all() else ""
        raise ValueError(f"{who}: y must hold 0 and 1, one for each label, got {labels[odd][0]}{hint}")
    if scores.dtype.kind == "f" and not np.isfinite(scores).all():
        raise ValueError(f"{who}: predictions must be finite, got NaN or infinity")
    if scores.dtype.kind in "iub" and threshold is None and not np.isin(scores, (0, 1)).all():
        raise ValueError(f"{who}: predictions that are labels must be 0 and 1, got {scores.min()} .. {scores.max()}")
    if scores.dtype.kind == "f" and threshold is None and doubt is not None:
        doubt.look(scores, labels)
    n_labels = scores.shape[-1]
    predicted = (scores > (0 if threshold is None else threshold)).reshape(-1, n_labels)
    true = (labels == 1).reshape(-1, n_labels)
    right = predicted == true
    counts = np.stack([(each).sum(axis=0) for each in (predicted & true, predicted, true, right)])
    return counts, int(right.all(axis=1).sum()), len(true)
