"""The normalizations against PyTorch, on hard data, and what they refuse."""

import copy

import numpy as np
import pytest

from layers import BatchNorm, GroupNorm, InstanceNorm, LayerNorm, RMSNorm, Sequential
from layers.speed import channels

GAIN = np.array([1.5, -0.5, 2.0, 1.0])
BIAS = np.array([0.1, 0.2, -0.3, 0.0])

# (layer, shape of x, out, dx, dgain, dbias) of PyTorch 2.13.0, torch.nn.BatchNorm1d, BatchNorm2d, LayerNorm, RMSNorm,
# GroupNorm and InstanceNorm2d in float64, channels moved to the end; x = sin(1), sin(2), ..., dout = cos(1), cos(2),
# ..., gain and bias the first numbers of GAIN and BIAS. Printed to 10 digits.
PYTORCH = [
    (
        BatchNorm(3),
        (4, 3),
        [1.7807692377, -0.2789826899, 0.8272625425, -1.6107925786, 0.6890858063, -1.4649848359, 1.3892904280,
         -0.3204683216, 2.3044161708, -1.1592670871, 0.7103652053, -2.8666938774],
        [-0.3551138528, 0.0769371526, -2.6627199391, 0.3539278944, -0.0769845394, 2.6777514796, 0.4724348160,
         -0.0722494058, 1.1757244630, -0.4712488576, 0.0722967926, -1.1907560035],
        [2.7033241806, -0.8320983210, -3.3867212299],
        [-0.1985105897, -0.2735589869, -0.0970985131],
    ),
    (
        BatchNorm(2, epsilon=1e-3),
        (2, 2, 1, 2),
        [1.5358328809, -0.2599587004, 0.0378804112, 0.8447701509, -2.3149599571, 0.5282326000, 1.1412466650,
         -0.3130440504],
        [5.2147144501e-01, 1.8491514635e-01, -2.4179637926e00, 4.5942090911e-01, 8.3027132253e-01,
         -6.4417173334e-01, 1.0662210251e00, -1.6432211588e-04],
        [0.6248314213, -0.3195351567],
        [0.5878742491, -0.2551202046],
    ),
    (
        LayerNorm(3),
        (2, 3),
        [1.0107476147, -0.2012432089, -3.1193029884, -0.3830705582, 0.7157326307, 2.4070246004],
        [1.2459711233, -1.1355852935, -0.1103858298, -3.2215470295, 2.2627339001, 0.9588131294],
        [0.5385566834, -0.6265398744, 2.6951466954],
        [-0.113341315, -0.1324846511, -0.02982221],
    ),
    (
        RMSNorm(3),  # torch.nn.RMSNorm(3, eps=1e-5)
        (2, 3),
        [1.7532674398, -0.6315296270, 0.3920453899, -1.5690285529, 0.6626914227, -0.7723915597],
        [0.6809081650, -0.1916847228, -2.8249019018, -1.1277192259, 0.0921464981, 2.7381809510],
        [1.3152532967, -0.9015791074, -0.5648747098],
        None,
    ),
    (
        GroupNorm(4, n_groups=2),
        (2, 2, 1, 4),
        [1.4625634022, -0.2973718556, -0.6536559163, -1.5391945177, -1.9762887006, 0.4594634228, 0.9117339467,
         1.1101555024, 0.3515025433, 0.9836626647, -2.6474781056, -0.4037845043, 0.3734096784, -0.4086919241,
         2.8363012859, 0.0093729142],
        [0.5506746603, -0.2329662128, -2.3804883891, 0.7213290131, 0.5008089135, -0.8185173609, 2.2854426569,
         -0.6262832809, -2.5818761719, 0.0912570647, -0.6477624169, 1.6167286495, 2.3728419328, 0.1177771745,
         -0.0632148021, -0.9057514305],
        [0.1107898081, 0.5693421550, -0.5646768748, 0.4948458020],
        [0.8202810109, -0.1583108608, -0.9913524571, -0.9129491763],
    ),
    (
        InstanceNorm(2),
        (2, 1, 3, 2),
        [1.7873494349, -0.4791850079, 0.3696884091, 0.7099543326, -1.8570378440, 0.3692306753, 1.4021484932,
         -0.5070936952, 0.8991821758, 0.5561290815, -2.0013306690, 0.5509646137],
        [1.1603996432, 0.1986732926, -1.8991748049, 0.4946997595, 0.7387751616, -0.6933730521, 1.5563812624,
         0.0028433968, -1.8262638614, 0.5822755112, 0.2698825990, -0.5851189080],
        [0.2225236144, -0.4240596486],
        [-0.3188303148, -0.2503377749],
    ),
]  # fmt: skip


def waves(shape):
    """Return sin(1), sin(2), ... and cos(1), cos(2), ... in this shape."""
    numbers = np.arange(1, np.prod(shape) + 1).reshape(shape)
    return np.sin(numbers), np.cos(numbers)


@pytest.mark.parametrize(("layer", "shape", "out", "dx", "dgain", "dbias"), PYTORCH, ids=lambda x: repr(x)[:30])
def test_forward_and_backward_have_the_numbers_of_pytorch(layer, shape, out, dx, dgain, dbias):
    x, dout = waves(shape)
    layer.gain = GAIN[: shape[-1]]
    if dbias is not None:
        layer.bias = BIAS[: shape[-1]]
    # 5e-10 is half of the last printed digit of the largest numbers
    np.testing.assert_allclose(layer.forward(x).ravel(), out, atol=5e-10, rtol=0)
    np.testing.assert_allclose(layer.backward(dout).ravel(), dx, atol=5e-10, rtol=0)
    np.testing.assert_allclose(layer.dgain, dgain, atol=5e-10, rtol=0)
    if dbias is not None:
        np.testing.assert_allclose(layer.dbias, dbias, atol=5e-10, rtol=0)


def test_running_statistics_are_those_of_pytorch():
    # PyTorch 2.13.0, torch.nn.BatchNorm1d(3, momentum=0.3) in float64, after each of five batches that differ in size,
    # scale and offset, and then its out in eval()
    means = [
        [0.0148225483, -0.0045194106, -0.0197062442],
        [0.3845119055, 0.4084782383, 0.3327101791],
        [0.9186429885, 0.8812774252, 0.7783797260],
        [1.6252972189, 1.6680764217, 1.5259868897],
        [2.4260062278, 2.3743427269, 2.1871210629],
    ]
    variances = [
        [0.8998648998, 1.0724259947, 0.7538480639],
        [1.2624909845, 2.1107064895, 0.8122667949],
        [2.0985836900, 4.5180159107, 1.3897000843],
        [3.2749463499, 8.2451063046, 2.7412697581],
        [4.7167440678, 13.4645973124, 5.1752739388],
    ]
    layer = BatchNorm(3, momentum=0.3)
    for step in range(5):
        layer.forward(waves((4 + step, 3))[0] * (step + 1) + step)
        np.testing.assert_allclose(layer.running_mean, means[step], atol=5e-10, rtol=0)
        np.testing.assert_allclose(layer.running_variance, variances[step], atol=5e-10, rtol=0)
    out = layer.predict(waves((2, 3))[0])
    eval_out = [[-0.7295923755, -0.3992585338, -0.8993707567], [-1.4655104627, -0.9083919082, -1.0842276196]]
    np.testing.assert_allclose(out, eval_out, atol=5e-10, rtol=0)


# ---- BatchNorm: two ways to run -------------------------------------------------------------------------------------


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


# ---- what the layers have in common ---------------------------------------------------------------------------------


def test_images_are_normalized_as_the_list_of_their_pixels(rng):
    # 7 x 9 pixels and 3 channels, no powers of two: the long rows of channels.py against plain rows
    x, dout = rng.normal(size=(2, 5, 7, 9, 3))
    images, pixels = BatchNorm(3), BatchNorm(3)
    images.gain = pixels.gain = GAIN[:3]
    np.testing.assert_allclose(images.forward(x), pixels.forward(x.reshape(-1, 3)).reshape(x.shape), atol=1e-14)
    np.testing.assert_allclose(images.backward(dout), pixels.backward(dout.reshape(-1, 3)).reshape(x.shape), atol=1e-14)
    np.testing.assert_allclose(images.gradients, pixels.gradients, atol=1e-13)
    np.testing.assert_allclose(images.predict(x), pixels.predict(x.reshape(-1, 3)).reshape(x.shape), atol=1e-14)


def test_one_group_of_an_example_without_positions_is_a_layer_norm(rng):
    x, dout = rng.normal(size=(2, 5, 4))
    group, layer = GroupNorm(4, n_groups=1), LayerNorm(4)
    group.parameters = layer.parameters = rng.normal(size=8)
    np.testing.assert_allclose(group.forward(x), layer.forward(x), atol=1e-14)
    np.testing.assert_allclose(group.backward(dout), layer.backward(dout), atol=1e-14)
    np.testing.assert_allclose(group.gradients, layer.gradients, atol=1e-14)


def test_an_rms_norm_of_features_with_mean_zero_is_a_layer_norm(rng):
    x = rng.normal(size=(5, 4))
    x -= x.mean(axis=1, keepdims=True)
    np.testing.assert_allclose(RMSNorm(4).forward(x), LayerNorm(4).forward(x), atol=1e-14)


ALL = [BatchNorm(4), LayerNorm(4), RMSNorm(4), GroupNorm(4, n_groups=2), InstanceNorm(4)]


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


def test_gather_is_the_adjoint_of_spread(rng):
    values, row = rng.normal(size=(2, 3)), rng.normal(size=(2, 12))
    assert np.sum(channels.spread(values, 12) * row) == pytest.approx(np.sum(values * channels.gather(row, 3)))


@pytest.mark.parametrize(
    ("shape", "width"), [((5, 4), 4), ((5, 7, 4), 28), ((2, 3, 4, 5), 60), ((2, 100, 100, 90), 9000)]
)
def test_rows_are_as_long_as_whole_axes_allow(shape, width):
    assert channels.as_rows(np.zeros(shape)).shape == (np.prod(shape) // width, width)


# ---- what they refuse -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(1, 3), (1, 1, 3), (1, 1, 1, 3)])
def test_batch_norm_of_a_single_value_is_refused_in_training_only(shape):
    layer = BatchNorm(3)
    with pytest.raises(
        ValueError, match=r"BatchNorm\(3\): x must hold two values of a feature in training, got shape \(1"
    ):
        layer.forward(np.ones(shape))
    np.testing.assert_array_equal(layer.running_mean, 0.0)
    assert layer.predict(np.ones(shape)).shape == shape


@pytest.mark.parametrize(
    ("layer", "shape"), [(InstanceNorm(3), (5, 3)), (InstanceNorm(3), (5, 1, 1, 3)), (GroupNorm(3, 3), (2, 1, 3))]
)
def test_a_group_of_a_single_value_is_refused(layer, shape):
    with pytest.raises(ValueError, match="each group must hold two values or more, got an example of shape"):
        layer.forward(np.ones(shape))
    with pytest.raises(ValueError, match="each group must hold two values or more, got an example of shape"):
        layer.output_shape(shape[1:])


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
    with pytest.raises(ValueError, match=f"{name}: epsilon must be above 0, got 0"):
        kind(2, epsilon=0)
    with pytest.raises(ValueError, match=f"{name}: epsilon must be finite and >= 0, got -1"):
        kind(2, epsilon=-1.0)


@pytest.mark.parametrize("momentum", [-0.1, 1.5, np.nan])
def test_a_momentum_outside_0_1_is_refused(momentum):
    with pytest.raises(ValueError, match="BatchNorm: momentum must be"):
        BatchNorm(2, momentum=momentum)


def test_groups_that_do_not_divide_the_channels_are_refused():
    with pytest.raises(ValueError, match="GroupNorm: n_groups must divide n_features, 6, got 4"):
        GroupNorm(6, n_groups=4)


@pytest.mark.parametrize(
    ("layer", "text"),
    [
        (BatchNorm(3), "BatchNorm(3)"),
        (BatchNorm(3, momentum=0.01, epsilon=1e-3), "BatchNorm(3, momentum=0.01, epsilon=0.001)"),
        (LayerNorm(3), "LayerNorm(3)"),
        (RMSNorm(3, epsilon=1e-6), "RMSNorm(3, epsilon=1e-06)"),
        (GroupNorm(4, 2), "GroupNorm(4, n_groups=2)"),
        (InstanceNorm(3, epsilon=0.1), "InstanceNorm(3, epsilon=0.1)"),
    ],
)
def test_repr_is_what_one_would_type(layer, text):
    assert repr(layer) == text
