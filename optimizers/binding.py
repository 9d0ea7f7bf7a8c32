"""What an optimizer keeps: which model it serves, without keeping that alive, and its own state."""

from __future__ import annotations

import copy
import weakref
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from . import checks
from .blocks import Array
from .names import Model, check_model
from .states import floats


class Binding:
    """The model that an optimizer has made steps for: `binding()` is it, or None if it is no more.

    An object that cannot be referred to weakly, such as one with `__slots__`, is kept.

    Examples
    --------
    >>> model = Layer(weights=(2,))
    >>> Binding(model).refers_to(model), Binding(model).refers_to(Layer(weights=(2,)))
    (True, False)
    """

    def __init__(self, model: Model) -> None:
        self._model, self._parameters = _weakly(model), _weakly(model.parameters)

    def __call__(self) -> Model | None:
        return self._model()

    def refers_to(self, model: Model) -> bool:
        """Whether this is the model: the same object, or another one around the same vector of parameters."""
        return self._model() is model or self._parameters() is model.parameters


class Kept:
    """The part of an optimizer that outlasts a step: the model it serves, how many steps it made, and its vectors."""

    state_names: tuple[str, ...] = ()
    steps: int
    _size: int | None

    def _renew(self) -> None:
        raise NotImplementedError

    def reset(self) -> None:
        """Forget the model, the state and the steps: go on as one newly made with the same options."""
        self.steps = 0
        self.gradient_norm: float | None = None
        self._state: dict[str, Array] = {}
        self._size: int | None = None
        self._served: Binding | None = None
        self._renew()

    def check_serves(self, model: Model) -> None:
        """Raise ValueError if this optimizer has made steps for another model."""
        check_model(self, model)
        if self._served is not None and not self._served.refers_to(model):
            raise ValueError(
                f"{self!r}: model must be the one that it has made steps for, got another one; make a new optimizer, "
                "or reset() this one"
            )

    def state_dict(self) -> dict[str, Any]:
        """Return all that changes from step to step: `steps` and, after the first, copies of the state vectors.

        The options, the learning rate among them, are not in it: they are what the optimizer was made with.
        """
        return {"steps": self.steps, **{name: vector.copy() for name, vector in self._state.items() if self.steps}}

    def load_state_dict(self, state: Mapping[str, ArrayLike]) -> None:
        """Go on exactly where the optimizer of this `state_dict` was. If something does not fit, nothing is changed."""
        names = ["steps", *self.state_names]
        checks.mapping(repr(self), "state", state)
        fresh = set(state) == {"steps"} and state["steps"] == 0
        if set(state) != set(names) and not fresh:
            raise ValueError(f"{self!r}: state must have the names {names}, got {list(state)}")
        steps = checks.array(self, "steps", state["steps"])
        if steps.dtype.kind not in "iu" or steps.ndim or steps < 0:
            raise ValueError(f"{self!r}: steps must be a whole number >= 0, got {state['steps']!r}")
        size = self._size or max((np.size(state[name]) for name in self.state_names if not fresh), default=None)
        vectors = {name: floats(repr(self), name, state[name], size) for name in self.state_names if not fresh}
        self.steps, self._state = int(steps), vectors
        self._size = size if vectors else None  # without vectors: as before the first step
        self._served = None
        self._renew()

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_served": None, "_layout": None, "_dtype": None, "_blocks": [], "_scratch": []}

    def __copy__(self) -> Any:
        return copy.deepcopy(self)  # a shallow copy would share the vectors of the state


def _weakly(thing: Any) -> Callable[[], Any]:
    try:
        return weakref.ref(thing)
    except TypeError:
        return lambda: thing
