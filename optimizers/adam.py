"""Adam and its relatives: steps along the mean gradient, measured in units of its root mean square.

All of them keep two discounted means of the gradients g seen so far, over about 1 / (1 - beta) steps each:

    m = beta1 * m + (1 - beta1) * g         v = beta2 * v + (1 - beta2) * g²

Both start at zero, and so are too small at first; after t steps their weights add up to 1 - beta1**t and 1 - beta2**t
only. Divided by these, they are true weighted means, m_hat and v_hat:

    m_hat = m / (1 - beta1**t)              v_hat = v / (1 - beta2**t)

What is kept here are the sums without the factors 1 - beta, which saves two of the twelve passes over the block:

    gradient_sum = m / (1 - beta1)          square_sum = v / (1 - beta2)
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from . import checks
from .blocks import Array
from .optimizer import Optimizer
from .options import Option
from .ranges import least_outside, weights_of
from .schedule import Rate, not_negative

ANCHOR = 1024  # steps between two products of momentums that are computed afresh


class Adam(Optimizer):
    """Adaptive moments: parameters -= learning_rate * m_hat / (sqrt(v_hat) + epsilon).

    m = beta1 * m + (1 - beta1) * gradients,     m_hat = m / (1 - beta1**t)
    v = beta2 * v + (1 - beta2) * gradients²,    v_hat = v / (1 - beta2**t)

    in step t = 1, 2, ... A step is about learning_rate long in each parameter, however large the gradients are.

    Parameters
    ----------
    learning_rate : float, or callable step -> float, default 0.001
    beta1, beta2 : float in [0, 1), default 0.9 and 0.999
        How much of the means stays from step to step.
    epsilon : float > 0, default 1e-8
        Outside the root, and added after the correction by 1 - beta2**t: as in the paper and in PyTorch.
    amsgrad : bool, default False
        Divide by the largest v so far: sqrt(max(v_1, ..., v_t) / (1 - beta2**t)), as PyTorch does; in the paper
        without the correction.
    **options
        weight_decay, exclude, frozen, clip_norm, clip_value: see `Optimizer`. The weight_decay is added to the
        gradients, and so passes through the means; `AdamW` decays the parameters themselves.

    Raises
    ------
    ValueError
        If beta1, beta2 or epsilon is out of its range.

    References
    ----------
    Kingma, Ba (2015), "Adam: A Method for Stochastic Optimization", arXiv:1412.6980, algorithm 1. AMSGrad: Reddi,
    Kale, Kumar (2018), "On the Convergence of Adam and Beyond", arXiv:1904.09237.

    Examples
    --------
    >>> model = Layer(weights=(2,))
    >>> optimizer = Adam(learning_rate=0.1)
    >>> model.gradients = [0.001, -1000.0]
    >>> optimizer.step(model)
    >>> model.weights.round(4)
    array([-0.1,  0.1])
    """

    _least_epsilon = staticmethod(least_outside)
    beta1 = Option(checks.fraction, then="_renew")
    beta2 = Option(checks.fraction, then="_renew")
    epsilon = Option(checks.positive, then="_renew")
    amsgrad = Option(checks.flag, then="_renew")

    def __init__(
        self,
        learning_rate: Rate = 0.001,
        *,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-8,
        amsgrad: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(learning_rate, **options)
        self.beta1, self.beta2, self.epsilon = beta1, beta2, epsilon
        self.amsgrad = amsgrad

    @property
    def state_names(self) -> tuple[str, ...]:  # type: ignore[override]
        """Two sums, and with amsgrad the largest of the second so far."""
        return ("gradient_sum", "square_sum") + (("largest_square_sum",) if self.amsgrad else ())

    def _update(
        self,
        parameters: Array,
        gradients: Array,
        rate: float,
        scratch: list[Array],
        *,
        gradient_sum: Array,
        square_sum: Array,
        largest_square_sum: Array | None = None,
    ) -> None:
        # rate * m_hat / (sqrt(v_hat) + epsilon), with m_hat = gradient_sum * unit1 and v_hat = square_sum * unit2**2,
        # is  rate * unit1 / unit2 * gradient_sum / (sqrt(square_sum) + epsilon / unit2)
        (spare,), beta1, beta2, t = scratch, self.beta1, self.beta2, self.steps + 1
        _discount(gradient_sum, square_sum, gradients, beta1, beta2, spare)
        unit1 = (1 - beta1) / weights_of(beta1, t)
        unit2 = math.sqrt((1 - beta2) / weights_of(beta2, t))
        if largest_square_sum is not None:
            square_sum = np.maximum(largest_square_sum, square_sum, out=largest_square_sum)
        root = np.sqrt(square_sum, out=spare)
        root += self.epsilon / unit2
        step = np.divide(gradient_sum, root, out=spare)
        step *= rate * unit1 / unit2
        parameters -= step


class AdamW(Adam):
    """Adam with decoupled weight decay: parameters -= learning_rate * weight_decay * parameters, then Adam's step.

    Added to the gradients, as `Adam` does it, a weight decay is divided by sqrt(v_hat) like all else: weights with
    large gradients would decay less. Here all decay alike.

    Parameters
    ----------
    learning_rate : float, or callable step -> float, default 0.001
    weight_decay : float, default 0.01
    **options
        beta1, beta2, epsilon, amsgrad: see `Adam`. exclude, frozen, clip_norm, clip_value: see `Optimizer`.

    References
    ----------
    Loshchilov, Hutter (2019), "Decoupled Weight Decay Regularization", arXiv:1711.05101. There the decay is
    multiplied by the schedule alone; here, as in PyTorch, by the learning rate with its schedule.

    Examples
    --------
    >>> model = Layer(weights=(2,))
    >>> model.weights, model.gradients = [1.0, 1.0], [0.0, 3.0]
    >>> AdamW(learning_rate=0.1, weight_decay=0.5).step(model)
    >>> model.weights.round(4)  # 1 - 0.1 * 0.5, and the step of 0.1
    array([0.95, 0.85])
    """

    decoupled_decay = True

    def __init__(self, learning_rate: Rate = 0.001, *, weight_decay: float = 0.01, **options: Any) -> None:
        super().__init__(learning_rate, weight_decay=weight_decay, **options)


class NAdam(Optimizer):
    """Adam with Nesterov momentum: parameters -= learning_rate * m_bar / (sqrt(v_hat) + epsilon).

    Where Adam steps along m_hat, this one looks one step ahead, with a momentum mu_t that warms up:

        mu_t = beta1 * (1 - 0.96**(t * momentum_decay) / 2)
        m_bar = mu_(t+1) / (1 - mu_1 * ... * mu_(t+1)) * m + (1 - mu_t) / (1 - mu_1 * ... * mu_t) * gradients

    with m, v and v_hat as in `Adam`.

    Parameters
    ----------
    learning_rate : float, or callable step -> float, default 0.002
    beta1, beta2 : float in [0, 1), default 0.9 and 0.999
    epsilon : float > 0, default 1e-8
    momentum_decay : float >= 0, default 0.004
        How fast mu_t approaches beta1, from about beta1 / 2.
    **options
        weight_decay, exclude, frozen, clip_norm, clip_value: see `Optimizer`.

    Raises
    ------
    ValueError
        If beta1, beta2, epsilon or momentum_decay is out of its range.

    References
    ----------
    Dozat (2016), "Incorporating Nesterov Momentum into Adam", ICLR workshop. As in PyTorch, whose m, unlike the
    paper's, is discounted by beta1 and not by mu_t.

    Examples
    --------
    >>> model = Layer(weights=(1,))
    >>> model.gradients = [5.0]
    >>> NAdam(learning_rate=0.1, beta1=0.0).step(model)  # no momentum: as long as a step of Adam
    >>> model.weights.round(4)
    array([-0.1])
    """

    state_names = ("gradient_sum", "square_sum")
    n_scratch = 2
    _least_epsilon = staticmethod(least_outside)
    beta1 = Option(checks.fraction, then="_renew")
    beta2 = Option(checks.fraction, then="_renew")
    epsilon = Option(checks.positive, then="_renew")
    momentum_decay = Option(not_negative, then="_renew")

    def __init__(
        self,
        learning_rate: Rate = 0.002,
        *,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-8,
        momentum_decay: float = 0.004,
        **options: Any,
    ) -> None:
        super().__init__(learning_rate, **options)
        self.beta1, self.beta2, self.epsilon = beta1, beta2, epsilon
        self.momentum_decay = momentum_decay

    def _renew(self) -> None:
        super()._renew()
        self._product = (0, 1.0)  # t, and mu_1 * ... * mu_t with the options as they are

    def _update(
        self,
        parameters: Array,
        gradients: Array,
        rate: float,
        scratch: list[Array],
        *,
        gradient_sum: Array,
        square_sum: Array,
    ) -> None:
        spare, other = scratch
        _discount(gradient_sum, square_sum, gradients, self.beta1, self.beta2, spare)
        t = self.steps + 1
        product, ahead = self._momentum_product(t), self._momentum(t + 1)
        of_mean = ahead * (1 - self.beta1) / (1 - product * ahead)
        of_gradients = (1 - self._momentum(t)) / (1 - product)
        unit = math.sqrt((1 - self.beta2) / weights_of(self.beta2, t))
        root = np.sqrt(square_sum, out=spare)
        root += self.epsilon / unit
        step = np.multiply(gradient_sum, of_mean / of_gradients, out=other)
        step += gradients
        step /= root
        step *= rate * of_gradients / unit
        parameters -= step

    def _momentum(self, t: int) -> float:
        return self.beta1 * (1 - 0.5 * 0.96 ** (t * self.momentum_decay))

    def _momentum_product(self, t: int) -> float:
        """Return mu_1 * ... * mu_t, going on from the last step where that is possible."""
        anchor = t - t % ANCHOR  # a resumed training goes on from there too, and comes to the same digits
        last, product = self._product
        if not anchor <= last <= t:
            last, product = anchor, self._product_at(anchor)
        while last < t:
            last += 1
            product *= self._momentum(last)
        self._product = t, product
        return product

    def _product_at(self, t: int) -> float:
        """Return mu_1 * ... * mu_t at once, by the series of log(1 - q**k / 2), whose terms are geometric in k.

        sum over k of log(1 - q**k / 2) = -sum over j of (q**j + ... + q**(j * t)) / (j * 2**j)

        with q = 0.96**momentum_decay.
        """
        if self.beta1 == 0:
            return 0.0**t
        step = math.log(0.96) * self.momentum_decay
        total = t * math.log(self.beta1)
        for j in range(1, 64):
            geometric = math.exp(j * step) * math.expm1(j * t * step) / math.expm1(j * step) if step else t
            total -= geometric / (j * 2.0**j)
        return math.exp(total)


def _discount(
    gradient_sum: Array, square_sum: Array, gradients: Array, beta1: float, beta2: float, spare: Array
) -> None:
    np.multiply(gradients, gradients, out=spare)  # first, while the gradients that `step` looked at are in the cache
    square_sum *= beta2
    square_sum += spare
    gradient_sum *= beta1
    gradient_sum += gradients
