"""Nonlinearities with a kink, applied to every element: ReLU and its family.

At the kink itself there is no derivative. Here it is the one from the left, as in the notes: ReLU has 0 at 0.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from .contract import Array, Layer, Rng, Shape, checks
from .speed import sum_columns, sum_rows


class ReLU(Layer):
    """The rectified linear unit: out = max(x, 0).

    References
    ----------
    Nair, Hinton (2010), "Rectified Linear Units Improve Restricted Boltzmann Machines", ICML.

    Examples
    --------
    >>> layer = ReLU()
    >>> layer.forward(np.array([[-2.0, 0.0, 3.0]]))
    array([[0., 0., 3.]])
    >>> layer.backward(np.array([[10.0, 10.0, 10.0]]))
    array([[ 0.,  0., 10.]])
    """

    step_by_step = True

    def forward(self, x: ArrayLike) -> Array:
        x = self._check_x(x)
        zeros = np.zeros(x.shape, x.dtype)  # NumPy's maximum of two arrays is up to four times as fast as with a number
        out = self._cache = np.maximum(x, zeros, out=zeros)
        return out

    def backward(self, dout: ArrayLike) -> Array:
        out = self._recall()  # out > 0 just where x > 0, and the next layer holds on to out anyway
        dout = self._check_dout(dout, out.shape)
        dx: Array = (out > 0).astype(dout.dtype)
        dx *= dout
        return dx


class LeakyReLU(Layer):
    """A ReLU with a small slope for negative x: out = x if x > 0 else slope * x.

    Parameters
    ----------
    slope : float, default 0.01

    References
    ----------
    Maas, Hannun, Ng (2013), "Rectifier Nonlinearities Improve Neural Network Acoustic Models", ICML.

    Examples
    --------
    >>> LeakyReLU(0.1).forward(np.array([[-2.0, 3.0]]))
    array([[-0.2,  3. ]])
    """

    step_by_step = True

    def __init__(self, slope: float = 0.01) -> None:
        self.slope = checks.number("LeakyReLU", "slope", slope)
        super().__init__()

    def forward(self, x: ArrayLike) -> Array:
        x = self._cache = self._check_x(x)
        return np.where(x > 0, x, self.slope * np.minimum(x, 0))

    def backward(self, dout: ArrayLike) -> Array:
        x = self._recall()
        dout = self._check_dout(dout, x.shape)
        return np.where(x > 0, dout, self.slope * dout)


class PReLU(Layer):
    """A leaky ReLU that learns its slopes: out = x if x > 0 else slopes * x.

    Parameters
    ----------
    n_features : int
        One slope for each feature, the last axis of x; with 1, all features share it.
    slope : float, default 0.25
        The first value of the slopes, as in the paper.

    Shapes
    ------
    x (N, ..., n_features), or of any shape for n_features 1; slopes (n_features,)

    Raises
    ------
    ValueError
        If the last axis of x is not n_features.

    References
    ----------
    He, Zhang, Ren, Sun (2015), "Delving Deep into Rectifiers", arXiv:1502.01852.

    Examples
    --------
    >>> layer = PReLU(2)
    >>> layer.forward(np.array([[-2.0, 3.0]]))
    array([[-0.5,  3. ]])
    >>> layer.backward(np.array([[1.0, 1.0]]))
    array([[0.25, 1.  ]])
    >>> layer.dslopes
    array([-2.,  0.])
    """

    step_by_step = True

    slopes: Array
    dslopes: Array
    training_only = ("slope",)  # from where the slopes start

    @property
    def last_axis(self) -> tuple[str | None, str | None]:  # type: ignore[override]  # one slope is for any number
        """The attributes that have the last axis of x and of out."""
        return (None, None) if self.n_features == 1 else ("n_features", "n_features")

    def __init__(self, n_features: int = 1, slope: float = 0.25) -> None:
        self.n_features = checks.whole("PReLU", "n_features", n_features)
        self.slope = checks.number("PReLU", "slope", slope)
        super().__init__(slopes=(self.n_features,))
        self.initialize()

    def initialize(self, rng: Rng = None) -> None:
        super().initialize(rng)
        self.slopes = np.full(self.n_features, self.slope)

    def forward(self, x: ArrayLike) -> Array:
        x = self._check_x(x) if self.n_features == 1 else self._check_features(x, self.n_features)
        self._cache = x
        return np.where(x > 0, x, self.slopes * np.minimum(x, 0))

    def backward(self, dout: ArrayLike, input_gradient: bool = True) -> Array | None:
        x = self._recall()
        dout = self._check_dout(dout, x.shape)
        # d out / d slopes = min(x, 0), summed over everything that shares the slope
        below = np.minimum(x, 0)
        if self.n_features == 1:
            self.dslopes = sum_columns(dout.reshape(-1), below.reshape(-1))
        else:
            self.dslopes = sum_rows((dout * below).reshape(-1, self.n_features))
        return np.where(x > 0, dout, self.slopes * dout) if input_gradient else None

    def output_shape(self, input_shape: Shape) -> Shape:
        if self.n_features == 1:
            return super().output_shape(input_shape)
        return self._check_feature_shape(input_shape, self.n_features)


class ELU(Layer):
    """The exponential linear unit: out = x if x > 0 else alpha * (exp(x) - 1).

    Parameters
    ----------
    alpha : float, default 1
        out tends to -alpha for large negative x.

    References
    ----------
    Clevert, Unterthiner, Hochreiter (2015), "Fast and Accurate Deep Network Learning by Exponential Linear Units
    (ELUs)", arXiv:1511.07289.

    Examples
    --------
    >>> ELU().forward(np.array([[-1000.0, 3.0]]))
    array([[-1.,  3.]])
    """

    step_by_step = True

    def __init__(self, alpha: float = 1.0) -> None:
        self.alpha = checks.number("ELU", "alpha", alpha)
        super().__init__()

    def forward(self, x: ArrayLike) -> Array:
        x = self._check_x(x)
        self._cache = x
        below = self.alpha * np.expm1(np.minimum(x, 0))  # 0 where x > 0
        return np.where(x > 0, x, below)

    def backward(self, dout: ArrayLike) -> Array:
        x = self._recall()
        dout = self._check_dout(dout, x.shape)
        # not out + alpha, though it is the same: far left out is -alpha, and the sum 0 instead of something small
        slope = np.exp(np.minimum(x, 0))
        if self.alpha != 1:
            slope = np.where(x > 0, 1, self.alpha * slope)
        return slope * dout


class SELU(Layer):
    """The self-normalizing ELU: out = scale * (x if x > 0 else alpha * (exp(x) - 1)).

    The two constants, alpha = 1.67326 and scale = 1.05070, make mean 0 and variance 1 a fixed point from layer to
    layer, with `lecun_normal` weights.

    References
    ----------
    Klambauer, Unterthiner, Mayr, Hochreiter (2017), "Self-Normalizing Neural Networks", arXiv:1706.02515.

    Examples
    --------
    >>> SELU().forward(np.array([[-1000.0, 1.0]])).round(4)
    array([[-1.7581,  1.0507]])
    """

    step_by_step = True

    ALPHA = 1.6732632423543772
    SCALE = 1.0507009873554805

    def forward(self, x: ArrayLike) -> Array:
        x = self._check_x(x)
        self._cache = x
        below = self.SCALE * self.ALPHA * np.expm1(np.minimum(x, 0))
        return np.where(x > 0, self.SCALE * np.maximum(x, 0), below)

    def backward(self, dout: ArrayLike) -> Array:
        x = self._recall()
        dout = self._check_dout(dout, x.shape)
        return np.where(x > 0, self.SCALE, self.SCALE * self.ALPHA * np.exp(np.minimum(x, 0))) * dout
