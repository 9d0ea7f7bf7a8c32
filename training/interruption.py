"""What may end a training at any moment, and what is whole then: Ctrl-C, and errors that carry the history."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

from .history import History

T = TypeVar("T")

TORN = "fit: stopped by a second Ctrl-C in the middle of a step: the model may be half changed"


class Interruption:
    """Turns Ctrl-C into a KeyboardInterrupt between two batches, so that no step is left half done.

    Until then everything goes on, callbacks, `save` and `load` too. A second Ctrl-C is not patient: it raises where it
    comes, and `torn` says that the step was perhaps half made. Outside the main thread, or where the program has a
    handler of its own, it does nothing.

    Parameters
    ----------
    stops : callable (interruption) -> bool, optional
        Whether to stop before the next batch: processes agree on that. Left out, where it was pressed.
    """

    def __init__(self, stops: Callable[[Interruption], bool] | None = None) -> None:
        self.stops = stops
        self.pressed = self._installed = self.torn = False

    def __enter__(self) -> Interruption:
        mine = threading.current_thread() is threading.main_thread()
        if mine and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            self._installed = True
            signal.signal(signal.SIGINT, self._press)
        return self

    def __exit__(self, *_: object) -> None:
        if self._installed:
            signal.signal(signal.SIGINT, signal.default_int_handler)
            self._installed = False

    def _press(self, *_: object) -> None:
        if self.pressed:
            self.torn = True
            raise KeyboardInterrupt(TORN)
        self.pressed = True

    def between(self, batches: Iterable[T]) -> Iterator[T]:
        """Yield the batches until Ctrl-C is pressed."""
        for batch in batches:
            if self.pressed if self.stops is None else self.stops(self):
                raise KeyboardInterrupt
            yield batch


def carry(error: BaseException, history: History) -> None:
    """Give an error the epochs so far as its `history`, whatever its class says of attributes."""
    with contextlib.suppress(Exception):
        BaseException.__setattr__(error, "history", history)


def said(error: BaseException) -> str:
    """Return what an error says, also of one that cannot be shown.

    Examples
    --------
    >>> class Mute(Exception):
    ...     def __str__(self):
    ...         raise RuntimeError
    >>> said(ValueError("no")), said(Mute())
    ('no', 'Mute')
    """
    try:
        return str(error)
    except Exception:
        return type(error).__name__


class Buffers:
    """The arrays of a model that its forward changes, such as a running mean: as they are, and as they were."""

    def __init__(self, model: Any) -> None:
        arrays = model.arrays() if hasattr(model, "arrays") else ()
        self._owners = [(layer, name) for _, layer, name in arrays if name in layer.buffers]

    def now(self) -> list[Any]:
        """Return copies of them."""
        return [getattr(layer, name).copy() for layer, name in self._owners]

    def put(self, values: list[Any]) -> None:
        """Put these in their places."""
        for (layer, name), value in zip(self._owners, values, strict=True):
            setattr(layer, name, value)
