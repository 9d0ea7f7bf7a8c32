"""Rules that give each parameter a step of its own, by the size of the gradients that it has seen."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from . import checks
from .blocks import Array
from .optimizer import Optimizer
from .options import Option
from .ranges import least_inside, least_outside
from .schedule import Rate, not_negative


class RMSprop(Optimizer):
    """Divide by the root mean square: parameters -= learning_rate * gradients / (sqrt(mean_square) + epsilon).

    mean_square = rho * mean_square + (1 - rho) * gradients²

    centered divides by the standard deviation instead, the root of the variance mean_square - mean² with

        mean = rho * mean + (1 - rho) * gradients

    and momentum adds up the quotients:

        velocity = momentum * velocity + gradients / (sqrt(mean_square) + epsilon)
        parameters -= learning_rate * velocity

    Parameters
    ----------
    learning_rate : float, or callable step -> float, default 0.001
    rho : float in [0, 1), default 0.9
        How much of the mean stays from step to step. PyTorch calls it alpha, and has 0.99.
    epsilon : float > 0, default 1e-8
        Outside the root, as in PyTorch. In Keras it is inside: sqrt(mean_square + epsilon).
    momentum : float in [0, 1), default 0
    centered : bool, default False
    **options
        weight_decay, exclude, frozen, clip_norm, clip_value: see `Optimizer`.

    Raises
    ------
    ValueError
        If rho, epsilon or momentum is out of its range.

    References
    ----------
    Tieleman, Hinton (2012), "Neural Networks for Machine Learning", lecture 6.5. Centered: Graves (2013), "Generating
    Sequences With Recurrent Neural Networks", arXiv:1308.0850, eq. 38 to 45, where epsilon is inside the root.

    Examples
    --------
    >>> model = Layer(weights=(2,))
    >>> model.gradients = [3.0, -0.003]
    >>> RMSprop(learning_rate=0.1, rho=0.75).step(model)  # gradients / sqrt(0.25 * gradients²) = +-2
    >>> model.weights.round(4)
    array([-0.2,  0.2])
    """

    _least_epsilon = staticmethod(least_outside)
    rho = Option(checks.fraction, then="_renew")
    epsilon = Option(checks.positive, then="_renew")
    momentum = Option(checks.fraction, then="_renew")
    centered = Option(checks.flag, then="_renew")

    def __init__(
        self,
        learning_rate: Rate = 0.001,
        *,
        rho: float = 0.9,
        epsilon: float = 1e-8,
        momentum: float = 0.0,
        centered: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(learning_rate, **options)
        self.rho, self.epsilon, self.momentum, self.centered = rho, epsilon, momentum, centered

    @property
    def state_names(self) -> tuple[str, ...]:  # type: ignore[override]
        """The mean square; the mean if centered; the velocity if there is a momentum, and dropped when it goes."""
        return ("mean_square",) + (("mean",) if self.centered else ()) + (("velocity",) if self.momentum else ())

    def _update(
        self,
        parameters: Array,
        gradients: Array,
        rate: float,
        scratch: list[Array],
        *,
        mean_square: Array,
        mean: Array | None = None,
        velocity: Array | None = None,
    ) -> None:
        (spare,) = scratch
        _average(mean_square, self.rho, np.multiply(gradients, gradients, out=spare), spare)
        if mean is None:
            root = np.sqrt(mean_square, out=spare)
        else:
            _average(mean, self.rho, gradients, spare)
            variance = np.subtract(mean_square, np.multiply(mean, mean, out=spare), out=spare)
            np.clip(variance, 0, math.inf, out=variance)  # rounding can make a variance of 0 negative
            root = np.sqrt(variance, out=spare)
        root += self.epsilon
        step = np.divide(gradients, root, out=spare)
        if velocity is not None:
            velocity *= self.momentum
            velocity += step
            step = np.multiply(velocity, rate, out=spare)
        else:
            step *= rate
        parameters -= step


class Adagrad(Optimizer):
    """Divide by the root of all squares so far: parameters -= learning_rate * gradients / (sqrt(squares) + epsilon).

    squares += gradients²

    The steps shrink with time, and more so where gradients are frequent: made for sparse features.

    Parameters
    ----------
    learning_rate : float, or callable step -> float, default 0.01
    epsilon : float > 0, default 1e-10
        Outside the root, as in PyTorch.
    initial_squares : float >= 0, default 0
        Is added to squares.
    **options
        weight_decay, exclude, frozen, clip_norm, clip_value: see `Optimizer`.

    Raises
    ------
    ValueError
        If epsilon or initial_squares is out of its range.

    References
    ----------
    Duchi, Hazan, Singer (2011), "Adaptive Subgradient Methods for Online Learning and Stochastic Optimization", JMLR
    12, with the diagonal of the matrix. PyTorch's lr_decay is the schedule `InverseTimeDecay`.

    Examples
    --------
    >>> model = Layer(weights=(1,))
    >>> optimizer = Adagrad(learning_rate=0.1)
    >>> for gradient in (3.0, 4.0):  # steps of 0.1 * 3 / 3 and 0.1 * 4 / 5
    ...     model.gradients = [gradient]
    ...     optimizer.step(model)
    ...     print(model.weights.round(4))
    [-0.1]
    [-0.18]
    """

    state_names = ("squares",)
    _least_epsilon = staticmethod(least_outside)
    epsilon = Option(checks.positive, then="_renew")
    initial_squares = Option(not_negative, then="_renew")

    def __init__(
        self, learning_rate: Rate = 0.01, *, epsilon: float = 1e-10, initial_squares: float = 0.0, **options: Any
    ) -> None:
        super().__init__(learning_rate, **options)
        self.epsilon, self.initial_squares = epsilon, initial_squares

    def _update(
        self, parameters: Array, gradients: Array, rate: float, scratch: list[Array], *, squares: Array
    ) -> None:
        (spare,) = scratch
        squares += np.multiply(gradients, gradients, out=spare)
        total = np.add(squares, self.initial_squares, out=spare) if self.initial_squares else squares
        root = np.sqrt(total, out=spare)
        root += self.epsilon
        step = np.divide(gradients, root, out=spare)
        step *= rate
        parameters -= step


class Adadelta(Optimizer):
    """Steps in the units of the parameters: parameters -= learning_rate * step, without a rate to choose.

    mean_square = rho * mean_square + (1 - rho) * gradients²
    step = sqrt(mean_square_step + epsilon) / sqrt(mean_square + epsilon) * gradients
    mean_square_step = rho * mean_square_step + (1 - rho) * step²

    Parameters
    ----------
    learning_rate : float, or callable step -> float, default 1
        The paper has none.
    rho : float in [0, 1), default 0.9
        How much of the means stays from step to step. The paper's experiments have 0.95.
    epsilon : float > 0, default 1e-6
        Inside both roots, as in the paper and in PyTorch. It makes the first steps: with 0 nothing ever moves.
        In float32 at least 9e-10.
    **options
        weight_decay, exclude, frozen, clip_norm, clip_value: see `Optimizer`.

    Raises
    ------
    ValueError
        If rho is out of its range or epsilon is not above 0.

    References
    ----------
    Zeiler (2012), "ADADELTA: An Adaptive Learning Rate Method", arXiv:1212.5701, algorithm 1.

    Examples
    --------
    >>> model = Layer(weights=(1,))
    >>> model.gradients = [3.0]
    >>> Adadelta(rho=0.75, epsilon=0.0001).step(model)  # sqrt(0.0001) / sqrt(0.25 * 9 + 0.0001) * 3
    >>> model.weights.round(4)
    array([-0.02])
    """

    state_names = ("mean_square", "mean_square_step")
    n_scratch = 2
    _least_epsilon = staticmethod(least_inside)
    rho = Option(checks.fraction, then="_renew")
    epsilon = Option(checks.positive, then="_renew")

    def __init__(self, learning_rate: Rate = 1.0, *, rho: float = 0.9, epsilon: float = 1e-6, **options: Any) -> None:
        super().__init__(learning_rate, **options)
        self.rho, self.epsilon = rho, epsilon

    def _update(
        self,
        parameters: Array,
        gradients: Array,
        rate: float,
        scratch: list[Array],
        *,
        mean_square: Array,
        mean_square_step: Array,
    ) -> None:
        spare, other = scratch
        _average(mean_square, self.rho, np.multiply(gradients, gradients, out=spare), spare)
        step = np.add(mean_square_step, self.epsilon, out=other)
        root = np.add(mean_square, self.epsilon, out=spare)
        if self._trying:  # the quotient of such numbers may be lost below the range, that of their roots is not
            np.sqrt(step, out=step)
            step /= np.sqrt(root, out=root)
        else:
            step /= root
            np.sqrt(step, out=step)
        step *= gradients
        _average(mean_square_step, self.rho, np.multiply(step, step, out=spare), spare)
        step *= rate
        parameters -= step


def _average(mean: Array, rho: float, values: Array, spare: Array) -> None:
    """Set mean = rho * mean + (1 - rho) * values; the values may be in spare."""
    mean *= rho
    mean += np.multiply(values, 1 - rho, out=spare)
