"""Smooth nonlinearities, applied to every element; those with a kink are in `rectifiers.py`.

All are stable: no x overflows, however large, and none warns.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from .contract import Array, Layer, checks, native
from .gaussian import FARTHEST, normal_distribution


def sigmoid(x: ArrayLike) -> Array:
    """Return 1 / (1 + exp(-x)) of every element, stable: exp is only taken of numbers that are not positive.

    Parameters
    ----------
    x : array
        Real numbers; float32 gives float32, integers and lists give float64.

    Examples
    --------
    >>> sigmoid([-1000.0, 0.0, 1000.0])
    array([0. , 0.5, 1. ])
    """
    return _sigmoid(as_floats("sigmoid", x))[0]


def _sigmoid(x: Array) -> tuple[Array, Array]:
    """Return sigmoid(x), and exp(-|x|), which `_slope` makes its derivative of."""
    small = np.exp(-np.abs(x))  # in (0, 1]; sigmoid(-|x|) = small / (1 + small), sigmoid(|x|) = 1 / (1 + small)
    return np.where(x >= 0, 1, small) / (1 + small), small


def _slope(small: Array) -> Array:
    """Return sigmoid * (1 - sigmoid), given exp(-|x|): far out, 1 - sigmoid would be what rounding left of it."""
    slope: Array = small / np.square(1 + small)
    return slope


def as_floats(who: str, x: ArrayLike) -> Array:
    """Return x, the argument of a function called `who`, as an array of floating numbers, in its dtype if it has one.

    Examples
    --------
    >>> as_floats("sigmoid", [1, 2]), as_floats("sigmoid", np.float32([1]))
    (array([1., 2.]), array([1.], dtype=float32))
    """
    array = native(checks.array(who, "x", x))
    if array.dtype.kind == "f":
        return array
    if array.dtype.kind not in "iub":
        raise TypeError(f"{who}: x must hold real numbers, got dtype {array.dtype}")
    return array.astype(float)


FAR = 20_000.0  # where exp(-x) is 0 in every dtype: a product with it must not meet an infinite x


class Sigmoid(Layer):
    """Squash to (0, 1): out = 1 / (1 + exp(-x)).

    For two classes, train with the fused `SigmoidBinaryCrossEntropy` on the logits instead of a Sigmoid and a loss.

    Examples
    --------
    >>> Sigmoid().forward(np.array([[-1000.0, 0.0, 1000.0]]))
    array([[0. , 0.5, 1. ]])
    """

    step_by_step = True

    def forward(self, x: ArrayLike) -> Array:
        out, self._cache = _sigmoid(self._check_x(x))
        return out

    def backward(self, dout: ArrayLike) -> Array:
        small = self._recall()  # d sigmoid = sigmoid * (1 - sigmoid)
        return self._check_dout(dout, small.shape) * _slope(small)


class Tanh(Layer):
    """Squash to (-1, 1): out = tanh(x).

    Examples
    --------
    >>> Tanh().forward(np.array([[-1000.0, 0.0, 1000.0]]))
    array([[-1.,  0.,  1.]])
    """

    step_by_step = True

    def forward(self, x: ArrayLike) -> Array:
        x = self._cache = self._check_x(x)
        out: Array = np.tanh(x)
        return out

    def backward(self, dout: ArrayLike) -> Array:
        # d tanh = 1 - tanh², which rounding makes 0 far out. Since tanh(x) = 2 * sigmoid(2x) - 1, it is 4 times the
        # slope of the sigmoid there, as small as it is.
        x = self._recall()
        dx = np.abs(x)
        dx *= -2
        np.exp(dx, out=dx)
        dx /= np.square(1 + dx)
        dx *= 4
        return self._check_dout(dout, x.shape) * dx


class Softplus(Layer):
    """A smooth ReLU: out = log(1 + exp(x)).

    References
    ----------
    Dugas, Bengio, Bélisle, Nadeau, Garcia (2001), "Incorporating second-order functional knowledge for better
    option pricing", NIPS 13.

    Examples
    --------
    >>> Softplus().forward(np.array([[-1000.0, 0.0, 1000.0]])).round(4)
    array([[0.000e+00, 6.931e-01, 1.000e+03]])
    """

    step_by_step = True

    def forward(self, x: ArrayLike) -> Array:
        x = self._cache = self._check_x(x)
        # log(1 + exp(x)) = max(x, 0) + log(1 + exp(-|x|)), where exp cannot overflow
        return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))

    def backward(self, dout: ArrayLike) -> Array:
        x = self._recall()  # d softplus = sigmoid
        return self._check_dout(dout, x.shape) * sigmoid(x)


class SiLU(Layer):
    """The sigmoid-weighted linear unit, also called swish: out = x * sigmoid(x).

    References
    ----------
    Elfwing, Uchibe, Doya (2017), "Sigmoid-Weighted Linear Units for Neural Network Function Approximation in
    Reinforcement Learning", arXiv:1702.03118.

    Examples
    --------
    >>> SiLU().forward(np.array([[-1000.0, 0.0, 1000.0]]))
    array([[  -0.,    0., 1000.]])
    """

    step_by_step = True

    def forward(self, x: ArrayLike) -> Array:
        x = self._check_x(x)
        gate, near = sigmoid(x), np.maximum(x, -FAR)
        self._cache = near, gate
        return near * gate

    def backward(self, dout: ArrayLike) -> Array:
        near, gate = self._recall()  # product rule: 1 * gate + x * gate * (1 - gate)
        return self._check_dout(dout, near.shape) * (gate * (1 + np.minimum(near, FAR) * (1 - gate)))


class GELU(Layer):
    """The Gaussian error linear unit: out = x * Phi(x), Phi being the normal distribution, or an approximation of it.

    Left alone it is the tanh form of GPT-2, x/2 * (1 + tanh(sqrt(2/pi) * (x + 0.044715 x³))), within 5e-4 of the exact
    one, which is the default of PyTorch and of Keras.

    Parameters
    ----------
    exact : bool, default False
        x * Phi(x) = x/2 * (1 + erf(x / sqrt(2))), to the last digits of the dtype.

    References
    ----------
    Hendrycks, Gimpel (2016), "Gaussian Error Linear Units (GELUs)", arXiv:1606.08415, section 2.

    Examples
    --------
    >>> GELU().forward(np.array([[-1000.0, 0.0, 1.0, 1000.0]])).round(4)
    array([[-0.000e+00,  0.000e+00,  8.412e-01,  1.000e+03]])
    >>> GELU(exact=True).forward(np.array([[1.0]])).round(4)
    array([[0.8413]])
    """

    step_by_step = True

    SCALE = math.sqrt(2 / math.pi)
    CUBIC = 0.044715
    NEAR = 25.0  # beyond, sigmoid(2u) is 0 or 1, and x³ could overflow

    def __init__(self, *, exact: bool = False) -> None:
        self.exact = checks.flag("GELU", "exact", exact)
        super().__init__()

    def forward(self, x: ArrayLike) -> Array:
        x = self._check_x(x)
        if self.exact:
            phi, density = normal_distribution(x)
            self._cache = x, phi, density
            return np.maximum(x, -FARTHEST) * phi
        near = np.clip(x, -self.NEAR, self.NEAR)
        p, small = _sigmoid(2 * self.SCALE * (near + self.CUBIC * near * near * near))
        self._cache = near, p, small
        return np.maximum(x, -self.NEAR) * p

    def backward(self, dout: ArrayLike) -> Array:
        # exact: out = x * Phi(x), and Phi is the integral of the density, so that d out / dx = Phi(x) + x * density(x).
        # tanh form: out = x * p with p = (1 + tanh(u)) / 2 = sigmoid(2u) and u = SCALE * (x + CUBIC * x³), so that
        # d out / dx = p + x * dp,  dp = p * (1 - p) * 2 * du,  du = SCALE * (1 + 3 * CUBIC * x²)
        near, p, small = self._recall()
        dout = self._check_dout(dout, near.shape)
        if self.exact:
            return dout * (p + np.clip(near, -FARTHEST, FARTHEST) * small)
        du = self.SCALE * (1 + 3 * self.CUBIC * near * near)
        return dout * (p + near * _slope(small) * (2 * du))
