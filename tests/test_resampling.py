"""Upsample2D and ZeroPad2D."""

import numpy as np
import pytest

from layers import Upsample2D, ZeroPad2D


def test_upsampling_copies_the_nearest_pixel():
    x = np.array([[1.0, 2.0], [3.0, 4.0]]).reshape(1, 2, 2, 1)
    expected = [[1, 1, 1, 2, 2, 2], [1, 1, 1, 2, 2, 2], [3, 3, 3, 4, 4, 4], [3, 3, 3, 4, 4, 4]]
    assert Upsample2D((2, 3)).forward(x)[0, :, :, 0].tolist() == expected


def test_upsampling_keeps_the_channels_apart(rng):
    x = rng.normal(size=(2, 3, 4, 5))
    out = Upsample2D(2).forward(x)
    np.testing.assert_array_equal(out, x.repeat(2, axis=1).repeat(2, axis=2))


def test_upsampling_sums_the_gradients_of_a_block():
    layer = Upsample2D(2)
    layer.forward(np.zeros((1, 1, 2, 1)))
    dout = np.array([[1.0, 2.0, 10.0, 20.0], [3.0, 4.0, 30.0, 40.0]]).reshape(1, 2, 4, 1)
    assert layer.backward(dout).ravel().tolist() == [10.0, 100.0]


def test_zero_pad_frames_every_side_by_itself():
    out = ZeroPad2D(((1, 0), (2, 3))).forward(np.full((1, 1, 1, 2), 7.0))
    assert out.shape == (1, 2, 6, 2)
    assert out[0, 1, 2].tolist() == [7.0, 7.0]
    assert np.count_nonzero(out) == 2


def test_no_padding_gives_a_copy():
    layer, x = ZeroPad2D(0), np.ones((1, 2, 2, 1))
    out = layer.forward(x)
    out += 1.0
    assert x.max() == 1.0


@pytest.mark.parametrize("layer", [Upsample2D((2, 3)), ZeroPad2D(2), ZeroPad2D((1, 0))], ids=repr)
def test_output_shape_is_the_shape_of_out(layer, rng):
    assert layer.output_shape((3, 4, 2)) == layer.forward(rng.normal(size=(2, 3, 4, 2))).shape[1:]


@pytest.mark.parametrize(
    "text", ["Upsample2D()", "Upsample2D(factor=(1, 3))", "ZeroPad2D()", "ZeroPad2D(padding=((0, 1), (2, 0)))"]
)
def test_repr_is_what_one_types(text):
    assert repr(eval(text, {"Upsample2D": Upsample2D, "ZeroPad2D": ZeroPad2D})) == text


def test_what_is_refused():
    with pytest.raises(ValueError, match="Upsample2D: factor must be at least 1, got 0"):
        Upsample2D(0)
    with pytest.raises(TypeError, match=r"Upsample2D: factor must hold whole numbers, got 1\.5"):
        Upsample2D(1.5)
    with pytest.raises(ValueError, match="ZeroPad2D: padding must be at least 0, got -1"):
        ZeroPad2D(-1)
    with pytest.raises(TypeError, match="ZeroPad2D: padding must hold whole numbers, got 'same'"):
        ZeroPad2D("same")
    with pytest.raises(ValueError, match=r"Upsample2D\(\): x must have shape \(N, H, W, C\), got \(2, 4\)"):
        Upsample2D().forward(np.zeros((2, 4)))
    with pytest.raises(ValueError, match=r"ZeroPad2D\(\): input_shape must be \(H, W, C\), got \(4,\)"):
        ZeroPad2D().output_shape((4,))


@pytest.mark.parametrize("layer", [Upsample2D(2), ZeroPad2D(1)], ids=repr)
def test_dout_of_another_shape(layer):
    layer.forward(np.zeros((1, 2, 2, 1)))
    with pytest.raises(ValueError, match=r"dout must have the shape of out, \(1, 4, 4, 1\), got \(1, 2, 2, 1\)"):
        layer.backward(np.zeros((1, 2, 2, 1)))
