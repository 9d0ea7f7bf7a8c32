"""The one model that an optimizer serves, remembered without keeping it alive."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

from .names import Model


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


def _weakly(thing: Any) -> Callable[[], Any]:
    try:
        return weakref.ref(thing)
    except TypeError:
        return lambda: thing
