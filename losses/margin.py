"""Losses that want the right answer ahead by a margin, and then are content."""

from __future__ import annotations

from typing import Any

import numpy as np

from .loss import Array, Loss, as_number
from .rows import pick


class Hinge(Loss):
    """The loss of support vector machines, for two classes or for several.

    Two: loss = max(0, margin - y * score) with y in {-1, 1}. Several: the sum over the wrong classes k of
    max(0, margin + score_k - score_y).

    Parameters
    ----------
    margin : float, default 1
    reduction : "mean" or "sum", default "mean"

    Shapes
    ------
    two classes: scores (N,) or (N, 1), y the same, of -1 and 1; several: scores (N, C), y class indices (N,).
    sample_weights (N,)

    Raises
    ------
    ValueError, TypeError
        If shapes do not fit, or y does not hold -1 and 1, or classes 0 .. C-1.

    References
    ----------
    Cortes, Vapnik (1995), "Support-Vector Networks", Machine Learning 20. Several classes: Weston, Watkins (1999),
    "Support Vector Machines for Multi-Class Pattern Recognition", ESANN. (Crammer and Singer take the largest term
    instead of the sum.)

    Examples
    --------
    >>> loss = Hinge()
    >>> loss.forward(np.array([[3.2, 5.0, -1.0]]), np.array([0]))  # max(0, 1 + 5 - 3.2) + max(0, 1 - 1 - 3.2)
    2.8
    >>> loss.backward()
    array([[-1.,  1.,  0.]])
    """

    def __init__(self, margin: float = 1.0, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self.margin = as_number(self, "margin", margin)
        if not 0 < self.margin < np.inf:
            raise ValueError(f"Hinge: margin must be positive and finite, got {margin}")

    def forward(self, scores: Any, y: Any, sample_weights: Any = None) -> float:
        self._cache = None
        scores = self._real("scores", scores)
        if scores.ndim > 1 and scores.shape[-1] > 1:
            return self._several_classes(scores, y, sample_weights)
        scores, y = self._same_shape("scores", scores, y)
        if not np.all(np.abs(y) == 1):
            raise ValueError(f"{self!r}: y must hold -1 and 1, got {np.unique(y)[:5].tolist()}")
        scale = np.asarray(self._scale(scores.shape, sample_weights), scores.dtype)
        short = self.margin - y * scores
        self._cache = -y * (short > 0) * scale
        return float(np.sum(np.maximum(short, 0) * scale, dtype=np.float64))

    def _several_classes(self, scores: Array, y: Any, sample_weights: Any) -> float:
        if np.shape(y) == scores.shape:
            raise ValueError(f"{self!r}: y must have shape {scores.shape[:-1]} (class indices), got {scores.shape}")
        y = self._labels(scores, y)
        scale = np.asarray(self._scale(y.shape, sample_weights), scores.dtype)
        true_class = y[..., np.newaxis] == np.arange(scores.shape[-1])
        short = np.where(true_class, 0, self.margin + scores - pick(scores, y)[..., np.newaxis])
        wrong = (short > 0).astype(scores.dtype)
        # each wrong class within the margin pulls its own score down by 1 and the true one up by 1
        self._cache = (wrong - true_class * wrong.sum(axis=-1, keepdims=True)) * scale[..., np.newaxis]
        return float(np.sum(np.maximum(short, 0).sum(axis=-1) * scale, dtype=np.float64))

    def backward(self) -> Array:
        dscores: Array = self._recall()
        return dscores

    def _options(self) -> list[str]:
        return [*([] if self.margin == 1 else [f"margin={self.margin:g}"]), *super()._options()]
