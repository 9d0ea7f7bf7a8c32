"""BatchNorm: two ways to run, and running statistics against PyTorch.

`batch_norm.npz` was made with PyTorch 2.13.0 in float64, by this script run from the folder `tests`:

    import numpy as np, torch
    from test_batch_norm import MOMENTUM, STEPS, batch

    torch.set_default_dtype(torch.float64)
    layer = torch.nn.BatchNorm1d(3, momentum=MOMENTUM)
    means, variances = [], []
    for step in range(STEPS):
        layer(torch.from_numpy(batch(step)))
        means.append(layer.running_mean.numpy().copy())
        variances.append(layer.running_var.numpy().copy())
    out = layer.eval()(torch.from_numpy(batch(0)[:2])).detach().numpy()
    np.savez_compressed("batch_norm.npz", means=means, variances=variances, out=out)
"""

from pathlib import Path

import numpy as np
import pytest

from layers import BatchNorm, Sequential
from layers.batch_norm import plain_batch_norm
from layers.normalization import plain_norm

STEPS, MOMENTUM = 5, 0.3


def batch(step):
    """Return x of this step; the batches differ in size, scale and offset."""
    return np.sin(np.arange(1, 3 * (4 + step) + 1)).reshape(-1, 3) * (step + 1) + step


def test_running_statistics_are_those_of_pytorch():
    layer = BatchNorm(3, momentum=MOMENTUM)
    with np.load(Path(__file__).with_name("batch_norm.npz")) as expected:
        for step in range(STEPS):
            layer.forward(batch(step))
            np.testing.assert_allclose(layer.running_mean, expected["means"][step], rtol=1e-13, atol=1e-15)
            np.testing.assert_allclose(layer.running_variance, expected["variances"][step], rtol=1e-13)
        np.testing.assert_allclose(layer.predict(batch(0)[:2]), expected["out"], rtol=1e-13)


@pytest.mark.parametrize("shape", [(2, 1), (7, 3), (4, 5, 2), (3, 4, 2, 6)])
def test_the_gain_may_go_before_the_means(shape, rng):
    # plain_batch_norm takes gain / root out of the means of plain_norm
    x, dout = rng.normal(size=(2, *shape))
    gain, bias = rng.normal(size=(2, shape[-1]))
    short = plain_batch_norm(x, dout, gain, bias, 1e-3)
    long = plain_norm(x, dout, gain, bias, tuple(range(x.ndim - 1)), 1e-3)
    for one, other in zip(short, long, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-12 * np.abs(other).max(), rtol=0)


def test_predict_changes_neither_the_running_statistics_nor_a_backward_to_come(rng):
    layer, x, dout = BatchNorm(3), rng.normal(size=(5, 3)), rng.normal(size=(5, 3))
    layer.forward(x)
    expected = layer.backward(dout)
    layer.forward(x)
    before = layer.state_dict()
    layer.predict(rng.normal(size=(7, 3)))
    assert all(np.array_equal(before[name], array) for name, array in layer.state_dict().items())
    np.testing.assert_array_equal(layer.backward(dout), expected)


def test_a_single_example_is_predicted_as_in_a_batch(rng):
    layer = BatchNorm(3)
    layer.forward(rng.normal(3, 2, size=(50, 3)))
    x = rng.normal(size=(4, 3))
    np.testing.assert_array_equal(layer.predict(x[:1]), layer.predict(x)[:1])


def test_momentum_one_makes_the_running_statistics_those_of_the_batch(rng):
    layer, x = BatchNorm(3), rng.normal(3, 2, size=(2, 4, 5, 3))
    layer.momentum = 1.0
    layer.forward(x)
    np.testing.assert_allclose(layer.running_mean, x.mean(axis=(0, 1, 2)), rtol=1e-14)
    np.testing.assert_allclose(layer.running_variance, x.var(axis=(0, 1, 2), ddof=1), rtol=1e-14)


def test_running_statistics_are_state_but_not_parameters(rng):
    model = Sequential([BatchNorm(3)], rng=0)
    model.forward(rng.normal(size=(5, 3)))
    assert list(model.state_dict()) == ["0.gain", "0.bias", "0.running_mean", "0.running_variance"]
    assert list(model.layout) == ["0.gain", "0.bias"]
    other = Sequential([BatchNorm(3)])
    other.load_state_dict(model.state_dict())
    x = rng.normal(size=(2, 3))
    np.testing.assert_array_equal(other.predict(x), model.predict(x))


def test_initialize_starts_the_running_statistics_afresh(rng):
    layer = BatchNorm(2)
    layer.gain, layer.bias = [2.0, 3.0], [4.0, 5.0]
    layer.forward(rng.normal(size=(5, 2)))
    layer.initialize(0)
    fresh = BatchNorm(2).state_dict()
    assert all(np.array_equal(fresh[name], array) for name, array in layer.state_dict().items())


def test_images_are_normalized_as_the_list_of_their_pixels(rng):
    # 7 x 9 pixels and 3 channels, no powers of two: the long rows of channels.py against plain rows
    x, dout = rng.normal(size=(2, 5, 7, 9, 3))
    images, pixels = BatchNorm(3), BatchNorm(3)
    images.gain = pixels.gain = [1.5, -0.5, 2.0]
    np.testing.assert_allclose(images.forward(x), pixels.forward(x.reshape(-1, 3)).reshape(x.shape), atol=1e-14)
    np.testing.assert_allclose(images.backward(dout), pixels.backward(dout.reshape(-1, 3)).reshape(x.shape), atol=1e-14)
    np.testing.assert_allclose(images.gradients, pixels.gradients, atol=1e-13)
    np.testing.assert_allclose(images.predict(x), pixels.predict(x.reshape(-1, 3)).reshape(x.shape), atol=1e-14)


# ---- what it refuses ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(1, 3), (1, 1, 3), (1, 1, 1, 3)])
def test_batch_norm_of_a_single_value_is_refused_in_training_only(shape):
    layer = BatchNorm(3)
    with pytest.raises(
        ValueError, match=r"BatchNorm\(3\): x must hold two values of a feature in training, got shape \(1"
    ):
        layer.forward(np.ones(shape))
    np.testing.assert_array_equal(layer.running_mean, 0.0)
    assert layer.predict(np.ones(shape)).shape == shape


@pytest.mark.parametrize("momentum", [-0.1, 1.5, np.nan])
def test_a_momentum_outside_0_1_is_refused(momentum):
    with pytest.raises(ValueError, match="BatchNorm: momentum must be"):
        BatchNorm(2, momentum=momentum)
