"""Metrics of numbers: how far predictions are from y."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from layers.contract import Array
from layers.speed import sum_rows

from .data.arrays import real_array
from .metrics import Metric


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
