"""The ends of float32 and float64: the right finite number where there is one, else an error; never a warning.

References are the plain formulas in longdouble, whose range is 16 times as wide in powers of ten.
"""

import math

import numpy as np
import pytest

from layers import (
    ELU,
    GELU,
    SELU,
    BatchNorm,
    GroupNorm,
    InstanceNorm,
    LayerNorm,
    LeakyReLU,
    LogSoftmax,
    PReLU,
    ReLU,
    RMSNorm,
    Sequential,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
    log_softmax,
    softmax,
)
from layers.normalization import plain_norm
from layers.rms_norm import plain_rms_norm

WIDE = np.finfo(np.longdouble).max > np.finfo(np.float64).max
pytestmark = pytest.mark.skipif(not WIDE, reason="needs a dtype wider than float64")

# ---- activations -------------------------------------------------------------------------------------------------

ONE = np.longdouble(1)


def _sigmoid(x):
    return ONE / (ONE + np.exp(-x))


def _gelu(x):
    u = 2 * np.longdouble(GELU.SCALE) * (x + np.longdouble(GELU.CUBIC) * x**3)
    p, du = _sigmoid(u), 2 * np.longdouble(GELU.SCALE) * (1 + 3 * np.longdouble(GELU.CUBIC) * x * x)
    return x * p, p + x * p * _sigmoid(-u) * du


# out and its derivative, each written for longdouble
DEFINITIONS = {
    Sigmoid(): lambda x: (_sigmoid(x), _sigmoid(x) * _sigmoid(-x)),
    Tanh(): lambda x: (np.tanh(x), 4 / (np.exp(x) + np.exp(-x)) ** 2),
    Softplus(): lambda x: (np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x))), _sigmoid(x)),
    SiLU(): lambda x: (x * _sigmoid(x), _sigmoid(x) + x * _sigmoid(x) * _sigmoid(-x)),
    GELU(): _gelu,
    ELU(0.7): lambda x: (
        np.where(x > 0, x, np.longdouble(0.7) * np.expm1(np.minimum(x, 0))),
        np.where(x > 0, ONE, np.longdouble(0.7) * np.exp(np.minimum(x, 0))),
    ),
    SELU(): lambda x: (
        np.longdouble(SELU.SCALE) * np.where(x > 0, x, SELU.ALPHA * np.expm1(np.minimum(x, 0))),
        np.longdouble(SELU.SCALE) * np.where(x > 0, ONE, SELU.ALPHA * np.exp(np.minimum(x, 0))),
    ),
}


@pytest.mark.parametrize("layer", DEFINITIONS, ids=repr)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_activations_have_all_digits_far_out(layer, dtype, rng):
    reach = 80 if dtype == np.float32 else 700  # exp(-x) is a normal number up to here
    sizes = np.concatenate([rng.uniform(0, 1, 300), rng.uniform(1, reach, 300), 10 ** rng.uniform(-30, 0, 300)])
    x = (sizes * rng.choice([-1, 1], sizes.size)).astype(dtype)[:, np.newaxis]
    if isinstance(layer, GELU):
        x = x[np.abs(2 * GELU.SCALE * (x + GELU.CUBIC * x.astype(float) ** 3)) < reach][:, np.newaxis]
    if isinstance(layer, Tanh):
        x = x[np.abs(x) < reach / 2][:, np.newaxis]
    out, slope = DEFINITIONS[layer](x.astype(np.longdouble))
    found = layer.forward(x), layer.backward(np.ones_like(x))
    tiny, eps = np.finfo(dtype).tiny, float(np.finfo(dtype).eps)
    # exp of a rounded argument is off by as many roundings as the argument is large
    error = np.abs(found[0] - out) / (np.abs(out) * (8 + 2 * reach) + tiny / eps) / eps
    assert error.max() < 1
    # where the derivative goes through zero, what counts is the size of its terms
    error = np.abs(found[1] - slope) / ((np.abs(slope) + (np.abs(x) < 6) * np.exp(-np.abs(x))) * (8 + 4 * reach)) / eps
    assert error[np.abs(slope) > 100 * tiny].max() < 1
    assert found[0].dtype == found[1].dtype == dtype


@pytest.mark.parametrize("layer", [*DEFINITIONS, ReLU(), LeakyReLU(5.0), LeakyReLU(0.0), PReLU()], ids=repr)
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_activations_of_the_largest_numbers_and_of_infinities_are_their_limits(layer, dtype):
    largest = np.finfo(dtype).max
    if layer.parameters.size:
        layer = Sequential([PReLU()], dtype=dtype)
    limits = {
        Sigmoid: (0, 1, 0, 0),
        Tanh: (-1, 1, 0, 0),
        Softplus: (0, math.inf, 0, 1),
        SiLU: (0, math.inf, 0, 1),
        GELU: (0, math.inf, 0, 1),
        ELU: (-0.7, math.inf, 0, 1),
        SELU: (-SELU.SCALE * SELU.ALPHA, math.inf, 0, SELU.SCALE),
        ReLU: (0, math.inf, 0, 1),
    }.get(type(layer))
    if limits:
        out = layer.forward(np.array([[-math.inf, math.inf]], dtype))
        dx = layer.backward(np.ones((1, 2), dtype))
        np.testing.assert_allclose([*out[0], *dx[0]], limits, rtol=2e-3 if dtype == np.float16 else 1e-6)
    out = layer.forward(np.array([[-largest / 6, largest / 6]], dtype))
    dx = layer.backward(np.ones((1, 2), dtype))
    assert np.all(np.isfinite(out))
    assert np.all(np.isfinite(dx))
    assert out.dtype == dx.dtype == dtype


@pytest.mark.parametrize("axis", [-1, 1])
@pytest.mark.parametrize("layer", [Softmax, LogSoftmax])
def test_what_is_masked_has_probability_zero_and_no_gradient(layer, axis, rng):
    x = rng.normal(size=(4, 5, 5))
    kept = np.arange(5) != 2
    np.moveaxis(x, axis, -1)[..., 2] = -np.inf
    layer, alone = layer(axis), layer(axis)
    out, expected = layer.forward(x), alone.forward(np.compress(kept, x, axis))
    np.testing.assert_allclose(np.compress(kept, out, axis), expected, rtol=1e-12)
    dout = rng.normal(size=x.shape)
    np.moveaxis(dout, axis, -1)[..., 2] = 0
    dx = layer.backward(dout)
    np.testing.assert_allclose(np.compress(kept, dx, axis), alone.backward(np.compress(kept, dout, axis)), rtol=1e-12)
    assert np.all(np.compress(~kept, dx, axis) == 0)
    assert np.all(np.compress(~kept, out, axis) == (-np.inf if isinstance(layer, LogSoftmax) else 0))


@pytest.mark.parametrize("function", [softmax, log_softmax])
def test_scores_that_are_all_masked_are_refused(function):
    with pytest.raises(ValueError, match=r"the largest x along axis -1 must be finite, got -inf"):
        function([[0.0, 1.0], [-np.inf, -np.inf]])


def test_scores_at_both_ends_and_nan_in_one_row():
    x = np.array([[-3e38, 3e38], [0, 0], [np.nan, 0]], np.float32)
    np.testing.assert_array_equal(softmax(x), [[0, 1], [0.5, 0.5], [np.nan, np.nan]])


def test_sums_over_many_classes_keep_their_digits(rng):
    x = rng.normal(size=(2, 100_000)).astype(np.float32)
    expected = softmax(x.astype(float))
    np.testing.assert_allclose(softmax(x), expected, rtol=1e-6)
    np.testing.assert_allclose(softmax(x.T.copy(), axis=0).T, expected, rtol=1e-6)


# ---- norms -------------------------------------------------------------------------------------------------------


def norms(n):
    return [LayerNorm(n), RMSNorm(n), BatchNorm(n, momentum=0.0), GroupNorm(n, 2), InstanceNorm(n)]


def exact(layer, x, dout):
    """Return out, dx and the gradients, by the definition in longdouble."""
    x, dout, gain = (a.astype(np.longdouble) for a in (x, dout, layer.gain))
    epsilon = np.longdouble(layer.epsilon)
    if isinstance(layer, RMSNorm):
        out, dx, dgain = plain_rms_norm(x, dout, gain, epsilon)
        return out, dx, dgain
    bias = layer.bias.astype(np.longdouble)
    if isinstance(layer, GroupNorm):
        grouped = (len(x), -1, layer.n_groups, x.shape[-1] // layer.n_groups)
        gain, bias, axes = gain.reshape(grouped[2:]), bias.reshape(grouped[2:]), (1, 3)
    else:
        grouped, axes = x.shape, (-1 if isinstance(layer, LayerNorm) else (0, 1, 2))
    out, dx, dgain, dbias = plain_norm(x.reshape(grouped), dout.reshape(grouped), gain, bias, axes, epsilon)
    return out.reshape(x.shape), dx.reshape(x.shape), np.concatenate([dgain.reshape(-1), dbias.reshape(-1)])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", range(5), ids=[type(layer).__name__ for layer in norms(2)])
def test_norms_are_right_from_the_smallest_to_the_largest_numbers(kind, dtype):
    ends = np.log10(float(np.finfo(dtype).tiny)), np.log10(float(np.finfo(dtype).max))
    for seed in range(60):
        rng = np.random.default_rng(seed)
        model = Sequential([norms(4)[kind]], dtype=dtype)
        layer = model[0]
        layer.gain = rng.normal(size=4)
        if "bias" in layer.shapes:
            layer.bias = rng.normal(size=4)
        shape = (3, 3, 2, 4)
        # one size for all, or another for each group; the last draws are at the very end
        size = 10 ** rng.uniform(*ends, (*shape[:1], 1, 1, 1) if seed % 2 and kind != 2 else ()) / (
            4 if seed < 50 else 1
        )
        x = np.clip(rng.uniform(-1, 1, shape) * size, -np.finfo(dtype).max, np.finfo(dtype).max).astype(dtype)
        most = -20 if dtype == np.float32 else -200  # dx of large dout and small x may be too large
        dout = (rng.normal(size=shape) * 10 ** rng.uniform(-ends[1] / 4, ends[1] + most)).astype(dtype)
        out, dx, gradients = exact(layer, x, dout)
        if np.abs(dx).max() > np.finfo(dtype).max:
            continue
        np.testing.assert_allclose(layer.forward(x), out.astype(float), rtol=0, atol=float(np.abs(out).max()) * 1e-5)
        found = layer.backward(dout)
        assert found.dtype == dtype
        # of each example, or of the whole batch, the largest dx is the measure
        scale = np.abs(dx).max(axis=(0, 1, 2, 3) if kind == 2 else (1, 2, 3), keepdims=True).astype(float)
        noise = float(np.abs(dout).max()) * np.finfo(dtype).eps / layer.epsilon**0.5
        small = 1e-4 * scale + np.minimum(noise, scale.max() + np.finfo(dtype).tiny) * (np.abs(x).max() < 1)
        assert np.all(np.abs(found - dx.astype(float)) <= small + 4 * np.finfo(dtype).smallest_subnormal)
        np.testing.assert_allclose(
            layer.gradients,
            gradients.astype(float),
            rtol=0,
            atol=float(np.abs(gradients).max()) * 1e-4 + np.finfo(dtype).tiny,
        )


def test_large_small_and_equal_rows_side_by_side_in_float32():
    x = np.array([[1e20, 3e20], [1e-30, 3e-30], [-3e38, 3e38], [1e20, 1e20]], np.float32)
    model = Sequential([LayerNorm(2)])
    np.testing.assert_allclose(model.forward(x), [[-1, 1], [0, 0], [-1, 1], [0, 0]], atol=1e-6)
    dx = model.backward(np.array([[1, 0]] * 4, np.float32))
    assert np.all(np.isfinite(dx))
    np.testing.assert_allclose(dx[3], np.array([0.5, -0.5]) / 1e-5**0.5, rtol=1e-5)


def test_a_running_variance_that_overflows_is_refused_and_nothing_has_changed():
    model = Sequential([BatchNorm(1)])
    with pytest.raises(ValueError, match=r"the variance of x must be one that float32 holds, .*, got 2e\+40"):
        model.forward(np.array([[1e20], [3e20]], np.float32))
    assert model[0].running_mean == 0
    assert model[0].running_variance == 1
    out = model.forward(np.array([[1e18], [3e18]], np.float32))
    np.testing.assert_allclose(out, [[-1], [1]], rtol=1e-6)
    np.testing.assert_allclose(model[0].running_variance, 2e35, rtol=1e-6)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("kind", range(5), ids=[type(layer).__name__ for layer in norms(2)])
def test_what_is_not_finite_spoils_its_own_group_only(kind, bad, rng):
    layer, clean = norms(4)[kind], norms(4)[kind]
    x, dout = rng.normal(size=(3, 2, 2, 4)), rng.normal(size=(3, 2, 2, 4))
    expected = clean.forward(x), clean.backward(dout)
    x[1, 0, 1, 2] = bad
    spoilt = np.zeros(x.shape, bool)
    spoilt[[(1, 0, 1), (1, 0, 1), (..., 2), (1, ..., slice(2, 4)), (1, ..., 2)][kind]] = True
    for found, right in zip((layer.forward(x), layer.backward(dout)), expected, strict=True):
        np.testing.assert_allclose(found[~spoilt], right[~spoilt], rtol=1e-9)
    assert np.isnan(layer.forward(x)[1, 0, 1, 2])


@pytest.mark.parametrize("kind", range(5), ids=[type(layer).__name__ for layer in norms(2)])
def test_norms_of_float16_are_those_of_float32_rounded(kind, rng):
    x, dout = (rng.normal(size=(8, 5, 5, 4)).astype(np.float16) * 300 for _ in range(2))
    half, single = (Sequential([norms(4)[kind]], dtype=dtype) for dtype in (np.float16, np.float32))
    out, expected = half.forward(x), single.forward(x)
    assert out.dtype == np.float16
    np.testing.assert_allclose(out, expected, rtol=1e-3, atol=1e-6)
    np.testing.assert_allclose(half.backward(dout), single.backward(dout), rtol=2e-3, atol=1e-3)
