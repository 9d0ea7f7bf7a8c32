"""Pools: their numbers, where the gradient of a tie goes, and what they refuse."""

import functools

import numpy as np
import pytest

from layers import (
    AveragePool1D,
    AveragePool2D,
    Conv2D,
    MaxPool1D,
    MaxPool2D,
    Sequential,
)
from layers.images import frames
from layers.images.average_pooling import plain_mean, plain_mean_backward
from layers.images.pooling import plain_max, plain_max_backward


def wave(shape, step=1.3):
    """Numbers without any symmetry."""
    return np.sin(1 + step * np.arange(np.prod(shape))).reshape(shape)


# ---- numbers: PyTorch 2.13.0, torch.nn.functional in float64 on the same waves, moved to channels last ---------------
# They are printed with 8 decimals, which the tolerances allow for.


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        # max_pool2d(x, 3, 2, 1)
        (MaxPool2D(3, stride=2, padding=1),
         [0.99060736, 0.74570521, 0.99060736, 0.99682979, 0.99060736, 0.87114,
          0.99060736, 0.99682979, 0.93830747, 0.87114, 0.93830747, 0.99072841]),
        # avg_pool2d(x, 3, 2, 1, count_include_pad=False)
        (AveragePool2D(3, stride=2, padding=1),
         [0.11755734, 0.0733063, 0.10247959, -0.01485167, 0.00973559, 0.00727471,
          0.00925117, -0.00024825, 0.10551969, 0.09338329, 0.10949767, 0.00916349]),
        # avg_pool2d(x, 3, 2, 1)
        (AveragePool2D(3, stride=2, padding=1, count_padding=True),
         [0.05224771, 0.03258058, 0.06831973, -0.00990111, 0.00649039, 0.00484981,
          0.00925117, -0.00024825, 0.04689764, 0.04150368, 0.07299844, 0.006109]),
    ],
    ids=lambda value: repr(value) if not isinstance(value, list) else "",
)  # fmt: skip
def test_the_numbers_of_pytorch(layer, expected):
    np.testing.assert_allclose(layer.forward(wave((1, 5, 4, 2))).ravel(), expected, atol=1e-8)


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        # max_pool1d(x, 3, 1, 1)
        (MaxPool1D(3, stride=1, padding=1),
         [0.84147098, 0.74570521, 0.84147098, 0.93799998, 0.58491719, 0.93799998, 0.58491719, 0.93799998,
          0.58491719, 0.13323204, 0.99060736, 0.39674057, 0.99060736, 0.99682979, 0.34331493, 0.99682979,
          0.34331493, 0.99682979, 0.18998668, 0.53732218]),
        # avg_pool1d(x, 2, 2, 1, count_include_pad=False)
        (AveragePool1D(2, padding=1),
         [0.84147098, 0.74570521, -0.26280492, -0.02222632, -0.16720567, -0.2459193,
          0.99060736, 0.39674057, -0.21751857, 0.09183634, -0.23946157, -0.17893259]),
    ],
    ids=lambda value: repr(value) if not isinstance(value, list) else "",
)  # fmt: skip
def test_the_numbers_of_pytorch_on_sequences(layer, expected):
    np.testing.assert_allclose(layer.forward(wave((2, 5, 2))).ravel(), expected, atol=1e-8)


# ---- the definition --------------------------------------------------------------------------------------------------


def pixel_by_pixel(layer, x, dout):
    """Return out and dx, window by window: of several largest the first, row by row."""
    (top, bottom), (left, right) = layer.padding
    frame = (0, 0), (top, bottom), (left, right), (0, 0)
    largest = isinstance(layer, MaxPool2D)
    padded = np.pad(x, frame, constant_values=-np.inf if largest else 0.0)
    real = np.pad(np.ones(x.shape), frame)
    out, dpadded = np.zeros(dout.shape), np.zeros(padded.shape)
    for n, i, j, c in np.ndindex(dout.shape):
        rows = slice(i * layer.stride[0], i * layer.stride[0] + layer.kernel_size[0])
        columns = slice(j * layer.stride[1], j * layer.stride[1] + layer.kernel_size[1])
        window, dwindow = padded[n, rows, columns, c], dpadded[n, rows, columns, c]
        if largest:
            winner = np.unravel_index(window.argmax(), window.shape)
            out[n, i, j, c] = window[winner]
            dwindow[winner] += dout[n, i, j, c]
        else:
            count = window.size if layer.count_padding else real[n, rows, columns, c].sum()
            out[n, i, j, c] = window.sum() / count
            dwindow += dout[n, i, j, c] / count
    return out, dpadded[:, top : top + x.shape[1], left : left + x.shape[2]]


def plainly(layer, x, dout):
    """Return out and dx in the plain form."""
    windows = layer._windows_on(*x.shape[1:3])
    if isinstance(layer, MaxPool2D):
        return plain_max(x, windows), plain_max_backward(x, dout, windows)
    return (
        plain_mean(x, windows, layer.count_padding),
        plain_mean_backward(x, dout, windows, layer.count_padding),
    )


def x_and_dout(layer, rng):
    x = rng.integers(-2, 3, size=(3, 6, 7, 2)).astype(float)  # five values: ties abound
    return x, rng.integers(1, 9, size=(3, *layer.output_shape(x.shape[1:]))).astype(float)


def assert_the_same(results, expected):
    # Exact for the largest; the means differ in the order of at most 16 terms.
    for array, right in zip(results, expected, strict=True):
        np.testing.assert_allclose(array, right, rtol=0, atol=1e-13)


each_pool = pytest.mark.parametrize(
    "pool", [MaxPool2D, AveragePool2D, functools.partial(AveragePool2D, count_padding=True)]
)


@pytest.mark.parametrize("seed", range(20))
@each_pool
def test_the_plain_form_is_the_definition_of_every_pixel(pool, seed):
    rng = np.random.default_rng(seed)
    kernel, stride = (tuple(rng.integers(1, 5, size=2).tolist()) for _ in range(2))
    padding = tuple(tuple(rng.integers(0, size, size=2).tolist()) for size in kernel)
    layer = pool(kernel, stride, padding)
    x, dout = x_and_dout(layer, rng)
    assert_the_same(plainly(layer, x, dout), pixel_by_pixel(layer, x, dout))


@pytest.mark.parametrize(
    "arguments",
    [(2,), (1,), (3, 2), (2, 1), ((2, 3), (3, 2)), (2, 3), (3, 2, 1), (2, 2, "same"), (4, 1, ((3, 1), (0, 2)))],
    ids=repr,
)
@each_pool
@pytest.mark.parametrize("cache_size", [1, frames.CACHE_SIZE])  # image by image, and all at once
def test_every_window_is_pooled(pool, arguments, cache_size, rng, monkeypatch):
    monkeypatch.setattr(frames, "CACHE_SIZE", cache_size)
    layer = pool(*arguments)
    x, dout = x_and_dout(layer, rng)
    assert_the_same((layer.forward(x), layer.backward(dout)), plainly(layer, x, dout))


@pytest.mark.parametrize("seed", range(20))
@each_pool
def test_random_settings(pool, seed):
    rng = np.random.default_rng(seed)
    kernel = tuple(rng.integers(1, 5, size=2))
    padding = ["same", "valid", tuple(tuple(rng.integers(0, size, size=2)) for size in kernel)][rng.integers(3)]
    layer = pool(kernel, tuple(rng.integers(1, 5, size=2)), padding)
    x, dout = x_and_dout(layer, rng)
    assert_the_same((layer.forward(x), layer.backward(dout)), plainly(layer, x, dout))


def test_windows_of_more_positions_than_a_byte_counts(rng):
    layer, x = MaxPool2D((20, 20)), rng.normal(size=(2, 20, 20, 3))
    layer.forward(x)
    dx = layer.backward(np.full((2, 1, 1, 3), 5.0))
    np.testing.assert_array_equal(dx, 5.0 * (x == x.max(axis=(1, 2), keepdims=True)))


# ---- ties ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "layer",
    [MaxPool2D(2), MaxPool2D(3), MaxPool2D((2, 3)), MaxPool2D(2, stride=3), MaxPool2D(2, stride=1), MaxPool2D(1)],
    ids=repr,
)
@pytest.mark.parametrize("value", [0.0, -1.0, 2.0])
def test_a_tie_gives_its_gradient_to_the_first_alone(layer, value):
    x = np.full((2, 7, 6, 3), value)
    out = layer.forward(x)
    dout = np.arange(1.0, out.size + 1).reshape(out.shape)
    (down, right), dx = layer._stride, layer.backward(dout)
    expected = np.zeros_like(x)
    expected[:, : down * out.shape[1] : down, : right * out.shape[2] : right] = dout
    np.testing.assert_array_equal(dx, expected)


@pytest.mark.parametrize("size", [(2, 2), (2, 3), (3, 3)])
def test_every_pattern_of_ties_gives_its_gradient_to_one_pixel(size):
    n_pixels = size[0] * size[1]
    patterns = (np.arange(2**n_pixels)[:, np.newaxis] >> np.arange(n_pixels)) & 1  # each pixel 0 or 1
    x = patterns.reshape(-1, *size, 1).astype(float)
    layer = MaxPool2D(size)
    layer.forward(x)
    dx = layer.backward(np.full((len(x), 1, 1, 1), 5.0)).reshape(len(x), -1)
    assert np.count_nonzero(dx, axis=1).tolist() == [1] * len(x)
    np.testing.assert_array_equal(dx.argmax(axis=1), patterns.argmax(axis=1))  # the first of the largest


def test_overlapping_windows_add_at_the_common_pixel():
    layer = MaxPool1D(3, stride=1)
    layer.forward(np.array([0.0, 1.0, 5.0, 1.0, 0.0]).reshape(1, 5, 1))
    assert layer.backward(np.array([1.0, 10.0, 100.0]).reshape(1, 3, 1)).ravel().tolist() == [0, 0, 111, 0, 0]


def test_pixels_that_no_window_sees_get_nothing():
    layer = AveragePool1D(2)
    layer.forward(np.ones((1, 5, 1)))
    assert layer.backward(np.ones((1, 2, 1))).ravel().tolist() == [0.5, 0.5, 0.5, 0.5, 0.0]


@pytest.mark.parametrize("layer", [MaxPool2D(2), AveragePool2D(2)], ids=repr)
def test_a_dout_of_integers_counts_as_numbers(layer, rng):
    x = rng.normal(size=(2, 4, 4, 3))
    dout = rng.integers(1, 9, size=layer.forward(x).shape)
    dx = layer.backward(dout)
    layer.forward(x)
    np.testing.assert_array_equal(dx, layer.backward(dout.astype(float)))


# ---- padding ---------------------------------------------------------------------------------------------------------


def test_padding_is_never_the_largest():
    out = MaxPool2D(3, stride=1, padding=1).forward(np.full((1, 4, 4, 1), -7.0))
    np.testing.assert_array_equal(out, np.full((1, 4, 4, 1), -7.0))


def test_the_mean_of_ones_is_one_unless_padding_counts():
    ones = np.ones((1, 3, 3, 1))
    np.testing.assert_array_equal(AveragePool2D(2, stride=2, padding=1).forward(ones), np.ones((1, 2, 2, 1)))
    counted = AveragePool2D(2, stride=2, padding=1, count_padding=True).forward(ones)
    np.testing.assert_array_equal(counted[0, :, :, 0], [[0.25, 0.5], [0.5, 1.0]])


def test_same_keeps_the_size():
    for layer in (MaxPool2D(3, stride=1, padding="same"), AveragePool2D((2, 3), stride=1, padding="same")):
        assert layer.output_shape((7, 5, 2)) == (7, 5, 2)


# ---- shapes and the contract -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (MaxPool2D(2), (2, 7, 5, 3)),
        (MaxPool2D((3, 2), stride=(2, 3), padding=(1, 0)), (2, 7, 5, 3)),
        (AveragePool2D(3, stride=2, padding="same"), (2, 7, 5, 3)),
        (MaxPool1D(3, stride=2), (2, 7, 3)),
        (AveragePool1D(2, padding=(0, 1)), (2, 7, 3)),
    ],
    ids=repr,
)
def test_output_shape_is_the_shape_of_out(layer, shape, rng):
    assert layer.output_shape(shape[1:]) == layer.forward(rng.normal(size=shape)).shape[1:]


@pytest.mark.parametrize("layer", [MaxPool2D(2), MaxPool2D(3, 1), AveragePool2D(2)], ids=repr)
def test_images_of_any_memory_order(layer, rng):
    view = rng.normal(size=(2, 3, 6, 4)).transpose(0, 2, 3, 1)
    out, dx = layer.forward(view), layer.backward(layer.forward(view))
    np.testing.assert_array_equal(layer.forward(view.copy()), out)
    np.testing.assert_array_equal(layer.backward(out), dx)


@pytest.mark.parametrize("n_channels", [1, 3])
@pytest.mark.parametrize("layer", [MaxPool2D(2), MaxPool2D(3, 1), AveragePool2D(2), AveragePool2D(3, 1)], ids=repr)
def test_a_dout_of_any_memory_order(layer, n_channels, rng):
    x = rng.normal(size=(2, 6, 6, n_channels))
    n, height, width, _ = layer.forward(x).shape
    dout = rng.normal(size=(n, n_channels, height, width)).transpose(0, 2, 3, 1)
    dx = layer.backward(dout)
    layer.forward(x)
    np.testing.assert_array_equal(layer.backward(dout.copy()), dx)


@pytest.mark.parametrize("layer", [MaxPool2D(2), AveragePool2D(2)], ids=repr)
def test_predict_remembers_nothing(layer, rng):
    x = rng.normal(size=(2, 4, 4, 3))
    np.testing.assert_array_equal(layer.predict(x), layer.forward(x))
    layer.backward(layer.predict(x))  # of the forward before
    assert layer._cache is None


@pytest.mark.parametrize(
    "text",
    [
        "MaxPool2D(2)",
        "MaxPool2D((2, 3), stride=1, padding='same')",
        "AveragePool2D(3, stride=(2, 1), padding=1, count_padding=True)",
        "MaxPool1D(3, padding=(0, 1))",
        "AveragePool1D(2)",
    ],
)
def test_repr_is_what_one_types(text):
    names = {layer.__name__: layer for layer in (MaxPool2D, MaxPool1D, AveragePool2D, AveragePool1D)}
    assert repr(eval(text, names)) == text


# ---- what is refused -------------------------------------------------------------------------------------------------


def test_an_image_too_small_after_pooling():
    model = Sequential([Conv2D(1, 2, 3), MaxPool2D(2), MaxPool2D(2), MaxPool2D(2)])
    message = r"MaxPool2D\(2\), layer 3: the padded image must be at least as large as the kernel, 2 x 2, got 1 x 1"
    with pytest.raises(ValueError, match=message):
        model.output_shape((8, 8, 1))
    with pytest.raises(ValueError, match=message):
        model.forward(np.zeros((1, 8, 8, 1)))


def test_padding_as_large_as_the_kernel():
    with pytest.raises(ValueError, match=r"MaxPool2D: padding must be smaller than the kernel, 2, got 2"):
        MaxPool2D(2, padding=2)
    with pytest.raises(ValueError, match=r"AveragePool2D: padding must be smaller than the kernel, \(3, 2\), got 2"):
        AveragePool2D((3, 2), padding=2)
    with pytest.raises(ValueError, match=r"MaxPool1D: padding must be smaller than the kernel, 2, got \(0, 2\)"):
        MaxPool1D(2, padding=(0, 2))


def test_shapes_that_are_no_images():
    with pytest.raises(ValueError, match=r"MaxPool2D\(2\): x must have shape \(N, H, W, C\), got \(2, 64\)"):
        MaxPool2D(2).forward(np.zeros((2, 64)))
    with pytest.raises(ValueError, match=r"got \(2, 8, 8\); an axis for the one channel: x\[..., np.newaxis\]"):
        MaxPool2D(2).forward(np.zeros((2, 8, 8)))


def test_stride_below_one():
    with pytest.raises(ValueError, match="MaxPool2D: stride must be at least 1, got 0"):
        MaxPool2D(2, stride=0)


@pytest.mark.parametrize("layer", [MaxPool2D(2), AveragePool2D(2)], ids=repr)
def test_dout_of_another_shape(layer):
    layer.forward(np.zeros((2, 4, 4, 3)))
    with pytest.raises(ValueError, match=r"dout must have the shape of out, \(2, 2, 2, 3\), got \(2, 2, 2, 1\)"):
        layer.backward(np.zeros((2, 2, 2, 1)))
