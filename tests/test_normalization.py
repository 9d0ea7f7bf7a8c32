"""What the normalizations have in common: the numbers of PyTorch, the definition, hard data, and what they refuse.

`normalization.npz` was made with PyTorch 2.13.0 in float64, by this script run from the folder `tests`; there the
channels are the second axis.

    import numpy as np, torch
    from test_normalization import BIAS, CASES, GAIN, waves

    torch.set_default_dtype(torch.float64)
    arrays = {}
    for name, (_, shape, torch_name, arguments) in CASES.items():
        x, dout = (torch.tensor(a).movedim(-1, 1) if len(shape) == 4 else torch.tensor(a) for a in waves(shape))
        layer = getattr(torch.nn, torch_name)(**arguments)
        for array, values in zip(layer.parameters(), (GAIN, BIAS)):
            array.data = torch.tensor(values[: shape[-1]])
        x.requires_grad_()
        out = layer(x)
        out.backward(dout)
        for key, array in {"out": out.detach(), "dx": x.grad}.items():
            arrays[f"{name} {key}"] = (array.movedim(1, -1) if len(shape) == 4 else array).numpy()
        for key, array in zip(("dgain", "dbias"), layer.parameters()):
            arrays[f"{name} {key}"] = array.grad.numpy()
    np.savez_compressed("normalization.npz", **arrays)
"""

import copy
from pathlib import Path

import numpy as np
import pytest

from layers import BatchNorm, GroupNorm, InstanceNorm, LayerNorm, RMSNorm, Sequential
from layers.batch_norm import plain_batch_norm
from layers.group_norm import plain_group_norm
from layers.normalization import plain_norm
from layers.rms_norm import plain_rms_norm

GAIN = np.array([1.5, -0.5, 2.0, 1.0])
BIAS = np.array([0.1, 0.2, -0.3, 0.0])

# name: our layer, the shape of x, and the class of torch.nn with its arguments
CASES = {
    "batch": (BatchNorm(3), (4, 3), "BatchNorm1d", {"num_features": 3}),
    "batch of images": (BatchNorm(2, epsilon=1e-3), (2, 2, 1, 2), "BatchNorm2d", {"num_features": 2, "eps": 1e-3}),
    "layer": (LayerNorm(3), (2, 3), "LayerNorm", {"normalized_shape": 3}),
    "rms": (RMSNorm(3), (2, 3), "RMSNorm", {"normalized_shape": 3, "eps": 1e-5}),
    "group": (GroupNorm(4, 2), (2, 2, 1, 4), "GroupNorm", {"num_groups": 2, "num_channels": 4}),
    "instance": (InstanceNorm(2), (2, 1, 3, 2), "InstanceNorm2d", {"num_features": 2, "affine": True}),
}


def waves(shape):
    """Return sin(1), sin(2), ... and cos(1), cos(2), ... in this shape."""
    numbers = np.arange(1, np.prod(shape) + 1).reshape(shape)
    return np.sin(numbers), np.cos(numbers)


@pytest.mark.parametrize("name", CASES)
def test_forward_and_backward_have_the_numbers_of_pytorch(name):
    layer, shape, *_ = CASES[name]
    x, dout = waves(shape)
    layer.gain = GAIN[: shape[-1]]
    if "bias" in layer.shapes:
        layer.bias = BIAS[: shape[-1]]
    with np.load(Path(__file__).with_name("normalization.npz")) as expected:
        np.testing.assert_allclose(layer.forward(x), expected[f"{name} out"], atol=1e-13, rtol=0)
        np.testing.assert_allclose(layer.backward(dout), expected[f"{name} dx"], atol=1e-12, rtol=0)
        for parameter in layer.shapes:
            gradient = expected[f"{name} d{parameter}"]
            np.testing.assert_allclose(getattr(layer, f"d{parameter}"), gradient, atol=1e-13, rtol=0)


# ---- the definition -------------------------------------------------------------------------------------------------

ALL = [BatchNorm(4), LayerNorm(4), RMSNorm(4), GroupNorm(4, 2), InstanceNorm(4)]


def plain(layer, x, dout):
    """Return out, dx and the gradients of the parameters as the definition has them, in float64."""
    x, dout, gain = (array.astype(float) for array in (x, dout, layer.gain))
    if isinstance(layer, RMSNorm):
        return plain_rms_norm(x, dout, gain, layer.epsilon)
    bias = layer.bias.astype(float)
    if isinstance(layer, BatchNorm):
        return plain_batch_norm(x, dout, gain, bias, layer.epsilon)
    if isinstance(layer, GroupNorm):  # an InstanceNorm is one too
        return plain_group_norm(x, dout, gain, bias, layer.n_groups, layer.epsilon)
    return plain_norm(x, dout, gain, bias, -1, layer.epsilon)


def any_setting(kind, rng):
    """Return a layer of this kind with parameters, and the shape of an x for it, all of them drawn."""
    positions = [(2,), (9,), (3, 5), (1, 7), (8, 6), (40, 30)]  # a group must hold two values
    if kind not in (GroupNorm, InstanceNorm):
        positions.append(())
    n_features = int(rng.choice([1, 2, 3, 4, 6, 8, 12, 33]))
    sizes = (n_features,)
    if kind is GroupNorm:
        sizes = (n_features, int(rng.choice([n for n in range(1, n_features + 1) if n_features % n == 0])))
    layer = kind(*sizes, epsilon=10 ** rng.uniform(-4, 0))
    layer.parameters = rng.normal(size=layer.parameters.shape)
    return layer, (int(rng.integers(2, 9)), *positions[rng.integers(len(positions))], n_features)


# Relative to the largest number: some thousand steps of float64, which the plain mean loses to an offset where a
# variance is small; some hundred of float32, in sums of 10,000 numbers.
@pytest.mark.parametrize(("dtype", "precision"), [(np.float64, 1e-12), (np.float32, 2e-5)])
@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("offset", [0.0, 1.0, -10.0])
@pytest.mark.parametrize("kind", [type(layer) for layer in ALL])
def test_the_fast_form_computes_the_definition(kind, offset, seed, dtype, precision):
    rng = np.random.default_rng(seed)
    layer, shape = any_setting(kind, rng)
    x, dout = rng.uniform(0.2, 5) * rng.normal(size=shape) + offset, rng.normal(size=shape)
    x, dout = x.astype(dtype), dout.astype(dtype)
    Sequential([layer], dtype=dtype)  # the layer lives in its dtype
    results = layer.forward(x), layer.backward(dout), *(getattr(layer, f"d{name}") for name in layer.shapes)
    for result, expected in zip(results, plain(layer, x, dout), strict=True):
        assert result.dtype == dtype
        np.testing.assert_allclose(result, expected, atol=precision * max(1, np.abs(expected).max()), rtol=0)


# ---- hard data ------------------------------------------------------------------------------------------------------


def test_an_rms_norm_of_features_with_mean_zero_is_a_layer_norm(rng):
    x = rng.normal(size=(5, 4))
    x -= x.mean(axis=1, keepdims=True)
    np.testing.assert_allclose(RMSNorm(4).forward(x), LayerNorm(4).forward(x), atol=1e-14)


@pytest.mark.parametrize("layer", [BatchNorm(32), LayerNorm(32), GroupNorm(32, n_groups=2), InstanceNorm(32)], ids=repr)
@pytest.mark.parametrize("offset", [0.0, 1e4, -1e6])
def test_float32_keeps_its_digits_far_from_zero(layer, offset, rng):
    # Reference: the same float32 numbers in float64, so that their own steps (1e-3 around 1e4) are part of both. What
    # is allowed is the rounding of what is left when the offset is gone: some steps of numbers up to 5, each 5e-7.
    x = (offset + rng.normal(size=(8, 7, 7, 32))).astype(np.float32)
    dout = rng.normal(size=x.shape).astype(np.float32)
    model = Sequential([copy.deepcopy(layer)])
    np.testing.assert_allclose(model.forward(x), layer.forward(x.astype(float)), atol=5e-6, rtol=0)
    np.testing.assert_allclose(model.backward(dout), layer.backward(dout.astype(float)), atol=5e-6, rtol=0)


@pytest.mark.parametrize("layer", [layer for layer in ALL if not isinstance(layer, RMSNorm)], ids=repr)
def test_equal_values_become_the_bias(layer):
    model = Sequential([copy.deepcopy(layer)])
    model[0].bias = BIAS
    x = np.full((2, 3, 5, 4), 0.1, np.float32)
    # The mean may miss 0.1 by a float32 step of 7e-9, and root is sqrt(epsilon) = 3e-3: 3e-6
    np.testing.assert_allclose(model.forward(x), np.broadcast_to(BIAS, x.shape), atol=3e-6, rtol=0)
    assert np.all(np.isfinite(model.backward(np.ones_like(x))))


def test_rms_norm_of_zeros_is_zero():
    layer = RMSNorm(4)
    np.testing.assert_array_equal(layer.forward(np.zeros((2, 4))), 0.0)
    assert np.all(np.isfinite(layer.backward(np.ones((2, 4)))))


@pytest.mark.parametrize("layer", ALL, ids=repr)
def test_views_with_gaps_are_read_right(layer, rng):
    x, dout = rng.normal(size=(2, 4, 6, 10, 8))
    expected = layer.forward(x[:, ::2, :, ::2].copy()), layer.backward(dout[:, ::2, :, ::2].copy())
    np.testing.assert_array_equal(layer.forward(x[:, ::2, :, ::2]), expected[0])
    np.testing.assert_array_equal(layer.backward(dout[:, ::2, :, ::2]), expected[1])


@pytest.mark.parametrize("layer", ALL, ids=repr)
def test_whole_numbers_are_taken_as_floats(layer):
    x = np.arange(24).reshape(2, 3, 4) ** 2
    np.testing.assert_array_equal(layer.forward(x), layer.forward(x.astype(float)))


# ---- what they refuse -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layer", ALL, ids=repr)
def test_channels_first_are_pointed_out(layer):
    with pytest.raises(ValueError, match=r"x must have shape \(N, ..., 4\), got \(2, 4, 8, 8\); channels come last"):
        layer.forward(np.ones((2, 4, 8, 8)))
    with pytest.raises(ValueError, match=r"input_shape must be \(..., 4\), got \(4, 8, 8\); channels come last"):
        layer.output_shape((4, 8, 8))


@pytest.mark.parametrize("layer", ALL, ids=repr)
@pytest.mark.parametrize("shape", [(4,), (2, 5), (2, 3, 3, 1)])
def test_other_shapes_are_refused(layer, shape):
    with pytest.raises(ValueError, match=r"x must have shape \(N, ..., 4\), got .*\d,?\)$"):
        layer.forward(np.ones(shape))


@pytest.mark.parametrize("layer", ALL, ids=repr)
def test_a_dout_that_would_broadcast_is_refused(layer, rng):
    layer.forward(rng.normal(size=(2, 3, 4)))
    with pytest.raises(ValueError, match=r"dout must have the shape of out, \(2, 3, 4\), got \(3, 4\)"):
        layer.backward(np.ones((3, 4)))


@pytest.mark.parametrize("kind", [BatchNorm, LayerNorm, RMSNorm, InstanceNorm])
def test_sizes_and_epsilon_are_checked(kind):
    name = kind.__name__
    with pytest.raises(ValueError, match=f"{name}: n_features must be at least 1, got 0"):
        kind(0)
    with pytest.raises(TypeError, match=f"{name}: n_features must be a whole number, got 2.0"):
        kind(2.0)
    with pytest.raises(ValueError, match=f"{name}: epsilon must be finite and > 0, got 0"):
        kind(2, epsilon=0)
    with pytest.raises(ValueError, match=f"{name}: epsilon must be finite and > 0, got -1"):
        kind(2, epsilon=-1.0)


@pytest.mark.parametrize(
    ("layer", "text"),
    [
        (BatchNorm(3), "BatchNorm(3)"),
        (BatchNorm(3, momentum=0.01, epsilon=1e-3), "BatchNorm(3, momentum=0.01, epsilon=0.001)"),
        (LayerNorm(3), "LayerNorm(3)"),
        (RMSNorm(3, epsilon=1e-6), "RMSNorm(3, epsilon=1e-06)"),
        (GroupNorm(4, n_groups=2), "GroupNorm(4, 2)"),
        (InstanceNorm(3, epsilon=0.1), "InstanceNorm(3, epsilon=0.1)"),
    ],
)
def test_repr_is_what_one_would_type(layer, text):
    assert repr(layer) == text
