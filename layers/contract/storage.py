"""The storage of parameters: two flat vectors, and named views of slices of them.

Every layer keeps its parameters in one flat vector and their gradients in a second one. The arrays that a layer
works with, `weights` or `dweights`, are views of slices of these two:

    parameters   [ weights (n_inputs * n_outputs numbers) | bias (n_outputs) ]
    gradients    [ dweights                               | dbias            ]

So a layer reads like its formula, and an optimizer updates a whole network with a few operations on two vectors.
A container of layers owns the two vectors of all of them, and each layer lives in its slices.
"""

from __future__ import annotations

import copy
import inspect
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

import numpy as np

from . import checks
from .construction import Constructed
from .habits import check_new_name

Array: TypeAlias = np.ndarray[Any, Any]
Shape: TypeAlias = tuple[int, ...]
Rng: TypeAlias = int | np.random.Generator | None

# What storage and containers call on every layer: an attribute of that name would break it, later and elsewhere.
TAKEN = {
    "arrays",
    "generators",
    "holder",
    "inner_twin",
    "kinds",
    "layout",
    "leaves",
    "load_state_dict",
    "move",
    "settle",
}
TAKEN |= {"arrays_at_rest", "changed", "learns", "rest", "resting", "wake"}
TAKEN |= {"constructed", "members", "noises", "place", "shapes", "sources", "state_dict", "title", "twin", "who"}


# What belongs to one layer, whatever its options are.
MADE = {"shapes", "layout", "noise", "resting", "backward", "_made", "_cache", "_holder", "_outer", "_path", "_fixed"}


class Storage(metaclass=Constructed):
    """The arrays that a layer declares: linked to two flat vectors, assigned by copying, saved, copied, pickled."""

    buffers: tuple[str, ...] = ()
    nonnegative: tuple[str, ...] = ()  # those of the arrays that are never below 0: a file with others is refused
    parameters: Array
    gradients: Array
    layout: dict[str, slice]
    shapes: dict[str, Shape]  # of the declared arrays, by name
    _cache: Any = None
    _holder: str | None = None  # what holds this layer, in words, once it has been placed
    _path: str | None = None  # where it is in the whole network: "2.0.3"
    _outer: Callable[[], Any] | None = None  # a weak reference to the container around it
    _layer_attributes: tuple[str, ...] = ()  # the names of attributes in which there may be other layers
    _arguments: frozenset[str] = frozenset()  # those of the constructor that are checked when they are assigned, too
    _made: bool = False  # whether the constructor is done
    _fixed: frozenset[str] = frozenset()  # the names whose memory never moves: assigning copies into it

    def __init__(self, **shapes: Shape) -> None:
        who = type(self).__name__
        self.__dict__["shapes"] = {name: as_shape(shape, f"{who}: {name}") for name, shape in shapes.items()}
        names = [*shapes, *(f"d{name}" for name in shapes)]
        taken = {"parameters", "gradients", "layout", "shapes", *self.buffers}
        for name in names:
            if names.count(name) > 1 or name in taken or hasattr(type(self), name):
                raise ValueError(f"{type(self).__name__}: cannot declare the array {name!r}: the name is taken")
            if name in self.__dict__:
                raise RuntimeError(
                    f"{who}: {name} must be set after super().__init__(...), which makes it, got it before"
                )
        size = checks.in_memory(who, self.shapes)
        self._link(np.zeros(size), np.zeros(size))
        self._fixed = frozenset([*names, "parameters", "gradients"])

    def _link(self, parameters: Array, gradients: Array) -> None:
        """Live in these two vectors: make every declared array a view of its slice of them."""
        own = self.__dict__  # past __setattr__, which would copy into the old memory
        own["parameters"], own["gradients"], own["layout"] = parameters, gradients, {}
        start = 0
        for name, shape in self.shapes.items():
            self.layout[name] = here = slice(start, start + math.prod(shape))
            own[name], own[f"d{name}"] = parameters[here].reshape(shape), gradients[here].reshape(shape)
            start = here.stop
        for name in self.buffers:
            if name in own:
                own[name] = own[name].astype(parameters.dtype)

    def move(self, parameters: Array, gradients: Array) -> None:
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
        elif name in TAKEN:
            kind = type(self).__name__
            raise AttributeError(f"{kind}: cannot set {name!r}: it belongs to every layer; choose another name")
        elif name in self._arguments and self._made and name in self.__dict__:
            self._assign_argument(name, value)
        else:
            if self._made and name not in self.__dict__:
                check_new_name(self, name)
            object.__setattr__(self, name, value)
            first = value[0] if isinstance(value, tuple) and value else value
            if isinstance(first, Storage | list) and name not in self._layer_attributes:
                self.__dict__["_layer_attributes"] = (*self._layer_attributes, name)

    def __delattr__(self, name: str) -> None:
        if name in self._fixed or name in self.buffers:
            raise AttributeError(f"{self.who}: {name} cannot be deleted")
        object.__delattr__(self, name)

    def constructed(self) -> None:
        """Know that the constructor is done: from now on its arguments are checked when they are assigned."""
        self.__dict__["_made"] = True

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        # Of a class of one's own we do not know what its constructor does beside.
        ours = cls.__module__.partition(".")[0] == __name__.partition(".")[0]
        cls._arguments = frozenset(inspect.signature(cls).parameters) if ours else frozenset()

    def _assign_argument(self, name: str, value: Any) -> None:
        """Assign to an argument of the constructor what the constructor makes of it; it checks, and arrays must fit."""
        given = {each: vars(self)[each] for each in self._arguments if each in vars(self)}
        given[name] = value
        by_place = [each for each in inspect.signature(type(self)).parameters.values() if each.kind < each.KEYWORD_ONLY]
        order = [given.pop(each.name) for each in by_place if each.name in given]
        fresh = type(self)(*order, **given)
        if fresh.shapes != self.shapes or [vars(fresh)[b].shape for b in self.buffers] != [
            vars(self)[b].shape for b in self.buffers
        ]:
            raise ValueError(
                f"{self.who}: {name} must stay {vars(self)[name]!r}, as its arrays were made, got {value!r:.80}: "
                "make a new layer"
            )
        plain = {key: each for key, each in vars(fresh).items() if not isinstance(each, np.ndarray | Storage)}
        taken = {*MADE, *self._fixed, *self.buffers}
        self.__dict__.update({key: each for key, each in plain.items() if key in vars(self) and key not in taken})

    def _fitting(self, name: str, value: Any, who: str | None = None) -> Array:
        """Return the value as an array that can be copied into the array of that name."""
        shape = self.__dict__[name].shape
        value = checks.array(self, who or name, value)
        if value.dtype.kind not in "fiub":
            raise TypeError(f"{self.who}: {who or name} must hold real numbers, got dtype {value.dtype}")
        if value.shape != shape:
            raise ValueError(f"{self.who}: {who or name} must have shape {shape}, got {value.shape}")
        return value

    @property
    def who(self) -> str:
        """The name that errors begin with: what one would type and, in a network, where it is."""
        return self.title if self._path is None else f"{self.title}, layer {self._path}"

    @property
    def title(self) -> str:
        """The name of this layer in one line."""
        return repr(self)

    @property
    def _dtype(self) -> np.dtype[Any]:
        return self.parameters.dtype

    @property
    def holder(self) -> str | None:
        """What holds this layer, in words, once it has been placed: "a Sequential, as layer 0"."""
        return self._holder

    def settle(self, holder: str | None, path: str | None) -> None:
        """Note what holds this layer, and where in the whole network it is."""
        self._holder, self._path = holder, path

    def leaves(self, prefix: str = "") -> Iterator[tuple[str, Storage]]:
        """Yield (name, layer) of all that has arrays of its own in here."""
        yield prefix, self

    def arrays(self) -> Iterator[tuple[str, Storage, str]]:
        """Yield (full name, layer, name) of every parameter and every buffer."""
        for prefix, layer in self.leaves():
            for name in (*layer.shapes, *layer.buffers):
                yield dotted(prefix, name), layer, name

    def state_dict(self) -> dict[str, Array]:
        """Return copies of all parameters and buffers by name; in a network the names are `0.weights`, ..."""
        return {full: getattr(layer, name).copy() for full, layer, name in self.arrays()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over the values of a `state_dict`. If one name or shape does not fit, nothing is changed.

        Raises
        ------
        ValueError
            If a name is missing or unknown, or a shape is another one; it names the first.
        """
        arrays = {full: (layer, name) for full, layer, name in self.arrays()}
        checks.mapping(self.who, "state", state)
        for full in (*arrays, *state):
            if full not in state or full not in arrays:
                problem = "is missing" if full in arrays else "is unknown"
                raise ValueError(f"{self.who}: state must have the names {list(arrays)}, but {full!r} {problem}")
        values = [layer._fitting(name, state[full], full) for full, (layer, name) in arrays.items()]
        for (layer, name), value in zip(arrays.values(), values, strict=True):
            setattr(layer, name, value)

    def __getstate__(self) -> dict[str, Any]:
        # The views are left out and made anew; a copy starts unplaced and with nothing to recall. `backward`,
        # there at rest only, is made anew too.
        views = {"layout", "backward", "_cache", "_holder", "_outer", "_path", *self._fixed} - {
            "parameters",
            "gradients",
        }
        return {name: value for name, value in self.__dict__.items() if name not in views}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._link(self.parameters, self.gradients)

    def __copy__(self) -> Storage:
        return copy.deepcopy(self)  # a shallow copy would share the memory of the parameters


def as_shape(shape: Any, of: Any = "a shape") -> Shape:
    """Return a shape as a tuple of int; raise unless it holds whole numbers of at least 1.

    It is what the text says, or the input_shape of a layer.
    """
    shape = tuple(shape) if isinstance(shape, list | tuple) else (shape,)
    if not all(isinstance(n, int | np.integer) and not isinstance(n, bool) and 1 <= n < 2**63 for n in shape):
        what = of if isinstance(of, str) else f"{of.who}: input_shape"
        raise ValueError(f"{what} must hold whole numbers of at least 1, got {shape!r:.80}")
    return tuple(int(n) for n in shape)


def native(array: Array) -> Array:
    """Return an array in C order and in the byte order of this machine: itself, where it lies so already."""
    if array.flags.c_contiguous and array.dtype.isnative:
        return array
    return np.array(array, dtype=array.dtype.newbyteorder("="), order="C")  # which leaves a number a number


def dotted(*names: str) -> str:
    """Return names from the outside in as one, empty ones left out: "2.0.weights"."""
    return ".".join(name for name in names if name)
