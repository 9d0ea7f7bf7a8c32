"""The contract of an optimizer, and what all of them do alike: weight decay, clipping, frozen layers, state."""

from __future__ import annotations

import inspect
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, TypeAlias

import numpy as np

from . import checks
from .binding import Binding, Kept
from .blocks import BLOCK, Array, cut, walk
from .construction import Constructed
from .habits import Habits
from .names import Model, names, resting, runs
from .options import Option
from .ranges import FAST, calm, norm, ordinary, quotient, squares, top
from .refusals import check_dtype, check_frozen, check_names, infinite, why_refused
from .schedule import Rate, not_negative, rate_or_schedule
from .states import cast
from .typed import typed

# A stretch of the vectors, whether weight decay acts on it, and the state there by its names.
Block: TypeAlias = tuple[slice, bool, dict[str, Array]]


class Optimizer(Kept, Habits, metaclass=Constructed):
    """A rule that changes parameters by their gradients.

    `step(model)` reads `model.parameters` and `model.gradients` and updates the parameters in place. The optimizer
    keeps no reference to them, only its own state: vectors as long as the parameters, made at the first step. With that
    it serves one model, until `reset()`; a copied, unpickled or loaded optimizer serves the model of its next step.

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
        A layer whose forward moves buffers, or makes noise, does not stay as it is by that: `layer.rest()`, which every
        optimizer sees.
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
        If an option is out of its range, a name in exclude or frozen fits no array, the model is another one than, or
        has another size than, at the first step, a gradient is NaN or infinite, or the step would overflow, as the
        square of a gradient of 1e25 does in float32. Nothing has changed then.
    TypeError
        If an option is of another kind, or the parameters are float16, which cannot hold the squares of gradients.

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

    learning_rate = Option(rate_or_schedule)
    weight_decay = Option(not_negative)
    exclude = Option(names, then="_renew")
    frozen = Option(names, then="_renew")
    clip_norm = Option(checks.positive, optional=True, then="_renew")
    clip_value = Option(checks.positive, optional=True, then="_renew")

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
        self._trying = False
        self.reset()
        self.learning_rate, self.weight_decay = learning_rate, weight_decay
        self.exclude, self.frozen = exclude, frozen
        self.clip_norm, self.clip_value = clip_norm, clip_value

    def constructed(self) -> None:
        """See that the constructor has done what every optimizer needs."""
        if "_state" not in vars(self):
            raise TypeError(f"{type(self).__name__}.__init__ must call super().__init__(learning_rate, ...), got none")

    def _renew(self) -> None:
        """Make the state that the options ask for, and let the next step see whether they fit the model."""
        if self._size is not None:
            made = {name: self._state.get(name) for name in self.state_names}
            self._state = {name: np.zeros(self._size) if old is None else old for name, old in made.items()}
        self._dtype: np.dtype[Any] | None = None
        self._layout: Mapping[str, slice] | None = None
        self._blocks: list[Block] = []
        self._learned: list[slice] = []
        self._scratch: list[tuple[list[Array], Array]] = []

    def rate(self) -> float:
        """Return the learning rate of the step to come."""
        rate = self.learning_rate
        if callable(rate):
            given: Any = rate(self.steps)
            plain = given.item() if isinstance(given, np.ndarray) and given.ndim == 0 else given
            return not_negative(type(self).__name__, f"learning_rate({self.steps})", plain)
        return rate

    def step(self, model: Model) -> None:
        """Update `model.parameters` in place by `model.gradients`."""
        served = self._served
        if served is None or served() is not model:
            self.check_serves(model)
            served = None
        rate, parameters, gradients = self.rate(), model.parameters, model.gradients
        layout = getattr(model, "layout", None)
        size, state = self._size, self._state
        try:
            if layout is None or layout is not self._layout:
                self._prepare(model, parameters, layout)
            found, factors, total = self._measure(gradients)
            if self.weight_decay:
                decay = rate * self.weight_decay if self.decoupled_decay else self.weight_decay
                total = 2 * (float(total) + decay * decay * float(self._squares(parameters)))
            if not (total < self._ordinary and rate < FAST):  # also if it is NaN
                self._try(parameters, gradients, rate, factors)
            elif self._short:
                self._update_blocks(self._blocks, parameters, gradients, rate, factors)
            else:
                walk(self._update_blocks, self._blocks, parameters.size, parameters, gradients, rate, factors)
        except BaseException:
            if state is not self._state:  # as it was before it was made, or cast, for this step
                self._size, self._state = size, state
                self._renew()
            raise
        self.gradient_norm = found
        self.steps += 1
        if served is None:
            self._served = Binding(model)

    def _update_blocks(
        self, blocks: Iterable[Block], parameters: Array, gradients: Array, rate: float, factors: tuple[float, ...]
    ) -> None:
        """Update these blocks, in scratch that is kept from step to step: a set of it for each thread."""
        if self._scratch:
            scratch, spare = kit = self._scratch.pop()
        else:
            spare, *scratch = np.empty((self.n_scratch + 1, min(BLOCK, parameters.size)), parameters.dtype)
            kit = scratch, spare
        added, kept = self.weight_decay, 1.0
        if self.decoupled_decay:
            added, kept = 0.0, 1.0 - rate * added
        bound = None if self.clip_value is None else min(self.clip_value, top(parameters.dtype))
        for here, decays, state in blocks:
            size = here.stop - here.start
            if size == parameters.size:
                values, slopes, free = parameters, gradients, scratch
            else:
                values, slopes, free = parameters[here], gradients[here], [row[:size] for row in scratch]
            for factor in factors:
                slopes = np.multiply(slopes, factor, out=spare[:size])
            if bound is not None:
                slopes = np.clip(slopes, -bound, bound, out=spare[:size])
            if added and decays:
                slopes = np.add(slopes, np.multiply(values, added, out=free[0]), out=spare[:size])
            if kept != 1.0 and decays:
                values *= kept
            self._update(values, slopes, rate, free, **state)
        self._scratch.append(kit)

    def _update(
        self, parameters: Array, gradients: Array, rate: float, scratch: list[Array], *_: Any, **state: Any
    ) -> None:
        """Apply the rule to one block, in place.

        The gradients are only read. The scratch is a list of `n_scratch` arrays of the size of the block, whatever is
        in them; the state comes by the names of `state_names`, as `velocity` in `SGD`.
        """
        raise NotImplementedError(f"{type(self).__name__} must define _update")

    def _least_epsilon(self, dtype: np.dtype[Any]) -> float:
        return 0.0  # for rules that have an epsilon: the least with which the formula is right in this dtype

    def _squares(self, vector: Array) -> Any:
        return np.vdot(vector, vector) if self._short else squares(vector, self._learned)

    def _measure(self, gradients: Array) -> tuple[float | None, tuple[float, ...], Any]:
        """Return the norm to clip by, the factors that shorten the gradients, and the sum of their squares then."""
        if self.clip_norm is None and self.clip_value is None:
            return None, (), self._squares(gradients)
        found = norm(gradients, self._learned)
        if not math.isfinite(found):
            reason = infinite("gradients", gradients, self._learned, self._layout, self.frozen)
            raise ValueError(f"{self!r}: {reason or 'gradients must have a norm that float64 can hold'}")
        if self.clip_norm is None or found <= self.clip_norm:
            return found, (), found * found
        return found, quotient(self.clip_norm, found, gradients.dtype), self.clip_norm * self.clip_norm

    def _try(self, parameters: Array, gradients: Array, rate: float, factors: tuple[float, ...]) -> None:
        """Make a step that might leave the range of the dtype: on copies, which are kept where all is finite."""
        after, state = parameters.copy(), {name: vector.copy() for name, vector in self._state.items()}
        blocks = [(here, decays, {name: state[name][here] for name in state}) for here, decays, _ in self._blocks]
        self._trying = True  # a rule may take more care then, as Adadelta does
        with np.errstate(over="raise", divide="raise", invalid="raise", under="ignore"):
            try:
                walk(self._update_blocks, blocks, parameters.size, after, gradients, rate, factors)
                fine = all(np.isfinite(v[here]).all() for v in (after, *state.values()) for here in self._learned)
            except FloatingPointError:
                fine = False
            finally:
                self._trying = False
        if not fine:
            where = self._learned, self._layout, self.frozen
            raise ValueError(f"{self!r}: {why_refused(gradients, parameters, rate, *where)}")
        parameters[...] = after
        for name, vector in self._state.items():
            vector[...] = state[name]
        self._ordinary = ordinary(after.dtype) if calm(state.values()) else 0.0

    def _prepare(self, model: Model, parameters: Array, layout: Mapping[str, slice] | None) -> None:
        """Make the state at the first step, and the blocks whenever the arrays are others than before."""
        size, dtype = parameters.size, parameters.dtype.newbyteorder("=")
        if self._size not in (None, size):
            raise ValueError(f"{self!r}: the model must have {self._size:,} parameters as before, got {size:,}")
        named = {"parameters": slice(0, size)} if layout is None else layout
        check_frozen(repr(self), model, self.frozen)
        check_names(repr(self), named, exclude=self.exclude, frozen=self.frozen)
        if self._dtype is None or self._dtype != dtype:  # to NumPy, None is float64
            check_dtype(repr(self), self, dtype, self._least_epsilon(dtype))
            if self._size is None:
                self._state = {name: np.zeros(size, dtype) for name in self.state_names}
            self._state = {name: cast(repr(self), name, vector, dtype) for name, vector in self._state.items()}
            self._ordinary = ordinary(dtype) if calm(self._state.values()) else 0.0
        still = (*self.frozen, *resting(model))
        self._learned = [here for run, _ in runs(named, still, ()) for here in cut(run.start, run.stop)]
        self._short = self._learned == [slice(0, size)]
        self._blocks = [
            (here, decays, {name: vector[here] for name, vector in self._state.items()})
            for run, decays in runs(named, still, self.exclude)
            for here in cut(run.start, run.stop)
        ]
        self._size, self._dtype, self._layout, self._scratch = size, dtype, layout, []

    def __repr__(self) -> str:
        return typed(self)
