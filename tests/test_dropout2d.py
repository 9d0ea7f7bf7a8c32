"""Dropout of whole channels."""

import numpy as np
import pytest

from layers import Dropout2D, Sequential


@pytest.mark.parametrize("rate", [0.2, 0.5, 0.9])
@pytest.mark.parametrize("positions", [(3, 4), (7,)])
def test_whole_channels_are_zeroed_with_the_rate_and_the_others_scaled(rate, positions, rng):
    x = rng.normal(size=(200, *positions, 50))
    out = Dropout2D(rate, rng=0).forward(x)
    ratio = (out / x).reshape(200, -1, 50)
    np.testing.assert_allclose(ratio, np.broadcast_to(ratio[:, :1], ratio.shape), rtol=1e-14)
    zeroed = ratio[:, 0] == 0
    np.testing.assert_allclose(ratio[:, 0][~zeroed], 1 / (1 - rate), rtol=1e-14)
    # the mean of 10,000 draws has a standard deviation of sqrt(rate * (1 - rate) / 10,000) <= 0.005
    assert abs(zeroed.mean() - rate) < 5 * 0.005


def test_the_gradient_goes_through_the_same_mask(rng):
    layer = Dropout2D(0.3, rng=0)
    x, dout = rng.normal(size=(2, 4, 3, 5, 6))
    mask = layer.forward(x) / x
    np.testing.assert_allclose(layer.backward(dout), dout * mask, rtol=1e-14)


def test_predict_changes_nothing(rng):
    x = rng.normal(size=(4, 3, 5, 6))
    np.testing.assert_array_equal(Dropout2D(0.3).predict(x), x)


def test_one_seed_is_one_stream_of_masks():
    x = np.ones((2, 3, 3, 20), np.float32)
    models = [Sequential([Dropout2D(0.5)], rng=3) for _ in range(2)]
    first, second = ([model.forward(x) for _ in range(2)] for model in models)
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(*first)


def test_features_without_positions_are_refused():
    with pytest.raises(
        ValueError, match=r"Dropout2D\(0.5\): an example must have shape \(H, W, C\), got \(3,\); of feat"
    ):
        Dropout2D(0.5).forward(np.ones((5, 3)))
    with pytest.raises(ValueError, match=r"Dropout2D: rate must be in \[0, 1\), got 1"):
        Dropout2D(1)
