"""Sums over the pixels of many images lose no digits: gradients of biases, means, kernels of single channels."""

import copy
import os

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
    Sequential,
    Upsample2D,
)

# pixels of a batch; up to 1e7 by HANDGRAD_LONG=1
MANY = (10, 1_000, 100_000)
if os.environ.get("HANDGRAD_LONG"):
    MANY += (1_000_000, 10_000_000)
TOLERANCE = 4e-7  # of the sum of the absolute terms: four times what PyTorch's sums of float32 are off by


def images(rng, n, n_channels, rows=100):
    """Return n pixels around 3, as images as high as they can be."""
    height = min(n, rows)
    return (
        rng.normal(size=(max(n // height // 10, 1), height, n // height if n < 1000 else 10, n_channels)) + 3
    ).astype(np.float32)


def off(found, terms, axis):
    """Return the largest error, in units of the sum of the absolute terms."""
    terms = terms.astype(float)
    return np.max(np.abs(found - terms.sum(axis)) / np.abs(terms).sum(axis))


@pytest.mark.parametrize("n", MANY)
@pytest.mark.parametrize("input_gradient", [True, False])
@pytest.mark.parametrize(
    "layer",
    [
        Conv2D(1, 2, 1, rng=0),
        Conv2D(1, 2, 3, padding=1, rng=0),
        Conv2D(2, 2, 3, stride=2, padding=1, rng=0),
        Conv2D(2, 4, 3, padding=1, n_groups=2, rng=0),
        DepthwiseConv2D(2, 3, padding=1, rng=0),
        ConvTranspose2D(1, 2, 2, stride=2, rng=0),
    ],
    ids=repr,
)
def test_dbias(layer, input_gradient, n, rng):
    model = Sequential([copy.deepcopy(layer)])
    x = images(rng, n, layer.n_inputs)
    dout = model.forward(x)
    dout = (rng.normal(size=dout.shape) + 3).astype(np.float32)
    model.backward(dout, input_gradient)
    assert off(model[0].dbias, dout, (0, 1, 2)) <= TOLERANCE


def test_dbias_of_sequences(rng):
    model, x = Sequential([Conv1D(1, 2, 3, padding=1)]), images(rng, 100_000, 1)[:, :, 0]
    dout = (rng.normal(size=model.forward(x).shape) + 3).astype(np.float32)
    model.backward(dout)
    assert off(model[0].dbias, dout, (0, 1)) <= TOLERANCE


@pytest.mark.parametrize("n", MANY)
@pytest.mark.parametrize(("rows", "kernel"), [(7, 1), (100, (3, 2)), (10_000, 2), (1000, (1, 3))])
@pytest.mark.parametrize("multiplier", [1, 2])
def test_dweights_of_single_channels(n, rows, kernel, multiplier, rng):
    model = Sequential([DepthwiseConv2D(2, kernel, multiplier=multiplier)])
    x = images(rng, n, 2, rows)
    if x.shape[2] < 3:
        x = x.repeat(3, axis=2)
    dout = (rng.normal(size=model.forward(x).shape) + 3).astype(np.float32)
    model.backward(dout)
    windows, wide = model[0]._windows_on(*x.shape[1:3]), x.repeat(multiplier, axis=-1).astype(float)
    for a, b in windows.positions:
        assert off(model[0].dweights[a, b, 0], wide[windows.at(a, b)] * dout, (0, 1, 2)) <= TOLERANCE


@pytest.mark.parametrize("n", MANY)
def test_dweights_of_a_convolution_as_the_docs_say(n, rng):
    # the product is that of BLAS: 2e-6 at a million pixels
    model, x = Sequential([Conv2D(1, 1, 1)]), images(rng, n, 1)
    dout = (rng.normal(size=model.forward(x).shape) + 3).astype(np.float32)
    model.backward(dout)
    assert off(model[0].dweights[0, 0], x.astype(float) * dout, (0, 1, 2)) <= 4e-6


@pytest.mark.parametrize("n", MANY)
def test_means(n, rng):
    x = images(rng, n, 3, n)
    x = x[:1] if len(x) > 1 else x
    n_pixels = x.shape[1] * x.shape[2]
    assert off(GlobalAveragePool().forward(x) * float(n_pixels), x, (1, 2)) <= TOLERANCE
    layer = AveragePool2D(x.shape[1:3])
    if n_pixels <= 10_000:  # position by position, which takes its time
        assert off(layer.forward(x)[:, 0, 0] * float(n_pixels), x, (1, 2)) <= TOLERANCE


@pytest.mark.parametrize("kernel", [2, 3, 7])
def test_means_of_windows(kernel, rng):
    x = images(rng, 10_000, 3)
    for layer, given in ((AveragePool2D(kernel), x), (AveragePool1D(kernel), x[:, :, 0])):
        expected = layer.forward(given.astype(float))
        np.testing.assert_allclose(layer.forward(given), expected, rtol=0, atol=3 * TOLERANCE)  # of numbers around 3


@pytest.mark.parametrize("factor", [2, 3, 16, (1, 300), (300, 1), 100, 1000])
def test_what_an_enlarged_pixel_gets_back(factor, rng):
    layer, x = Upsample2D(factor), np.ones((1, 2, 1, 3), np.float32)
    dout = (rng.normal(size=layer.forward(x).shape) + 3).astype(np.float32)
    dx, (down, right) = layer.backward(dout), layer._factor
    assert off(dx, dout.reshape(1, 2, down, 1, right, 3), (2, 4)) <= TOLERANCE
