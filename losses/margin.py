"""Losses that want the right answer ahead by a margin, and then are content."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from . import checks
from .checks import positive
from .counted import counting
from .loss import SLIGHT, Array, Loss
from .options import Option
from .rows import places


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

    _least: ClassVar[dict[int, float]] = {}  # a loss of 0 is exact, and usual

    margin = Option(positive)

    def __init__(self, margin: float = 1.0, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self.margin = margin

    @counting
    def forward(self, scores: ArrayLike, y: ArrayLike, sample_weights: ArrayLike | None = None) -> float:
        scores, y = checks.array(self, "scores", scores), checks.array(self, "y", y)
        if np.ndim(scores) > 1 and np.shape(scores)[-1] > 1:
            scores = self._predictions("scores", scores)
            y = self._true_classes(scores, y)
        else:
            scores, y = self._same_shape("scores", scores, y)
            if not np.all(np.abs(y) == 1):
                raise ValueError(f"{self!r}: y must hold -1 and 1, got {np.unique(y)[:5].tolist()}")
        scale = self._scale(y.shape, sample_weights)
        if not SLIGHT <= self.margin <= 1 / SLIGHT:
            self._ordinary, self._far = False, True
        return self._reduce(scores, y, scale)

    def _losses(self, scores: Array, y: Array) -> tuple[Array, Any]:
        if y.ndim == scores.ndim:  # two classes
            y = y.astype(scores.dtype, copy=False)
            short = self.margin - y * scores
            return np.maximum(short, 0), (short, y)
        y = places(y, scores.shape[-1])
        short = scores - scores.reshape(-1)[y][..., np.newaxis]  # first the difference, which a small margin survives
        short += self.margin
        short.reshape(-1)[y] = 0  # the true class is not among the wrong ones
        return np.maximum(short, 0).sum(axis=-1), (short, y)

    def backward(self) -> Array:
        (short, y), scale = self._recall()
        if y.ndim == short.ndim:
            return self._times(-y * (short > 0), scale)
        # each wrong class within the margin pulls its own score down by 1 and the true one, at the place y, up by 1
        dscores: Array = (short > 0).astype(short.dtype)
        dscores.reshape(-1)[y] -= dscores.sum(axis=-1)
        return self._times(dscores, scale)

    def _true_classes(self, scores: Array, y: ArrayLike) -> Array:
        """Return y, checked: class indices alone, since a margin to a soft label has no meaning."""
        if np.shape(y) == scores.shape:
            raise ValueError(f"{self!r}: y must have shape {scores.shape[:-1]} (class indices), got {scores.shape}")
        return self._labels(scores, y)
