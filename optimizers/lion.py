"""Lion: only the sign of the momentum counts."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import checks
from .blocks import Array
from .optimizer import Optimizer
from .options import Option
from .schedule import Rate


class Lion(Optimizer):
    """A step of the same length for all: parameters -= learning_rate * sign(beta1 * m + (1 - beta1) * gradients).

    m = beta2 * m + (1 - beta2) * gradients

    afterwards, so that the step weighs the newest gradients more than m will. The weight decay is decoupled:
    parameters -= learning_rate * weight_decay * parameters.

    Every parameter moves by the learning rate in every step; choose it 3 to 10 times smaller than for `AdamW`, and the
    weight_decay larger by the same factor.

    Parameters
    ----------
    learning_rate : float, or callable step -> float, default 0.0001
    beta1, beta2 : float in [0, 1), default 0.9 and 0.99
    **options
        weight_decay, exclude, frozen, clip_norm, clip_value: see `Optimizer`.

    Raises
    ------
    ValueError
        If beta1 or beta2 is out of its range.

    References
    ----------
    Chen et al. (2023), "Symbolic Discovery of Optimization Algorithms", arXiv:2302.06675, program 1. PyTorch has no
    Lion.

    Examples
    --------
    >>> model = Layer(weights=(3,))
    >>> model.gradients = [5.0, -0.001, 0.0]
    >>> Lion(learning_rate=0.1).step(model)
    >>> model.weights
    array([-0.1,  0.1,  0. ])
    """

    state_names = ("mean",)
    n_scratch = 2
    decoupled_decay = True
    beta1 = Option(checks.fraction, then="_renew")
    beta2 = Option(checks.fraction, then="_renew")

    def __init__(
        self, learning_rate: Rate = 0.0001, *, beta1: float = 0.9, beta2: float = 0.99, **options: Any
    ) -> None:
        super().__init__(learning_rate, **options)
        self.beta1, self.beta2 = beta1, beta2

    def _update(self, parameters: Array, gradients: Array, rate: float, scratch: list[Array], *, mean: Array) -> None:
        # beta * mean + (1 - beta) * gradients = mean + (1 - beta) * (gradients - mean)
        spare, signs = scratch
        leaning = np.subtract(gradients, mean, out=spare)
        leaning *= 1 - self.beta1
        leaning += mean
        step = np.sign(leaning, out=signs)  # in place it would take ten times as long
        step *= rate
        parameters -= step
        change = np.subtract(gradients, mean, out=spare)
        change *= 1 - self.beta2
        mean += change
