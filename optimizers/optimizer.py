"""The contract of an optimizer, and what all of them do alike: weight decay, clipping, frozen layers, state."""

from __future__ import annotations

import inspect
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, Protocol, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from . import checks
from .blocks import BLOCK, Array, cut, norm, walk
from .schedule import Rate, not_negative
from .typed import typed

# A stretch of the vectors, whether weight decay acts on it, and the state there by its names.
Block: TypeAlias = tuple[slice, bool, dict[str, Array]]


class Model(Protocol):
    """What is optimized: anything with two flat vectors of the same length."""

    @property
    def parameters(self) -> Array: ...

    @property
    def gradients(self) -> Array: ...


class Optimizer:
    """A rule that changes parameters by their gradients.

    `step(model)` reads `model.parameters` and `model.gradients` and updates the parameters in place. The optimizer
    keeps no reference to them, only its own state: vectors as long as the parameters, made at the first step.

    A subclass names its vectors in `state_names` and writes `_update`, its formula for one block, as `SGD` shows.
    With `**options`, which it hands on, the options here are its options too. Each can be changed between two steps.

    Parameters
    ----------
    learning_rate : float, or callable step -> float
        A callable is asked at each step and given its number, counted from 0. See `optimizers.schedule`.
    weight_decay : float, default 0
        Adds weight_decay * parameters to the gradients: the gradient of weight_decay / 2 * sum(parameters²).
        Rules with `decoupled_decay` multiply the parameters by 1 - rate * weight_decay instead.
    exclude : sequence of str, default ()
        What weight_decay leaves alone: arrays by name ("bias"), in full ("0.bias"), or whole layers ("0").
    frozen : sequence of str, default ()
        What stays exactly as it is, the state of its momentum included; named in the same way. Unfrozen later, it
        goes on with that state; under Adam, whose correction of the first steps is over then, start a new optimizer.
    clip_norm : float > 0, optional
        The longest that the gradients may be, all arrays taken as one vector, the frozen ones left out: when
        norm = sqrt(sum(gradients²)) is larger, they are multiplied by clip_norm / norm. The weight decay is added
        afterwards. `model.gradients` themselves are not changed.
    clip_value : float > 0, optional
        Each gradient is cut to [-clip_value, clip_value]; after clip_norm, so that both bounds hold.

    Attributes
    ----------
    steps : int
        How many steps were made.
    gradient_norm : float or None
        The norm of the gradients at the last step, before clipping; None without clipping, when nobody computed it.

    Raises
    ------
    ValueError
        If an option is out of its range, a name in exclude or frozen fits no array, the model has another size than
        at the first step, or a gradient that is to be clipped is NaN or infinite. Nothing has changed then.

    References
    ----------
    Clipping: Pascanu, Mikolov, Bengio (2013), "On the difficulty of training recurrent neural networks",
    arXiv:1211.5063. PyTorch adds 1e-6 to the norm and so clips a little more, and lets NaN and infinity through.

    Examples
    --------
    >>> model = Layer(weights=(2,))
    >>> model.weights, model.gradients = [1.0, 2.0], [3.0, 4.0]
    >>> optimizer = SGD(learning_rate=1.0, clip_norm=1.0)
    >>> optimizer.step(model)
    >>> model.weights, optimizer.gradient_norm
    (array([0.4, 1.2]), 5.0)
    """

    state_names: tuple[str, ...] = ()
    n_scratch = 1
    decoupled_decay = False
    __signature__: ClassVar[inspect.Signature]

    def __init_subclass__(cls, **keywords: Any) -> None:
        """Say in the signature, which `help` and `repr` read, what `**options` stands for."""
        super().__init_subclass__(**keywords)
        _, *own = inspect.signature(cls.__init__).parameters.values()
        if own and own[-1].kind == inspect.Parameter.VAR_KEYWORD:
            names = {each.name for each in own}
            above = next(base for base in cls.__mro__[1:] if issubclass(base, Optimizer))
            handed_on = inspect.signature(above).parameters.values()
            own[-1:] = [each for each in handed_on if each.kind == each.KEYWORD_ONLY and each.name not in names]
        cls.__signature__ = inspect.Signature(own)

    def __init__(
        self,
        learning_rate: Rate,
        *,
        weight_decay: float = 0.0,
        exclude: Sequence[str] = (),
        frozen: Sequence[str] = (),
        clip_norm: float | None = None,
        clip_value: float | None = None,
    ) -> None:
        who = type(self).__name__
        self.learning_rate = learning_rate
        self.weight_decay = not_negative(who, "weight_decay", weight_decay)
        self.exclude, self.frozen = exclude, frozen
        self.clip_norm = None if clip_norm is None else checks.positive(who, "clip_norm", clip_norm)
        self.clip_value = None if clip_value is None else checks.positive(who, "clip_value", clip_value)
        self.steps = 0
        self.gradient_norm: float | None = None
        self._state: dict[str, Array] = {}
        self._size: int | None = None
        self._blocks: list[Block] = []
        self._scratch: list[list[Array]] = []

    @property
    def learning_rate(self) -> Rate:
        """The rate, or the callable that gives it. It can be changed between steps."""
        return self._learning_rate

    @learning_rate.setter
    def learning_rate(self, rate: Rate) -> None:
        who = type(self).__name__
        self._learning_rate = rate if callable(rate) else not_negative(who, "learning_rate", rate)

    @property
    def exclude(self) -> tuple[str, ...]:
        """What weight_decay leaves alone."""
        return self._exclude

    @exclude.setter
    def exclude(self, names: Sequence[str]) -> None:
        self._exclude = _names(type(self).__name__, "exclude", names)
        self._layout: Mapping[str, slice] | None = None  # the blocks must be cut anew

    @property
    def frozen(self) -> tuple[str, ...]:
        """What stays exactly as it is."""
        return self._frozen

    @frozen.setter
    def frozen(self, names: Sequence[str]) -> None:
        self._frozen = _names(type(self).__name__, "frozen", names)
        self._layout = None

    def rate(self) -> float:
        """Return the learning rate of the step to come."""
        rate = self._learning_rate
        if callable(rate):
            return not_negative(type(self).__name__, f"learning_rate({self.steps})", rate(self.steps))
        return rate

    def step(self, model: Model) -> None:
        """Update `model.parameters` in place by `model.gradients`."""
        rate, parameters, gradients = self.rate(), model.parameters, model.gradients
        layout = getattr(model, "layout", None)
        if layout is None or layout is not self._layout:
            self._prepare(parameters, layout)
        self.gradient_norm = shrink = None
        if self.clip_norm is not None or self.clip_value is not None:
            shrink = self._measure(gradients)
        walk(self._update_blocks, self._blocks, parameters.size, parameters, gradients, rate, shrink)
        self.steps += 1

    def _update_blocks(
        self, blocks: Iterable[Block], parameters: Array, gradients: Array, rate: float, shrink: float | None
    ) -> None:
        """Update these blocks, in scratch that is kept from step to step: a set of it for each thread."""
        if self._scratch:
            rows = self._scratch.pop()
        else:
            rows = list(np.empty((self.n_scratch + 1, min(BLOCK, parameters.size)), parameters.dtype))
        *scratch, spare = rows
        added = 0.0 if self.decoupled_decay else self.weight_decay
        kept = 1.0 - rate * self.weight_decay if self.decoupled_decay else 1.0
        for here, decays, state in blocks:
            size = here.stop - here.start
            values, slopes, free = parameters[here], gradients[here], [row[:size] for row in scratch]
            if shrink is not None:
                slopes = np.multiply(slopes, shrink, out=spare[:size])
                if self.clip_value is not None:
                    np.clip(slopes, -self.clip_value, self.clip_value, out=slopes)
            if added and decays:
                slopes = np.add(slopes, np.multiply(values, added, out=free[0]), out=spare[:size])
            if kept != 1.0 and decays:
                values *= kept
            self._update(values, slopes, rate, free, **state)
        self._scratch.append(rows)

    def _update(
        self, parameters: Array, gradients: Array, rate: float, scratch: list[Array], *_: Any, **state: Any
    ) -> None:
        """Apply the rule to one block, in place.

        The gradients are only read. The scratch is a list of `n_scratch` arrays of the size of the block, whatever is
        in them; the state comes by the names of `state_names`, as `velocity` in `SGD`.
        """
        raise NotImplementedError(f"{type(self).__name__} must define _update")

    def _measure(self, gradients: Array) -> float:
        """Set gradient_norm, and return what to multiply the gradients by."""
        self.gradient_norm = found = norm(gradients, [here for here, *_ in self._blocks])
        if not math.isfinite(found):
            named = {} if self._layout is None else self._layout
            learned = {name: gradients[here] for name, here in named.items() if not _fits(name, self.frozen)}
            where = [name for name, array in learned.items() if not np.isfinite(array).all()]
            got = f"a norm of {found} from {where}" if where else f"a norm of {found}"
            raise ValueError(f"{self!r}: gradients must be finite to be clipped, got {got}")
        return 1.0 if self.clip_norm is None or found <= self.clip_norm else self.clip_norm / found

    def _prepare(self, parameters: Array, layout: Mapping[str, slice] | None) -> None:
        """Make the state at the first step, and the blocks whenever the arrays are others than before."""
        size, dtype = parameters.size, parameters.dtype
        if self._size not in (None, size):
            raise ValueError(f"{self!r}: the model must have {self._size:,} parameters as before, got {size:,}")
        named = {"parameters": slice(0, size)} if layout is None else layout
        for option, names in {"exclude": self.exclude, "frozen": self.frozen}.items():
            for wanted in names:
                if not any(_fits(name, (wanted,)) for name in named):
                    raise ValueError(f"{self!r}: {option} must name arrays among {list(named)}, got {wanted!r}")
        if self._size is None:
            self._state = {name: np.zeros(size, dtype) for name in self.state_names}
        self._state = {name: vector.astype(dtype, copy=False) for name, vector in self._state.items()}
        self._blocks = [
            (here, decays, {name: vector[here] for name, vector in self._state.items()})
            for run, decays in self._runs(named)
            for here in cut(run.start, run.stop)
        ]
        self._size, self._layout, self._scratch = size, layout, []

    def _runs(self, layout: Mapping[str, slice]) -> list[tuple[slice, bool]]:
        """Return the stretches that are not frozen, each as long as it can be, and whether weight decay acts on it."""
        runs: list[tuple[slice, bool]] = []
        for name, here in layout.items():
            if _fits(name, self.frozen):
                continue
            decays = not _fits(name, self.exclude)
            if runs and runs[-1] == (slice(runs[-1][0].start, here.start), decays):
                here = slice(runs.pop()[0].start, here.stop)
            runs.append((here, decays))
        return runs

    def state_dict(self) -> dict[str, Any]:
        """Return all that changes from step to step: `steps` and, after the first, copies of the state vectors.

        The options, the learning rate among them, are not in it: they are what the optimizer was made with.
        """
        return {"steps": self.steps, **{name: self._state[name].copy() for name in self.state_names if self.steps}}

    def load_state_dict(self, state: Mapping[str, ArrayLike]) -> None:
        """Go on exactly where the optimizer of this `state_dict` was. If something does not fit, nothing is changed."""
        names = ["steps", *self.state_names]
        fresh = set(state) == {"steps"} and state["steps"] == 0
        if set(state) != set(names) and not fresh:
            raise ValueError(f"{self!r}: state must have the names {names}, got {list(state)}")
        steps = np.asarray(state["steps"])
        if steps.dtype.kind not in "iu" or steps.ndim or steps < 0:
            raise ValueError(f"{self!r}: steps must be a whole number >= 0, got {state['steps']!r}")
        vectors = {name: np.array(state[name]) for name in self.state_names if not fresh}
        size = self._size or max((vector.size for vector in vectors.values()), default=None)
        for name, vector in vectors.items():
            if vector.dtype.kind != "f" or vector.shape != (size,):
                got = f"{vector.dtype} of shape {vector.shape}"
                raise ValueError(f"{self!r}: {name} must hold floating numbers in shape ({size},), got {got}")
        self.steps, self._state = int(steps), vectors
        self._size = size if vectors else None  # without vectors: as before the first step
        self._layout, self._blocks = None, []

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_layout": None, "_blocks": [], "_scratch": []}

    def __repr__(self) -> str:
        return typed(self)


def _names(who: str, name: str, value: Sequence[str]) -> tuple[str, ...]:
    """Return value as a tuple of strings; raise if it is a single string, which is a tuple of letters to Python."""
    if isinstance(value, str):
        raise TypeError(f"{who}: {name} must be a tuple of names, got the string {value!r}")
    value = tuple(value)
    if not all(isinstance(each, str) for each in value):
        raise TypeError(f"{who}: {name} must be a tuple of names, got {value!r}")
    return value


def _fits(name: str, wanted: Sequence[str]) -> bool:
    """Whether an array's full name, such as "0.bias", is meant by "0.bias", by "bias" or by "0"."""
    return any(name == each or name.rsplit(".", 1)[-1] == each or name.startswith(f"{each}.") for each in wanted)
