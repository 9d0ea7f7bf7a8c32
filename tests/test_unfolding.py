"""The three products of a convolution, in every way that they are computed, against their plain form."""

import numpy as np
import pytest

from layers import Conv2D, DepthwiseConv2D
from layers.images import frames, unfolding
from layers.images.convolution import plain_convolution, plain_convolution_backward


def plainly(layer, x, dout):
    """Return out, dweights, dbias and dx of a layer: its groups side by side, all arrays cut along their last axis."""
    windows = layer._windows_on(*x.shape[1:3])
    results = []
    for part in range(layer.n_groups):
        x_part, dout_part, weights, bias = (
            np.split(array, layer.n_groups, axis=-1)[part] for array in (x, dout, layer.weights, layer.bias)
        )
        out = plain_convolution(x_part, weights, bias, windows)
        results.append((out, *plain_convolution_backward(x_part, dout_part, weights, windows)))
    return [np.concatenate(parts, axis=-1) for parts in zip(*results, strict=True)]


def check(layer, shape, rng):
    """Compare a layer with its plain form. Both sum some 100 terms of about 1 in float64, in another order."""
    layer.bias = rng.normal(size=layer.bias.shape)
    x = rng.normal(size=shape)
    out = layer.forward(x)
    dout = rng.normal(size=out.shape)
    dx = layer.backward(dout)
    fast = out, layer.dweights, layer.dbias, dx
    for name, array, expected in zip(("out", "dweights", "dbias", "dx"), fast, plainly(layer, x, dout), strict=True):
        np.testing.assert_allclose(array, expected, rtol=0, atol=1e-12, err_msg=name)


OPTIONS = [
    {"kernel_size": 1},
    {"kernel_size": 3},
    {"kernel_size": (2, 3), "padding": 1},
    {"kernel_size": (3, 2), "padding": ((2, 0), (0, 3))},
    {"kernel_size": 1, "padding": 1},  # more padding than the kernel reaches
    {"kernel_size": 3, "stride": 2, "padding": 1},
    {"kernel_size": (2, 1), "stride": (1, 3)},
    {"kernel_size": 3, "dilation": (1, 2), "padding": 2},
    {"kernel_size": 2, "dilation": (2, 1), "padding": (1, 0)},
    {"kernel_size": 2, "stride": 2, "dilation": 3, "padding": "same"},
    {"kernel_size": (3, 4), "stride": (2, 1), "padding": "same"},
]


@pytest.mark.parametrize("options", OPTIONS, ids=repr)
@pytest.mark.parametrize("n_groups", [1, 2])
@pytest.mark.parametrize("cache_size", [1, 3000, frames.CACHE_SIZE])  # row by row, some images, all at once
@pytest.mark.parametrize("more_pixels", [0.0, np.inf])  # dx by adding up windows, and as a convolution
def test_every_chunk_and_both_ways_to_dx(options, n_groups, cache_size, more_pixels, rng, monkeypatch):
    monkeypatch.setattr(frames, "CACHE_SIZE", cache_size)
    monkeypatch.setattr(unfolding, "MORE_PIXELS", more_pixels)
    check(Conv2D(2, 4, n_groups=n_groups, **options, rng=0), (3, 7, 8, 2), rng)


@pytest.mark.parametrize("options", [o for o in OPTIONS if o.get("dilation", 1) in (1, (2, 1))], ids=repr)
@pytest.mark.parametrize("block", range(1, 10))
@pytest.mark.parametrize("more_pixels", [0.0, np.inf])
def test_every_block_of_windows(options, block, more_pixels, rng, monkeypatch):
    def chosen(windows, n_inputs, n_outputs):
        return block if windows.size[1] % block == 0 else windows.size[1]

    monkeypatch.setattr(unfolding, "best_block", chosen)
    monkeypatch.setattr(unfolding, "MORE_PIXELS", more_pixels)
    check(Conv2D(2, 3, **options, rng=0), (2, 7, 8, 2), rng)


@pytest.mark.parametrize("seed", range(60))
def test_random_settings(seed):
    rng = np.random.default_rng(seed)
    n_groups = rng.integers(1, 4)
    n_inputs, n_outputs = n_groups * rng.integers(1, 5, size=2)
    pads = [tuple(rng.integers(0, 4, size=2)) for _ in range(2)]
    options = {name: tuple(rng.integers(1, 4, size=2)) for name in ("kernel_size", "stride", "dilation")}
    padding = ["same", "valid", pads][rng.integers(3)]
    layer = Conv2D(n_inputs, n_outputs, padding=padding, n_groups=n_groups, **options, rng=rng)
    check(layer, (rng.integers(1, 4), *rng.integers(7, 12, size=2), n_inputs), rng)


@pytest.mark.parametrize(
    ("channels", "size"),
    [((1, 8), 12), ((3, 32), 12), ((6, 16), 10), ((16, 6), 10), ((32, 64), 6), ((64, 1), 6)],
)
def test_as_wide_as_real_layers(channels, size, rng):
    check(Conv2D(*channels, 3, padding=1, rng=0), (2, size, size, channels[0]), rng)


@pytest.mark.parametrize("options", OPTIONS, ids=repr)
@pytest.mark.parametrize("multiplier", [1, 2])
@pytest.mark.parametrize("cache_size", [1, frames.CACHE_SIZE])
def test_depthwise(options, multiplier, cache_size, rng, monkeypatch):
    monkeypatch.setattr(frames, "CACHE_SIZE", cache_size)
    check(DepthwiseConv2D(3, multiplier=multiplier, **options, rng=0), (3, 7, 8, 3), rng)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.longdouble])
def test_any_floating_dtype(dtype, rng):
    windows = Conv2D(3, 4, 3, padding=1)._windows_on(5, 6)
    x, weights = rng.normal(size=(2, 5, 6, 3)).astype(dtype), rng.normal(size=(3, 3, 3, 4)).astype(dtype)
    out = unfolding.convolve(x, weights, None, windows)
    dweights = unfolding.weights_gradient(x, out, windows)
    dx = unfolding.image_gradient(out, weights, (5, 6), windows)
    assert {array.dtype for array in (out, dweights, dx)} == {np.dtype(dtype)}
    expected = unfolding.convolve(x.astype(float), weights.astype(float), None, windows)
    # half precision has 11 bits, and sums of 27 terms of about 1 lose some of them
    np.testing.assert_allclose(out.astype(float), expected, atol=40 * np.finfo(dtype).eps)


def test_a_block_is_chosen_by_its_work():
    def best(n_inputs, n_outputs, n_columns, kernel=3):
        windows = Conv2D(n_inputs, n_outputs, kernel)._windows_on(kernel, n_columns + kernel - 1)
        return unfolding.best_block(windows, n_inputs, n_outputs)

    assert best(64, 64, 16) == 1  # many channels: the product is all, and zeros in it are wasted
    assert best(1, 8, 28) == 4  # one channel: runs of 3 numbers are too short to copy one by one
    assert best(1, 8, 29) in (1, 29)  # a prime number of columns
    for n_columns in range(1, 30):
        assert n_columns % best(2, 6, n_columns, kernel=5) == 0


def test_the_memory_for_windows_does_not_grow_with_the_image(rng):
    windows = Conv2D(8, 8, 5)._windows_on(300, 300)
    plan = unfolding.Unfolding(windows, 8, 8)
    buffer = plan.make_buffer(64, np.dtype(np.float32))
    assert buffer.nbytes <= frames.CACHE_SIZE
    assert buffer.nbytes > frames.CACHE_SIZE / 2


def test_folding_is_the_transposed_of_unfolding(rng):
    # <unfold(x), y> = <x, fold(y)> for the rows of a chunk in the middle of an image
    windows = Conv2D(2, 3, 3, stride=(2, 1))._windows_on(9, 6)
    plan = unfolding.Unfolding(windows, 2, 3)
    x, rows = rng.normal(size=(2, 9, 6, 2)), slice(1, 3)
    matrix = plan.unfold(x, rows, 0, plan.make_buffer(2, x.dtype))[:, :-1]
    y, folded = rng.normal(size=matrix.shape), np.zeros_like(x)
    plan.fold(y, folded, rows, 0)
    assert np.sum(matrix * y) == pytest.approx(np.sum(x * folded), rel=1e-12)
