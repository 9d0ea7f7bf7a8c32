"""Which class was taken for which: the matrix behind accuracy, precision and recall."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from layers.contract import Array, checks, html_of
from losses.counted import what_counts

from .data.arrays import real_array

MOST_CLASSES = 1_000_000  # beyond, integers are something else than classes
MOST_SHOWN = 30  # classes in a table
HALF = 0.5  # where one probability says the other class


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


class Doubt:
    """Whether single scores, which were read as logits, may have been probabilities: told when all have been seen.

    A batch may lie in [0, 1] by chance, and where no score is above 0 and at most 1/2, it does not matter which they
    are.

    Examples
    --------
    >>> from training.confusion import Doubt
    >>> doubt = Doubt()
    >>> doubt.look(np.array([0.2, 0.9]), np.array([0, 1]))
    >>> doubt.settle("accuracy")
    Traceback (most recent call last):
        ...
    ValueError: accuracy: predictions must be scores, positive for class 1, but all lie in [0, 1] as probabilities do: \
give logits, or threshold=0.5; for logits that happen to lie there threshold=0
    """

    def __init__(self) -> None:
        self.low, self.high, self.n_torn, self.signed = np.inf, -np.inf, 0, False

    def look(self, scores: Array, labels: Array) -> None:
        """Look at the single scores of a batch and at the labels, which are -1 and 1 beside signed scores."""
        self.low, self.high = min(self.low, float(scores.min())), max(self.high, float(scores.max()))
        self.n_torn += int(np.count_nonzero((scores > 0) & (scores <= HALF)))
        self.signed |= bool((labels < 0).any())

    def settle(self, who: str) -> None:
        """Raise if they may have been probabilities, which a threshold of 0 calls class 1 nearly all."""
        if self.n_torn and self.low >= 0 and self.high <= 1 and not self.signed:
            raise ValueError(
                f"{who}: predictions must be scores, positive for class 1, but all lie in [0, 1] as probabilities do: "
                "give logits, or threshold=0.5; for logits that happen to lie there threshold=0"
            )


class Classes(NamedTuple):
    """The predicted and the true class of each example, flat, and how many classes there are."""

    predicted: Array
    true: Array
    n: int


def classes_of(
    who: str, predictions: ArrayLike, y: ArrayLike, threshold: float | None = None, doubt: Doubt | None = None
) -> Classes:
    """Return the classes behind predictions and y.

    - Scores (N, ..., C), the largest wins, with y class indices (N, ...) or rows (N, ..., C).
    - One score for each example, floats (N,) or (N, 1), with y of the same shape: above the threshold, 0 if not given,
      means class 1, and y is 0 or 1 (or -1 or 1). Without a threshold, the doubt looks at them.
    - Classes themselves, integers of the shape of y, which are compared. With a threshold they are scores.

    Examples
    --------
    >>> from training.confusion import classes_of
    >>> classes_of("accuracy", [[0.1, 0.9], [0.8, 0.2]], [1, 1])
    Classes(predicted=array([1, 0]), true=array([1, 1]), n=2)
    >>> classes_of("accuracy", [3, 1], [3, 2])
    Classes(predicted=array([3, 1]), true=array([3, 2]), n=4)
    """
    scores, labels = (np.asarray(real_array(who, *each)) for each in (("predictions", predictions), ("y", y)))
    for name, array in (("predictions", scores), ("y", labels)):
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise ValueError(f"{who}: {name} must be finite, got NaN or infinity")
    if scores.shape == labels.shape and scores.ndim:
        single = scores.ndim == 1 or scores.shape[-1] == 1
        if scores.dtype.kind in "iub" and threshold is None and (single or not _are_rows(labels)):
            return _compared(who, scores.reshape(-1), labels.reshape(-1))
        if single:
            return _of_scores(who, scores.reshape(-1), labels.reshape(-1), threshold, doubt)
    if threshold is not None:
        raise ValueError(f"{who}: threshold must be for one score for each example, got predictions {scores.shape}")
    n_classes, true = scores.shape[-1] if scores.ndim else 0, true_classes(who, scores, labels)
    return Classes(scores.argmax(axis=-1).reshape(-1), true, n_classes)


def true_classes(who: str, scores: Array, labels: Array) -> Array:
    """Return the true classes (N,) for scores (N, ..., C) and class indices or rows, checked."""
    if scores.ndim < 2 or labels.shape not in (scores.shape, scores.shape[:-1]):
        either = f"{scores.shape[:-1]} or {scores.shape}" if scores.ndim > 1 else f"{scores.shape}"
        got = f"{labels.shape}{_hint(scores, labels)}"
        raise ValueError(f"{who}: y must have shape {either} for predictions {scores.shape}, got {got}")
    n_classes = scores.shape[-1]
    if labels.shape == scores.shape:
        if not _are_rows(labels):
            raise ValueError(f"{who}: rows of y must be one-hot or probabilities that sum to 1, got {_strange(labels)}")
        return labels.argmax(axis=-1).reshape(-1)
    if labels.dtype.kind not in "iu":
        cure = "y.astype(int)" if n_classes > 1 else f"{_of_numbers()} for numbers"
        raise TypeError(f"{who}: y must hold class indices as integers, got dtype {labels.dtype}: {cure}")
    if labels.min() < 0 or labels.max() >= n_classes:
        hint = "; of one score for each example, y[:, np.newaxis]" if n_classes == 1 else ""
        raise ValueError(f"{who}: y must hold classes 0 .. {n_classes - 1}, got {labels.min()} .. {labels.max()}{hint}")
    return labels.reshape(-1).astype(np.intp)


def _compared(who: str, predicted: Array, true: Array) -> Classes:
    """Return classes and classes, of any number, or -1 and 1."""
    if true.dtype.kind == "f":
        if not _two(true):
            hint = "; predictions come first, then y: exchanged?" if _two(predicted) else ": y.astype(int)"
            raise TypeError(
                f"{who}: y must hold classes as integers where predictions do, got {_odd(true)} in {true.dtype}{hint}"
            )
        true = true.astype(np.intp)
    both: list[Array] = []
    for name, classes, other in (("predictions", predicted, true), ("y", true, predicted)):
        if classes.min() < 0 and not (_two(classes) and _two(other)):
            hint = "; scores must be floats, or come with a threshold" if name == "predictions" else ""
            raise ValueError(f"{who}: {name} must hold classes 0, 1, ..., got {classes.min()}{hint}")
        if classes.max() >= MOST_CLASSES:
            raise ValueError(f"{who}: {name} must hold classes below {MOST_CLASSES:,}, got {classes.max()}")
        both.append((classes > 0 if classes.min() < 0 else classes).astype(np.intp))
    return Classes(both[0], both[1], max(2, *(int(classes.max()) + 1 for classes in both)))


def _of_scores(who: str, scores: Array, labels: Array, threshold: float | None, doubt: Doubt | None) -> Classes:
    """Return the classes of single scores, and of y, which must be 0 and 1, or -1 and 1."""
    if not _two(labels):
        if _two(scores):
            hint = "; predictions come first, then y: exchanged?"
        elif labels.dtype.kind == "f":
            hint = f"; of numbers ask {_of_numbers()}"
        else:
            hint = "; predictions that are classes must be integers: predictions.astype(int)"
        raise ValueError(f"{who}: y must hold 0 and 1, or -1 and 1, for one score each, got {_odd(labels)}{hint}")
    if threshold is None and doubt is not None:
        doubt.look(scores, labels)
    predicted = scores > (0 if threshold is None else checks.number(who, "threshold", threshold))
    return Classes(predicted.astype(np.intp), (labels > 0).astype(np.intp), 2)


def _two(labels: Array) -> bool:
    """Return whether these are labels of two classes: 0 and 1, or -1 and 1."""
    ones = labels == 1
    return bool((ones | (labels == 0)).all() or (ones | (labels == -1)).all())


def _odd(labels: Array) -> str:
    """Return the first label that is none of two classes, and where it is."""
    odd = (labels != 0) & (np.abs(labels) != 1)
    at = int(np.argmax(odd if odd.any() else labels == -1))
    return f"{labels[at]} at [{at}]"


def _are_rows(labels: Array) -> bool:
    """Return whether these are rows of one class each, or of probabilities: none below 0, all together 1."""
    near = 1e-2 if labels.dtype == np.float16 else 1e-5
    return bool(labels.min() >= 0 and np.abs(labels.sum(axis=-1, dtype=np.float64) - 1).max() <= near)


def _strange(labels: Array) -> str:
    """Return what is wrong with rows of labels, with the cure where its kind is known."""
    sums = labels.sum(axis=-1, dtype=np.float64).reshape(-1)
    row = int(np.argmax((np.abs(sums - 1) > 1e-2) | (labels.min(axis=-1).reshape(-1) < 0)))
    if ((labels == 0) | (labels == 1)).all():
        return (
            f"{sums[row]:g} ones in row {row}; of several labels an example: f1.of_labels(), or that of another metric"
        )
    return f"a sum of {sums[row]:g} in row {row}; of numbers ask {_of_numbers()}"


def _of_numbers() -> str:
    return "mean_absolute_error or r_squared"


def _hint(scores: Array, labels: Array) -> str:
    """Return what may have been meant where shapes do not fit: exchanged, an axis too many, or one too few."""
    if scores.shape == labels.shape[:-1]:
        if scores.dtype.kind in "iub" and _are_rows(labels) and labels.max() == 1:
            return ": y.argmax(axis=-1) has its classes"
        if labels.shape[-1] == 1:
            return ": y[..., 0]"
        return "; predictions come first, then y: exchanged?"
    if labels.shape == (*scores.shape[:-1], 1):
        return ": y[..., 0]"
    return ""


def confusion_matrix(predictions: ArrayLike, y: ArrayLike, *, threshold: float | None = None) -> Array:
    """Count how often class i, the row, was taken for class j, the column.

    Parameters
    ----------
    predictions : array (N, C)
        Scores; the largest wins. Or one score for each example, floats (N,): positive means class 1. Or the classes
        themselves, integers (N,).
    y : array (N,) of int, or (N, C)
        Sequences, (N, T, C) with (N, T), are counted as the N * T examples that they are, Padded ones without what is
        padding.
    threshold : float, optional
        Of one score for each example: class 1 is above it. Without, it is 0, and scores that all lie in [0, 1], as
        probabilities do, are refused where 0.5 would say another class.

    Returns
    -------
    array (C, C) of int

    Raises
    ------
    ValueError, TypeError
        If shapes do not fit, or y does not hold classes.

    Examples
    --------
    >>> confusion_matrix(np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]), np.array([0, 1, 1]))
    array([[1, 0],
           [1, 1]])
    >>> confusion_matrix(np.array([0.2, 0.9, 0.4]), np.array([0, 1, 1]), threshold=0.5)
    array([[1, 0],
           [1, 1]])
    """
    who, doubt = "confusion_matrix", Doubt()
    predicted, true, n_classes = classes_of(who, *real_ones(who, predictions, y), threshold, doubt)
    doubt.settle(who)
    # as np.intp, since class * n_classes + class would overflow in the bytes that labels often come in
    counts = np.bincount(true * n_classes + predicted, minlength=n_classes**2).reshape(n_classes, n_classes)
    return counts.view(_Counts)


class _Counts(np.ndarray[Any, Any]):
    """An array that a notebook shows as a table, and that is an array like any other."""

    def __repr__(self) -> str:
        return repr(np.asarray(self))

    def __array_wrap__(self, array: Any, context: Any = None, return_scalar: bool = False) -> Any:
        return array[()] if return_scalar else np.asarray(array)  # what is computed of it is none

    def _repr_html_(self) -> str | None:
        if self.ndim != 2 or self.shape[0] != self.shape[1] or len(self) > MOST_SHOWN:
            return None  # a row, or a part: as any array
        names = [str(i) for i in range(len(self))]
        rows = [("true \\ predicted", *names)]
        rows += [(name, *(f"{count:g}" for count in row)) for name, row in zip(names, np.asarray(self), strict=True)]
        return html_of(rows, ["right"] * len(rows))
