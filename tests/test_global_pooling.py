"""GlobalAveragePool and GlobalMaxPool: their numbers, where the gradient of a tie goes, and what they refuse."""

import numpy as np
import pytest

from layers import GlobalAveragePool, GlobalMaxPool

both = pytest.mark.parametrize("layer", [GlobalAveragePool(), GlobalMaxPool()], ids=repr)


@pytest.mark.parametrize(
    ("layer", "expected"),
    [(GlobalAveragePool(), [0.0212618, 0.03784372]), (GlobalMaxPool(), [0.99060736, 0.99682979])],
    ids=["mean", "max"],
)
def test_the_numbers_of_pytorch(layer, expected):
    # PyTorch 2.13.0, torch.nn.functional.adaptive_avg_pool2d(x, 1) and adaptive_max_pool2d(x, 1) in float64 on the same
    # wave, without any symmetry, moved to channels last; printed with 8 decimals
    x = np.sin(1 + 1.3 * np.arange(40)).reshape(1, 5, 4, 2)
    np.testing.assert_allclose(layer.forward(x).ravel(), expected, atol=1e-8)


def test_the_mean_gives_every_place_its_share(rng):
    layer, dout = GlobalAveragePool(), rng.normal(size=(2, 3))
    layer.forward(rng.normal(size=(2, 4, 5, 3)))
    expected = np.broadcast_to(dout[:, np.newaxis, np.newaxis] / 20, (2, 4, 5, 3))
    np.testing.assert_array_equal(layer.backward(dout), expected)


def test_the_maximum_gives_all_to_the_largest(rng):
    layer, x, dout = GlobalMaxPool(), rng.normal(size=(2, 4, 5, 3)), rng.normal(size=(2, 3))
    layer.forward(x)
    expected = (x == x.max(axis=(1, 2), keepdims=True)) * dout[:, np.newaxis, np.newaxis]
    np.testing.assert_array_equal(layer.backward(dout), expected)


def test_global_max_gives_a_tie_to_the_first():
    layer = GlobalMaxPool()
    layer.forward(np.ones((2, 2, 3, 1)))
    dx = layer.backward(np.array([[7.0], [9.0]]))
    assert dx[:, 0, 0, 0].tolist() == [7.0, 9.0]
    assert np.count_nonzero(dx) == 2


def test_changing_dx_changes_nothing_else(rng):
    layer, dout = GlobalAveragePool(), rng.normal(size=(2, 3))
    layer.forward(rng.normal(size=(2, 4, 4, 3)))
    dx = layer.backward(dout)
    dx[0, 0, 0] += 1.0
    np.testing.assert_array_equal(dx[0, 1, 1], dout[0] / 16)


@pytest.mark.parametrize("shape", [(2, 7, 5, 3), (2, 7, 3)])
@both
def test_output_shape_is_the_shape_of_out(layer, shape, rng):
    assert layer.output_shape(shape[1:]) == layer.forward(rng.normal(size=shape)).shape[1:]


@both
def test_images_of_any_memory_order(layer, rng):
    view = rng.normal(size=(2, 3, 6, 4)).transpose(0, 2, 3, 1)
    out, dx = layer.forward(view), layer.backward(layer.forward(view))
    np.testing.assert_allclose(layer.forward(view.copy()), out, rtol=1e-13, atol=1e-14)  # summed in another order
    np.testing.assert_allclose(layer.backward(out), dx, rtol=1e-13, atol=1e-14)


@both
def test_a_dout_of_integers_counts_as_numbers(layer, rng):
    x = rng.normal(size=(2, 4, 4, 3))
    dout = rng.integers(1, 9, size=layer.forward(x).shape)
    dx = layer.backward(dout)
    layer.forward(x)
    np.testing.assert_array_equal(dx, layer.backward(dout.astype(float)))


@both
def test_predict_remembers_nothing(layer, rng):
    x = rng.normal(size=(2, 4, 4, 3))
    np.testing.assert_array_equal(layer.predict(x), layer.forward(x))
    layer.backward(layer.predict(x))  # of the forward before
    assert layer._cache is None


def test_shapes_that_are_no_images():
    with pytest.raises(
        ValueError, match=r"GlobalMaxPool\(\): x must have .*\(N, H, W, C\) or \(N, T, C\), got \(2, 8\)"
    ):
        GlobalMaxPool().forward(np.zeros((2, 8)))
    with pytest.raises(ValueError, match=r"GlobalAveragePool\(\): input_shape .*\(H, W, C\) or \(T, C\), got \(8,\)"):
        GlobalAveragePool().output_shape((8,))
