import re

import numpy as np
import pytest

from layers import Dropout, Sequential


@pytest.mark.parametrize("rate", [0.2, 0.5, 0.9])
def test_elements_are_zeroed_with_the_rate_and_the_others_scaled(rate, rng):
    x = rng.normal(size=(1000, 100))
    out = Dropout(rate, rng=0).forward(x)
    zeroed = out == 0
    np.testing.assert_allclose(out[~zeroed], x[~zeroed] / (1 - rate), rtol=1e-14)
    # the mean of 100,000 draws has a standard deviation of sqrt(rate * (1 - rate) / 100,000) < 0.0016
    assert abs(zeroed.mean() - rate) < 5 * 0.0016


def test_the_gradient_goes_through_the_same_mask(rng):
    layer = Dropout(0.3, rng=0)
    x, dout = rng.normal(size=(2, 5, 4))
    mask = layer.forward(x) / x
    np.testing.assert_allclose(layer.backward(dout), dout * mask, rtol=1e-14)


def test_each_forward_draws_a_new_mask():
    layer, x = Dropout(0.5, rng=0), np.ones((10, 10))
    assert not np.array_equal(layer.forward(x), layer.forward(x))


def test_predict_is_the_identity(rng):
    x = rng.normal(size=(5, 4))
    np.testing.assert_array_equal(Dropout(0.5).predict(x), x)


def test_a_rate_of_zero_leaves_everything(rng):
    layer = Dropout(0)
    x = rng.normal(size=(5, 4))
    np.testing.assert_array_equal(layer.forward(x), x)
    np.testing.assert_array_equal(layer.backward(x), x)


def test_one_seed_one_stream_of_masks():
    x = np.ones((10, 10))
    first, second = Dropout(0.5, rng=0), Dropout(0.5, rng=np.random.default_rng(0))
    for _ in range(3):
        np.testing.assert_array_equal(first.forward(x), second.forward(x))
    assert not np.array_equal(first.forward(x), Dropout(0.5, rng=1).forward(x))


def test_layers_of_one_generator_have_streams_that_do_not_meet():
    rng = np.random.default_rng(0)
    first, second = Dropout(0.5, rng=rng), Dropout(0.5, rng=rng)
    twin_rng = np.random.default_rng(0)
    Dropout(0.5, rng=twin_rng)
    twin = Dropout(0.5, rng=twin_rng)
    x = np.ones((10, 10))
    assert not np.array_equal(first.forward(x), second.forward(x))
    np.testing.assert_array_equal(second.forward(x), [twin.forward(x), twin.forward(x)][1])


@pytest.mark.parametrize("rate", [0.5, np.float64(0.5), np.float32(0.5)])
def test_nothing_promotes(rate):
    model = Sequential([Dropout(rate)])
    x = np.ones((3, 2), np.float32)
    assert model.forward(x).dtype == model.backward(x).dtype == model.predict(x).dtype == np.float32


@pytest.mark.parametrize(
    ("rate", "error", "message"),
    [
        (1, ValueError, "Dropout: rate must be in [0, 1), got 1"),
        (1.5, ValueError, "Dropout: rate must be in [0, 1), got 1.5"),
        (-0.1, ValueError, "Dropout: rate must be in [0, 1), got -0.1"),
        (np.nan, ValueError, "Dropout: rate must be in [0, 1), got nan"),
        ("0.5", TypeError, "Dropout: rate must be a number, got '0.5'"),
        (True, TypeError, "Dropout: rate must be a number, got True"),
        (None, TypeError, "Dropout: rate must be a number, got None"),
    ],
)
def test_the_rate_is_a_probability_below_one(rate, error, message):
    with pytest.raises(error, match=re.escape(message)):
        Dropout(rate)
