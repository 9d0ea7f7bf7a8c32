"""Stochastic gradient descent."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import checks
from .blocks import Array
from .optimizer import Optimizer
from .options import Option
from .schedule import Rate


class SGD(Optimizer):
    """A step against the gradient: parameters += -learning_rate * gradients.

    With momentum, a velocity remembers the steps before:

        velocity = momentum * velocity - learning_rate * gradients
        parameters += velocity

    and with nesterov, which looks ahead to where the velocity leads:

        parameters += momentum * velocity - learning_rate * gradients

    with the new velocity in the last line.

    Parameters
    ----------
    learning_rate : float, or callable step -> float
    momentum : float in [0, 1), default 0
    nesterov : bool, default False
        Needs a momentum.
    **options
        weight_decay, exclude, frozen, clip_norm, clip_value: see `Optimizer`.

    Raises
    ------
    ValueError
        If the momentum is out of its range, or there is none for nesterov.

    References
    ----------
    Polyak (1964), "Some methods of speeding up the convergence of iteration methods". Sutskever, Martens, Dahl,
    Hinton (2013), "On the importance of initialization and momentum in deep learning", ICML; the form with the
    gradient taken at the current parameters: Bengio, Boulanger-Lewandowski, Pascanu (2012), arXiv:1212.0901.
    PyTorch leaves the learning rate out of its velocity: the same as long as the rate does not change.

    Examples
    --------
    >>> model = Layer(weights=(1,))
    >>> optimizer = SGD(learning_rate=0.1, momentum=0.9)
    >>> for _ in range(2):
    ...     model.gradients = [1.0]
    ...     optimizer.step(model)
    ...     print(model.weights.round(4))  # 0 - 0.1, then -0.1 + (0.9 * -0.1 - 0.1)
    [-0.1]
    [-0.29]
    """

    momentum = Option(checks.fraction, then="_agree")
    nesterov = Option(checks.flag, then="_agree")

    def __init__(self, learning_rate: Rate, *, momentum: float = 0.0, nesterov: bool = False, **options: Any) -> None:
        super().__init__(learning_rate, **options)
        self.momentum, self.nesterov = momentum, nesterov

    @property
    def state_names(self) -> tuple[str, ...]:  # type: ignore[override]
        """The velocity where there is a momentum: made at zero when it comes, dropped when it goes."""
        return ("velocity",) if self.momentum else ()

    def _agree(self) -> None:
        if vars(self).get("nesterov") and not self.momentum:
            raise ValueError(f"{type(self).__name__}: nesterov must come with a momentum > 0, got 0")
        self._renew()

    def _update(
        self,
        parameters: Array,
        gradients: Array,
        rate: float,
        scratch: list[Array],
        *,
        velocity: Array | None = None,
    ) -> None:
        (spare,) = scratch
        step = np.multiply(gradients, -rate, out=spare)
        if velocity is None:
            parameters += step
            return
        velocity *= self.momentum
        velocity += step
        if self.nesterov:
            parameters += step
            parameters += np.multiply(velocity, self.momentum, out=spare)
        else:
            parameters += velocity
