"""Gates of one input: the elementary functions, and layers lent to numbers.

As in `gates`, a result that its dtype cannot hold raises ValueError; infinities and NaN that come in go where the
mathematics says. At the ends of its domain a function is told no derivative that is not there.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .contract import Array, Container, Gate, Layer, checks, within_range
from .speed import sum_to_shape


class Exp(Gate):
    """out = exp(x). dx = dout * out.

    Examples
    --------
    >>> Exp().forward(np.array([0.0, 1.0])).round(4)
    array([1.    , 2.7183])
    """

    sign = "exp"

    @within_range
    def forward(self, x: ArrayLike) -> Any:
        out = self._cache = np.exp(self._operands(x)[0])
        return out

    @within_range
    def backward(self, dout: ArrayLike) -> Any:
        out = self._recall()
        return self._check_dout(dout, out.shape) * out


class Log(Gate):
    """out = log(x), the natural logarithm. dx = dout / x.

    Raises
    ------
    ValueError
        If an element of x is not positive.

    Examples
    --------
    >>> Log().forward(np.array([1.0, np.e]))
    array([0., 1.])
    """

    sign = "log"

    @within_range
    def forward(self, x: ArrayLike) -> Any:
        (x,) = self._operands(x)
        if np.any(x <= 0):
            raise ValueError(f"{self.who}: x must be positive, got {np.min(x)}")
        self._cache = x
        return np.log(x)

    @within_range
    def backward(self, dout: ArrayLike) -> Any:
        x = self._recall()
        return self._check_dout(dout, x.shape) / x


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


class Sin(Gate):
    """out = sin(x). dx = dout * cos(x).

    Examples
    --------
    >>> gate = Sin()
    >>> float(gate.forward(0.0)), float(gate.backward(1.0))
    (0.0, 1.0)
    """

    sign = "sin"

    @within_range
    def forward(self, x: ArrayLike) -> Any:
        (x,) = self._operands(x)
        self._cache = x
        return np.sin(x)

    @within_range
    def backward(self, dout: ArrayLike) -> Any:
        x = self._recall()
        return self._check_dout(dout, x.shape) * np.cos(x)


class Cos(Gate):
    """out = cos(x). dx = -dout * sin(x).

    Examples
    --------
    >>> gate = Cos()
    >>> float(gate.forward(0.0)), float(gate.backward(1.0))
    (1.0, -0.0)
    """

    sign = "cos"

    @within_range
    def forward(self, x: ArrayLike) -> Any:
        (x,) = self._operands(x)
        self._cache = x
        return np.cos(x)

    @within_range
    def backward(self, dout: ArrayLike) -> Any:
        x = self._recall()
        return -self._check_dout(dout, x.shape) * np.sin(x)


class Absolute(Gate):
    """out = |x|. dx = dout where x > 0, -dout elsewhere, at the kink too.

    Examples
    --------
    >>> gate = Absolute()
    >>> gate.forward(np.array([-2.0, 3.0])), gate.backward(np.array([1.0, 1.0]))
    (array([2., 3.]), array([-1.,  1.]))
    """

    sign = "abs"

    @within_range
    def forward(self, x: ArrayLike) -> Any:
        (x,) = self._operands(x)
        self._cache = x > 0
        return np.abs(x)

    @within_range
    def backward(self, dout: ArrayLike) -> Any:
        rising = self._recall()
        dout = self._check_dout(dout, rising.shape)
        return np.where(rising, dout, -dout)[()]


class Negate(Gate):
    """out = -x. dx = -dout.

    Examples
    --------
    >>> gate = Negate()
    >>> float(gate.forward(3.0)), float(gate.backward(1.0))
    (-3.0, -1.0)
    """

    sign = "-"

    @within_range
    def forward(self, x: ArrayLike) -> Any:
        (x,) = self._operands(x)
        self._cache = x.shape
        return -x

    @within_range
    def backward(self, dout: ArrayLike) -> Any:
        return -self._check_dout(dout, self._recall())


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
        self._cache = a, b, out
        return out

    @within_range
    def backward(self, dout: ArrayLike) -> Any:
        a, b, out = self._recall()
        dout = self._check_dout(dout, out.shape)
        if self.exponent is None:
            return sum_to_shape(_times_slope(dout, a, b), a.shape), sum_to_shape(dout * out * np.log(a), b.shape)
        if b == 0:
            return np.zeros_like(dout)[()]
        steep = _steep(self, a == 0, dout) if b < 1 else np.zeros(a.shape, bool)
        return np.where(steep, 0, _times_slope(dout, np.where(steep, 1, a), b))[()]


class Elementwise(Gate):
    """out = layer(x), for an activation: it works on numbers too, and on arrays of any shape.

    Parameters
    ----------
    layer : Layer
        Without parameters, noise or anything that it remembers from one batch to the next; its out has the shape of x.

    Raises
    ------
    TypeError, ValueError
        If the layer is another one, or is part of something already.

    Examples
    --------
    >>> gate = Elementwise(Tanh())
    >>> float(gate.forward(0.0)), float(gate.backward(2.0))
    (0.0, 2.0)
    """

    def __init__(self, layer: Layer) -> None:
        if not isinstance(layer, Layer) or isinstance(layer, Container) or layer.n_operands != 1:
            raise TypeError(f"Elementwise: layer must be a single layer of one input, got {layer!r}")
        if layer.parameters.size or layer.buffers or any(True for _ in layer.generators()):
            raise TypeError(f"Elementwise: layer must have no parameters, buffers or noise, got {layer!r}")
        if layer.holder:
            raise ValueError(f"Elementwise: layer must be placed once, but {layer.title} is already in {layer.holder}")
        self.layer = layer
        super().__init__()
        layer.settle(f"an Elementwise, {self.title}", "")

    @property
    def sign(self) -> str:  # type: ignore[override]
        """The name of the layer."""
        return self.operation.lower()

    @property
    def operation(self) -> str:
        """The name of the class of the layer."""
        return type(self.layer).__name__

    @within_range
    def forward(self, x: ArrayLike) -> Any:
        (x,) = self._operands(x)
        out = self.layer.forward(x if x.ndim else x.reshape(1))
        if out.shape != (x.shape or (1,)):
            raise ValueError(f"{self.who}: out must have the shape of x, {x.shape}, got {out.shape}")
        self._cache = x.shape
        return out.reshape(x.shape)[()]

    @within_range
    def backward(self, dout: ArrayLike) -> Any:
        shape = self._recall()
        dout = self._check_dout(dout, shape)
        return self.layer.backward(dout if shape else dout.reshape(1)).reshape(shape)[()]

    def forget(self) -> None:
        super().forget()
        self.layer.forget()


def _steep(gate: Gate, at: Array, dout: Array) -> Array:
    """Return where the slope is infinite and nothing comes back; raise where something does."""
    if np.any(at & (dout != 0)):
        raise ValueError(f"{gate.who}: x must not be zero in backward, where its slope is infinite, got 0")
    return at


def _times_slope(dout: Array, x: Array, exponent: Any) -> Any:
    """Return dout * exponent * x ** (exponent - 1)."""
    try:
        with np.errstate(over="raise", under="raise"):
            return dout * (exponent * x ** (exponent - 1))
    except FloatingPointError:
        # the slope is too large or too small where the product with dout need not be: in two halves
        half = np.abs(x) ** ((exponent - 1) / 2)
        sign = np.where((x < 0) & (np.mod(exponent, 2) == 0), -1, 1)  # exponent - 1 is odd
        return dout * half * exponent * half * sign
