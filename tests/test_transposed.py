"""ConvTranspose2D: its numbers, that it is the transposed of Conv2D, and what it refuses."""

import numpy as np
import pytest

from layers import Conv2D, ConvTranspose2D, Sequential
from layers.images.transposed import plain_transposed, plain_transposed_backward


def wave(shape, step):
    """Numbers without any symmetry."""
    return np.sin(1 + step * np.arange(np.prod(shape))).reshape(shape)


def test_all_options_give_the_numbers_of_pytorch():
    # PyTorch 2.13.0, float64: torch.nn.functional.conv_transpose2d(x, weights, bias, stride=(2, 1), padding=(1, 0),
    # output_padding=(1, 0), dilation=(1, 2)) on the same waves, moved to channels last; printed with 8 decimals
    expected = [
        1.8413936, 1.25157801, -0.26839003, -0.98609078, 1.03296175, -0.58602455, 1.79423071, 1.17827748,
        -0.08070575, -0.72765671, 1.25069152, 1.60703284, -0.52768595, -1.97891604, 3.04437505, 0.87361382,
        1.62540884, 1.853713, -0.76771833, -1.99881451, 0.40527808, 0.12461306, 0.68687634, -0.65192124,
        2.17025073, 1.32866112, 0.68800209, 0.49958766, 0.4768365, -0.92494632, 0.09489969, -0.3836761,
        1.28526927, -0.12800629, 1.60669707, 1.37723968, 0.15862657, -0.09684911, 1.23248809, -0.34094946,
    ]  # fmt: skip
    layer = ConvTranspose2D(2, 2, (3, 2), stride=(2, 1), padding=(1, 0), output_padding=(1, 0), dilation=(1, 2))
    layer.weights, layer.bias = wave((3, 2, 2, 2), 0.7), wave((2,), 2.1)
    out = layer.forward(wave((1, 2, 3, 2), 1.3))
    assert out.shape == (1, 4, 5, 2)
    np.testing.assert_allclose(out.ravel(), expected, atol=1e-8)


def drawn(seed):
    """Return a layer of random settings, and x and dout for it."""
    rng = np.random.default_rng(seed)
    kernel, stride, dilation = (tuple(rng.integers(1, 4, size=2).tolist()) for _ in range(3))
    further = tuple(rng.integers(0, stride).tolist())
    pads = tuple(tuple(rng.integers(0, length, size=2).tolist()) for length in kernel)
    options = {"padding": pads, "output_padding": further} if seed % 4 else {"padding": "same"}
    layer = ConvTranspose2D(2, 3, kernel, stride, dilation=dilation, **options, rng=rng)
    layer.bias = rng.normal(size=3)
    x = rng.normal(size=(2, 4, 5, 2))
    return layer, x, rng.normal(size=(2, *layer.output_shape((4, 5, 2))))


def plainly(layer, x, dout):
    """Return out, dweights, dbias and dx in the plain form."""
    windows, out_size = layer._windows_on_out(*x.shape[1:3]), dout.shape[1:3]
    out = plain_transposed(x, layer.weights, layer.bias, windows, out_size)
    return out, *plain_transposed_backward(x, dout, layer.weights, windows)


def pixel_by_pixel(layer, x, dout):
    """Return the same: every product of the definition by itself, what is cut off left out."""
    weights, (top, left) = layer.weights, (layer.padding[0][0], layer.padding[1][0])
    out, dweights, dx = (np.zeros_like(array) for array in (dout, weights, x))
    out += layer.bias
    for n, i, j, c in np.ndindex(x.shape):
        for a, b, k in np.ndindex(weights.shape[0], weights.shape[1], weights.shape[3]):
            row = i * layer.stride[0] + a * layer.dilation[0] - top
            column = j * layer.stride[1] + b * layer.dilation[1] - left
            if 0 <= row < out.shape[1] and 0 <= column < out.shape[2]:
                out[n, row, column, k] += x[n, i, j, c] * weights[a, b, c, k]
                dweights[a, b, c, k] += x[n, i, j, c] * dout[n, row, column, k]
                dx[n, i, j, c] += dout[n, row, column, k] * weights[a, b, c, k]
    return out, dweights, dout.sum(axis=(0, 1, 2)), dx


@pytest.mark.parametrize("seed", [seed for seed in range(24) if seed % 4])
def test_the_plain_form_is_the_definition_of_every_pixel(seed):
    layer, x, dout = drawn(seed)
    for array, expected in zip(plainly(layer, x, dout), pixel_by_pixel(layer, x, dout), strict=True):
        np.testing.assert_allclose(array, expected, rtol=0, atol=1e-13)


@pytest.mark.parametrize("seed", range(40))
def test_the_layer_computes_its_plain_form(seed):
    layer, x, dout = drawn(seed)
    out, dx = layer.forward(x), layer.backward(dout)
    fast = out, layer.dweights, layer.dbias, dx
    for array, expected in zip(fast, plainly(layer, x, dout), strict=True):
        np.testing.assert_allclose(array, expected, rtol=0, atol=1e-13)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"stride": 2},
        {"stride": 2, "padding": "same"},
        {"stride": (3, 2), "padding": ((1, 0), (2, 1)), "dilation": (1, 2)},
        {"stride": 4, "padding": 1},
    ],
    ids=repr,
)
def test_it_is_the_transposed_of_a_convolution(options, rng):
    # For the matrix C of a convolution <C y, x> = <y, C' x>, and the same weights, channels exchanged, give C'.
    forth, back = Conv2D(3, 2, 3, use_bias=False, **options), ConvTranspose2D(2, 3, 3, use_bias=False, **options, rng=0)
    forth.weights = back.weights.swapaxes(2, 3)
    x = rng.normal(size=(2, 4, 3, 2))
    out = back.forward(x)
    y = rng.normal(size=out.shape)
    assert np.sum(forth.forward(y) * x) == pytest.approx(np.sum(y * out), rel=1e-12)


@pytest.mark.parametrize("kernel", [1, 2, 3, 4])
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_same_multiplies_the_size_by_the_stride(kernel, stride, rng):
    layer = ConvTranspose2D(1, 2, kernel, stride=stride, padding="same")
    assert layer.forward(rng.normal(size=(1, 4, 3, 1))).shape[1:] == (4 * stride, 3 * stride, 2)
    assert layer.output_shape((4, 3, 1)) == (4 * stride, 3 * stride, 2)


def test_output_padding_undoes_what_the_stride_rounds_off():
    down, up = Conv2D(1, 1, 3, stride=2, padding=1), ConvTranspose2D(1, 1, 3, stride=2, padding=1, output_padding=1)
    assert Sequential([down, up]).output_shape((8, 8, 1)) == (8, 8, 1)


def test_repr_is_what_one_types():
    text = "ConvTranspose2D(2, 3, 4, stride=2, padding=1, output_padding=1, dilation=2, use_bias=False)"
    assert repr(eval(text, {"ConvTranspose2D": ConvTranspose2D})) == text
    assert repr(ConvTranspose2D(2, 3, (1, 2))) == "ConvTranspose2D(2, 3, (1, 2))"


def test_padding_must_leave_something():
    layer = ConvTranspose2D(1, 1, 2, padding=1)
    message = r"ConvTranspose2D\(1, 1, 2, padding=1\): padding must leave at least one pixel of out, got 0 x 2"
    with pytest.raises(ValueError, match=message):
        layer.forward(np.zeros((1, 1, 3, 1)))
    with pytest.raises(ValueError, match=message):
        layer.output_shape((1, 3, 1))


def test_output_padding_is_less_than_the_stride():
    with pytest.raises(ValueError, match=r"output_padding must be less than the stride, \(2, 1\), got 1"):
        ConvTranspose2D(1, 1, 3, stride=(2, 1), output_padding=1)
    with pytest.raises(ValueError, match=r"output_padding must be at least 0, got -1"):
        ConvTranspose2D(1, 1, 3, output_padding=-1)
    with pytest.raises(ValueError, match=r"output_padding must be 0 with padding='same'.*, got 1"):
        ConvTranspose2D(1, 1, 3, stride=2, padding="same", output_padding=1)


def test_channels_first_is_recognized():
    with pytest.raises(ValueError, match=r"x must have shape \(N, H, W, 3\), got \(2, 3, 8, 8\); channels come last"):
        ConvTranspose2D(3, 1, 2).forward(np.zeros((2, 3, 8, 8)))


def test_dout_of_another_shape():
    layer = ConvTranspose2D(1, 2, 3)
    layer.forward(np.zeros((2, 5, 5, 1)))
    with pytest.raises(ValueError, match=r"dout must have the shape of out, \(2, 7, 7, 2\), got \(2, 5, 5, 2\)"):
        layer.backward(np.zeros((2, 5, 5, 2)))
