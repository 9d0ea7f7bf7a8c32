"""What one types out of habit with other libraries, and what it is here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .construction import Elsewhere

WAYS = "loss.forward(predictions, y) returns the number, loss.backward() its derivative"


class Habits:
    """The part of a loss that answers what it does not have.

    Examples
    --------
    >>> loss = MeanSquaredError()
    >>> loss([1.0], [2.0])
    Traceback (most recent call last):
    TypeError: MeanSquaredError(): a loss is not called: loss.forward(predictions, y) returns the number, \
loss.backward() its derivative
    """

    item = Elsewhere("item", "forward returns a plain float")
    zero_grad = Elsewhere("zero_grad", "there is nothing to zero, backward sets the gradients")

    if not TYPE_CHECKING:  # to whom every loss would be a function

        def __call__(self, *_: Any, **__: Any) -> Any:
            raise TypeError(f"{self!r}: a loss is not called: {WAYS}")
