"""The contract of an optimizer, and the walk over a model's flat vectors that all of them share."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

Array: TypeAlias = np.ndarray[Any, Any]
Rate: TypeAlias = float | Callable[[int], float]

# Elements of a block. An update makes several passes over the parameters; done block by block, all but the first
# pass find their numbers in the processor's cache, and the scratch that they need is one block instead of a vector
# as long as the network.
BLOCK = 32768


class Optimizer:
    """A rule that changes parameters by their gradients.

    `step(model)` reads `model.parameters` and `model.gradients` and updates the parameters in place. The optimizer
    keeps no reference to them, only its own state: vectors as long as the parameters, made at the first step.

    A subclass names its vectors in `state_names` and writes `_update`, its formula for one block.

    Parameters
    ----------
    learning_rate : float, or callable step -> float
        A callable is asked at each step, which it is given, counted from 0.
    weight_decay : float, default 0
        Adds weight_decay * parameters to the gradients: the gradient of weight_decay / 2 * sum(parameters²).
    exclude : sequence of str, default ()
        What weight_decay leaves alone: arrays by name ("bias"), in full ("0.bias"), or whole layers ("0").

    Attributes
    ----------
    steps : int
        How many steps were made.

    Raises
    ------
    ValueError
        If a rate is negative or not finite, a name in exclude fits no array, or the model has another size than at
        the first step.

    Examples
    --------
    >>> model = Layer(weights=(2,))
    >>> model.weights, model.gradients = [1.0, 2.0], [10.0, 10.0]
    >>> SGD(learning_rate=0.1).step(model)
    >>> model.weights
    array([0., 1.])
    """

    state_names: tuple[str, ...] = ()

    def __init__(self, learning_rate: Rate, weight_decay: float = 0.0, exclude: Sequence[str] = ()) -> None:
        self.learning_rate = learning_rate
        self.weight_decay = self._at_least_zero("weight_decay", weight_decay)
        if isinstance(exclude, str):
            raise TypeError(f"{type(self).__name__}: exclude must be a tuple of names, got the string {exclude!r}")
        self.exclude = tuple(exclude)
        self.steps = 0
        self._state: dict[str, Array] = {}
        self._size: int | None = None
        self._layout: Mapping[str, slice] | None = None
        self._blocks: list[tuple[slice, bool]] = []

    @property
    def learning_rate(self) -> Rate:
        """The rate, or the callable that gives it. It can be changed between steps."""
        return self._learning_rate

    @learning_rate.setter
    def learning_rate(self, rate: Rate) -> None:
        self._learning_rate = rate if callable(rate) else self._at_least_zero("learning_rate", rate)

    def rate(self) -> float:
        """Return the learning rate of the step to come."""
        if callable(self._learning_rate):
            return self._at_least_zero(f"learning_rate({self.steps})", self._learning_rate(self.steps))
        return self._learning_rate

    def step(self, model: Any) -> None:
        """Update `model.parameters` in place by `model.gradients`."""
        parameters, gradients = model.parameters, model.gradients
        rate = self.rate()
        self._prepare(model)
        scratch = np.empty(min(BLOCK, parameters.size), parameters.dtype)
        for here, decays in self._blocks:
            block, slopes = parameters[here], gradients[here]
            if decays and self.weight_decay:
                slopes = slopes + self.weight_decay * block
            state = (self._state[name][here] for name in self.state_names)
            self._update(block, slopes, rate, scratch[: block.size], *state)
        self.steps += 1

    def _update(self, parameters: Array, gradients: Array, rate: float, scratch: Array, *state: Array) -> None:
        """Apply the rule to one block, in place; `gradients` is only read, and scratch may hold anything."""
        raise NotImplementedError(f"{type(self).__name__} must define _update")

    def _prepare(self, model: Any) -> None:
        """At the first step make the state and the blocks; later see that the model is still the same in size."""
        size = model.parameters.size
        if self._size not in (None, size):
            raise ValueError(f"{self!r}: the model must have {self._size:,} parameters as before, got {size:,}")
        if not self._blocks or (self.exclude and model.layout is not self._layout and model.layout != self._layout):
            self._blocks = list(self._cut(self._decays(model)))
            self._layout = model.layout if self.exclude else None
        if self._size is None:
            self._size = size
            self._state = {name: np.zeros(size, model.parameters.dtype) for name in self.state_names}

    def _decays(self, model: Any) -> list[tuple[int, bool]]:
        """Return where the weight decay begins or ends: (end of a run, whether it decays), in order."""
        if not self.exclude:
            return [(model.parameters.size, True)]
        for wanted in self.exclude:
            if not any(_fits(name, wanted) for name in model.layout):
                raise ValueError(f"{self!r}: exclude must name arrays among {list(model.layout)}, got {wanted!r}")
        runs: list[tuple[int, bool]] = []
        for name, here in model.layout.items():
            decays = not any(_fits(name, wanted) for wanted in self.exclude)
            if runs and runs[-1][1] == decays:
                runs.pop()
            runs.append((here.stop, decays))
        return runs

    @staticmethod
    def _cut(runs: list[tuple[int, bool]]) -> Iterator[tuple[slice, bool]]:
        start = 0
        for stop, decays in runs:
            for first in range(start, stop, BLOCK):
                yield slice(first, min(first + BLOCK, stop)), decays
            start = stop

    def state_dict(self) -> dict[str, Any]:
        """Return all that changes from step to step: `steps`, and copies of the state vectors."""
        return {"steps": self.steps, **{name: vector.copy() for name, vector in self._state.items()}}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
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
        self._blocks = []

    def _at_least_zero(self, name: str, value: Any) -> float:
        if not isinstance(value, int | float | np.integer | np.floating) or isinstance(value, bool):
            raise TypeError(f"{type(self).__name__}: {name} must be a number, got {value!r}")
        if not 0 <= value < math.inf:
            raise ValueError(f"{type(self).__name__}: {name} must be finite and >= 0, got {value}")
        return float(value)

    def _options(self) -> list[str]:
        decay = [f"weight_decay={self.weight_decay:g}"] if self.weight_decay else []
        return decay + ([f"exclude={self.exclude}"] if self.exclude else [])

    def __repr__(self) -> str:
        rate = self._learning_rate if callable(self._learning_rate) else f"{self._learning_rate:g}"
        return f"{type(self).__name__}({', '.join([f'learning_rate={rate}', *self._options()])})"


def _fits(name: str, wanted: str) -> bool:
    """Whether an array's full name, such as "0.bias", is meant by "0.bias", by "bias" or by "0"."""
    return name == wanted or name.rsplit(".", 1)[-1] == wanted or name.startswith(f"{wanted}.")
