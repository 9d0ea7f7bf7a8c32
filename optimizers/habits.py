"""What one types out of habit with other libraries, and what it is here."""

from __future__ import annotations

from typing import Any

from .construction import Elsewhere

STEP = "optimizer.step(model) after model.backward(loss.backward()) is a step"


class _Unset(Elsewhere):
    """A name that is not set either, in the optimizers of this package: it would change nothing."""

    def __set__(self, thing: Any, value: Any) -> None:
        if type(thing).__module__.partition(".")[0] == __name__.partition(".")[0]:
            raise AttributeError(f"{thing!r}: cannot set {self.name!r}: did you mean {self.hint}?")
        thing.__dict__[self.name] = value

    def __get__(self, thing: Any, kind: type) -> Any:
        if thing is not None and self.name in thing.__dict__:
            return thing.__dict__[self.name]
        return super().__get__(thing, kind)


class Habits:
    """The part of an optimizer that answers what it does not have.

    Examples
    --------
    >>> SGD(0.1).zero_grad()
    Traceback (most recent call last):
    AttributeError: 'SGD' object has no attribute 'zero_grad': there is nothing to zero, backward sets the gradients
    """

    zero_grad = Elsewhere("zero_grad", "there is nothing to zero, backward sets the gradients")
    minimize = Elsewhere("minimize", STEP)
    apply_gradients = Elsewhere("apply_gradients", STEP)
    update = Elsewhere("update", STEP)
    lr = _Unset("lr", "learning_rate")
