"""Images with pixels that are not finite, or near the largest number: they go where the mathematics says."""

import itertools

import numpy as np
import pytest

from layers import (
    AveragePool1D,
    AveragePool2D,
    Conv1D,
    Conv2D,
    ConvTranspose2D,
    DepthwiseConv2D,
    GlobalAveragePool,
    GlobalMaxPool,
    MaxPool1D,
    MaxPool2D,
    Upsample2D,
    ZeroPad2D,
)
from layers.images.convolution import plain_convolution, plain_convolution_backward
from layers.images.extremes import all_finite
from layers.images.pooling import plain_max, plain_max_backward
from layers.images.transposed import plain_transposed, plain_transposed_backward

NOT_FINITE = [np.inf, -np.inf, np.nan]
SEEDS = range(60)


def spoil(rng, x, share=0.05):
    """Return x with some numbers that are not finite, one at least."""
    x = x.copy()
    for i in rng.choice(x.size, max(int(share * x.size), 1), replace=False):
        x.flat[i] = NOT_FINITE[rng.integers(3)]
    return x


def assert_same(found, expected, tolerance=1e-12):
    for array, right in zip(found, expected, strict=True):
        np.testing.assert_allclose(array, right, rtol=tolerance, atol=tolerance)


def convolution(rng):
    """Return a convolution of few channels, which takes windows in blocks, and images for it."""
    kernel = tuple(rng.integers(1, 4, size=2).tolist())
    stride = [(1, 1), (1, 1), (2, 1), (2, 2), (1, 3)][rng.integers(5)]
    padding = tuple(tuple(rng.integers(0, size, size=2).tolist()) for size in kernel)
    n_inputs, n_outputs = rng.integers(1, 4, size=2).tolist()
    layer = [Conv2D, ConvTranspose2D][rng.integers(2)](n_inputs, n_outputs, kernel, stride, padding, rng=rng)
    return layer, rng.normal(size=(2, *rng.integers(4, 13, size=2), n_inputs))


def plain_step(layer, x, dout):
    """Return out, dweights, dbias and dx in the plain form."""
    with np.errstate(invalid="ignore"):
        if isinstance(layer, ConvTranspose2D):
            windows = layer._windows_on_out(*x.shape[1:3])
            out = plain_transposed(x, layer.weights, layer.bias, windows, dout.shape[1:3])
            return out, *plain_transposed_backward(x, dout, layer.weights, windows)
        windows = layer._windows_on(*x.shape[1:3])
        out = plain_convolution(x, layer.weights, layer.bias, windows)
        return out, *plain_convolution_backward(x, dout, layer.weights, windows)


@pytest.mark.parametrize("where", ["x", "dout", "both"])
@pytest.mark.parametrize("seed", SEEDS)
def test_a_pixel_spoils_the_windows_that_see_it_and_no_others(seed, where):
    rng = np.random.default_rng(seed)
    layer, x = convolution(rng)
    dout = rng.normal(size=(2, *layer.output_shape(x.shape[1:])))
    x = x if where == "dout" else spoil(rng, x, 0.01)
    dout = dout if where == "x" else spoil(rng, dout, 0.01)
    out, dx = layer.forward(x), layer.backward(dout)
    assert_same((out, layer.dweights, layer.dbias, dx), plain_step(layer, x, dout))
    layer.forward(x)
    layer.backward(dout, input_gradient=False)
    assert_same((layer.dweights, layer.dbias), plain_step(layer, x, dout)[1:3])


@pytest.mark.parametrize("value", NOT_FINITE)
@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (Conv2D(1, 8, 3, padding=1, rng=0), (2, 28, 28, 1)),
        (Conv2D(4, 4, 3, padding=1, n_groups=2, rng=0), (2, 8, 8, 4)),
        (Conv2D(2, 3, 3, dilation=2, rng=0), (2, 9, 9, 2)),
        (Conv1D(1, 8, 5, padding="same", rng=0), (2, 40, 1)),
        (DepthwiseConv2D(3, 3, padding=1, multiplier=2, rng=0), (2, 8, 8, 3)),
        (ConvTranspose2D(1, 2, 3, stride=2, rng=0), (2, 8, 8, 1)),
        (ConvTranspose2D(2, 1, 3, padding=1, rng=0), (2, 8, 8, 2)),
        (AveragePool2D(3, 1, padding=1), (2, 8, 8, 2)),
        (AveragePool1D(2), (2, 8, 2)),
        (MaxPool2D(3, 2, padding=1), (2, 9, 9, 2)),
        (MaxPool1D(2), (2, 8, 2)),
        (Upsample2D(3), (2, 4, 4, 2)),
        (ZeroPad2D(1), (2, 4, 4, 2)),
        (GlobalAveragePool(), (3, 4, 4, 2)),
        (GlobalMaxPool(), (3, 4, 4, 2)),
    ],
    ids=lambda value: repr(value) if not isinstance(value, tuple) else "",
)
def test_one_number_changes_only_what_depends_on_it(layer, shape, value, rng):
    """What moves when the number is changed by 1 may be spoiled, all else must stay bit by bit as it is to rounding."""
    x = rng.normal(size=shape)
    dout = rng.normal(size=layer.predict(x).shape)
    here = tuple(n // 2 for n in shape)
    largest = "Max" in type(layer).__name__

    def spoiled(array, at, by):
        array = array.copy()
        array[at] = by
        return array

    moved = layer.predict(spoiled(x, here, 50.0)) != layer.predict(spoiled(x, here, 60.0))
    out = layer.predict(spoiled(x, here, value))
    np.testing.assert_allclose(out[~moved], layer.predict(spoiled(x, here, 0 if not largest else -50.0))[~moved], 1e-9)
    if not (largest and value == -np.inf):
        assert not np.any(np.isfinite(out[moved]))

    def dx(given):
        layer.forward(x)
        return layer.backward(given)

    there = tuple(n // 2 for n in dout.shape)
    moved = dx(spoiled(dout, there, 1.0)) != dx(spoiled(dout, there, 2.0))
    found = dx(spoiled(dout, there, value))
    np.testing.assert_allclose(found[~moved], dx(dout)[~moved], 1e-9, 1e-12)
    assert not np.any(np.isfinite(found[moved]))


# ---- pools -----------------------------------------------------------------------------------------------------------


def drawn_pool(rng, pool):
    kernel = tuple(rng.integers(1, 5, size=2).tolist())
    padding = tuple(tuple(rng.integers(0, size, size=2).tolist()) for size in kernel)
    return pool(kernel, tuple(rng.integers(1, 5, size=2).tolist()), padding)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.longdouble])
@pytest.mark.parametrize("seed", SEEDS)
def test_max_pools_over_what_is_not_finite(seed, dtype):
    rng = np.random.default_rng(seed)
    layer, x = drawn_pool(rng, MaxPool2D), rng.integers(-2, 3, size=(2, 6, 7, 2)).astype(dtype)
    x[rng.random(x.shape) < rng.random()] = -np.inf
    if seed % 2:
        x = spoil(rng, x)
    out = layer.forward(x)
    dout = rng.integers(1, 9, size=out.shape).astype(dtype)
    dx, windows = layer.backward(dout), layer._windows_on(6, 7)
    assert_same((out, dx), (plain_max(x, windows), plain_max_backward(x, dout, windows)))
    assert dx.sum() == dout.sum()  # nothing is lost in the frame
    assert dx.dtype == out.dtype == dtype


def test_all_that_is_minus_infinity_keeps_its_gradient_inside():
    layer = MaxPool2D(3, 2, padding=1)
    layer.forward(np.full((1, 4, 4, 1), -np.inf))
    dx = layer.backward(np.arange(1.0, 5).reshape(1, 2, 2, 1))
    # the first pixels of the image that the four windows see are (0, 0), (0, 1), (1, 0) and (1, 1)
    np.testing.assert_array_equal(dx[0, :2, :2, 0], [[1, 2], [3, 4]])
    assert dx.sum() == 10


@pytest.mark.parametrize("layer", [MaxPool2D(2), GlobalMaxPool()], ids=repr)
def test_nan_is_the_largest(layer):
    x = np.array([[1.0, np.nan], [np.inf, 2.0]]).reshape(1, 2, 2, 1)
    out = layer.forward(x)
    assert np.isnan(out).all()
    np.testing.assert_array_equal(layer.backward(np.full(out.shape, 5.0)).ravel(), [0, 5, 0, 0])


def test_the_patterns_of_four_pixels():
    patterns = np.array([*itertools.product([-np.inf, -1.0, 0.0, np.inf, np.nan], repeat=4)])
    layer, x = MaxPool2D(2), patterns.reshape(-1, 2, 2, 1)
    out = layer.forward(x)
    dx = layer.backward(np.ones(out.shape)).reshape(-1, 4)
    np.testing.assert_array_equal(dx, np.eye(4)[patterns.argmax(axis=1)])  # the first NaN, else the first largest
    np.testing.assert_array_equal(out.ravel(), patterns.max(axis=1))


def test_a_dout_of_another_dtype(rng):
    x, dout = rng.normal(size=(2, 4, 4, 3)), rng.normal(size=(2, 2, 2, 3))
    for layer in (MaxPool2D(2), AveragePool2D(2)):
        layer.forward(x)
        dx = layer.backward(dout.astype(np.float32))
        layer.forward(x)
        np.testing.assert_allclose(dx, layer.backward(dout), 1e-6, 1e-6)


# ---- near the largest number, and half precision ---------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("layer", [AveragePool2D(2), AveragePool2D(3, 1, padding=1), GlobalAveragePool()], ids=repr)
def test_the_mean_of_large_numbers_is_a_number(layer, dtype):
    large = 0.9 * float(np.finfo(dtype).max)
    x = np.full((2, 6, 6, 3), large, dtype)
    x[1] *= -1
    out = layer.forward(x)
    assert out.dtype == dtype
    np.testing.assert_allclose(out[0].astype(float), large, 2 * np.finfo(dtype).eps)
    np.testing.assert_allclose(out[1].astype(float), -large, 2 * np.finfo(dtype).eps)


@pytest.mark.parametrize("factor", [2, 3, (1, 20), 20])
@pytest.mark.parametrize("make", [Upsample2D, AveragePool2D, MaxPool2D, lambda n: GlobalAveragePool()])
def test_half_precision_is_as_good_as_it_can_be(make, factor, rng):
    layer, x = make(factor), rng.normal(size=(2, 40, 60, 2)) + 1
    x16 = x.astype(np.float16)
    out = layer.forward(x16)
    dout = (rng.normal(size=out.shape) + 1).astype(np.float16)
    dx = layer.backward(dout)
    assert out.dtype == dx.dtype == np.float16
    expected = layer.forward(x16.astype(float)), layer.backward(dout.astype(float))
    for found, right in zip((out, dx), expected, strict=True):
        np.testing.assert_allclose(found.astype(float), right, rtol=0.002, atol=0.002 * np.abs(right).mean())


@pytest.mark.parametrize("n_channels", [1, 2, 3, 8])
def test_pixels_of_16_bits_are_copied_whole(n_channels, rng):
    x = rng.normal(size=(2, 6, 6, n_channels)).astype(np.float16)
    for layer in (MaxPool2D(2), MaxPool2D(3, 1, padding=1), ZeroPad2D(2), Conv2D(n_channels, 2, 3)):
        np.testing.assert_allclose(layer.predict(x).astype(float), layer.predict(x.astype(float)), 0.01, 0.01)


# ---- the look --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.longdouble])
@pytest.mark.parametrize("value", NOT_FINITE)
def test_the_look_finds_a_single_number(dtype, value, rng):
    for n in (1, 7, 64, 1000, 100_001):
        x = rng.normal(size=n).astype(dtype)
        assert all_finite(x)
        x[rng.integers(n)] = value
        assert not all_finite(x)
