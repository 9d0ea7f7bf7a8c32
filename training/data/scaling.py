"""Features brought to one scale, and back again."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from layers.contract import Array, native
from layers.contract.construction import Elsewhere
from layers.speed import sum_axes

from .arrays import real_array


def standardize(x_train: ArrayLike, *others: ArrayLike) -> Any:
    """Return arrays whose features have mean 0 and standard deviation 1 in x_train: (x - mean) / deviation.

    Mean and deviation are those of x_train alone: what is known of the test set must not enter. A feature that is
    constant in x_train is only centered. A `Standardizer` keeps the numbers, for data that come later.

    Parameters
    ----------
    x_train : array (N, ...)
    *others : array (M, ...)
        Changed by the same numbers.

    Returns
    -------
    array, or a tuple of them if there are others

    Raises
    ------
    ValueError
        If the features of the others have another shape, or a number of x_train is NaN or infinite.

    Examples
    --------
    >>> x_train, x_test = standardize([[0.0, 5.0], [2.0, 5.0]], [[1.0, 6.0]])
    >>> x_train, x_test
    (array([[-1.,  0.],
           [ 1.,  0.]]), array([[0., 1.]]))
    """
    names = ("x_train", *(f"others[{i}]" for i in range(len(others))))
    given = zip(names, (x_train, *others), strict=True)
    arrays = [_floats("standardize", *each) for each in given]
    _check_first("standardize", "x_train", arrays[0])
    for x in arrays[1:]:
        if x.shape[1:] != arrays[0].shape[1:]:
            raise ValueError(f"standardize: all must have features {arrays[0].shape[1:]}, got {x.shape[1:]}")
    scale = _Scale(arrays[0])
    results = [scale.away("standardize", x) for x in arrays]
    return tuple(results) if others else results[0]


class Standardizer:
    """What `standardize` does, with the numbers kept: for data that come later, and for the way back.

    `fit` learns mean and deviation of each feature; `transform` is (x - mean) / deviation, `invert` is
    x * deviation + mean, of a target that a network has predicted in the scale of `transform`.

    Attributes
    ----------
    mean, deviation : array (...)
        Of each feature, once it is fitted. The deviation of a feature that is constant is 1.

    Examples
    --------
    >>> scale = Standardizer().fit([[0.0, 5.0], [2.0, 5.0]])
    >>> scale.mean, scale.deviation
    (array([1., 5.]), array([1., 1.]))
    >>> scale.transform([[3.0, 6.0]]), scale.invert([[2.0, 1.0]])
    (array([[2., 1.]]), array([[3., 6.]]))
    """

    fit_transform = Elsewhere("fit_transform", "fit(x).transform(x)")
    inverse_transform = Elsewhere("inverse_transform", "invert")

    def __init__(self) -> None:
        self._scale: _Scale | None = None

    def fit(self, x: ArrayLike) -> Standardizer:
        """Learn mean and deviation of x, (N, ...); return self."""
        x = _floats("Standardizer.fit", "x", x)
        _check_first("Standardizer.fit", "x", x)
        self._scale = _Scale(x)
        return self

    @property
    def mean(self) -> Array:
        """The mean of each feature."""
        return self._fitted("mean", None).mean.copy()

    @property
    def deviation(self) -> Array:
        """The standard deviation of each feature, 1 of one that is constant."""
        return self._fitted("deviation", None).deviation.copy()

    def transform(self, x: ArrayLike) -> Array:
        """Return (x - mean) / deviation."""
        x = _floats("Standardizer.transform", "x", x)
        return self._fitted("transform", x).away("Standardizer.transform", x)

    def invert(self, x: ArrayLike) -> Array:
        """Return x * deviation + mean: what `transform` would make x of."""
        x = _floats("Standardizer.invert", "x", x)
        return self._fitted("invert", x).back("Standardizer.invert", x)

    def _fitted(self, method: str, x: Array | None) -> _Scale:
        if self._scale is None:
            raise RuntimeError(f"Standardizer: fit(x) must come before {method}, got none")
        features = self._scale.mean.shape
        if x is not None and (x.ndim == 0 or x.shape[1:] != features):
            raise ValueError(f"Standardizer.{method}: x must have features {features}, as in fit, got shape {x.shape}")
        return self._scale

    def __repr__(self) -> str:
        if self._scale is None:
            return "Standardizer()"
        return f"Standardizer() of {self._scale.mean.size} features"


class _Scale:
    """Mean and deviation of each feature of finite examples.

    In powers of two, so that no difference is too large and no square too small; and less the first example, so that
    of equal numbers nothing is left, not even a rounding.
    """

    def __init__(self, first: Array) -> None:
        self.power = power = np.maximum(np.frexp(np.abs(first).max(axis=0).astype(np.float64))[1] + 1, -900)
        self.origin = origin = _scaled(first[0], power)
        difference = _scaled(first, power) - origin
        self.middle = middle = sum_axes(difference, (0,)) / len(first)
        spread = np.sqrt(sum_axes(np.square(difference - middle), (0,)) / len(first))
        constant = spread <= 1e-12 * np.abs(origin + middle)
        self.spread = np.where(constant, np.ldexp(1.0, -power), spread)  # as large as 1 is in x
        self.mean = np.ldexp(origin + middle, power)
        self.deviation = np.ldexp(self.spread, power)

    def away(self, who: str, x: Array) -> Array:
        try:
            with np.errstate(over="raise"):
                result: Array = ((_scaled(x, self.power) - self.origin - self.middle) / self.spread).astype(x.dtype)
        except FloatingPointError:
            raise ValueError(f"{who}: results must be at most {np.finfo(x.dtype).max:.2g}, got more") from None
        return result

    def back(self, who: str, x: Array) -> Array:
        try:
            with np.errstate(over="raise"):
                result: Array = (x.astype(np.float64) * self.deviation + self.mean).astype(x.dtype)
        except FloatingPointError:
            raise ValueError(f"{who}: results must be at most {np.finfo(x.dtype).max:.2g}, got more") from None
        return result


def _floats(who: str, name: str, x: ArrayLike) -> Array:
    array = native(np.asarray(real_array(who, name, x, empty=True)))
    return array if array.dtype.kind == "f" else array.astype(float)


def _check_first(who: str, name: str, first: Array) -> None:
    if first.ndim == 0 or len(first) == 0 or not np.all(np.isfinite(first)):
        raise ValueError(f"{who}: {name} must hold finite examples, got shape {first.shape} with NaN or none")


def _scaled(x: Array, power: Array) -> Array:
    """Return x over 2**power, in float64."""
    scaled: Array = np.ldexp(x.astype(np.float64), -power)
    return scaled
