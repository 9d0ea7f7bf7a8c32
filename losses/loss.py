"""The contract of a loss: one number that says how wrong the predictions are, and its derivative.

Where the 1/N lives: here, and nowhere else. `_scale` makes the factor that every prediction's loss is multiplied
by in forward, and its gradient in backward. No layer and no optimizer divides by N.
"""

from __future__ import annotations

import math
import sys
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from . import checks
from .arguments import reductions
from .construction import Constructed
from .counted import Spread
from .extremes import DOUBLE, DTYPES, SINGLE, SLIGHT, TINY, VAST, Array, first
from .given import as_given
from .habits import Habits
from .options import Option
from .typed import typed


class NothingCounts(ValueError):
    """The weights of all predictions are zero, so that there is no mean; in a part of a batch, this is nothing wrong.

    Examples
    --------
    >>> MeanSquaredError().forward(np.ones(1), np.zeros(1), np.zeros(1))
    Traceback (most recent call last):
        ...
    losses.loss.NothingCounts: MeanSquaredError(): the weights must not all be zero
    """


class Loss(Habits, metaclass=Constructed):
    """A number to make small, in `forward`, and its derivative with respect to the predictions, in `backward`.

    `forward(predictions, y, sample_weights=None) -> float` and then `backward() -> dpredictions`, the exact
    derivative of what `forward` returned, in the shape and dtype of the predictions. What a loss does not say of itself
    is as it stands here: its `reduction`, the sample_weights, what is refused, and its numbers.

    Predictions and y may be `Padded`: the padding does not count, in the loss, its divisor and its gradient, whatever
    stands there.

    Arrays may be of any real dtype and lie in memory as they like. dpredictions has the dtype of predictions, float64
    if these are whole numbers, and y is rounded to it; float16 is computed in float32. The loss is added up in float64,
    and near the ends of a dtype it is computed in a wider one: what has a right number gets it, the rest is refused.

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
        an option is out of its range; nothing is given; a number is NaN or infinite; y does not fit into the dtype
        of predictions; or the loss, its gradient or the sum of the weights is beyond the largest number.
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
    ignore: int | None = None  # a class index in y that does not count, where a loss has one
    spread: Spread | None = None  # where the predictions are that counted in the last forward; None, if all did
    _cache: Any = None
    _dtype: Any = None  # of the predictions, and so of dpredictions
    _ordinary: bool = True  # nothing in the last forward can have overflowed or underflowed
    _far: bool = False  # a weight or option in it is so far from 1 that only the widest dtype will do
    _least: ClassVar[dict[int, float]] = TINY  # bytes of the dtype: the formula loses digits where the loss is smaller

    reduction = Option(reductions)

    def __init__(self, reduction: str = "mean") -> None:
        self.reduction = reduction

    def constructed(self) -> None:
        """Nothing more: a loss of one's own may do without a reduction."""

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

    def _losses(self, predictions: Array, y: Array) -> tuple[Array, Any]:
        """Return the loss of each prediction and what backward needs, in the dtype of predictions."""
        raise NotImplementedError(f"{type(self).__name__} must define _losses(self, predictions, y)")

    def _reduce(self, predictions: Array, y: Array, scale: float | Array) -> float:
        """Return sum(losses * scale), and keep what backward needs."""
        if self._ordinary:
            losses, kept = self._losses(predictions, y)
            value = self._add_up(losses, scale)
            if value >= self._least.get(predictions.itemsize, -math.inf):
                self._cache = kept, scale
                return value
        return self._reduce_with_care(predictions, y, scale)

    def _reduce_with_care(self, predictions: Array, y: Array, scale: float | Array) -> float:
        """Return the same, computed in the first dtype that holds it: that of predictions or a wider one."""
        self._ordinary = False
        value, kept = math.nan, None
        with np.errstate(all="ignore"):  # the value tells what has overflowed or underflowed
            for dtype in DTYPES[-1:] if self._far else DTYPES:
                if dtype.itemsize >= predictions.itemsize:
                    losses, kept = self._losses(predictions.astype(dtype, copy=False), y)
                    value = self._add_up(losses, scale)
                    if TINY.get(losses.itemsize, 0.0) <= value < math.inf:
                        break
        if not math.isfinite(value):
            raise ValueError(f"{self!r}: the loss must be at most {sys.float_info.max:.2g}, the largest number")
        self._cache = kept, scale
        return value

    def _add_up(self, losses: Array, scale: float | Array) -> float:
        """Return sum(losses * scale), added up in float64; a scale that all share is multiplied once, at the end."""
        if isinstance(scale, float):
            return float(np.add.reduce(losses, None, DOUBLE if losses.itemsize <= 8 else None) * scale)
        products = losses * scale
        return float(products.sum(dtype=np.float64 if products.itemsize <= 8 else None))

    def _times(self, slopes: Array, scale: float | Array) -> Array:
        """Return slopes * scale, the gradient; slopes are ours, and their memory is used again."""
        if not isinstance(scale, float):
            scale = scale[..., np.newaxis] if scale.ndim < slopes.ndim else scale  # one for each row
            scale = scale.astype(slopes.dtype, copy=False) if self._ordinary else scale
        if self._ordinary:
            slopes *= scale
            return slopes if self.spread is None else self.spread.of(slopes)
        with np.errstate(all="ignore"):
            exact = slopes * scale
            gradient: Array = exact.astype(self._dtype)
        if not np.isfinite(gradient).all():
            where = first(~np.isfinite(gradient))
            number = f"{exact[where]:.3g} at {list(where)}"
            raise ValueError(f"{self!r}: the gradient must fit into {self._dtype}, got {number}")
        return gradient if self.spread is None else self.spread.of(gradient)

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
            # weights of 0 are usual, those below 0 or next to it are not
            plain = np.count_nonzero(given >= SLIGHT)
            if plain < given.size and plain + np.count_nonzero(given == 0) < given.size:
                if given.min() < 0:
                    raise ValueError(f"{self!r}: sample_weights must not be negative, got {given.min()}")
                self._far = True
            if not self._ordinary and given.max() > 1 / SLIGHT:
                self._far = True
            if self._far:
                weights = weights.astype(np.longdouble)
            weights *= given.reshape(given.shape + (1,) * (len(shape) - given.ndim))
        if class_weights is not None:
            weights = weights * class_weights
        if self.reduction == "mean":
            total = weights.sum()
            self.divisor = float(total)
            if not 0 < self.divisor < math.inf:
                if total == 0:
                    raise NothingCounts(f"{self!r}: the weights must not all be zero")
                raise ValueError(f"{self!r}: the sum of the weights must fit into float64, got {total}")
            if self.divisor > 1 / SLIGHT:
                self._far = True
            weights = (weights.astype(np.longdouble) if self._far else weights) / total
        if self._far:
            self._ordinary = False
        return weights

    def _predictions(self, name: str, values: ArrayLike, masked: bool = False) -> Array:
        """Return values, with which a forward begins, as `_real` does."""
        self._cache = None
        self._ordinary, self._far = True, False
        array = self._real(name, values, masked)
        self._dtype = array.dtype
        if array is not values:
            given = np.asarray(values).dtype
            if given.kind == "f" and given.itemsize < 4:
                self._dtype, self._ordinary = np.dtype(np.float16), False
        return array

    def _real(self, name: str, values: ArrayLike, masked: bool = False) -> Array:
        """Return values as an array of finite floating numbers, at least one; where `masked`, -inf is one too.

        This is the one door: behind it arrays are native, C-ordered and of float32 at least. Only others are copied.
        """
        array = np.asarray(checks.array(self, name, values) if type(values) is not np.ndarray else values, order="C")
        kind = array.dtype.kind
        if kind not in "fiub":
            raise TypeError(f"{self!r}: {name} must hold real numbers, got {as_given(name, array)}")
        if array.ndim == 0 or array.size == 0:
            raise ValueError(f"{self!r}: {name} must hold at least one example, got shape {array.shape}")
        if array.dtype is not SINGLE and array.dtype is not DOUBLE:
            native = array.dtype.newbyteorder("=") if kind == "f" else DOUBLE
            array = array.astype(native if native.itemsize > 2 else SINGLE, copy=False)
        # A NaN or an infinity makes the sum of squares one; so may large numbers, and then the elements decide. One
        # call in place of two, and no array made.
        if not float(np.vdot(array, array)) < VAST:
            self._look(name, np.asarray(values), array, masked)
        return array

    def _look(self, name: str, given: Array, array: Array, masked: bool) -> None:
        """Raise where an element is not finite, or, a whole number beyond 2**53, is not what was given."""
        self._ordinary = False
        refused = ~np.isfinite(array)
        if masked:
            refused &= array != -np.inf
        if refused.any():
            where = first(refused)
            raise ValueError(f"{self!r}: {name} must be finite, got {array[where]} at {list(where)}")
        if given.dtype.kind in "iu":
            for place in np.argwhere(np.abs(array) >= 2**53):
                where = tuple(int(i) for i in place)
                if int(given[where]) != int(array[where]):
                    raise ValueError(f"{self!r}: {name} must fit into float64, got {given[where]} at {list(where)}")

    def _rows(self, name: str, values: ArrayLike, masked: bool = False) -> Array:
        """Return values as rows of floating numbers, one number for each of two classes or more."""
        rows = self._predictions(name, values, masked)
        if rows.ndim < 2 or rows.shape[-1] < 2:
            raise ValueError(f"{self!r}: {name} must have shape (N, C) with C of at least 2, got {rows.shape}")
        return rows

    def _same_shape(self, name: str, predictions: ArrayLike, y: ArrayLike) -> tuple[Array, Array]:
        """Return predictions and y, which must agree in shape: (N, 1) against (N,) would broadcast to (N, N)."""
        predictions, y = self._predictions(name, predictions), self._real("y", y)
        if predictions.shape != y.shape:
            both = f"{predictions.shape} and {y.shape}"
            cure = ""
            if predictions.shape == (*y.shape, 1):
                cure = ": y[:, np.newaxis]" if y.ndim == 1 else ": y[..., np.newaxis]"
            elif y.shape == (*predictions.shape, 1):
                cure = ": y[..., 0]"
            raise ValueError(f"{self!r}: {name} and y must have the same shape, got {both}{cure}")
        if not self._ordinary:
            with np.errstate(over="ignore"):
                beyond = np.isinf(y.astype(self._dtype))
            if beyond.any():
                where = first(beyond)
                number = f"{y[where]:.3g} at {list(where)}"
                raise ValueError(f"{self!r}: y must fit into {self._dtype}, the dtype of {name}, got {number}")
        return predictions, y

    def _labels(self, predictions: Array, y: ArrayLike) -> Array:
        """Return y, checked: class indices of shape (N, ...), or probabilities of the shape of predictions."""
        n_classes = predictions.shape[-1]
        if type(y) is not np.ndarray:
            y = checks.array(self, "y", y)
        if y.shape == predictions.shape:
            half = y.dtype == np.float16
            y = self._real("y", y)
            sums = y.sum(axis=-1, dtype=None if self._ordinary else np.longdouble)
            if y.min() < 0 or np.abs(sums - 1).max() > (1e-3 if half else 1e-5):
                raise ValueError(
                    f"{self!r}: rows of y must be one-hot or probabilities that sum to 1, "
                    f"got elements from {y.min():g} and sums from {sums.min():g} to {sums.max():g}"
                )
            return y.astype(predictions.dtype, copy=False)
        if y.shape != predictions.shape[:-1]:
            if predictions.ndim > 2 and y.shape == predictions.shape[:1]:
                raise ValueError(
                    f"{self!r}: predictions must have shape ({len(y)}, C) for y {y.shape}, one class an example, got "
                    f"{predictions.shape}: Flatten() before the last layers?"
                )
            both = f"{predictions.shape[:-1]} (class indices) or {predictions.shape} (one row for each example)"
            cure = ": y[..., 0]" if y.shape == (*predictions.shape[:-1], 1) else ""
            raise ValueError(f"{self!r}: y must have shape {both}, got {y.shape}{cure}")
        if y.dtype.kind not in "iu":
            raise TypeError(f"{self!r}: y must hold class indices as integers, got {as_given('y', y, whole=True)}")
        classes = y.astype(np.intp, copy=False)
        # read without its sign, a negative number is a huge one
        if np.maximum.reduce(classes.view(np.uintp), None) >= n_classes:
            raise ValueError(f"{self!r}: y must hold classes 0 .. {n_classes - 1}, got {y.min()} .. {y.max()}")
        return classes
