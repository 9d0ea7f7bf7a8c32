import copy
import math
import pickle
import re

import numpy as np
import pytest

from layers import (
    Conv1D,
    Conv2D,
    ConvTranspose2D,
    Dense,
    DepthwiseConv2D,
    constant,
    glorot_normal,
    glorot_uniform,
    he_normal,
    he_uniform,
    lecun_normal,
    lecun_uniform,
    normal,
    orthogonal,
)
from layers.contract.typed import in_words
from layers.initializers import fans

DENSE, KERNELS = (300, 200), (5, 4, 10, 30)  # of the kernels, 5 * 4 * 10 inputs and 5 * 4 * 30 outputs
VARIANCES = [
    (he_normal, DENSE, 2 / 300),
    (he_uniform, DENSE, 2 / 300),
    (glorot_normal, DENSE, 2 / (300 + 200)),
    (glorot_uniform, DENSE, 2 / (300 + 200)),
    (lecun_normal, DENSE, 1 / 300),
    (lecun_uniform, DENSE, 1 / 300),
    (he_normal, KERNELS, 2 / 200),
    (he_uniform, KERNELS, 2 / 200),
    (glorot_normal, KERNELS, 2 / (200 + 600)),
    (glorot_uniform, KERNELS, 2 / (200 + 600)),
    (lecun_normal, KERNELS, 1 / 200),
    (lecun_uniform, KERNELS, 1 / 200),
    (normal(0.3), DENSE, 0.09),
]
EVERY = [*dict.fromkeys(row[0] for row in VARIANCES), orthogonal, constant(0.5)]


@pytest.mark.parametrize(("initializer", "shape", "variance"), VARIANCES)
def test_the_variance_is_that_of_the_paper(initializer, shape, variance, rng):
    draws = initializer(rng, shape)
    n = math.prod(shape)
    # standard errors of a mean and of a variance of n normal draws (for uniform ones they are smaller), five of them
    assert abs(draws.mean()) < 5 * math.sqrt(variance / n)
    assert abs(draws.var() / variance - 1) < 5 * math.sqrt(2 / n)


@pytest.mark.parametrize(
    ("initializer", "limit"), [(he_uniform, 6 / 300), (glorot_uniform, 6 / 500), (lecun_uniform, 3 / 300)]
)
def test_uniform_draws_fill_their_interval(initializer, limit, rng):
    draws = initializer(rng, DENSE)
    assert 0.99 < np.abs(draws).max() / math.sqrt(limit) <= 1
    # the middle half of the interval has half of the 60,000 draws, with a standard error of 0.5 / sqrt(60,000)
    assert abs(np.mean(np.abs(draws) < math.sqrt(limit) / 2) - 0.5) < 5 * 0.5 / math.sqrt(60_000)


@pytest.mark.parametrize("initializer", EVERY, ids=in_words)
@pytest.mark.parametrize("shape", [(4, 3), (3, 3, 2, 4), (1, 1)])
def test_one_generator_one_array_of_the_shape(initializer, shape):
    draws = initializer(np.random.default_rng(0), shape)
    assert draws.shape == shape
    np.testing.assert_array_equal(draws, initializer(np.random.default_rng(0), shape))


@pytest.mark.parametrize("shape", [(5, 3), (3, 5), (4, 4), (2, 3, 2)])
def test_orthogonal_columns_or_rows(shape, rng):
    q = orthogonal(rng, shape).reshape(-1, shape[-1])
    gram = q.T @ q if q.shape[0] >= q.shape[1] else q @ q.T
    np.testing.assert_allclose(gram, np.eye(len(gram)), atol=1e-15)


def test_orthogonal_matrices_are_drawn_uniformly():
    # A uniform 1 x 1 orthogonal matrix is 1 or -1 with the same probability; QR by itself has a fixed sign.
    draws = [orthogonal(np.random.default_rng(i), (1, 1)).item() for i in range(400)]
    np.testing.assert_allclose(np.abs(draws), 1)
    assert abs(np.mean(draws)) < 5 / math.sqrt(400)


def test_constant_is_everywhere(rng):
    np.testing.assert_array_equal(constant(-2)(rng, (2, 3)), np.full((2, 3), -2.0))


def test_fans():
    assert fans(DENSE) == DENSE
    assert fans(KERNELS) == (200, 600)


@pytest.mark.parametrize("initializer", [row for row in EVERY if in_words(row).startswith(("he", "gl", "le", "or"))])
def test_a_vector_has_no_fans(initializer, rng):
    with pytest.raises(ValueError, match=r"shape must (be|have) .*, got \(3,\)"):
        initializer(rng, (3,))


@pytest.mark.parametrize(
    ("make", "value", "error", "message"),
    [
        (constant, "1", TypeError, "constant: value must be a number, got '1'"),
        (constant, np.inf, ValueError, "constant: value must be finite, got inf"),
        (normal, -0.1, ValueError, "normal: standard_deviation must be finite and >= 0, got -0.1"),
        (normal, np.nan, ValueError, "normal: standard_deviation must be finite and >= 0, got nan"),
    ],
)
def test_values_are_checked(make, value, error, message):
    with pytest.raises(error, match=re.escape(message)):
        make(value)


@pytest.mark.parametrize("initializer", EVERY, ids=in_words)
def test_initializers_can_be_pickled(initializer):
    assert in_words(pickle.loads(pickle.dumps(initializer))) == in_words(initializer)


def test_names_are_what_one_would_type():
    assert [in_words(initializer) for initializer in (he_normal, normal(0.01), constant(2))] == [
        "he_normal",
        "normal(0.01)",
        "constant(2)",
    ]


# ---- the fans that are -----------------------------------------------------------------------------------------------

HE, GLOROT, LECUN = (he_normal, he_uniform), (glorot_normal, glorot_uniform), (lecun_normal, lecun_uniform)
MADE = [
    *(lambda draw, n=n: Dense(n, n, initializer=draw, rng=0) for n in (64, 256)),
    lambda draw: Conv1D(32, 32, 5, initializer=draw, rng=0),
    lambda draw: Conv2D(32, 32, 3, initializer=draw, rng=0),
    lambda draw: Conv2D(32, 32, (2, 3), dilation=2, initializer=draw, rng=0),
    *(lambda draw, n=n: Conv2D(64, 64, 3, n_groups=n, initializer=draw, rng=0) for n in (2, 16)),
    *(lambda draw, n=n: DepthwiseConv2D(200, 3, multiplier=n, initializer=draw, rng=0) for n in (1,)),
    *(
        lambda draw, kernel=kernel, stride=stride, dilation=dilation: ConvTranspose2D(
            32, 32, kernel, stride, dilation=dilation, initializer=draw, rng=0
        )
        for kernel, stride, dilation in (
            (3, 1, 1),
            (2, 2, 1),
            (3, 2, 1),
            (4, 2, 1),
            (5, (1, 3), 1),
            (2, 3, 1),
            (3, 2, 2),
        )
    ),
]


def second_moment(layer, x):
    """Return the mean square of out over that of a number of x, inside the image, where no frame is seen."""
    out = layer.forward(x)
    inside = tuple(slice(None) if n < 20 else slice(12, 12 + (n - 24) // 12 * 12) for n in out.shape[1:-1])
    return np.mean(out[(slice(None), *inside)] ** 2)


def some(rng, layer):
    n_axes = {"Dense": 0, "Conv1D": 1}.get(type(layer).__name__, 2)
    return rng.normal(size=(2000 if n_axes == 0 else 4, *(40,) * n_axes, layer.n_inputs))


@pytest.mark.parametrize("make", MADE, ids=lambda make: repr(make(he_normal)).split(", init")[0])
@pytest.mark.parametrize(("draws", "after_relu"), [(HE, True), (GLOROT, False), (LECUN, False)])
def test_out_is_spread_as_x(make, draws, after_relu, rng):
    # he: of numbers behind a ReLU, half of which are 0, the sum has the mean square of those before it. glorot keeps it
    # where a number is a sum over as many as it stands in; a transposed convolution of stride s has s**2 times fewer
    for draw in draws:
        layer = make(draw)
        x = some(rng, layer)
        expected = 1.0
        if draws is GLOROT and isinstance(layer, ConvTranspose2D):
            n_inputs, n_outputs = 1.0, float(np.prod(layer._stride))
            expected = 2 * n_inputs / (n_inputs + n_outputs)
        # weights are few: 9 * 200 in a depthwise convolution; 25% are six standard errors
        assert abs(second_moment(layer, np.maximum(x, 0) if after_relu else x) / expected - 1) < 0.25


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (Dense(4, 3), (4, 3)),
        (Conv2D(4, 6, 3), (36, 54)),
        (Conv2D(4, 6, (2, 3), n_groups=2, dilation=2), (12, 18)),
        (Conv1D(4, 6, 5, stride=2), (20, 30)),
        (DepthwiseConv2D(5, 3, multiplier=2), (9, 18)),
        (ConvTranspose2D(4, 6, 3), (36, 54)),
        (ConvTranspose2D(4, 6, 3, stride=2, padding=1), (9, 54)),
        (ConvTranspose2D(4, 6, (2, 4), stride=(1, 3)), (32 / 3, 48)),
    ],
    ids=repr,
)
def test_a_layer_tells_its_initializer_the_fans(layer, expected):
    told = []
    layer.initializer = lambda rng, shape: told.append((fans(shape), shape)) or np.zeros(shape)
    told.clear()  # what the constructor was checked with
    layer.initialize(0)
    assert told == [(expected, layer.weights.shape)]
    copies = copy.deepcopy(layer.weights.shape), copy.deepcopy(told[0][1]), pickle.loads(pickle.dumps(told[0][1]))
    assert [fans(shape) for shape in copies[1:]] == [expected] * 2


@pytest.mark.parametrize("draw", [*HE, *GLOROT, *LECUN, orthogonal, normal(0.1)], ids=in_words)
def test_where_the_axes_tell_the_fans_the_draws_are_those_of_the_shape(draw):
    layers = [Dense(4, 3, initializer=draw, rng=7), Conv2D(4, 3, 2, initializer=draw, rng=7)]
    layers += [ConvTranspose2D(4, 3, 2, initializer=draw, rng=7)]
    if draw not in GLOROT:
        layers += [Conv2D(4, 6, 3, n_groups=2, initializer=draw, rng=7), DepthwiseConv2D(4, 3, initializer=draw, rng=7)]
    for layer in layers:
        np.testing.assert_array_equal(layer.weights, draw(np.random.default_rng(7), layer.weights.shape))


def test_a_wrapped_initializer_sees_them_too():
    half = Conv2D(4, 4, 3, n_groups=4, initializer=lambda rng, shape: glorot_normal(rng, shape) / 2, rng=0)
    whole = DepthwiseConv2D(4, 3, initializer=glorot_normal, rng=0)
    np.testing.assert_array_equal(2 * half.weights, whole.weights)
