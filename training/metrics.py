"""Measures of how good predictions are, for people; a loss is for the optimizer.

A metric is called with all predictions, `accuracy(predictions, y)`, or is given them a batch at a time: `start()`
makes an empty tally, `add(tally, predictions, y)` counts a batch into it, `result(tally)` is the value of all that was
added. A mean of batch means would not be that: batches differ in size, and a ratio of sums is no sum of ratios.
"""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from layers.contract import Array, checks
from layers.speed import sum_rows

from .confusion import Doubt, classes_of, real_ones, true_classes
from .data.arrays import real_array


class Metric:
    """A number about predictions and targets, tallied a batch at a time; the base class of all metrics.

    Parameters
    ----------
    name : str
        Under which a history keeps it.

    Examples
    --------
    >>> tally = accuracy.start()
    >>> accuracy.add(tally, np.array([[2.0, 1.0]]), np.array([0]))
    >>> accuracy.add(tally, np.array([[2.0, 1.0], [5.0, 3.0]]), np.array([1, 1]))
    >>> round(accuracy.result(tally), 3)  # one of three; the mean of the batches' means would be 1/2
    0.333
    """

    def __init__(self, name: str) -> None:
        if not isinstance(name, str):
            raise TypeError(f"{type(self).__name__}: name must be text, got {name!r}")
        self.__name__ = name

    def start(self) -> dict[str, Any]:
        """Return an empty tally."""
        return {}

    def add(self, tally: dict[str, Any], predictions: ArrayLike, y: ArrayLike) -> None:
        """Count a batch into the tally."""
        raise NotImplementedError(f"{type(self).__name__} must define add(self, tally, predictions, y)")

    def result(self, tally: dict[str, Any]) -> float:
        """Return the value of everything in the tally."""
        raise NotImplementedError(f"{type(self).__name__} must define result(self, tally)")

    def __call__(self, predictions: ArrayLike, y: ArrayLike) -> float:
        tally = self.start()
        self.add(tally, *real_ones(self.__name__, predictions, y))
        return self.result(tally)

    def __repr__(self) -> str:
        return self.__name__


class ClassMetric(Metric):
    """A metric of classes, from three counts of each class: of the right ones, the predicted ones, the true ones.

    `metric(predictions, y)` with scores (N, C), of which the largest wins, and classes (N,); or with one score for each
    example, floats (N,), where positive means class 1; or with the predicted classes themselves, integers (N,). Single
    scores that all lie in [0, 1], as probabilities do, are refused where 0.5 would say another class: `at` says it.

    Examples
    --------
    >>> scores, classes = np.array([[2.0, 1.0], [0.0, 3.0]]), np.array([0, 0])
    >>> accuracy(scores, classes), accuracy(scores.argmax(axis=1), classes)
    (0.5, 0.5)
    >>> accuracy(np.array([0.2, 0.9]), classes, threshold=0.5)
    0.5
    """

    threshold: float | None = None
    logits = False  # whether somebody has said so of single scores: then 0 is right, wherever they lie

    def at(self, threshold: float) -> ClassMetric:
        """Return this metric with another threshold for single scores, `metrics=accuracy.at(0.5)` for probabilities."""
        metric = copy.copy(self)
        metric.threshold = checks.number(self.__name__, "threshold", threshold)
        return metric

    def of_logits(self) -> ClassMetric:
        """Return this metric for single scores that are logits, as `fit` does where the loss takes logits."""
        metric = copy.copy(self)
        metric.logits = True
        return metric

    def start(self) -> dict[str, Any]:
        return {"counts": np.zeros((3, 0), np.int64), "doubt": Doubt()}

    def add(self, tally: dict[str, Any], predictions: ArrayLike, y: ArrayLike) -> None:
        doubt = None if self.logits else tally["doubt"]
        predicted, true, n_classes = classes_of(self.__name__, predictions, y, self.threshold, doubt)
        counts = np.zeros((3, max(n_classes, tally["counts"].shape[1])), np.int64)
        counts[:, : tally["counts"].shape[1]] = tally["counts"]
        for row, classes in zip(counts, (true[true == predicted], predicted, true), strict=True):
            found = np.bincount(classes)
            row[: len(found)] += found
        tally["counts"] = counts

    def result(self, tally: dict[str, Any]) -> float:
        tally["doubt"].settle(self.__name__)
        return float(self.of(*tally["counts"]))

    def of(self, right: Array, predicted: Array, true: Array) -> float:
        """Return the value: of two classes that of class 1, of several the mean over those that occur."""
        shares = self.shares(right, predicted, true)
        return float(shares[1] if len(shares) == 2 else shares[predicted + true > 0].mean())

    def shares(self, right: Array, predicted: Array, true: Array) -> Array:
        """Return the share of each class, 0 where there is nothing to share, given counts (C,)."""
        raise NotImplementedError(f"{type(self).__name__} must define shares(self, right, predicted, true)")

    def __call__(self, predictions: ArrayLike, y: ArrayLike, *, threshold: float | None = None) -> float:
        return super().__call__(predictions, y) if threshold is None else self.at(threshold)(predictions, y)


class _Accuracy(ClassMetric):
    """The share of examples whose largest score is at the true class.

    `accuracy(predictions, y)` with scores (N, C) and classes (N,); or with one score for each example, floats (N,),
    where positive means class 1; or with the predicted classes themselves, integers (N,).

    Examples
    --------
    >>> accuracy(np.array([[0.9, 0.1], [0.4, 0.6]]), np.array([0, 0]))
    0.5
    """

    def of(self, right: Array, predicted: Array, true: Array) -> float:
        return float(right.sum() / true.sum())


class _Precision(ClassMetric):
    """Of the examples taken for a class, the share that is of it: right / predicted.

    Of two classes that of class 1, of several the mean over the classes that occur ("macro").

    Examples
    --------
    >>> precision(np.array([2.0, 1.0, 3.0, -1.0]), np.array([1, 0, 1, 1]))  # 2 of the 3 taken for class 1
    0.6666666666666666
    """

    def shares(self, right: Array, predicted: Array, true: Array) -> Array:
        return right / np.maximum(predicted, 1)


class _Recall(ClassMetric):
    """Of the examples of a class, the share that was found: right / true.

    Of two classes that of class 1, of several the mean over the classes that occur ("macro").

    Examples
    --------
    >>> recall(np.array([2.0, 1.0, 3.0, -1.0]), np.array([1, 0, 1, 1]))  # 2 of the 3 of class 1
    0.6666666666666666
    """

    def shares(self, right: Array, predicted: Array, true: Array) -> Array:
        return right / np.maximum(true, 1)


class _F1(ClassMetric):
    """The harmonic mean of precision and recall: 2 * right / (predicted + true).

    Of two classes that of class 1, of several the mean over the classes that occur ("macro").

    Examples
    --------
    >>> f1(np.array([2.0, 1.0, 3.0, -1.0]), np.array([1, 0, 1, 1]))  # 2 * 2 / (3 + 3)
    0.6666666666666666
    """

    def shares(self, right: Array, predicted: Array, true: Array) -> Array:
        return 2 * right / np.maximum(predicted + true, 1)


accuracy, precision, recall, f1 = _Accuracy("accuracy"), _Precision("precision"), _Recall("recall"), _F1("f1")


class top_k(Metric):
    """The share of examples whose true class is among the k largest scores.

    Parameters
    ----------
    k : int
        A class that ties with the k-th score counts as behind those with a smaller index.

    Examples
    --------
    >>> top_k(2)(np.array([[0.5, 0.3, 0.2], [0.1, 0.2, 0.7]]), np.array([1, 0]))
    0.5
    """

    def __init__(self, k: int) -> None:
        self.k = checks.whole("top_k", "k", k)
        super().__init__(f"top_{self.k}_accuracy")

    def add(self, tally: dict[str, Any], predictions: ArrayLike, y: ArrayLike) -> None:
        who = self.__name__
        scores = real_array(who, "predictions", predictions)
        if scores.ndim < 2 or self.k > scores.shape[-1]:
            raise ValueError(f"{who}: predictions must have at least {self.k} classes, got shape {scores.shape}")
        if scores.dtype.kind == "f" and not np.isfinite(scores).all():
            raise ValueError(f"{who}: predictions must be finite, got NaN or infinity")
        n_classes, true = scores.shape[-1], true_classes(who, scores, real_array(who, "y", y))
        rows = scores.reshape(-1, n_classes)
        own = np.take_along_axis(rows, true[:, np.newaxis], axis=1)
        ahead = (rows > own) | ((rows == own) & (np.arange(n_classes) < true[:, np.newaxis]))
        tally["right"] = tally.get("right", 0) + int((ahead.sum(axis=1) < self.k).sum())
        tally["n"] = tally.get("n", 0) + len(rows)

    def result(self, tally: dict[str, Any]) -> float:
        return float(tally["right"] / tally["n"])


# ---- numbers -----------------------------------------------------------------------------------------------------


class _MeanAbsoluteError(Metric):
    """The mean of |prediction - y| over all elements, in the units of y.

    Examples
    --------
    >>> mean_absolute_error(np.array([1.0, 2.0]), np.array([0.0, 5.0]))
    2.0
    """

    def add(self, tally: dict[str, Any], predictions: ArrayLike, y: ArrayLike) -> None:
        predictions, y = _check_shapes(self.__name__, predictions, y)
        with np.errstate(over="ignore"):
            total = tally.get("sum", 0.0) + float(np.abs(predictions - y).sum())
        _check_total(self.__name__, total, predictions, y)
        tally["sum"] = total
        tally["n"] = tally.get("n", 0) + y.size

    def result(self, tally: dict[str, Any]) -> float:
        return float(tally["sum"] / tally["n"])


class _RSquared(Metric):
    """1 - sum((prediction - y)²) / sum((y - mean of y)²): 1 is perfect, 0 no better than the mean.

    Of several outputs, (N, D), the mean of their values. Needs a y that varies.

    Examples
    --------
    >>> r_squared(np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 6.0]))  # 1 - 9 / 14
    0.3571428571428571
    """

    def add(self, tally: dict[str, Any], predictions: ArrayLike, y: ArrayLike) -> None:
        predictions, y = _check_shapes(self.__name__, predictions, y)
        predictions, y = predictions.reshape(len(y), -1), y.reshape(len(y), -1)
        n = len(y)
        with np.errstate(over="ignore", invalid="ignore"):
            mean = sum_rows(y) / n
            before, old = tally.get("n", 0), tally.get("mean", mean)
            # Sums of squares around two means join by the parallel axis theorem (Chan, Golub, LeVeque, 1979).
            around = sum_rows((y - mean) ** 2) + (mean - old) ** 2 * before * n / (before + n)
            total = tally.get("total", 0.0) + around
            rest = tally.get("rest", 0.0) + sum_rows((predictions - y) ** 2)
        _check_total(self.__name__, total + rest, predictions, y)
        tally["total"], tally["rest"] = total, rest
        tally["mean"], tally["n"] = old + (mean - old) * n / (before + n), before + n

    def result(self, tally: dict[str, Any]) -> float:
        if np.any(tally["total"] == 0):
            raise ValueError(f"{self.__name__}: y must vary, got the same number everywhere")
        return float(np.mean(1 - tally["rest"] / tally["total"]))


mean_absolute_error = _MeanAbsoluteError("mean_absolute_error")
r_squared = _RSquared("r_squared")


def _check_shapes(who: str, predictions: ArrayLike, y: ArrayLike) -> tuple[Array, Array]:
    """Return both as float64; raise unless they have the same shape and at least one element."""
    predictions, y = real_array(who, "predictions", predictions), real_array(who, "y", y)
    if predictions.shape != y.shape:
        cure = ": y[:, np.newaxis]" if predictions.shape == (*y.shape, 1) else ""
        raise ValueError(
            f"{who}: predictions and y must have the same shape, got {predictions.shape} and {y.shape}{cure}"
        )
    for name, array in (("predictions", predictions), ("y", y)):
        if not np.isfinite(array).all():
            raise ValueError(f"{who}: {name} must be finite, got NaN or infinity")
    return np.asarray(predictions, np.float64), np.asarray(y, np.float64)


def _check_total(who: str, total: Any, predictions: Array, y: Array) -> None:
    """Raise if a sum of numbers that are all finite is not."""
    if not np.all(np.isfinite(total)):
        largest = max(np.abs(predictions).max(), np.abs(y).max())
        raise ValueError(f"{who}: what is added up must be within float64, got numbers up to {largest:.2g}")
