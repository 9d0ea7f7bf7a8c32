"""Gates of several inputs: the smallest layers, one operation each. Those of one input are in `elementary`.

`forward(a, b) -> out` and `backward(dout) -> (da, db)`, for arrays and for plain numbers, broadcasting like NumPy.
Where broadcasting repeated an input, its gradient is the sum over the copies. Every local gradient is multiplied by
`dout`, what arrives from above: that is the chain rule.

A result that its dtype cannot hold raises ValueError; infinities and NaN that come in go where the mathematics says.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .contract import Array, Gate, Shape, within_range
from .contract.gate import listed
from .speed import sum_to_shape


class Add(Gate):
    """out = a + b. It distributes: both inputs receive dout.

    Examples
    --------
    >>> gate = Add()
    >>> float(gate.forward(5, 3)), [float(d) for d in gate.backward(1.0)]
    (8.0, [1.0, 1.0])
    """

    n_operands = 2
    sign = "+"
    step_by_step = True

    @within_range
    def forward(self, a: ArrayLike, b: ArrayLike) -> Any:
        a, b = self._broadcast(a, b)
        out = a + b
        self._cache = a.shape, b.shape, out.shape
        return out

    @within_range
    def backward(self, dout: ArrayLike) -> tuple[Any, Any]:
        a_shape, b_shape, shape = self._recall()
        dout = self._check_dout(dout, shape)
        return sum_to_shape(dout.copy(), a_shape), sum_to_shape(dout.copy(), b_shape)


class Subtract(Gate):
    """out = a - b. a receives dout, b receives -dout.

    Examples
    --------
    >>> gate = Subtract()
    >>> float(gate.forward(5, 3)), [float(d) for d in gate.backward(1.0)]
    (2.0, [1.0, -1.0])
    """

    n_operands = 2
    sign = "-"
    step_by_step = True

    @within_range
    def forward(self, a: ArrayLike, b: ArrayLike) -> Any:
        a, b = self._broadcast(a, b)
        out = a - b
        self._cache = a.shape, b.shape, out.shape
        return out

    @within_range
    def backward(self, dout: ArrayLike) -> tuple[Any, Any]:
        a_shape, b_shape, shape = self._recall()
        dout = self._check_dout(dout, shape)
        return sum_to_shape(dout.copy(), a_shape), sum_to_shape(-dout, b_shape)


class Multiply(Gate):
    """out = a * b, element by element. It swaps: each input receives dout times the other one.

    Examples
    --------
    >>> gate = Multiply()
    >>> float(gate.forward(4, -5)), [float(d) for d in gate.backward(1.0)]
    (-20.0, [-5.0, 4.0])
    """

    n_operands = 2
    sign = "*"
    step_by_step = True

    @within_range
    def forward(self, a: ArrayLike, b: ArrayLike) -> Any:
        a, b = self._cache = self._broadcast(a, b)
        return a * b

    @within_range
    def backward(self, dout: ArrayLike) -> tuple[Any, Any]:
        a, b = self._recall()
        dout = self._check_dout(dout, np.broadcast_shapes(a.shape, b.shape))
        return sum_to_shape(dout * b, a.shape), sum_to_shape(dout * a, b.shape)


class Divide(Gate):
    """out = a / b, element by element. a receives dout / b, b receives -dout * a / b².

    Raises
    ------
    ValueError
        If an element of b is zero.

    Examples
    --------
    >>> gate = Divide()
    >>> float(gate.forward(6, 2)), [float(d) for d in gate.backward(1.0)]
    (3.0, [0.5, -1.5])
    """

    n_operands = 2
    sign = "/"

    @within_range
    def forward(self, a: ArrayLike, b: ArrayLike) -> Any:
        a, b = self._broadcast(a, b)
        if not np.all(b):
            raise ValueError(f"{self.who}: b must not be zero, got 0 among its elements")
        out = a / b
        self._cache = a, b, out.shape
        return out

    @within_range
    def backward(self, dout: ArrayLike) -> tuple[Any, Any]:
        a, b, shape = self._recall()
        dout = self._check_dout(dout, shape)
        da = dout / b
        try:
            with np.errstate(over="raise", under="raise"):
                db = -(dout / b) * (a / b)
        except FloatingPointError:
            # a quotient is too large or too small where -dout * a / b² need not be: mantissas first, then exponents
            (d, d_power), (m, a_power), (n, b_power) = np.frexp(dout), np.frexp(a), np.frexp(b)
            db = np.ldexp(-d * m / (n * n), d_power + a_power - 2 * b_power)
        return sum_to_shape(da, a.shape), sum_to_shape(db, b.shape)


class Maximum(Gate):
    """out = max(a, b), element by element. It routes: the larger input receives dout, a in a tie.

    Examples
    --------
    >>> gate = Maximum()
    >>> float(gate.forward(4, 2)), [float(d) for d in gate.backward(1.0)]
    (4.0, [1.0, 0.0])
    """

    n_operands = 2
    sign = "max"
    step_by_step = True

    @within_range
    def forward(self, a: ArrayLike, b: ArrayLike) -> Any:
        a, b = self._broadcast(a, b)
        self._cache = a.shape, b.shape, a >= b
        return np.maximum(a, b)

    @within_range
    def backward(self, dout: ArrayLike) -> tuple[Any, Any]:
        a_shape, b_shape, to_a = self._recall()
        dout = self._check_dout(dout, to_a.shape)
        return sum_to_shape(np.where(to_a, dout, 0), a_shape), sum_to_shape(np.where(to_a, 0, dout), b_shape)


class Minimum(Gate):
    """out = min(a, b), element by element. It routes: the smaller input receives dout, a in a tie.

    Examples
    --------
    >>> gate = Minimum()
    >>> float(gate.forward(4, 2)), [float(d) for d in gate.backward(1.0)]
    (2.0, [0.0, 1.0])
    """

    n_operands = 2
    sign = "min"
    step_by_step = True

    @within_range
    def forward(self, a: ArrayLike, b: ArrayLike) -> Any:
        a, b = self._broadcast(a, b)
        self._cache = a.shape, b.shape, a <= b
        return np.minimum(a, b)

    @within_range
    def backward(self, dout: ArrayLike) -> tuple[Any, Any]:
        a_shape, b_shape, to_a = self._recall()
        dout = self._check_dout(dout, to_a.shape)
        return sum_to_shape(np.where(to_a, dout, 0), a_shape), sum_to_shape(np.where(to_a, 0, dout), b_shape)


class MatMul(Gate):
    """out = a @ b, as `np.matmul`: matrices, stacks of matrices, and vectors.

    da = dout @ b.T and db = a.T @ dout: the only products in which the shapes fit.

    Shapes
    ------
    a (..., n, k), b (..., k, m), out (..., n, m)

    Examples
    --------
    >>> gate = MatMul()
    >>> gate.forward(np.array([[1.0, 2.0]]), np.array([[3.0], [4.0]]))
    array([[11.]])
    >>> da, db = gate.backward(np.array([[1.0]]))
    >>> da, db.T
    (array([[3., 4.]]), array([[1., 2.]]))
    """

    n_operands = 2
    sign = "@"

    @within_range
    def forward(self, a: ArrayLike, b: ArrayLike) -> Any:
        a, b = self._operands(a, b)
        try:
            out = _product(a, b)
        except ValueError:
            fit = "(..., n, k) @ (..., k, m)"
            raise ValueError(f"{self.who}: shapes must be {fit}, got {a.shape} and {b.shape}") from None
        self._cache = a, b, out.shape
        return out

    @within_range
    def backward(self, dout: ArrayLike) -> tuple[Any, Any]:
        a, b, shape = self._recall()
        dout = self._check_dout(dout, shape)
        rows = a[np.newaxis, :] if a.ndim == 1 else a  # a vector a is one row, a vector b one column, as in np.matmul
        columns = b[:, np.newaxis] if b.ndim == 1 else b
        stack = np.broadcast_shapes(rows.shape[:-2], columns.shape[:-2])
        dout = dout.reshape(*stack, rows.shape[-2], columns.shape[-1])
        da = sum_to_shape(_product(dout, columns.swapaxes(-1, -2)), rows.shape)
        db = sum_to_shape(_product(rows.swapaxes(-1, -2), dout), columns.shape)
        return da.reshape(a.shape), db.reshape(b.shape)

    def shape_of_out(self, *shapes: Shape) -> Shape:
        a, b = shapes
        rows, columns = a if len(a) > 1 else (1, *a), b if len(b) > 1 else (*b, 1)
        if not a or not b or rows[-1] != columns[-2]:
            raise ValueError(f"{self.who}: shapes must be (..., n, k) @ (..., k, m), got {listed(shapes)}")
        stack = self._broadcast_shapes(rows[:-2], columns[:-2])
        return (*stack, *a[-2:-1], *(b[-1:] if len(b) > 1 else ()))


def _product(a: Array, b: Array) -> Any:
    """Return a @ b, where a sum on the way may be too large, and its result need not be."""
    with np.errstate(all="ignore"):
        out = np.matmul(a, b)
    if np.isfinite(out).all():
        return out
    (a, a_power), (b, b_power) = _scaled(a), _scaled(b)  # numbers up to 1, whose products add up
    return np.where(np.isfinite(out), out, np.ldexp(np.matmul(a, b), a_power + b_power).astype(out.dtype))[()]


def _scaled(a: Array) -> tuple[Array, int]:
    """Return a in float64 over a power of two, with nothing finite above 1, and the exponent of that."""
    wide = a.astype(np.result_type(a.dtype, np.float64), copy=False)
    power = int(np.frexp(np.max(np.abs(wide), where=np.isfinite(wide), initial=0))[1])
    return np.ldexp(wide, -power), power
