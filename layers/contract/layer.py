"""What a layer is: a function of x and its derivative. The page that everybody who writes a layer reads."""

from __future__ import annotations

import copy
import inspect
import math
import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from . import checks
from .given import as_given
from .habits import Habits
from .last_axis import UNKNOWN, End, passed
from .noise import Noise
from .rest import Resting, set_resting
from .storage import Array, Rng, Shape, as_shape, native
from .typed import in_words, typed

STARS = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")  # in Python's own repr: another one in each process


class Layer(Habits, Resting):
    """A function of x and its derivative, side by side; the base class of all layers.

    A subclass declares its arrays by name and shape and writes two methods:

    - `forward(x) -> out` computes the output and keeps in `self._cache` the least that `backward` will need;
    - `backward(dout) -> dx` takes that back with `self._recall()`, **sets** the gradients of its parameters
      (never adds to them), and returns the gradient of the loss with respect to x.

    `dname` is the gradient of the loss with respect to `name` and has its shape. Row i of x and of out belongs
    to example i. A layer with parameters has `backward(dout, input_gradient=True)`: with False it leaves out the
    work for dx and returns None.

    Where the docstring of a layer says nothing of shapes, x may have any shape (N, ...), and out has the same.

    The cache may be x or out itself, not a copy: change neither in place between `forward` and `backward`.

    Parameters
    ----------
    **shapes : tuple of int
        Name and shape of each array that the layer learns. `Layer(weights=(2, 3))` has `weights` and `dweights`,
        zeros at first. Assigning to them, or to `parameters` or `gradients`, copies the values into the existing
        memory, so that the shape must fit.

    Attributes
    ----------
    parameters, gradients : array (P,)
        All the parameters and all their gradients, in the order of their declaration.
    layout : dict of str to slice
        Where in the two vectors each array lives.
    buffers : tuple of str
        Names of arrays that are state but are not learned, such as a running mean. A subclass names them on the
        class and gives them their first values in `__init__`.
    n_operands, n_outs : int
        Inputs of forward, 1 if a class does not say otherwise, and outs, of which only a `Graph` may have several. Of
        several inputs, backward returns a tuple of gradients.
    last_axis : (name, name) or None
        The attributes that have the last axes of x and of out, for a chain that looks whether its layers fit; a None
        among them is any that x may have. A class that has none of it, but an `output_shape`, does not tell.
    training_only : tuple of str
        Names of arguments on which `predict` does not depend, such as an initializer or the rate of a Dropout. All
        others must be the same when weights are loaded from a file.

    Raises
    ------
    ValueError
        If a shape does not fit.
    TypeError
        If something is not made of real numbers.
    RuntimeError
        If `backward` comes without a `forward` before it, or twice.

    Examples
    --------
    >>> class Scale(Layer):
    ...     def __init__(self, n_features):
    ...         super().__init__(factor=(n_features,))
    ...         self.factor = np.ones(n_features)
    ...     def forward(self, x):
    ...         self._cache = x
    ...         return x * self.factor
    ...     def backward(self, dout, input_gradient=True):
    ...         x = self._recall()
    ...         self.dfactor = (dout * x).sum(axis=0)
    ...         return dout * self.factor if input_gradient else None
    >>> layer = Scale(2)
    >>> layer.forward(np.array([[1.0, 2.0]]))
    array([[1., 2.]])
    >>> layer.backward(np.array([[10.0, 10.0]]))
    array([[10., 10.]])
    >>> layer.gradients
    array([10., 20.])
    """

    training_only: tuple[str, ...] = ("initializer",)
    n_operands: int = 1
    n_outs: int = 1
    last_axis: tuple[str | None, str | None] | None = None
    grid: bool | None = None  # whether out has axes between N and the last one; None as x has
    # Of sequences (N, T, ...), whose rows may be padded behind their lengths, and of memory: what a container asks.
    step_by_step: bool = False  # every step goes through by itself
    takes_lengths: bool = False  # forward(x, lengths=None)
    takes_state: bool = False  # forward(x, state=None) leaves `state`, and backward(dout, dstate=None) `dstate`

    def __init__(self, **shapes: Shape) -> None:
        if shapes and type(self) is not Layer and type(self).__init__ is Layer.__init__:
            raise TypeError(f"{type(self).__name__}() takes no arguments, got {', '.join(shapes)}")
        super().__init__(**shapes)

    # ---- what a layer writes -------------------------------------------------------------------------------------

    def initialize(self, rng: Rng = None) -> None:
        """Draw the parameters afresh, and the seed of a layer that makes noise."""
        checks.generator(self, rng)

    def forward(self, x: Any) -> Any:
        """Return out, the training pass, and remember what `backward` needs."""
        raise NotImplementedError(f"{type(self).__name__} must define forward(self, x)")

    def backward(self, dout: Any) -> Any:
        """Set the gradients of the parameters and return dx, given the gradient of the loss with respect to out."""
        raise NotImplementedError(f"{type(self).__name__} must define backward(self, dout)")

    def predict(self, *inputs: Any, **options: Any) -> Any:
        """Return out, the inference pass: forward, if not written otherwise, by a twin, so that nothing is remembered.

        A `backward` still to come is not disturbed, and any number of threads may predict at once.
        """
        return type(self).forward(self.twin(), *inputs, **options)

    def advance(self, x: Any, state: Any = None, lengths: Any = None) -> tuple[Any, Any]:
        """Return out and the state after it, given the state before: predict with memory, which lives in the state.

        The layer itself is not touched. A state of None is the beginning, and remains None where there is no memory.
        """
        if state is not None:
            raise TypeError(
                f"{self.who}: state must be None, since this layer has no memory, got {type(state).__name__}"
            )
        return (self.predict(x) if lengths is None else self.predict(x, lengths=lengths)), None

    def twin(self) -> Any:
        """Return a layer that shares the arrays of this one and has attributes of its own, for one inference pass.

        What its `forward` remembers dies with it. `predict` makes a twin where a layer does not write its own, and so
        does whoever wants to watch a pass without touching the layer. The layers inside are twins too: the outer
        `forward` calls theirs, and in an inference pass that must be their `predict`, or a Dropout would drop; see
        `inner_twin`. Buffers are copies, so that a running mean stays where it is, and so is a `Noise` in an attribute.
        A generator is shared: a forward that draws moves the stream of the layer itself.
        """
        twin = object.__new__(type(self))
        own = twin.__dict__
        own.update((name, copy.copy(v) if type(v) is Noise else v) for name, v in self.__dict__.items())
        for name in self._layer_attributes:
            value = own.get(name)
            if isinstance(value, Layer):
                own[name] = value.inner_twin()
            elif isinstance(value, list | tuple):
                own[name] = type(value)(each.inner_twin() if isinstance(each, Layer) else each for each in value)
        for name in self.buffers:
            own[name] = own[name].copy()
        return twin

    def inner_twin(self) -> Any:
        """Return a twin whose `forward` is `predict`, since `forward` is what the twin of the layer around it calls.

        A container without a `predict` of its own takes that back: its forward calls twins, which predict already,
        and its `predict` would only make twins of them once more.
        """
        twin = self.twin()
        if type(self).predict is not Layer.predict:
            twin.__dict__["forward"] = twin.predict
        return twin

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape of one example's out, without N, given the shape of one example's x.

        Raises ValueError where such an input does not fit.
        """
        return as_shape(input_shape, self)

    def end_after(self, end: End, kind: str, place: str) -> End:
        """Return what is known of the last axis of out, given what is known of that of x; see `last_axis.py`."""
        kept = self.last_axis is not None or type(self).output_shape is Layer.output_shape
        return passed(self, end, kind, place) if kept else UNKNOWN

    def shape_of_out(self, *shapes: Shape) -> Shape:
        """Return the shape of out, given the shapes of all the inputs, N included: what a Graph asks."""
        (shape,) = shapes
        return (*shape[:1], *self.output_shape(shape[1:]))

    def output_lengths(self, lengths: Array) -> Array | None:
        """Return how many steps of each row of out are real, given those of x; None where out has no steps.

        Raises TypeError where the layer cannot tell, or mixes steps without regard to what is padding.
        """
        if not self.step_by_step:
            raise TypeError(
                f"{self.who}: x must have no padding, since this layer cannot say what becomes of lengths, got a Padded"
            )
        return lengths

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        set_resting(self, self.resting)

    def __repr__(self) -> str:
        return typed(self, hidden=(*self.__dict__.get("shapes", ()), *self.buffers))

    def kinds(self, prefix: str = "") -> Iterator[tuple[str, str]]:
        """Yield (name, kind) of this layer, and of all inside: what it computes, `LeakyReLU(slope=0.1)`.

        A checkpoint keeps this, so that the weights of a Tanh network are not taken by a ReLU network. Left out are
        arguments with their default, and those on which `predict` does not depend: `training_only` names them.
        """
        yield prefix, f"{type(self).__name__}({', '.join(self._settings())})"

    def _settings(self) -> Iterator[str]:
        """Yield the arguments on which `predict` depends, as one would type them."""
        hidden = {*self.shapes, *self.buffers, *self.training_only, "layers", "dtype", "rng"}
        for name, parameter in inspect.signature(type(self)).parameters.items():
            value = ... if parameter.kind in STARS else self._setting(name)
            if name not in hidden and value is not ... and value is not parameter.default:
                words = ADDRESS.sub("", in_words(value))
                if words != in_words(parameter.default):
                    yield f"{name}={words}"

    def _setting(self, name: str) -> Any:
        """Return an argument of this layer in one way of writing it, `...` where it is not kept."""
        return getattr(self, name, ...)

    def leaves(self, prefix: str = "") -> Iterator[tuple[str, Layer]]:
        """Yield the (name, layer) of every layer inside that is not a container: `("0", Dense(2, 64))`, ..."""
        yield prefix, self

    # ---- checks that the layers share ----------------------------------------------------------------------------

    def _recall(self) -> Any:
        """Return what `forward` remembered, once."""
        cache = self.__dict__.pop("_cache", None)  # back to the None of the class
        if cache is None:
            raise RuntimeError(f"{self.who}: backward() needs a forward() before it")
        return cache

    def forget(self) -> None:
        """Let go of what `forward` remembered."""
        self._cache = None

    def _check_real(self, name: str, value: Any) -> Array:
        """Return the value as an array of floating numbers, in C order; integers take the dtype of this layer.

        The one door for x and dout: behind it, no layer meets another memory order or byte order.
        """
        array = value if type(value) is np.ndarray else checks.array(self, name, value)
        dtype = array.dtype
        if dtype.kind == "f" and dtype.isnative and array.flags.c_contiguous:  # as nearly always, at no further cost
            return array
        if dtype.kind not in "fiub":
            raise TypeError(f"{self.who}: {name} must hold real numbers, got {as_given(name, array)}")
        return native(array if dtype.kind == "f" else array.astype(self._dtype))

    def _check_x(self, x: Any) -> Array:
        """Return x as an array of floating numbers, with at least one example."""
        x = self._check_real("x", x)
        return x if x.ndim and x.size else self._check_examples(x)

    def _check_examples(self, x: Array) -> Array:
        """Return x, which must hold at least one example."""
        if x.ndim == 0 or x.size == 0:
            cure = "; one number alone is np.array([[6.0]])" * (x.ndim == 0)
            raise ValueError(f"{self.who}: x must have shape (N, ...) with at least one example, got {x.shape}{cure}")
        return x

    def _check_features(self, x: Any, n_features: int) -> Array:
        """Return x as floating numbers, its last axis checked."""
        x = self._check_x(x)
        if x.ndim < 2 or x.shape[-1] != n_features:
            raise ValueError(
                f"{self.who}: x must have shape (N, {n_features}), got {x.shape}{_cure(x.shape, n_features)}"
            )
        return x

    def _check_dout(self, dout: Any, shape: Shape) -> Array:
        """Return dout, which must have exactly the shape of out: broadcasting it would be silently wrong."""
        dout = self._check_real("dout", dout)
        if dout.shape != shape:
            raise ValueError(f"{self.who}: dout must have the shape of out, {shape}, got {dout.shape}")
        return dout

    def _check_feature_shape(self, input_shape: Shape, n_features: int) -> Shape:
        shape = as_shape(input_shape, self)
        if not shape or shape[-1] != n_features:
            raise ValueError(f"{self.who}: input_shape must be (..., {n_features}), got {shape}")
        return shape


def _cure(shape: Shape, n_features: int) -> str:
    """Return what was forgotten where x has another shape than (N, n_features): an axis, or a Flatten."""
    if shape == (n_features,):
        return "; a batch of one: x[np.newaxis]"
    if len(shape) > 2 and math.prod(shape[1:]) == n_features:
        return f"; {' * '.join(map(str, shape[1:]))} = {n_features}: Flatten() before it"
    return ""
