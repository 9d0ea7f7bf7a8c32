"""The three products of a convolution, in every way that they are computed, against their definition."""

import itertools

import numpy as np
import pytest

from layers import Conv2D, DepthwiseConv2D
from layers.images import frames, unfolding


def padded_and_indices(x, layer):
    """Return padded images and, for each window, the rows and columns of it that a position of the kernel sees."""
    place = layer._place(*x.shape[1:3])
    rows, columns = (
        np.add.outer(np.arange(size) * stride, np.arange(kernel) * dilation)
        for size, stride, kernel, dilation in zip(
            *(place.size, place.stride, place.kernel, place.dilation), strict=True
        )
    )
    return np.pad(x, ((0, 0), *place.pads, (0, 0))), rows, columns


def by_definition(x, layer, dout=None):
    """Return out or, given dout, (dweights, dbias, dx): pixel by pixel, in float64."""
    padded, rows, columns = padded_and_indices(x, layer)
    weights, groups = layer._filters, layer.n_groups
    n_inputs, n_outputs = layer.n_inputs // groups, layer.n_outputs // groups
    out = np.zeros((len(x), len(rows), len(columns), layer.n_outputs)) + layer.bias
    dpadded, dweights = np.zeros(padded.shape), np.zeros(weights.shape)
    for i, j, group in itertools.product(range(len(rows)), range(len(columns)), range(groups)):
        inputs = slice(group * n_inputs, (group + 1) * n_inputs)
        outputs = slice(group * n_outputs, (group + 1) * n_outputs)
        window = np.ix_(range(len(x)), rows[i], columns[j], range(inputs.start, inputs.stop))
        kernel = weights[..., outputs]
        out[:, i, j, outputs] += np.einsum("nabc,abck->nk", padded[window], kernel)
        if dout is not None:
            dweights[..., outputs] += np.einsum("nabc,nk->abck", padded[window], dout[:, i, j, outputs])
            dpadded[window] += np.einsum("nk,abck->nabc", dout[:, i, j, outputs], kernel)
    if dout is None:
        return out
    (top, _), (left, _) = layer._place(*x.shape[1:3]).pads
    dx = dpadded[:, top : top + x.shape[1], left : left + x.shape[2]]
    return dweights, dout.sum(axis=(0, 1, 2)), dx


def check(layer, shape, rng):
    """Compare a layer with its definition. Both sum some 100 terms of about 1 in float64, in another order."""
    layer.bias = rng.normal(size=layer.bias.shape)
    x = rng.normal(size=shape)
    out = layer.forward(x)
    np.testing.assert_allclose(out, by_definition(x, layer), rtol=0, atol=1e-12)
    dout = rng.normal(size=out.shape)
    dx = layer.backward(dout)
    dweights, dbias, expected = by_definition(x, layer, dout)
    np.testing.assert_allclose(layer.dweights, dweights, rtol=0, atol=1e-12)
    np.testing.assert_allclose(layer.dbias, dbias, rtol=0, atol=1e-12)
    np.testing.assert_allclose(dx, expected, rtol=0, atol=1e-12)


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
    def chosen(place, n_inputs, n_outputs):
        return block if place.size[1] % block == 0 else place.size[1]

    monkeypatch.setattr(unfolding, "_best_block", chosen)
    monkeypatch.setattr(unfolding, "MORE_PIXELS", more_pixels)
    check(Conv2D(2, 3, **options, rng=0), (2, 7, 8, 2), rng)


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
    place = Conv2D(3, 4, 3, padding=1)._place(5, 6)
    x, weights = rng.normal(size=(2, 5, 6, 3)).astype(dtype), rng.normal(size=(3, 3, 3, 4)).astype(dtype)
    out = unfolding.convolve(x, weights, None, place)
    dweights, dbias = unfolding.weights_gradient(x, out, place)
    dx = unfolding.image_gradient(out, weights, (5, 6), place)
    assert {array.dtype for array in (out, dweights, dbias, dx)} == {np.dtype(dtype)}
    expected = unfolding.convolve(x.astype(float), weights.astype(float), None, place)
    # half precision has 11 bits, and sums of 27 terms of about 1 lose some of them
    np.testing.assert_allclose(out.astype(float), expected, atol=40 * np.finfo(dtype).eps)


def test_a_block_is_chosen_by_its_work():
    def best(n_inputs, n_outputs, n_columns, kernel=3):
        place = Conv2D(n_inputs, n_outputs, kernel)._place(kernel, n_columns + kernel - 1)
        return unfolding._best_block(place, n_inputs, n_outputs)

    assert best(64, 64, 16) == 1  # many channels: the product is all, and zeros in it are wasted
    assert best(1, 8, 28) == 4  # one channel: runs of 3 numbers are too short to copy one by one
    assert best(1, 8, 29) in (1, 29)  # a prime number of columns
    for n_columns in range(1, 30):
        assert n_columns % best(2, 6, n_columns, kernel=5) == 0


def test_chunks_cover_everything_once():
    for n, size in [(1, 10), (7, 3), (8, 4), (5, 1)]:
        cut = list(frames.chunks(n, frames.CACHE_SIZE // size))
        assert np.concatenate([np.arange(n)[here] for here in cut]).tolist() == list(range(n))
        assert max(here.stop - here.start for here in cut) <= size
    assert list(frames.chunks(2, 10 * frames.CACHE_SIZE)) == [slice(0, 1), slice(1, 2)]


def test_the_memory_for_windows_does_not_grow_with_the_image(rng):
    place = Conv2D(8, 8, 5)._place(300, 300)
    plan = unfolding.Unfolding(place, 8, 8)
    buffer = plan.make_buffer(64, np.dtype(np.float32))
    assert buffer.nbytes <= frames.CACHE_SIZE
    assert buffer.nbytes > frames.CACHE_SIZE / 2


def test_crop_undoes_pad(rng):
    x, pads = rng.normal(size=(2, 3, 4, 5)), ((1, 2), (0, 3))
    padded = frames.pad(x, pads, 7.0)
    assert padded.shape == (2, 6, 7, 5)
    assert padded.sum() == pytest.approx(x.sum() + 7.0 * (padded.size - x.size), rel=1e-12)
    np.testing.assert_array_equal(frames.crop(padded, pads), x)


def test_without_a_frame_nothing_is_copied(rng):
    x = rng.normal(size=(2, 3, 4, 5))
    assert frames.pad(x, ((0, 0), (0, 0))) is x


def test_folding_is_the_transposed_of_unfolding(rng):
    # <unfold(x), y> = <x, fold(y)> for the rows of a chunk in the middle of an image
    place = Conv2D(2, 3, 3, stride=(2, 1))._place(9, 6)
    plan = unfolding.Unfolding(place, 2, 3)
    x, rows = rng.normal(size=(2, 9, 6, 2)), slice(1, 3)
    matrix = plan.unfold(x, rows, 0, plan.make_buffer(2, x.dtype))[:, :-1]
    y, folded = rng.normal(size=matrix.shape), np.zeros_like(x)
    plan.fold(y, folded, rows, 0)
    assert np.sum(matrix * y) == pytest.approx(np.sum(x * folded), rel=1e-12)
