"""First values for the weights of a layer.

An initializer is any callable `(rng, shape) -> array`. Those here choose the spread of random weights so that
neither the outputs nor the gradients grow or shrink from layer to layer. They differ in what they keep constant:

    he       variance 2 / n_inputs                  half of the units behind a ReLU are off
    glorot   variance 2 / (n_inputs + n_outputs)    a compromise of forward and backward, for tanh
    lecun    variance 1 / n_inputs                  the forward pass of a linear layer, and SELU

n_inputs counts the numbers that one number of out is a sum over, n_outputs those of out that one number of x stands in.
The last axis of a shape counts outputs, the axes before it inputs: (n_inputs, n_outputs) for a Dense and
(kernel_h, kernel_w, channels_in, channels_out) for a convolution, where n_inputs = kernel_h * kernel_w * channels_in. A
layer whose shape does not tell, such as a convolution in groups, hands its initializer a `WeightsShape`, which does.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .contract import Array, Rng, Shape, checks, typed
from .contract.typed import in_words as typed_in_words


class WeightsShape(tuple[int, ...]):
    """A shape that knows the fans of its layer, for those whose axes do not tell them: a tuple like any other.

    Parameters
    ----------
    shape : tuple of int
    fans : (n_inputs, n_outputs)

    Examples
    --------
    >>> shape = WeightsShape((3, 3, 1, 64), fans=(9, 9))  # of a depthwise convolution: no sum over channels
    >>> shape == (3, 3, 1, 64), fans(shape)
    (True, (9, 9))
    """

    fans: tuple[float, float]

    def __new__(cls, shape: Shape, fans: tuple[float, float]) -> WeightsShape:
        self = super().__new__(cls, shape)
        self.fans = fans
        return self

    def __getnewargs__(self) -> tuple[Shape, tuple[float, float]]:
        return tuple(self), self.fans  # of a copy, and when it is unpickled


def fans(shape: Shape) -> tuple[float, float]:
    """Return (n_inputs, n_outputs) of one unit of a layer whose weights have this shape.

    An initializer of one's own that asks here draws by the fans that are, in every layer.

    Examples
    --------
    >>> fans((784, 128)), fans((5, 5, 6, 16))
    ((784, 128), (150, 400))
    """
    if isinstance(shape, WeightsShape):
        return shape.fans
    if len(shape) < 2:
        raise ValueError(f"fans: shape must be (..., n_inputs, n_outputs), got {shape}")
    receptive_field = math.prod(shape[:-2])
    return receptive_field * shape[-2], receptive_field * shape[-1]


def _normal(rng: np.random.Generator, shape: Shape, variance: float) -> Array:
    return rng.normal(0.0, math.sqrt(variance), shape)


def _uniform(rng: np.random.Generator, shape: Shape, variance: float) -> Array:
    limit = math.sqrt(3.0 * variance)  # the variance of a uniform draw from (-limit, limit) is limit**2 / 3
    return rng.uniform(-limit, limit, shape)


def he_normal(rng: np.random.Generator, shape: Shape) -> Array:
    """Draw from N(0, 2 / n_inputs), for layers in front of a ReLU. Not truncated, as in the paper.

    He, Zhang, Ren, Sun (2015), "Delving Deep into Rectifiers", arXiv:1502.01852.

    Examples
    --------
    >>> round(float(he_normal(np.random.default_rng(0), (200, 1000)).std()), 2)  # sqrt(2 / 200)
    0.1
    """
    return _normal(rng, shape, 2.0 / fans(shape)[0])


def he_uniform(rng: np.random.Generator, shape: Shape) -> Array:
    """Draw from U(-limit, limit) with limit = sqrt(6 / n_inputs): the variance of `he_normal`.

    He, Zhang, Ren, Sun (2015), "Delving Deep into Rectifiers", arXiv:1502.01852.

    Examples
    --------
    >>> bool(abs(he_uniform(np.random.default_rng(0), (6, 1000))).max() <= 1)
    True
    """
    return _uniform(rng, shape, 2.0 / fans(shape)[0])


def glorot_normal(rng: np.random.Generator, shape: Shape) -> Array:
    """Draw from N(0, 2 / (n_inputs + n_outputs)), for layers in front of a tanh or a softmax.

    Glorot, Bengio (2010), "Understanding the difficulty of training deep feedforward neural networks", AISTATS.

    Examples
    --------
    >>> round(float(glorot_normal(np.random.default_rng(0), (100, 100)).std()), 2)  # sqrt(2 / 200)
    0.1
    """
    return _normal(rng, shape, 2.0 / sum(fans(shape)))


def glorot_uniform(rng: np.random.Generator, shape: Shape) -> Array:
    """Draw from U(-limit, limit) with limit = sqrt(6 / (n_inputs + n_outputs)): the variance of `glorot_normal`.

    Glorot, Bengio (2010), "Understanding the difficulty of training deep feedforward neural networks", AISTATS.

    Examples
    --------
    >>> bool(abs(glorot_uniform(np.random.default_rng(0), (3, 3))).max() <= 1)
    True
    """
    return _uniform(rng, shape, 2.0 / sum(fans(shape)))


def lecun_normal(rng: np.random.Generator, shape: Shape) -> Array:
    """Draw from N(0, 1 / n_inputs), for linear layers and SELU.

    LeCun, Bottou, Orr, Müller (1998), "Efficient BackProp", in Neural Networks: Tricks of the Trade.

    Examples
    --------
    >>> round(float(lecun_normal(np.random.default_rng(0), (100, 1000)).std()), 2)  # sqrt(1 / 100)
    0.1
    """
    return _normal(rng, shape, 1.0 / fans(shape)[0])


def lecun_uniform(rng: np.random.Generator, shape: Shape) -> Array:
    """Draw from U(-limit, limit) with limit = sqrt(3 / n_inputs): the variance of `lecun_normal`.

    LeCun, Bottou, Orr, Müller (1998), "Efficient BackProp", in Neural Networks: Tricks of the Trade.

    Examples
    --------
    >>> bool(abs(lecun_uniform(np.random.default_rng(0), (3, 1000))).max() <= 1)
    True
    """
    return _uniform(rng, shape, 1.0 / fans(shape)[0])


def orthogonal(rng: np.random.Generator, shape: Shape) -> Array:
    """Draw a random matrix with orthonormal columns, or rows where these are fewer: it keeps lengths.

    Axes before the last count as one. Saxe, McClelland, Ganguli (2013), "Exact solutions to the nonlinear dynamics
    of learning in deep linear neural networks", arXiv:1312.6120.

    Examples
    --------
    >>> weights = orthogonal(np.random.default_rng(0), (5, 3))
    >>> np.allclose(weights.T @ weights, np.eye(3))
    True
    """
    if len(shape) < 2:
        raise ValueError(f"orthogonal: shape must have two axes or more, got {shape}")
    rows, columns = math.prod(shape[:-1]), shape[-1]
    q, r = np.linalg.qr(rng.normal(size=(max(rows, columns), min(rows, columns))))
    q *= np.sign(np.diag(r))  # QR's own choice of signs is not uniform among the orthogonal matrices
    return (q if rows >= columns else q.T).reshape(shape)


class _Chosen:
    """An initializer with a number of its own: it can be pickled, two with the same number are equal."""

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and vars(other) == vars(self)

    def __hash__(self) -> int:
        return hash((type(self), *vars(self).values()))

    def __repr__(self) -> str:
        return typed(self)


class constant(_Chosen):
    """Set every element to one value.

    Parameters
    ----------
    value : float

    Examples
    --------
    >>> constant(0.5)(np.random.default_rng(0), (2, 2))
    array([[0.5, 0.5],
           [0.5, 0.5]])
    """

    def __init__(self, value: float) -> None:
        self.value = checks.number("constant", "value", value)

    def __call__(self, rng: np.random.Generator, shape: Shape) -> Array:
        return np.full(shape, self.value)


class normal(_Chosen):
    """Draw from N(0, standard_deviation**2): the spread chosen by hand.

    Parameters
    ----------
    standard_deviation : float >= 0

    Examples
    --------
    >>> round(float(normal(0.1)(np.random.default_rng(0), (1000, 10)).std()), 2)
    0.1
    """

    def __init__(self, standard_deviation: float) -> None:
        self.standard_deviation = checks.number("normal", "standard_deviation", standard_deviation, 0)

    def __call__(self, rng: np.random.Generator, shape: Shape) -> Array:
        return rng.normal(0.0, self.standard_deviation, shape)


def check_initializer(who: str, initializer: Any, name: str = "initializer") -> None:
    """Raise unless this can be called as initializer(rng, shape)."""
    if not callable(initializer) or hasattr(initializer, "forward"):
        hint = ", a word: write he_normal, the function, or another one" if isinstance(initializer, str) else ""
        if isinstance(initializer, str) and callable(globals().get(initializer)):
            hint = f", a word: write {initializer}, the function"
        raise TypeError(f"{who}: {name} must be a callable (rng, shape) -> array, got {initializer!r}{hint}")
    if isinstance(initializer, type):
        kind = initializer.__name__
        raise TypeError(f"{who}: {name} must be a callable (rng, shape) -> array, such as {kind}(0.1), got {kind}")


def drawn(who: str, initializer: Any, rng: Rng, shape: Shape, name: str = "initializer") -> Array:
    """Return what an initializer draws; say so where it is something else that was called, such as np.random.normal.

    Examples
    --------
    >>> from layers.initializers import drawn
    >>> drawn("Dense", lambda: 1.0, 0, (2, 3))
    Traceback (most recent call last):
        ...
    TypeError: Dense: initializer must be a callable (rng, shape) -> array, such as normal(0.1) or constant(1.0), got \
<lambda>: <lambda>() takes 0 positional arguments but 2 were given
    """
    generator = checks.generator(who, rng)
    try:
        values = initializer(generator, shape)
    except TypeError as error:
        raise TypeError(
            f"{who}: {name} must be a callable (rng, shape) -> array, such as normal(0.1) or constant(1.0), got "
            f"{typed_in_words(initializer)}: {error}"
        ) from error
    found = np.shape(values)
    if found != tuple(shape):
        raise ValueError(f"{who}: {name} must return an array of shape {tuple(shape)}, got {found}")
    return np.asarray(values)
