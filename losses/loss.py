"""The contract of a loss: one number that says how wrong the predictions are, and its derivative.

Where the 1/N lives: here, and nowhere else. `_scale` makes the factor that every prediction's loss is multiplied
by in forward, and its gradient in backward. No layer and no optimizer divides by N.
"""

from __future__ import annotations

import math
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from .typed import typed

Array: TypeAlias = np.ndarray[Any, Any]


class Loss:
    """A number to make small, in `forward`, and its derivative with respect to the predictions, in `backward`.

    `forward(predictions, y, sample_weights=None) -> float` and then `backward() -> dpredictions`, the exact
    derivative of what `forward` returned, in the shape and dtype of the predictions. What a loss does not say of itself
    is as it stands here: its `reduction`, the sample_weights, and what is refused.

    Parameters
    ----------
    reduction : "mean" or "sum", default "mean"
        "mean" divides by the number of predictions; with weights, by the sum of their weights. "sum" does not divide.

    Attributes
    ----------
    divisor : float
        What the last `forward` divided by: the number of predictions or the sum of their weights; 1 for "sum". From
        it the loss of many batches comes out as if they were one: sum(loss * divisor) / sum(divisor).
    unit : str
        Of the loss, "nats" where it is an entropy.

    Raises
    ------
    ValueError
        If shapes do not fit exactly, (N, 1) against (N,) too; labels are not classes 0 .. C-1, or not probabilities;
        an option is out of its range; nothing is given; or a number is NaN or infinite.
    TypeError
        If predictions, y or an option are of the wrong kind.
    RuntimeError
        If `backward` comes without a `forward` before it, or twice.

    Examples
    --------
    >>> loss = MeanSquaredError()
    >>> loss.forward(np.array([3.0, 5.0]), np.array([1.0, 5.0]))
    2.0
    >>> loss.backward()
    array([2., 0.])
    """

    divisor: float | None = None
    unit: str = ""
    _cache: Any = None

    def __init__(self, reduction: str = "mean") -> None:
        if reduction not in ("mean", "sum"):
            raise ValueError(f"{type(self).__name__}: reduction must be 'mean' or 'sum', got {reduction!r}")
        self.reduction = reduction

    def forward(self, predictions: ArrayLike, y: ArrayLike, sample_weights: ArrayLike | None = None) -> float:
        """Return the loss.

        Parameters
        ----------
        predictions : array (N, ...)
        y : array
            The targets.
        sample_weights : array (N,) or one for each prediction, optional
            Not negative, and not all zero.
        """
        raise NotImplementedError(f"{type(self).__name__} must define forward(self, predictions, y)")

    def backward(self) -> Array:
        """Return dpredictions, the derivative of the number that `forward` returned."""
        raise NotImplementedError(f"{type(self).__name__} must define backward(self)")

    def __repr__(self) -> str:
        return typed(self)

    def _recall(self) -> Any:
        cache, self._cache = self._cache, None
        if cache is None:
            raise RuntimeError(f"{self!r}: backward() needs a forward() before it")
        return cache

    def _scale(
        self, shape: tuple[int, ...], sample_weights: ArrayLike | None = None, class_weights: Array | None = None
    ) -> float | Array:
        """Return the factor of each prediction's loss: 1 or its weight, divided, for the mean, by their sum.

        `shape` is that of the single losses, one for each prediction; sample_weights are one for each of the N
        examples or one for each prediction, class_weights one for each prediction.
        """
        self.divisor = 1.0
        if sample_weights is None and class_weights is None:
            if self.reduction == "mean":
                self.divisor = float(math.prod(shape))
            return 1.0 / self.divisor
        weights: Array = np.ones(shape)
        if sample_weights is not None:
            given = self._real("sample_weights", sample_weights)
            if given.shape not in (shape[:1], shape):
                either = f" or {shape}" if len(shape) > 1 else ""
                raise ValueError(f"{self!r}: sample_weights must have shape {shape[:1]}{either}, got {given.shape}")
            if given.min() < 0:
                raise ValueError(f"{self!r}: sample_weights must not be negative, got {given.min()}")
            weights *= given.reshape(given.shape + (1,) * (len(shape) - given.ndim))
        if class_weights is not None:
            weights *= class_weights
        if self.reduction == "sum":
            return weights
        total = weights.sum()
        if total == 0:
            raise ValueError(f"{self!r}: the weights must not all be zero")
        self.divisor = float(total)
        return weights / total

    def _add_up(self, losses: Array, scale: float | Array) -> float:
        """Return sum(losses * scale), added up in float64; a scale that all share is multiplied once, at the end."""
        if isinstance(scale, float):
            return float(losses.sum(dtype=np.float64)) * scale
        return float((losses * scale).sum(dtype=np.float64))

    def _for_rows(self, scale: float | Array, dtype: Any) -> float | Array:
        """Return the factors of rows (N, ..., C), one for each row, as what multiplies their elements."""
        return scale if isinstance(scale, float) else np.asarray(scale, dtype)[..., np.newaxis]

    def _real(self, name: str, values: ArrayLike) -> Array:
        """Return values as an array of finite floating numbers, at least one."""
        array = np.asarray(values)
        if array.dtype.kind not in "fiub":
            raise TypeError(f"{self!r}: {name} must hold real numbers, got dtype {array.dtype}")
        if array.ndim == 0 or array.size == 0:
            raise ValueError(f"{self!r}: {name} must hold at least one example, got shape {array.shape}")
        if array.dtype.kind != "f":
            return array.astype(float)
        # A NaN or an infinity makes the sum of squares one; so may large numbers, and then the elements decide. One
        # call in place of two, and no array made.
        if not math.isfinite(np.vdot(array, array)) and not np.isfinite(array).all():
            where = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
            raise ValueError(f"{self!r}: {name} must be finite, got {array[where]} at {list(where)}")
        return array

    def _rows(self, name: str, values: ArrayLike) -> Array:
        """Return values as rows of finite floating numbers, one number for each of two classes or more."""
        rows = self._real(name, values)
        if rows.ndim < 2 or rows.shape[-1] < 2:
            raise ValueError(f"{self!r}: {name} must have shape (N, C) with C of at least 2, got {rows.shape}")
        return rows

    def _same_shape(self, name: str, predictions: ArrayLike, y: ArrayLike) -> tuple[Array, Array]:
        """Return predictions and y, which must agree in shape: (N, 1) against (N,) would broadcast to (N, N)."""
        predictions, y = self._real(name, predictions), self._real("y", y)
        if predictions.shape != y.shape:
            raise ValueError(f"{self!r}: {name} and y must have the same shape, got {predictions.shape} and {y.shape}")
        return predictions, y.astype(predictions.dtype, copy=False)

    def _labels(self, predictions: Array, y: ArrayLike) -> Array:
        """Return y, checked: class indices of shape (N, ...), or probabilities of the shape of predictions."""
        y, n_classes = np.asarray(y), predictions.shape[-1]
        if y.shape == predictions.shape:
            y = self._real("y", y)
            sums = y.sum(axis=-1)
            if y.min() < 0 or np.abs(sums - 1).max() > 1e-5:
                raise ValueError(
                    f"{self!r}: rows of y must be one-hot or probabilities that sum to 1, "
                    f"got elements from {y.min():g} and sums from {sums.min():g} to {sums.max():g}"
                )
            return y.astype(predictions.dtype, copy=False)
        if y.shape != predictions.shape[:-1]:
            both = f"{predictions.shape[:-1]} (class indices) or {predictions.shape} (one row for each example)"
            raise ValueError(f"{self!r}: y must have shape {both}, got {y.shape}")
        if y.dtype.kind not in "iu":
            raise TypeError(f"{self!r}: y must hold class indices as integers, got dtype {y.dtype}")
        classes = y.astype(np.intp, copy=False)
        if classes.view(np.uintp).max() >= n_classes:  # read without its sign, a negative number is a huge one
            raise ValueError(f"{self!r}: y must hold classes 0 .. {n_classes - 1}, got {y.min()} .. {y.max()}")
        return classes
