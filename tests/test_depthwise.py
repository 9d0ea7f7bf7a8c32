"""DepthwiseConv2D: its numbers, that it is a convolution in groups, and what it refuses."""

import numpy as np
import pytest

from layers import Conv2D, DepthwiseConv2D, Sequential


def wave(shape, step):
    """Numbers without any symmetry."""
    return np.sin(1 + step * np.arange(np.prod(shape))).reshape(shape)


def test_depthwise_gives_the_numbers_of_pytorch():
    # PyTorch 2.13.0, float64: conv2d(x, weights, groups=2) with 4 outputs on the same waves, moved to channels last;
    # printed with 8 decimals
    expected = [
        1.13828219, 2.3391145, 0.62253781, -0.13271786, -0.58339535, -1.75863979, -1.749654, -0.65054599,
        0.82070616, 0.60217792, -2.32224683, -1.48757816, -1.26803541, -1.70680178, 1.60383453, 1.30176904,
    ]  # fmt: skip
    layer = DepthwiseConv2D(2, 2, multiplier=2, use_bias=False)
    layer.weights = wave(layer.weights.shape, 0.7)
    out = layer.forward(wave((1, 3, 3, 2), 1.3))
    np.testing.assert_allclose(out.ravel(), expected, atol=1e-8)


@pytest.mark.parametrize("multiplier", [1, 2])
def test_it_is_a_convolution_with_as_many_groups_as_channels(multiplier, rng):
    depthwise = DepthwiseConv2D(3, 3, padding=1, multiplier=multiplier, rng=0)
    grouped = Conv2D(3, 3 * multiplier, 3, padding=1, n_groups=3)
    grouped.parameters = depthwise.parameters
    x = rng.normal(size=(2, 5, 4, 3))
    out = depthwise.forward(x)
    np.testing.assert_allclose(out, grouped.forward(x), rtol=1e-13, atol=1e-13)
    np.testing.assert_allclose(depthwise.backward(out), grouped.backward(out), rtol=1e-13, atol=1e-13)
    np.testing.assert_allclose(depthwise.gradients, grouped.gradients, rtol=1e-12, atol=1e-12)


def test_every_channel_stays_by_itself(rng):
    layer, x = DepthwiseConv2D(3, 3, multiplier=2, rng=0), rng.normal(size=(1, 5, 5, 3))
    before = layer.predict(x)
    x[..., 1] += 1.0
    changed = np.any(layer.predict(x) != before, axis=(0, 1, 2))
    assert changed.tolist() == [False, False, True, True, False, False]


def test_shapes(rng):
    layer = DepthwiseConv2D(3, 2, multiplier=2)
    assert layer.weights.shape == (2, 2, 1, 6)
    assert layer.bias.shape == (6,)
    assert layer.output_shape((7, 5, 3)) == layer.forward(rng.normal(size=(2, 7, 5, 3))).shape[1:]


def test_a_dout_of_integers_counts_as_numbers(rng):
    layer, x = DepthwiseConv2D(2, 2, rng=0), rng.normal(size=(2, 4, 4, 2))
    dout = rng.integers(1, 9, size=layer.forward(x).shape)
    dx, gradients = layer.backward(dout), layer.gradients.copy()
    layer.forward(x)
    np.testing.assert_allclose(dx, layer.backward(dout.astype(float)), rtol=1e-13, atol=1e-13)
    np.testing.assert_allclose(gradients, layer.gradients, rtol=1e-13, atol=1e-13)


def test_a_network_of_float32_takes_it_over(rng):
    model = Sequential([DepthwiseConv2D(2, 2)], rng=0)
    out = model.forward(rng.normal(size=(2, 5, 5, 2)))
    assert out.dtype == np.float32
    assert model.backward(out).dtype == np.float32


def test_repr_is_what_one_types():
    text = "DepthwiseConv2D(2, 3, stride=2, multiplier=2, use_bias=False)"
    assert repr(eval(text, {"DepthwiseConv2D": DepthwiseConv2D})) == text


def test_what_is_refused():
    with pytest.raises(ValueError, match="DepthwiseConv2D: multiplier must be at least 1, got 0"):
        DepthwiseConv2D(2, 3, multiplier=0)
    with pytest.raises(
        ValueError, match=r"DepthwiseConv2D\(2, 3\): x must have shape \(N, H, W, 2\), got \(1, 5, 5, 3\)"
    ):
        DepthwiseConv2D(2, 3).forward(np.zeros((1, 5, 5, 3)))
