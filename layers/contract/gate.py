"""The contract of a gate: a layer of several inputs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import wraps
from typing import Any, TypeVar

import numpy as np

from . import checks
from .layer import Layer
from .storage import Array, Shape, as_shape, native

Method = TypeVar("Method", bound=Callable[..., Any])


def within_range(method: Method) -> Method:
    """Let a method of a gate raise where finite numbers give one that its dtype cannot hold.

    What is infinite or NaN already goes where the mathematics says, without a word.

    Examples
    --------
    >>> Exp().forward(1000.0)
    Traceback (most recent call last):
        ...
    ValueError: Exp(): what forward returns must be at most 1.8e+308, the largest float64, got more
    """

    @wraps(method)
    def checked(self: Gate, *arguments: Any, **options: Any) -> Any:
        try:
            with np.errstate(over="raise", invalid="ignore", divide="ignore"):
                return method(self, *arguments, **options)
        except FloatingPointError:
            largest, dtype = np.finfo(self._floats).max, self._floats
            what = f"{self.who}: what {method.__name__} returns"
            raise ValueError(f"{what} must be at most {largest:.2g}, the largest {dtype}, got more") from None

    return checked  # type: ignore[return-value]


N = 1_000_003  # stands for the number of examples in a shape: a prime, so that no other axis has it by chance


def with_examples(layer: Layer, shapes: Sequence[Shape]) -> list[Shape]:
    """Return the shapes of the inputs of one example with N in front, as many as the layer has inputs.

    Examples
    --------
    >>> listed(with_examples(Add(), [(3, 4), (3, 1)]))
    '(N, 3, 4) and (N, 3, 1)'
    """
    if len(shapes) != layer.n_operands:
        n = layer.n_operands
        raise TypeError(f"{layer.who}: output_shape must be given {n} shape{'' if n == 1 else 's'}, got {len(shapes)}")
    return [(N, *as_shape(shape, layer)) for shape in shapes]


def without_examples(layer: Layer, shape: Shape) -> Shape:
    """Return a shape without the N in front; raise where the examples are not apart."""
    if shape[:1] != (N,) or N in shape[1:]:
        raise ValueError(f"{layer.who}: out must have a row for each example, (N, ...), got {listed([shape])}")
    return shape[1:]


def listed(shapes: Iterable[Shape]) -> str:
    """Return shapes in words."""
    return " and ".join(str(shape).replace(str(N), "N") for shape in shapes)


class Gate(Layer):
    """A layer of `n_operands` inputs, without parameters, for arrays of any shape and for numbers.

    A gate computes in the dtype of its floating arrays, which integers and plain numbers take too: a float32 array
    times `2.0`, or times `np.float64(2)`, is float32, and so are the gradients. A result too large for that dtype
    raises ValueError. `sign` is what a drawing writes in its circle.

    Examples
    --------
    Gates chain by hand: f = (x + y) * z at (-2, 5, -4), and back again.

    >>> add, multiply = Add(), Multiply()
    >>> float(multiply.forward(add.forward(-2, 5), -4))
    -12.0
    >>> dq, dz = multiply.backward(1.0)
    >>> dx, dy = add.backward(dq)
    >>> float(dx), float(dy), float(dz)
    (-4.0, -4.0, 3.0)
    """

    sign: str = ""  # in the circle of a drawing
    _floats: np.dtype[Any] = np.dtype(float)  # what the last forward computed in

    @property
    def operation(self) -> str:
        """What the gate computes, in a word: the name of its class."""
        return type(self).__name__

    def _operands(self, *inputs: Any) -> list[Array]:
        """Return the inputs as floating arrays of one dtype."""
        arrays = [native(checks.array(self, "x", value)) for value in inputs]
        if any(a.dtype.kind not in "fiub" for a in arrays):
            raise TypeError(f"{self.who}: the inputs must hold real numbers, got {[str(a.dtype) for a in arrays]}")
        numbers = [isinstance(value, float) for value in inputs]  # np.float64 is one too
        typed = [a.dtype for a, number in zip(arrays, numbers, strict=True) if a.dtype.kind == "f" and not number]
        self._floats = np.result_type(*typed) if typed else self._dtype
        return [a.astype(self._floats, copy=False) for a in arrays]

    def _broadcast(self, a: Any, b: Any) -> list[Array]:
        """Return two inputs that fit each other."""
        a, b = self._operands(a, b)
        try:
            np.broadcast_shapes(a.shape, b.shape)
        except ValueError:
            raise ValueError(f"{self.who}: shapes must broadcast, got {a.shape} and {b.shape}") from None
        return [a, b]

    def _check_dout(self, dout: Any, shape: Shape) -> Array:
        return super()._check_dout(dout, shape).astype(self._floats, copy=False)

    def _broadcast_shapes(self, *shapes: Shape) -> Shape:
        try:
            return np.broadcast_shapes(*shapes)
        except ValueError:
            raise ValueError(f"{self.who}: shapes must broadcast, got {listed(shapes)}") from None

    def shape_of_out(self, *shapes: Shape) -> Shape:
        return self._broadcast_shapes(*shapes)

    def output_shape(self, *input_shapes: Shape) -> Shape:
        return without_examples(self, self.shape_of_out(*with_examples(self, input_shapes)))
