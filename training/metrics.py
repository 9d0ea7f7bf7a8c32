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

from .confusion import Doubt, classes_of, real_ones, true_classes
from .data.arrays import real_array
from .several import AVERAGES, label_counts


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

    Of examples with several labels each, `of_labels`.

    Examples
    --------
    >>> scores, classes = np.array([[2.0, 1.0], [0.0, 3.0]]), np.array([0, 0])
    >>> accuracy(scores, classes), accuracy(scores.argmax(axis=1), classes)
    (0.5, 0.5)
    >>> accuracy(np.array([0.2, 0.9]), classes, threshold=0.5)
    0.5
    """

    threshold: float | None = None
    average: str | None = None  # of several labels an example
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

    def of_labels(self, average: str = "macro") -> ClassMetric:
        """Return this metric for examples with several labels each: scores (N, L), and y of 0 and 1, alike.

        "macro" is the mean over the labels, "micro" the value of all labels counted as one, and "exact", of accuracy
        alone, the share of examples with no label wrong.

        Examples
        --------
        >>> scores, y = np.array([[2.0, -1.0], [1.0, 3.0]]), np.array([[1, 0], [0, 1]])
        >>> f1.of_labels()(scores, y), accuracy.of_labels("exact")(scores, y)
        (0.8333333333333333, 0.5)
        """
        checks.choice(self.__name__, "average", average, AVERAGES)
        if average == "exact" and not isinstance(self, _Accuracy):
            raise ValueError(f"{self.__name__}: average must be 'micro' or 'macro', got 'exact', which accuracy has")
        metric = copy.copy(self)
        metric.average = average
        return metric

    def start(self) -> dict[str, Any]:
        return {"counts": np.zeros((3, 0), np.int64), "doubt": Doubt(), "exact": 0, "n": 0}

    def add(self, tally: dict[str, Any], predictions: ArrayLike, y: ArrayLike) -> None:
        doubt = None if self.logits else tally["doubt"]
        if self.average is not None:
            self._add_labels(tally, *label_counts(self.__name__, predictions, y, self.threshold, doubt))
            return
        predicted, true, n_classes = classes_of(self.__name__, predictions, y, self.threshold, doubt)
        counts = np.zeros((3, max(n_classes, tally["counts"].shape[1])), np.int64)
        counts[:, : tally["counts"].shape[1]] = tally["counts"]
        for row, classes in zip(counts, (true[true == predicted], predicted, true), strict=True):
            found = np.bincount(classes)
            row[: len(found)] += found
        tally["counts"] = counts

    def _add_labels(self, tally: dict[str, Any], counts: Array, n_exact: int, n: int) -> None:
        if tally["n"] and tally["counts"].shape != counts.shape:
            before, now = tally["counts"].shape[1], counts.shape[1]
            raise ValueError(f"{self.__name__}: every batch must have {before} labels, as before, got {now}")
        tally["counts"] = tally["counts"] + counts if tally["n"] else counts
        tally["exact"] += n_exact
        tally["n"] += n

    def result(self, tally: dict[str, Any]) -> float:
        tally["doubt"].settle(self.__name__)
        if self.average == "exact":
            return float(tally["exact"] / tally["n"])
        if self.average is not None:
            counts = tally["counts"] if self.average == "macro" else tally["counts"].sum(axis=1, keepdims=True)
            n = tally["n"] if self.average == "macro" else tally["n"] * tally["counts"].shape[1]
            found, predicted, true, right = counts
            return float(np.mean(self.of_each_label(found, predicted, true, right, n)))
        return float(self.of(*tally["counts"]))

    def of(self, right: Array, predicted: Array, true: Array) -> float:
        """Return the value: of two classes that of class 1, of several the mean over those that occur."""
        shares = self.shares(right, predicted, true)
        return float(shares[1] if len(shares) == 2 else shares[predicted + true > 0].mean())

    def shares(self, right: Array, predicted: Array, true: Array) -> Array:
        """Return the share of each class, 0 where there is nothing to share, given counts (C,)."""
        raise NotImplementedError(f"{type(self).__name__} must define shares(self, right, predicted, true)")

    def of_each_label(self, found: Array, predicted: Array, true: Array, right: Array, n: int) -> Array:
        """Return the value of each of several labels (L,), given counts of them and how many examples there are."""
        return self.shares(found, predicted, true)

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

    def of_each_label(self, found: Array, predicted: Array, true: Array, right: Array, n: int) -> Array:
        return right / n


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


class _Matthews(ClassMetric):
    """The correlation of predicted and true classes: 1 is perfect, 0 no better than chance, also of unequal classes.

    (n * right - Σ predicted * true) / sqrt((n² - Σ predicted²) * (n² - Σ true²)), sums over the classes; 0 where one
    class is all that is predicted, or all that is there.

    References
    ----------
    Gorodkin (2004), "Comparing two K-category assignments by a K-category correlation coefficient".

    Examples
    --------
    >>> matthews(np.array([2.0, 1.0, 3.0, -1.0]), np.array([1, 0, 1, 1]))  # (4 * 2 - 10) / sqrt(6 * 6)
    -0.3333333333333333
    """

    def of(self, right: Array, predicted: Array, true: Array) -> float:
        n = float(true.sum())
        p, t = predicted / n, true / n
        below = float((1 - p @ p) * (1 - t @ t))
        return float((right.sum() / n - p @ t) / np.sqrt(below)) if max(p.max(), t.max()) < 1 else 0.0

    def of_labels(self, average: str = "macro") -> ClassMetric:
        """Refuse: of several labels, take each by itself."""
        raise ValueError("matthews: it must be one label's: matthews(scores[:, j], y[:, j]), got of_labels")


accuracy, precision, recall, f1 = _Accuracy("accuracy"), _Precision("precision"), _Recall("recall"), _F1("f1")
matthews = _Matthews("matthews")


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
