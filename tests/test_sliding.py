"""Where windows land, and which kernels, strides, paddings, images and sequences are refused."""

import numpy as np
import pytest

from layers import Conv1D, Conv2D
from layers.images.sliding import python_numbers

# ---- where windows land ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(20))
def test_a_position_of_all_windows_is_a_slice_of_the_image(seed):
    rng = np.random.default_rng(seed)
    kernel, stride, dilation = (tuple(rng.integers(1, 4, size=2).tolist()) for _ in range(3))
    windows = Conv2D(1, 1, kernel, stride, dilation=dilation)._windows_on(9, 10)
    pixels = np.arange(90).reshape(1, 9, 10, 1)
    for a, b in windows.positions:
        seen = pixels[windows.at(a, b)]
        assert seen.shape == (1, *windows.size, 1)
        for i, j in np.ndindex(windows.size):
            row, column = i * stride[0] + a * dilation[0], j * stride[1] + b * dilation[1]
            assert seen[0, i, j, 0] == 10 * row + column


def test_the_last_window_still_fits_and_no_other_would():
    for length in range(5, 20):
        windows = Conv1D(1, 1, 3, stride=2, dilation=2)._windows_on(1, length)
        assert windows.span == (1, 5)
        assert windows.covered[1] <= length < windows.covered[1] + 2


def test_positions_go_row_by_row():
    assert Conv2D(1, 1, (2, 3))._windows_on(4, 4).positions == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)]


def test_a_sequence_is_an_image_of_one_row():
    windows = Conv1D(1, 1, 3, stride=2, padding=(1, 2), dilation=2)._windows_on(1, 9)
    assert windows == ((1, 3), (1, 2), (1, 2), ((0, 0), (1, 2)), (1, 4))


@pytest.mark.parametrize("size", [1, 2, 5, 6, 7])
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("kernel", [1, 2, 3, 5])
def test_same_gives_one_window_for_each_stride(size, stride, kernel):
    assert Conv1D(1, 1, kernel, stride=stride, padding="same").output_shape((size, 1)) == (-(-size // stride), 1)


# ---- arguments -------------------------------------------------------------------------------------------------------


def test_numbers_of_numpy_become_those_of_python():
    layer = Conv2D(1, 1, np.int64(3), (np.int32(1), 2), [[np.int8(1), 0], [0, 2]])
    assert repr(layer) == "Conv2D(1, 1, 3, stride=(1, 2), padding=[[1, 0], [0, 2]])"
    assert [type(number) for number in (*layer._kernel, *layer._stride, *layer._pads[0])] == [int] * 6
    assert python_numbers("same") == "same"


@pytest.mark.parametrize("name", ["kernel_size", "stride", "dilation"])
@pytest.mark.parametrize("value", [0, (1, 0), -1])
def test_below_one_is_refused(name, value):
    with pytest.raises(ValueError, match=rf"Conv2D: {name} must be at least 1, got"):
        Conv2D(1, 1, **{"kernel_size": 3, name: value})


@pytest.mark.parametrize("name", ["kernel_size", "stride", "dilation", "padding"])
@pytest.mark.parametrize("value", [1.0, "3", True, (1, 2.5)])
def test_only_whole_numbers(name, value):
    if name == "padding" and value == "3":
        with pytest.raises(ValueError, match="Conv2D: padding must be 'same', 'valid' or whole numbers, got '3'"):
            Conv2D(1, 1, 3, padding=value)
    else:
        with pytest.raises(TypeError, match=rf"Conv2D: {name} must hold whole numbers, got"):
            Conv2D(1, 1, **{"kernel_size": 3, name: value})


def test_pairs_of_another_length():
    with pytest.raises(ValueError, match=r"Conv2D: stride must be a whole number or a pair .*, got \(1, 2, 3\)"):
        Conv2D(1, 1, 3, stride=(1, 2, 3))
    with pytest.raises(ValueError, match=r"Conv1D: stride must be a whole number, got \(1, 2\)"):
        Conv1D(1, 1, 3, stride=(1, 2))
    with pytest.raises(ValueError, match=r"Conv2D: padding must be .*\(top, bottom\), .* got \(1, 2, 3"):
        Conv2D(1, 1, 3, padding=(1, 2, 3))
    with pytest.raises(ValueError, match=r"Conv1D: padding must be a whole number or \(before, after\), got \(1, 2, 3"):
        Conv1D(1, 1, 3, padding=(1, 2, 3))


def test_padding_below_zero():
    with pytest.raises(ValueError, match=r"Conv2D: padding must be at least 0, got \(\(0, -1\), \(0, 0\)\)"):
        Conv2D(1, 1, 3, padding=((0, -1), (0, 0)))


# ---- images and sequences --------------------------------------------------------------------------------------------


def test_channels_first_is_recognized():
    message = (
        r"Conv2D\(3, 8, 5\): x must have shape \(N, H, W, 3\), got \(2, 3, 32, 32\); channels come last: "
        r"x.transpose\(0, 2, 3, 1\)"
    )
    with pytest.raises(ValueError, match=message):
        Conv2D(3, 8, 5).forward(np.zeros((2, 3, 32, 32)))
    with pytest.raises(ValueError, match=r"\(N, T, 3\), got \(2, 3, 32\); channels come last: x.transpose\(0, 2, 1\)"):
        Conv1D(3, 8, 5).forward(np.zeros((2, 3, 32)))
    with pytest.raises(ValueError, match=r"input_shape must be \(H, W, 3\), got \(3, 32, 32\); channels come last"):
        Conv2D(3, 8, 5).output_shape((3, 32, 32))


def test_gray_images_without_their_axis_are_recognized():
    with pytest.raises(ValueError, match=r"\(N, H, W, 1\), got \(2, 28, 28\); .* one channel: x\[..., np.newaxis\]"):
        Conv2D(1, 8, 5).forward(np.zeros((2, 28, 28)))


def test_a_single_image_is_recognized():
    with pytest.raises(ValueError, match=r"\(N, H, W, 3\), got \(28, 28, 3\); a batch of one image: x\[np.newaxis\]"):
        Conv2D(3, 8, 5).forward(np.zeros((28, 28, 3)))


def test_other_shapes_are_refused():
    with pytest.raises(ValueError, match=r"x must have shape \(N, H, W, 3\), got \(2, 64\)$"):
        Conv2D(3, 8, 5).forward(np.zeros((2, 64)))
    with pytest.raises(ValueError, match=r"input_shape must be \(H, W, 3\), got \(64,\)$"):
        Conv2D(3, 8, 5).output_shape((64,))


def test_a_kernel_larger_than_the_image():
    message = (
        r"Conv2D\(1, 8, 5, padding=1\): the padded image must be at least as large as the kernel, 5 x 5, got 4 x 6"
    )
    layer = Conv2D(1, 8, 5, padding=1)
    with pytest.raises(ValueError, match=message):
        layer.forward(np.zeros((1, 2, 4, 1)))
    with pytest.raises(ValueError, match=message):
        layer.output_shape((2, 4, 1))
    with pytest.raises(ValueError, match=r"padded sequence must be at least as large as the kernel, 5, got 3"):
        Conv1D(1, 8, 3, dilation=2).forward(np.zeros((1, 3, 1)))
