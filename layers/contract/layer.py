"""The contract of a layer, and the storage of its parameters.

Every layer keeps its parameters in one flat vector and their gradients in a second one. The arrays that a layer
works with, `weights` or `dweights`, are views of slices of these two:

    parameters   [ weights (n_inputs * n_outputs numbers) | bias (n_outputs) ]
    gradients    [ dweights                               | dbias            ]

A layer so reads like its formula, and an optimizer updates a whole network with a few operations on two vectors.
A container of layers owns the two vectors of all of them, and each layer lives in its slices.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

import numpy as np

Array: TypeAlias = np.ndarray[Any, Any]
Shape: TypeAlias = tuple[int, ...]
Rng: TypeAlias = int | np.random.Generator | None


class Layer:
    """A function of x and its derivative, side by side; the base class of all layers.

    A subclass declares its arrays by name and shape and writes two methods:

    - `forward(x) -> out` computes the output and keeps in `self._cache` the least that `backward` will need;
    - `backward(dout) -> dx` takes that back with `self._recall()`, **sets** the gradients of its parameters
      (never adds to them), and returns the gradient of the loss with respect to x.

    `dname` is the gradient of the loss with respect to `name` and has its shape. Row i of x and of out belongs
    to example i. A layer with parameters has `backward(dout, input_gradient=True)`: with False it leaves out the
    work for dx and returns None.

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
        Names of arrays that are state but are not learnt, such as a running mean. A subclass names them on the
        class and gives them their first values in `__init__`.

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

    buffers: tuple[str, ...] = ()
    parameters: Array
    gradients: Array
    layout: dict[str, slice]
    _cache: Any = None
    _container: str | None = None  # what holds this layer, in words, once it has been placed
    _fixed: frozenset[str] = frozenset()  # the names whose memory never moves: assigning copies into it

    def __init__(self, **shapes: Shape) -> None:
        if shapes and type(self) is not Layer and type(self).__init__ is Layer.__init__:
            raise TypeError(f"{type(self).__name__}() takes no arguments, got {', '.join(shapes)}")
        self._shapes = {name: _as_shape(shape) for name, shape in shapes.items()}
        names = [*shapes, *(f"d{name}" for name in shapes)]
        taken = {"parameters", "gradients", "layout", *self.buffers}
        for name in names:
            if names.count(name) > 1 or name in taken or hasattr(type(self), name):
                raise ValueError(f"{type(self).__name__}: cannot declare the array {name!r}: the name is taken")
        size = sum(map(math.prod, self._shapes.values()))
        self._link(np.zeros(size), np.zeros(size))
        self._fixed = frozenset([*names, "parameters", "gradients"])

    # ---- what a layer writes -------------------------------------------------------------------------------------

    def initialize(self, rng: Rng = None) -> None:
        """Draw the parameters afresh, and the stream of a layer that makes noise."""

    def forward(self, x: Any) -> Any:
        """Return out, the training pass, and remember what `backward` needs."""
        raise NotImplementedError(f"{type(self).__name__} must define forward(self, x)")

    def backward(self, dout: Any) -> Any:
        """Set the gradients of the parameters and return dx, given the gradient of the loss with respect to out."""
        raise NotImplementedError(f"{type(self).__name__} must define backward(self, dout)")

    def predict(self, x: Any) -> Any:
        """Return out, the inference pass: nothing is remembered, and a `backward` still to come is not disturbed."""
        pending = self._cache
        try:
            return self.forward(x)
        finally:
            self._cache = pending

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape of one example's out, without N, given the shape of one example's x.

        Raises ValueError where such an input does not fit.
        """
        return _as_shape(input_shape)

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"

    # ---- checks that the layers share ----------------------------------------------------------------------------

    def _recall(self) -> Any:
        """Return what `forward` remembered, once."""
        cache = self.__dict__.pop("_cache", None)  # back to the None of the class
        if cache is None:
            raise RuntimeError(f"{self._who}: backward() needs a forward() before it")
        return cache

    def _forget(self) -> None:
        self._cache = None

    @property
    def _who(self) -> str:
        """The name that errors begin with."""
        return repr(self)

    @property
    def _dtype(self) -> np.dtype[Any]:
        return self.parameters.dtype

    def _real(self, name: str, value: Any) -> Array:
        """Return the value as an array of floating numbers; integers take the dtype of this layer."""
        array = np.asarray(value)
        if array.dtype.kind != "f":
            if array.dtype.kind not in "iub":
                raise TypeError(f"{self._who}: {name} must hold real numbers, got dtype {array.dtype}")
            array = array.astype(self._dtype)
        return array

    def _as_floats(self, x: Any) -> Array:
        """Return x as an array of floating numbers, at least one."""
        x = self._real("x", x)
        if x.ndim == 0 or x.size == 0:
            raise ValueError(f"{self._who}: x must have shape (N, ...) with at least one example, got {x.shape}")
        return x

    def _check_features(self, x: Any, n_features: int) -> Array:
        """Return x as floating numbers, its last axis checked."""
        x = self._as_floats(x)
        if x.ndim < 2 or x.shape[-1] != n_features:
            raise ValueError(f"{self._who}: x must have shape (N, {n_features}), got {x.shape}")
        return x

    def _check_dout(self, dout: Any, shape: Shape) -> Array:
        """Return dout, which must have exactly the shape of out: broadcasting it would be silently wrong."""
        dout = self._real("dout", dout)
        if dout.shape != shape:
            raise ValueError(f"{self._who}: dout must have the shape of out, {shape}, got {dout.shape}")
        return dout

    def _check_feature_shape(self, input_shape: Shape, n_features: int) -> Shape:
        shape = _as_shape(input_shape)
        if not shape or shape[-1] != n_features:
            raise ValueError(f"{self._who}: input_shape must be (..., {n_features}), got {shape}")
        return shape

    # ---- storage -------------------------------------------------------------------------------------------------

    def _link(self, parameters: Array, gradients: Array) -> None:
        """Live in these two vectors: make every declared array a view of its slice of them."""
        own = self.__dict__  # past __setattr__, which would copy into the old memory
        own["parameters"], own["gradients"], own["layout"] = parameters, gradients, {}
        start = 0
        for name, shape in self._shapes.items():
            self.layout[name] = here = slice(start, start + math.prod(shape))
            own[name], own[f"d{name}"] = parameters[here].reshape(shape), gradients[here].reshape(shape)
            start = here.stop
        for name in self.buffers:
            if name in own:
                own[name] = own[name].astype(parameters.dtype)

    def _move(self, parameters: Array, gradients: Array) -> None:
        """Copy the values into these two vectors, in their dtype, and live there from now on."""
        parameters[...], gradients[...] = self.parameters, self.gradients
        self._link(parameters, gradients)

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "_cache":  # the short way for what every forward sets
            self.__dict__[name] = value
        elif name in self._fixed or (name in self.buffers and name in self.__dict__):
            mine = self.__dict__[name]
            if value is not mine:  # `layer.weights -= step` ends by assigning weights to itself
                np.copyto(mine, self._fitting(name, value), casting="same_kind")
        elif name in self.buffers:
            self.__dict__[name] = np.array(value, dtype=self._dtype)
        else:
            object.__setattr__(self, name, value)

    def __delattr__(self, name: str) -> None:
        if name in self._fixed or name in self.buffers:
            raise AttributeError(f"{self._who}: {name} cannot be deleted")
        object.__delattr__(self, name)

    def _fitting(self, name: str, value: Any, who: str | None = None) -> Array:
        """Return the value as an array that can be copied into the array of that name."""
        shape = self.__dict__[name].shape
        value = np.asarray(value)
        if value.dtype.kind not in "fiub":
            raise TypeError(f"{self._who}: {who or name} must hold real numbers, got dtype {value.dtype}")
        if value.shape != shape:
            raise ValueError(f"{self._who}: {who or name} must have shape {shape}, got {value.shape}")
        return value

    def leaves(self, prefix: str = "") -> Iterator[tuple[str, Layer]]:
        """Yield the (name, layer) of every layer inside that is not a container: `("0", Dense(2, 64))`, ..."""
        yield prefix, self

    def _arrays(self) -> Iterator[tuple[str, Layer, str]]:
        """Yield (full name, layer, name) of every parameter and every buffer."""
        for prefix, layer in self.leaves():
            for name in (*layer._shapes, *layer.buffers):
                yield f"{prefix}.{name}".lstrip("."), layer, name

    def _generators(self) -> Iterator[tuple[str, np.random.Generator]]:
        """Yield (full name, generator) of every stream of random numbers that a layer draws from."""
        for prefix, layer in self.leaves():
            for name, value in vars(layer).items():
                if isinstance(value, np.random.Generator):
                    yield f"{prefix}.{name}".lstrip("."), value

    def state_dict(self) -> dict[str, Array]:
        """Return copies of all parameters and buffers by name; in a network the names are `0.weights`, ..."""
        return {full: getattr(layer, name).copy() for full, layer, name in self._arrays()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over the values of a `state_dict`. If one name or shape does not fit, nothing is changed.

        Raises
        ------
        ValueError
            If a name is missing or unknown, or a shape is another one; it names the first.
        """
        arrays = {full: (layer, name) for full, layer, name in self._arrays()}
        for full in (*arrays, *state):
            if full not in state or full not in arrays:
                problem = "is missing" if full in arrays else "is unknown"
                raise ValueError(f"{self._who}: state must have the names {list(arrays)}, but {full!r} {problem}")
        values = [layer._fitting(name, state[full], full) for full, (layer, name) in arrays.items()]
        for (layer, name), value in zip(arrays.values(), values, strict=True):
            setattr(layer, name, value)

    def __getstate__(self) -> dict[str, Any]:
        # The views are left out and made anew; a copy starts unplaced and with nothing to recall.
        views = {"layout", "_cache", "_container", *self._fixed} - {"parameters", "gradients"}
        return {name: value for name, value in self.__dict__.items() if name not in views}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._link(self.parameters, self.gradients)

    def __copy__(self) -> Layer:
        return copy.deepcopy(self)  # a shallow copy would share the memory of the parameters


def _as_shape(shape: Any) -> Shape:
    shape = tuple(shape) if isinstance(shape, list | tuple) else (shape,)
    if not all(isinstance(n, int | np.integer) and n >= 1 for n in shape):
        raise ValueError(f"a shape must hold whole numbers of at least 1, got {shape}")
    return tuple(int(n) for n in shape)
