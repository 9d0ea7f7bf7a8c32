"""Powers and roots, as gates: where there is no slope, at zero, none is made up."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .contract import Array, Gate, checks, within_range
from .speed import sum_to_shape


class Sqrt(Gate):
    """out = sqrt(x). dx = dout / (2 * out).

    Raises
    ------
    ValueError
        If an element of x is negative; or zero, in backward, where the slope is infinite.

    Examples
    --------
    >>> gate = Sqrt()
    >>> float(gate.forward(9.0)), float(gate.backward(6.0))
    (3.0, 1.0)
    """

    sign = "sqrt"
    step_by_step = True

    @within_range
    def forward(self, x: ArrayLike) -> Any:
        (x,) = self._operands(x)
        if np.any(x < 0):
            raise ValueError(f"{self.who}: x must not be negative, got {np.min(x)}")
        out = self._cache = np.sqrt(x)
        return out

    @within_range
    def backward(self, dout: ArrayLike) -> Any:
        out = self._recall()
        dout = self._check_dout(dout, out.shape)
        steep = _steep(self, out == 0, dout)
        return np.where(steep, 0, dout / np.where(steep, 1, 2 * out))[()]


class Power(Gate):
    """out = x ** exponent; without an exponent, a gate of two inputs: out = a ** b, for a > 0.

    dx = dout * exponent * x ** (exponent - 1), and db = dout * out * log(a), which is why a must be positive: a
    negative number has no powers between the whole ones, and so no slope in b.

    Parameters
    ----------
    exponent : float, optional
        A number, and no input.

    Raises
    ------
    ValueError
        If x is negative and the exponent is no whole number; if x is zero and the exponent negative, or, in backward,
        between 0 and 1, where the slope is infinite; if a is not positive.

    Examples
    --------
    >>> gate = Power(3)
    >>> float(gate.forward(-2)), float(gate.backward(1.0))
    (-8.0, 12.0)
    >>> gate = Power()
    >>> float(gate.forward(4.0, 0.5)), [float(d.round(4)) for d in gate.backward(1.0)]
    (2.0, [0.25, 2.7726])
    """

    step_by_step = True

    def __init__(self, exponent: float | None = None) -> None:
        self.exponent = None if exponent is None else checks.number("Power", "exponent", exponent)
        self.n_operands = 2 if exponent is None else 1
        super().__init__()

    @property
    def sign(self) -> str:  # type: ignore[override]
        """`**`, and the exponent, if it has one."""
        return "**" if self.exponent is None else f"**{self.exponent:g}"

    @within_range
    def forward(self, a: ArrayLike, b: ArrayLike | None = None) -> Any:
        if (b is None) != (self.exponent is not None):
            raise TypeError(f"{self.who}: forward must be given {self.n_operands} inputs, got {1 + (b is not None)}")
        if self.exponent is None:
            a, b = self._broadcast(a, b)
            if np.any(a <= 0):
                raise ValueError(f"{self.who}: a must be positive where b is an input too, got {np.min(a)}")
        else:
            (a,), b = self._operands(a), self.exponent
            if not b.is_integer() and np.any(a < 0):
                raise ValueError(f"{self.who}: x must not be negative under a broken exponent, got {np.min(a)}")
            if b < 0 and not np.all(a):
                raise ValueError(f"{self.who}: x must not be zero under a negative exponent, got 0 among its elements")
        out = a**b
        self._cache = a, b, out.shape
        return out

    @within_range
    def backward(self, dout: ArrayLike) -> Any:
        a, b, shape = self._recall()
        dout = self._check_dout(dout, shape)
        if self.exponent is None:
            da, db = _times_power(dout, b, a, b - 1), _times_power(dout, np.log(a), a, b)
            return sum_to_shape(da, a.shape), sum_to_shape(db, b.shape)
        if b == 0:
            return np.zeros_like(dout)[()]
        steep = _steep(self, a == 0, dout) if b < 1 else np.zeros(a.shape, bool)
        return np.where(steep, 0, _times_power(dout, b, np.where(steep, 1, a), b - 1))[()]


def _steep(gate: Gate, at: Array, dout: Array) -> Array:
    """Return where the slope is infinite and nothing comes back; raise where something does."""
    if np.any(at & (dout != 0)):
        raise ValueError(f"{gate.who}: x must not be zero in backward, where its slope is infinite, got 0")
    return at


def _times_power(dout: Array, factor: Any, x: Array, exponent: Any) -> Any:
    """Return dout * factor * x ** exponent."""
    try:
        with np.errstate(over="raise", under="raise"):
            return dout * (factor * x**exponent)
    except FloatingPointError:
        # the power is too large or too small where the product with dout need not be: in two halves
        half = np.abs(x) ** (exponent / 2)
        odd = (x < 0) & (np.mod(exponent, 2) == 1)
        return dout * half * factor * half * np.where(odd, -1, 1).astype(dout.dtype)
