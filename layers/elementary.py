"""Gates of one input: the elementary functions, and layers lent to numbers.

As in `gates`, a result that its dtype cannot hold raises ValueError; infinities and NaN that come in go where the
mathematics says. At the ends of its domain a function is told no derivative that is not there.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .contract import Container, Gate, Layer, within_range


class Exp(Gate):
    """out = exp(x). dx = dout * out.

    Examples
    --------
    >>> Exp().forward(np.array([0.0, 1.0])).round(4)
    array([1.    , 2.7183])
    """

    sign = "exp"
    step_by_step = True

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
    step_by_step = True

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


class Sin(Gate):
    """out = sin(x). dx = dout * cos(x).

    Examples
    --------
    >>> gate = Sin()
    >>> float(gate.forward(0.0)), float(gate.backward(1.0))
    (0.0, 1.0)
    """

    sign = "sin"
    step_by_step = True

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
    step_by_step = True

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
    step_by_step = True

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
    step_by_step = True

    @within_range
    def forward(self, x: ArrayLike) -> Any:
        (x,) = self._operands(x)
        self._cache = x.shape
        return -x

    @within_range
    def backward(self, dout: ArrayLike) -> Any:
        return -self._check_dout(dout, self._recall())


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

    step_by_step = True

    def __init__(self, layer: Layer) -> None:
        if not isinstance(layer, Layer) or isinstance(layer, Container) or layer.n_operands != 1:
            raise TypeError(f"Elementwise: layer must be a single layer of one input, got {layer!r}")
        if layer.parameters.size or layer.buffers or any(True for _ in layer.sources()):
            raise TypeError(f"Elementwise: layer must have no parameters, buffers or noise, got {layer!r}")
        if layer.holder:
            raise ValueError(f"Elementwise: layer must be placed once, but {layer.title} is already in {layer.holder}")
        self.layer = layer
        super().__init__()
        layer.settle("an Elementwise", None)

    def settle(self, holder: str | None, path: str | None) -> None:
        super().settle(holder, path)
        self.layer.settle("an Elementwise", path)

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
