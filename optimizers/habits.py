"""What one types out of habit with other libraries, and what it is here."""

from __future__ import annotations

from .construction import Elsewhere

STEP = "optimizer.step(model) after model.backward(loss.backward()) is a step"


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
    lr = Elsewhere("lr", "learning_rate")
