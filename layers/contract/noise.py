"""Noise that a layer adds, as a function of where it falls; and the search for all that draws in a layer.

A stream gives what comes next, so that what a row gets depends on all that was drawn before. Here it depends on three
numbers alone, the seed of the layer, the step of the training and the row of the batch. So a part of a batch, in
another thread or process, gets what the whole batch would get there, and a training that goes on needs to know its step
and nothing else. The generator counts, which makes this cheap: each step begins at a place of its own, each row has its
own behind it, and `advance` goes there at once.

    seed     step 0: row 0 | row 1 | row 2 | ...     step 1: row 0 | row 1 | ...
"""

from __future__ import annotations

import collections
import functools
import math
import random
import types
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from . import checks
from .storage import Array, Rng, Shape, Storage, dotted

# Numbers from a step to the next: the golden part of the whole period, so that no two steps come near one another. A
# power of two would leave them the lower half of the generator's state, and make them alike. And from a draw to the
# next in the same step: the part sqrt(2) - 1, no multiple of which comes near one of the other.
PERIOD = 2**128
STRIDE = 0x9E3779B97F4A7C15F39CC0605CEDC835
INNER_STRIDE = 0x6A09E667F3BCC908B2FB1366EA957D3F
SEEDS = 2**63
PLAIN = (type(None), bool, int, float, complex, str, bytes, np.generic, np.dtype, type, types.ModuleType)
EMPTY = types.CellType()


class Noise:
    """Numbers in [0, 1), each drawn for its place: the seed, the step, the row, and the place in the row.

    A layer of one's own that makes noise keeps one in an attribute, and draws in each `forward`. If it does so more
    than once, or goes forward several times in a step of `fit`, all these draws differ, and are of that step.

    Parameters
    ----------
    rng : int or numpy.random.Generator, optional
        Gives the seed.

    Attributes
    ----------
    seed : int
    step : int
        Of the training, as `place` tells it. As long as it does not, each draw counts it up by one, from 0.
    n_draws : int or None
        How many draws there have been in the step that `place` told; None as long as it does not.
    row : int
        The place in the whole batch of the first row to come, 0 but in a part of a batch.

    References
    ----------
    Counters in the place of streams: Salmon, Moraes, Dror, Shaw (2011), "Parallel random numbers: as easy as 1, 2, 3",
    SC11. The generator here is NumPy's PCG64DXSM.

    Examples
    --------
    >>> whole, part = Noise(rng=0), Noise(rng=0)
    >>> part.place(0, row=3)
    >>> np.array_equal(whole.draw((5, 2))[3:], part.draw((2, 2)))
    True
    """

    _source: Any = None  # [seed, position, bits, generator]: to go from where it stands costs less than to make another

    def __init__(self, *, rng: Rng = None) -> None:
        self.seed = int(checks.generator("Noise", rng).integers(SEEDS))
        self.step = self.row = 0
        self.n_draws: int | None = None

    def place(self, step: int, row: int = 0) -> None:
        """Begin a step: say which one, and from which row of its batch on the draws to come are."""
        self.step, self.row = checks.whole("Noise", "step", step, 0), checks.whole("Noise", "row", row, 0)
        self.n_draws = 0

    def draw(self, shape: Shape, dtype: Any = np.float64) -> Array:
        """Return numbers in [0, 1) for the rows of an array of this shape, in float32 or float64."""
        if dtype is not np.float64 and dtype is not np.float32:
            dtype = checks.floating("Noise", dtype)
        if type(shape) is not tuple or set(map(type, shape)) != {int} or min(shape) < 0:
            shape = _sizes(shape)
        kind, (n_rows, *rest) = np.dtype(dtype), shape
        if kind != np.float32 and kind != np.float64:
            raise TypeError(f"Noise: dtype must be float32 or float64, got {kind}")
        width, numbers_each = math.prod(rest), 2 if kind == np.float32 else 1
        draws = -(-width // numbers_each)  # of a row, whole ones: two float32 come of one, and no two rows share it
        start = (self.step * STRIDE + (self.n_draws or 0) * INNER_STRIDE + self.row * draws) % PERIOD
        source = self._source
        if source is None or source[0] != self.seed:
            bits = np.random.PCG64DXSM(self.seed)
            source = self._source = [self.seed, 0, bits, np.random.Generator(bits)]
        _, position, bits, generator = source
        source[0] = None  # of no use, if it is interrupted on its way
        bits.advance((start - position) % PERIOD)
        numbers: Array = generator.random((n_rows, draws * numbers_each), kind)
        source[:2] = self.seed, start + n_rows * draws
        if self.n_draws is None:
            self.step += 1
        else:
            self.n_draws += 1
        return (numbers if numbers.shape[1] == width else numbers[:, :width]).reshape(shape)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_source"}  # a copy has one of its own


def _sizes(shape: Any) -> Shape:
    """Return a shape as a tuple of int; raise unless it has rows, and whole numbers of at least 0."""
    sizes = shape if isinstance(shape, tuple | list) else ()
    if not sizes or not all(isinstance(n, int | np.integer) and not isinstance(n, bool) and n >= 0 for n in sizes):
        raise TypeError(f"Noise: shape must be a tuple of whole numbers, rows first, got {shape!r:.80}")
    return tuple(int(n) for n in sizes)


# All that random numbers are drawn from; the state of the last three no checkpoint can keep.
SOURCES = (Noise, np.random.Generator, np.random.RandomState, np.random.BitGenerator, random.Random)


def found(thing: Any, kinds: type | tuple[type, ...], passed: Iterable[Any] = ()) -> Iterator[tuple[str, Any]]:
    """Yield (name, object) of all of these kinds in a thing: in attributes, lists, dicts, and functions.

    Each comes once, under the first name by which it is found. What is in `passed` is passed over.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> [name for name, _ in found({"mine": [0.5, rng.normal], "again": rng}, np.random.Generator)]
    ['mine.1.self']
    """
    seen, waiting = {id(each) for each in passed}, [("", thing)]
    while waiting:
        name, thing = waiting.pop()
        if isinstance(thing, PLAIN) or id(thing) in seen or (isinstance(thing, np.ndarray) and thing.dtype != object):
            continue
        seen.add(id(thing))
        if isinstance(thing, kinds):
            yield name, thing
        else:
            waiting += [(dotted(name, each), inner) for each, inner in _held(thing)][::-1]


def _held(thing: Any) -> Iterator[tuple[str, Any]]:
    """Yield (name, thing) of all that a thing holds."""
    if isinstance(thing, dict):
        yield from ((str(key), value) for key, value in thing.items())
    elif isinstance(thing, set | frozenset):
        yield from (("set", value) for value in thing)  # whose order is another one in each process: one name for all
    elif isinstance(thing, list | tuple | collections.deque):
        yield from ((str(i), value) for i, value in enumerate(thing))
    elif isinstance(thing, np.ndarray):
        yield from ((str(i), value) for i, value in enumerate(thing.flat))
    elif isinstance(thing, functools.partial):
        yield from (("function", thing.func), ("arguments", thing.args), ("options", thing.keywords))
    elif isinstance(thing, types.FunctionType):
        cells = zip(thing.__code__.co_freevars, thing.__closure__ or (), strict=True)
        yield from ((name, cell.cell_contents) for name, cell in cells if cell != EMPTY)
        yield from (("defaults", thing.__defaults__), ("options", thing.__kwdefaults__))
    elif isinstance(thing, types.GeneratorType):
        yield "locals", thing.gi_frame and thing.gi_frame.f_locals
    else:
        yield "self", getattr(thing, "__self__", None)  # of a bound method, such as `rng.normal`
        # what a forward remembers for its backward is not what it will draw from
        yield from ((name, value) for name, value in getattr(thing, "__dict__", {}).items() if name != "_cache")
        slots = [slot for cls in type(thing).__mro__ for slot in _slots(cls)]
        yield from ((slot, getattr(thing, slot)) for slot in slots if hasattr(thing, slot))


def _slots(cls: type) -> tuple[str, ...]:
    slots = vars(cls).get("__slots__", ())
    return (slots,) if isinstance(slots, str) else tuple(slots)


class Drawing(Storage):
    """The part of a layer that knows what random numbers are drawn from in it."""

    def members(self, prefix: str = "") -> Iterator[tuple[str, Any]]:
        """Yield (name, layer) of this one and of all inside, containers too."""
        yield prefix, self

    def sources(self) -> Iterator[tuple[str, Any]]:
        """Yield (full name, source) of all that random numbers are drawn from in here, wherever a layer keeps it."""
        members = dict(self.members())
        for prefix, layer in members.items():
            others = [each for each in members.values() if each is not layer]
            for name, source in found(layer, SOURCES, passed=others):
                yield dotted(prefix, name), source

    def generators(self) -> Iterator[tuple[str, np.random.Generator]]:
        """Yield (full name, generator) of every stream of random numbers that a layer draws from."""
        return ((name, source) for name, source in self.sources() if isinstance(source, np.random.Generator))

    def noises(self) -> Iterator[tuple[str, Noise]]:
        """Yield (full name, noise) of every `Noise` in here."""
        return ((name, source) for name, source in self.sources() if isinstance(source, Noise))

    def place(self, step: int, row: int = 0) -> None:
        """Say of which step of a training the next forward is, and with which row of the whole batch its x begins.

        The masks of a Dropout depend on these two and its seed, and, if it goes forward more than once in a step, on
        how often it has. Not told, a layer counts its forwards, each a step.
        """
        for _, noise in self.noises():
            noise.place(step, row)
