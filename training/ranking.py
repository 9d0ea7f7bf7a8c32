"""Metrics of scores before a decision: how they rank the examples, which threshold is best, what chances are worth."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from layers.contract import Array

from .confusion import real_ones, true_classes
from .data.arrays import real_array
from .metrics import Metric


def roc_auc(predictions: ArrayLike, y: ArrayLike) -> float:
    """Return the chance that an example of class 1 has a larger score than one of class 0, half of those that tie.

    It is the area under the curve of the share found against the share of false alarms, over all thresholds: 1 is
    perfect, 0.5 is guessing. Logits and probabilities give the same.

    Parameters
    ----------
    predictions : array (N,), (N, 1), or (N, C)
        One score for each example. Of C classes, the mean over the classes of each against the rest.
    y : array (N,) of int
        0 and 1, or -1 and 1; of C classes 0 .. C - 1, each of which must be there.

    References
    ----------
    Hanley, McNeil (1982), "The meaning and use of the area under a receiver operating characteristic curve".

    Raises
    ------
    ValueError, TypeError
        If shapes do not fit, or y does not hold two classes at least.

    Examples
    --------
    >>> roc_auc(np.array([0.1, 0.4, 0.35, 0.8]), np.array([0, 0, 1, 1]))  # 3 of the 4 pairs
    0.75
    """
    who = "roc_auc"
    predictions, y = real_ones(who, predictions, y)
    scores = real_array(who, "predictions", predictions)
    if scores.ndim < 2 or scores.shape[-1] == 1:
        return _area(*_two_classes(who, predictions, y))
    scores = _finite(who, scores)
    true = true_classes(who, scores, real_array(who, "y", y))
    scores = scores.reshape(-1, scores.shape[-1])
    missing = sorted(set(range(scores.shape[1])) - set(true.tolist()))
    if missing or scores.shape[1] < 2:
        raise ValueError(f"{who}: y must hold every class 0 .. {scores.shape[1] - 1}, got none of class {missing[0]}")
    return float(np.mean([_area(scores[:, c], true == c) for c in range(scores.shape[1])]))


class PrecisionRecall(NamedTuple):
    """What `precision_recall_curve` returns: three arrays (M,), an entry for each threshold, the smallest first."""

    precision: Array
    recall: Array
    thresholds: Array


def precision_recall_curve(predictions: ArrayLike, y: ArrayLike) -> PrecisionRecall:
    """Return precision and recall at every threshold that matters: each score that occurs, the smallest first.

    Class 1 is at the threshold or above it. The last entry is precision 1, recall 0, at infinity: nothing is taken.

    Parameters
    ----------
    predictions : array (N,) or (N, 1)
        One score for each example, a logit or a probability.
    y : array (N,) of int
        0 and 1, or -1 and 1, both of them.

    Raises
    ------
    ValueError, TypeError
        If shapes do not fit, or y does not hold both classes.

    Examples
    --------
    >>> curve = precision_recall_curve(np.array([0.1, 0.4, 0.35, 0.8]), np.array([0, 0, 1, 1]))
    >>> curve.recall, curve.thresholds
    (array([1. , 1. , 0.5, 0.5, 0. ]), array([0.1 , 0.35, 0.4 , 0.8 ,  inf]))
    """
    scores, true = _two_classes("precision_recall_curve", predictions, y)
    order = np.argsort(-scores, kind="stable")
    scores, found = scores[order], np.cumsum(true[order])
    last = np.append(np.flatnonzero(np.diff(scores)), len(scores) - 1)  # of those that tie
    taken = last + 1
    return PrecisionRecall(
        np.append((found[last] / taken)[::-1], 1.0),
        np.append((found[last] / found[-1])[::-1], 0.0),
        np.append(scores[last][::-1], np.inf),
    )


def best_threshold(predictions: ArrayLike, y: ArrayLike) -> float:
    """Return the threshold with the largest f1, to be used as `f1.at(threshold)`: class 1 is above it.

    It lies half way between two scores. Choose it on validation data: on those that it was chosen on, f1 flatters.

    Parameters
    ----------
    predictions : array (N,) or (N, 1)
        One score for each example, a logit or a probability.
    y : array (N,) of int
        0 and 1, or -1 and 1, both of them.

    Raises
    ------
    ValueError, TypeError
        If shapes do not fit, or y does not hold both classes.

    Examples
    --------
    >>> scores, y = np.array([0.1, 0.2, 0.4, 0.3]), np.array([0, 0, 1, 1])
    >>> best_threshold(scores, y), f1(scores, y, threshold=best_threshold(scores, y))
    (0.25, 1.0)
    """
    scores, true = _two_classes("best_threshold", predictions, y)
    precision, recall, thresholds = precision_recall_curve(scores, true.astype(int))
    f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-300)
    best = int(np.argmax(f1))
    at = float(thresholds[best])
    before = float(thresholds[best - 1]) if best else at - max(1.0, abs(at))
    middle = before + (at - before) / 2
    return middle if middle < at else before


class _LogLoss(Metric):
    """The mean of -log p, in nats, of the probability p that was given to what came: that of the true class.

    `log_loss(probabilities, y)` with rows (N, C) that sum to 1 and classes (N,), or probabilities (N,) of class 1. A
    probability of 0 counts as the smallest step of its dtype, so that one certain mistake is not infinite.

    Examples
    --------
    >>> log_loss(np.array([0.5, 0.25]), np.array([1, 0]))  # (log 2 + log 4/3) / 2
    0.4904146265058631
    """

    def add(self, tally: dict[str, Any], predictions: ArrayLike, y: ArrayLike) -> None:
        who = self.__name__
        chances = _finite(who, real_array(who, "predictions", predictions))
        if chances.dtype.kind != "f":
            chances = chances.astype(np.float64)
        if chances.min() < 0 or chances.max() > 1:
            raise ValueError(
                f"{who}: predictions must be probabilities in [0, 1], got {chances.min():.4g} .. {chances.max():.4g}: "
                "softmax(logits), or sigmoid(logits)"
            )
        if chances.ndim < 2 or chances.shape[-1] == 1:
            chances, true = _paired(who, chances, y)
            right = np.where(true, chances, 1 - chances)
        else:
            sums = chances.sum(axis=-1, dtype=np.float64)
            near = 1e-2 if chances.dtype == np.float16 else 1e-5
            if np.abs(sums - 1).max() > near:
                off = float(sums.flat[int(np.argmax(np.abs(sums - 1)))])
                raise ValueError(f"{who}: rows of predictions must sum to 1, got a sum of {off:.4g}: softmax(logits)")
            true = true_classes(who, chances, real_array(who, "y", y))
            right = chances.reshape(-1, chances.shape[-1])[np.arange(len(true)), true]
        least = np.finfo(right.dtype).eps
        tally["sum"] = tally.get("sum", 0.0) - float(np.log(np.clip(right, least, 1 - least).astype(np.float64)).sum())
        tally["n"] = tally.get("n", 0) + len(right)

    def result(self, tally: dict[str, Any]) -> float:
        return float(tally["sum"] / tally["n"])


log_loss = _LogLoss("log_loss")


def _area(scores: Array, true: Array) -> float:
    """Return the share of pairs in which class 1 has the larger score: its sum of ranks, ties at their middle."""
    _, where, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[where.reshape(-1)]
    n_true = int(true.sum())
    n_false = len(true) - n_true
    return float((ranks[true].sum() - n_true * (n_true + 1) / 2) / (n_true * n_false))


def _two_classes(who: str, predictions: ArrayLike, y: ArrayLike) -> tuple[Array, Array]:
    """Return scores (N,) and which of them are of class 1; raise unless both classes are there."""
    predictions, y = real_ones(who, predictions, y)
    scores, true = _paired(who, real_array(who, "predictions", predictions), y)
    if true.all() or not true.any():
        raise ValueError(f"{who}: y must hold both classes, got {int(true[0])} alone")
    return _finite(who, scores), true


def _paired(who: str, scores: Array, y: ArrayLike) -> tuple[Array, Array]:
    """Return scores (N,) and whether each is of class 1, given y of 0 and 1, or -1 and 1, of the same shape."""
    labels = real_array(who, "y", y)
    shapes = (scores.shape, scores.shape[:-1]) if scores.ndim > 1 and scores.shape[-1] == 1 else (scores.shape,)
    if scores.ndim == 0 or labels.shape not in shapes or (scores.ndim > 1 and scores.shape[-1] != 1):
        raise ValueError(
            f"{who}: predictions must be one score for each of y, (N,), got {scores.shape} and y {labels.shape}"
        )
    labels = labels.reshape(-1)
    if not (np.isin(labels, (0, 1)).all() or np.isin(labels, (-1, 1)).all()):
        odd = labels[~np.isin(labels, (0, 1))][0]
        hint = "; predictions come first, then y: exchanged?" if np.isin(scores, (0, 1)).all() else ""
        raise ValueError(f"{who}: y must hold 0 and 1, or -1 and 1, for one score each, got {odd}{hint}")
    return scores.reshape(-1), labels > 0


def _finite(who: str, scores: Array) -> Array:
    if scores.dtype.kind == "f" and not np.isfinite(scores).all():
        raise ValueError(f"{who}: predictions must be finite, got NaN or infinity")
    return scores.astype(np.float64) if scores.dtype.kind in "iub" else scores
