"""Conv2D and Conv1D: their plain form, their numbers, their shapes, and what they refuse."""

import pickle

import numpy as np
import pytest

from layers import Conv1D, Conv2D, Dense, Sequential, normal
from layers.images.convolution import plain_convolution, plain_convolution_backward
from layers.images.sliding import Windows


def wave(shape, step):
    """Numbers without any symmetry: no flip, and no exchange of axes or channels, goes unseen."""
    return np.sin(1 + step * np.arange(np.prod(shape))).reshape(shape)


def waving(layer):
    layer.weights = wave(layer.weights.shape, 0.7)
    if layer.use_bias:
        layer.bias = wave(layer.bias.shape, 2.1)
    return layer


# ---- numbers: PyTorch 2.13.0, torch.nn.functional in float64 on the same waves, moved to channels last ---------------
# They are printed with 8 decimals, which the tolerances allow for.


def test_conv2d_gives_the_numbers_of_pytorch():
    # conv2d(x, weights, bias)
    expected = [
        0.01933854, -2.60324208, -4.10706623, 3.34839545, 3.44614598, 1.81753125, 4.28851518, 2.10369949, -1.1761079,
        -1.5918175, -0.30258747, 1.02336521, -0.71070327, -3.01490248, -4.00673491, 3.8413017, 3.48034714, 1.37694197,
        3.99216178, 1.46445392, -1.85759847, -0.96924388, 0.43988997, 1.53654774,
    ]  # fmt: skip
    out = waving(Conv2D(2, 3, (3, 2))).forward(wave((2, 4, 3, 2), 1.3))
    assert out.shape == (2, 2, 2, 3)
    np.testing.assert_allclose(out.ravel(), expected, atol=1e-8)


def test_stride_padding_and_dilation_give_the_numbers_of_pytorch():
    # conv2d(x, weights, bias, stride=(2, 1), padding=(2, 1), dilation=(1, 2))
    expected = [
        1.68902681, 0.65054832, -0.79948216, -0.04597946, 0.23480184, 0.2995632, 0.37280646, -0.77350637, -1.66161603,
        -1.25091047, -2.30623744, -2.38249386, 4.60410861, 1.59672546, -2.26721159, 0.85600684, 1.59399655, 1.47671582,
        2.20738569, 1.85954588, 0.53154362, -2.10082481, -1.6062773, -0.46186143, 1.21797099, -0.81649336, -2.57253708,
        1.70195907, 0.52438845, -1.00539921, 0.26453819, 0.57366128, 0.50739354, 0.18239999, -0.85969806, -1.60305563,
        -1.49302724, -2.18535532, -1.95546561, 4.07631001, 0.70499761, -3.10347514, 1.38878664, 1.98738303, 1.54569316,
        2.42342363, 1.83452282, 0.27722831, -1.83168915, -1.00797899, 0.18421049, 0.85465199, -1.12240098, -2.67716019,
    ]  # fmt: skip
    layer = waving(Conv2D(2, 3, (3, 2), stride=(2, 1), padding=(2, 1), dilation=(1, 2)))
    out = layer.forward(wave((2, 4, 3, 2), 1.3))
    assert out.shape == (2, 3, 3, 3)
    np.testing.assert_allclose(out.ravel(), expected, atol=1e-8)


def test_groups_give_the_numbers_of_pytorch():
    # conv2d(x, weights, groups=2)
    expected = [
        -1.04633402, -1.4485158, 1.18536976, -0.28840654, -2.43175782, -2.1532415, 0.29194424, -1.14194617,
        1.27704775, 1.61993527, -1.14633899, 0.40952802, 2.42894047, 2.08707664, -0.16234959, 1.1653765,
    ]  # fmt: skip
    out = waving(Conv2D(4, 4, 2, n_groups=2, use_bias=False)).forward(wave((1, 3, 3, 4), 1.3))
    np.testing.assert_allclose(out.ravel(), expected, atol=1e-8)


def test_same_padding_puts_the_odd_zero_last():
    # conv2d(pad(x, (0, 1, 0, 1)), weights, stride=2): TensorFlow's "same" of a 5 x 4 image, kernel 2 x 3
    expected = [
        3.09787301, 4.18445946, 2.2698264, 1.91300674, -2.57637456, -1.69944358,
        0.33583668, 1.33374966, -3.07646405, -3.25458535, -2.10461948, -1.16026853,
    ]  # fmt: skip
    out = waving(Conv2D(2, 2, (2, 3), stride=2, padding="same", use_bias=False)).forward(wave((1, 5, 4, 2), 1.3))
    assert out.shape == (1, 3, 2, 2)
    np.testing.assert_allclose(out.ravel(), expected, atol=1e-8)


def test_conv1d_gives_the_numbers_of_pytorch():
    # conv1d(x, weights, bias, stride=2, padding=1)
    expected = [
        -1.44204744, -2.08745579, -1.40854214, -0.62454383, 1.35624357, 1.44449058,
        -1.16213481, -2.27613716, -2.27993356, -1.90429745, 0.33125112, 0.64574855,
    ]  # fmt: skip
    out = waving(Conv1D(2, 2, 3, stride=2, padding=1)).forward(wave((2, 5, 2), 1.3))
    assert out.shape == (2, 3, 2)
    np.testing.assert_allclose(out.ravel(), expected, atol=1e-8)


# ---- the definition --------------------------------------------------------------------------------------------------


def pixel_by_pixel(x, weights, bias, dout, stride, dilation, corner):
    """Return out, dweights, dbias and dx: every product of the definition by itself, what is off the image left out."""
    out, dweights, dbias, dx = (np.zeros_like(array) for array in (dout, weights, bias, x))
    for n, i, j, k in np.ndindex(dout.shape):
        out[n, i, j, k] += bias[k]
        dbias[k] += dout[n, i, j, k]
        for a, b, c in np.ndindex(weights.shape[:3]):
            row = i * stride[0] + a * dilation[0] - corner[0]
            column = j * stride[1] + b * dilation[1] - corner[1]
            if 0 <= row < x.shape[1] and 0 <= column < x.shape[2]:
                out[n, i, j, k] += x[n, row, column, c] * weights[a, b, c, k]
                dweights[a, b, c, k] += x[n, row, column, c] * dout[n, i, j, k]
                dx[n, row, column, c] += dout[n, i, j, k] * weights[a, b, c, k]
    return out, dweights, dbias, dx


@pytest.mark.parametrize("seed", range(20))
def test_the_plain_form_is_the_definition_of_every_pixel(seed):
    rng = np.random.default_rng(seed)
    kernel, stride, dilation = (tuple(rng.integers(1, 4, size=2).tolist()) for _ in range(3))
    pads = tuple(tuple(rng.integers(0, 4, size=2).tolist()) for _ in range(2))
    x, weights = rng.normal(size=(2, 7, 8, 2)), rng.normal(size=(*kernel, 2, 3))
    size = tuple(
        (before + n + after - (dilate * (length - 1) + 1)) // step + 1
        for n, length, step, dilate, (before, after) in zip((7, 8), kernel, stride, dilation, pads, strict=True)
    )
    bias, dout = rng.normal(size=3), rng.normal(size=(2, *size, 3))
    windows = Windows(kernel, stride, dilation, pads, size)
    plain = plain_convolution(x, weights, bias, windows), *plain_convolution_backward(x, dout, weights, windows)
    corner = pads[0][0], pads[1][0]
    expected = pixel_by_pixel(x, weights, bias, dout, stride, dilation, corner)
    for array, right in zip(plain, expected, strict=True):
        # at most 112 terms of about 1, in another order
        np.testing.assert_allclose(array, right, rtol=0, atol=1e-13)


def test_the_kernel_is_not_flipped():
    layer = Conv2D(1, 1, 2, use_bias=False)
    layer.weights = np.array([1.0, 2.0, 3.0, 4.0]).reshape(2, 2, 1, 1)
    x = np.array([[1.0, 10.0], [100.0, 1000.0]]).reshape(1, 2, 2, 1)
    assert layer.forward(x).item() == 1 * 1 + 2 * 10 + 3 * 100 + 4 * 1000


def test_gradients_worked_by_hand():
    # out[j] = x[j] * w0 + x[j + 1] * w1 + bias for x = 1 2 3, w = 10 20, and dout = 5 7:
    # dw0 = 1*5 + 2*7, dw1 = 2*5 + 3*7, dbias = 5 + 7, dx = 5*10, 5*20 + 7*10, 7*20
    layer = Conv1D(1, 1, 2)
    layer.weights = np.array([10.0, 20.0]).reshape(2, 1, 1)
    layer.forward(np.array([1.0, 2.0, 3.0]).reshape(1, 3, 1))
    dx = layer.backward(np.array([5.0, 7.0]).reshape(1, 2, 1))
    assert layer.dweights.ravel().tolist() == [19.0, 31.0]
    assert layer.dbias.tolist() == [12.0]
    assert dx.ravel().tolist() == [50.0, 170.0, 140.0]


def test_kernel_1_is_a_dense_layer_at_every_pixel(rng):
    x = rng.normal(size=(2, 4, 3, 5))
    conv, dense = Conv2D(5, 4, 1, rng=0), Dense(5, 4)
    dense.weights = conv.weights[0, 0]
    np.testing.assert_allclose(conv.forward(x), dense.forward(x), rtol=1e-13, atol=1e-13)


def test_a_causal_conv1d_sees_no_later_step(rng):
    layer = Conv1D(2, 3, 3, dilation=2, padding=(4, 0))
    x = rng.normal(size=(1, 8, 2))
    before = layer.predict(x)
    x[:, 5:] = 0.0
    after = layer.predict(x)
    assert after.shape == (1, 8, 3)
    np.testing.assert_array_equal(after[:, :5], before[:, :5])


# ---- shapes ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (Conv2D(3, 4, 3), (2, 7, 5, 3)),
        (Conv2D(3, 4, (5, 2), stride=(2, 3), padding=((1, 0), (2, 2)), dilation=(1, 2)), (2, 7, 5, 3)),
        (Conv2D(3, 4, 4, stride=3, padding="same"), (2, 7, 5, 3)),
        (Conv1D(3, 4, 3, stride=2, padding="valid"), (2, 7, 3)),
    ],
    ids=repr,
)
def test_output_shape_is_the_shape_of_out(layer, shape, rng):
    assert layer.output_shape(shape[1:]) == layer.forward(rng.normal(size=shape)).shape[1:]


def test_shapes_of_the_arrays():
    assert Conv2D(4, 6, (3, 5), n_groups=2).weights.shape == (3, 5, 2, 6)
    assert Conv1D(4, 6, 3).weights.shape == (3, 4, 6)
    assert Conv2D(4, 6, 3, use_bias=False).parameters.size == 3 * 3 * 4 * 6


def test_weights_are_drawn_for_what_one_output_sees():
    # he_normal: variance 2 / n_inputs, and one number of out sees 3 * 3 * 8 / 2 numbers of x. 36,864 draws give the
    # standard deviation to 0.4%.
    layer = Conv2D(8, 1024, 3, n_groups=2, rng=0)
    assert layer.weights.std() == pytest.approx(np.sqrt(2 / 36), rel=0.02)


# ---- the contract ----------------------------------------------------------------------------------------------------


def test_without_input_gradient_only_the_parameters_get_theirs(rng):
    layer, x = Conv2D(2, 3, 3, padding=1, rng=0), rng.normal(size=(2, 5, 4, 2))
    dout = rng.normal(size=(2, 5, 4, 3))
    layer.forward(x)
    layer.backward(dout)
    gradients = layer.gradients.copy()
    layer.forward(x)
    assert layer.backward(dout, input_gradient=False) is None
    np.testing.assert_allclose(layer.gradients, gradients, rtol=1e-12, atol=1e-12)  # summed in another order


def test_predict_remembers_nothing(rng):
    layer, x = Conv2D(2, 3, 3), rng.normal(size=(2, 5, 4, 2))
    out = layer.predict(x)
    assert layer._cache is None
    np.testing.assert_array_equal(layer.forward(x), out)


def test_the_images_of_the_caller_stay_as_they_are(rng, unchanged):
    layer, x = Conv2D(2, 3, 3, padding=1), rng.normal(size=(2, 5, 4, 2))
    dout = rng.normal(size=(2, 5, 4, 3))
    for array in (x, dout):
        array.flags.writeable = False
    with unchanged(x, dout):
        layer.forward(x)
        layer.backward(dout)


def test_images_of_any_memory_order(rng):
    first = rng.normal(size=(2, 3, 6, 5))  # channels first
    layer = Conv2D(3, 4, 3, padding=1, rng=0)
    view = first.transpose(0, 2, 3, 1)
    np.testing.assert_allclose(layer.forward(view), layer.forward(view.copy()), rtol=1e-13, atol=1e-13)
    dout = rng.normal(size=(2, 4, 6, 5)).transpose(0, 2, 3, 1)
    dx = layer.backward(dout)
    layer.forward(view)
    np.testing.assert_allclose(dx, layer.backward(dout.copy()), rtol=1e-13, atol=1e-13)


def test_integer_images_count_as_numbers():
    layer, x = Conv2D(1, 2, 2, rng=0), np.arange(9).reshape(1, 3, 3, 1)
    np.testing.assert_array_equal(layer.forward(x), layer.forward(x.astype(float)))


@pytest.mark.parametrize("layer", [Conv2D(2, 3, 2, rng=0), Conv2D(2, 4, 2, n_groups=2, rng=0)], ids=repr)
def test_a_dout_of_integers_counts_as_numbers(layer, rng):
    x = rng.normal(size=(2, 4, 4, 2))
    dout = rng.integers(1, 9, size=layer.forward(x).shape)
    dx, gradients = layer.backward(dout), layer.gradients.copy()
    layer.forward(x)
    np.testing.assert_allclose(dx, layer.backward(dout.astype(float)), rtol=1e-13, atol=1e-13)
    np.testing.assert_allclose(gradients, layer.gradients, rtol=1e-13, atol=1e-13)


def test_a_pickled_layer_computes_the_same(rng):
    layer, x = Conv2D(2, 3, (3, 2), stride=2, padding="same", rng=0), rng.normal(size=(2, 5, 4, 2))
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(layer)).forward(x), layer.forward(x))


def test_a_network_of_float32_takes_the_layers_over(rng):
    model = Sequential([Conv2D(1, 2, 3), Conv2D(2, 2, 2)], rng=0)
    out = model.forward(rng.normal(size=(2, 5, 5, 1)))
    assert out.dtype == np.float32
    assert model.backward(out).dtype == np.float32


@pytest.mark.parametrize(
    "text",
    [
        "Conv2D(2, 3, 3)",
        "Conv2D(2, 4, (3, 1), stride=(1, 2), padding='same', dilation=2, n_groups=2, use_bias=False)",
        "Conv2D(2, 4, 3, padding=((1, 2), (0, 1)), initializer=normal(0.1))",
        "Conv1D(2, 3, 3, padding=(2, 0))",
    ],
)
def test_repr_is_what_one_types(text):
    names = {"Conv1D": Conv1D, "Conv2D": Conv2D, "normal": normal}
    assert repr(eval(text, names)) == text


# ---- what is refused -------------------------------------------------------------------------------------------------


def test_too_small_after_other_layers():
    model = Sequential([Conv2D(1, 4, 3, stride=4), Conv2D(4, 4, 3)])
    with pytest.raises(ValueError, match=r"Conv2D\(4, 4, 3\), layer 1: the padded image .* 3 x 3, got 2 x 2"):
        model.output_shape((8, 8, 1))


def test_groups_must_divide_the_channels():
    with pytest.raises(ValueError, match=r"Conv2D: n_groups must divide n_inputs 4 and n_outputs 6, got 4"):
        Conv2D(4, 6, 3, n_groups=4)
    with pytest.raises(ValueError, match=r"Conv2D: n_groups must divide n_inputs 3 and n_outputs 6, got 2"):
        Conv2D(3, 6, 3, n_groups=2)


def test_sizes_of_channels():
    with pytest.raises(ValueError, match="Conv2D: n_inputs must be at least 1, got 0"):
        Conv2D(0, 1, 3)
    with pytest.raises(TypeError, match=r"Conv2D: n_outputs must be a whole number, got 1.5"):
        Conv2D(1, 1.5, 3)


def test_dout_of_another_shape():
    layer = Conv2D(1, 2, 3)
    layer.forward(np.zeros((2, 5, 5, 1)))
    with pytest.raises(ValueError, match=r"dout must have the shape of out, \(2, 3, 3, 2\), got \(3, 3, 2\)"):
        layer.backward(np.zeros((3, 3, 2)))


def test_backward_needs_a_forward():
    with pytest.raises(RuntimeError, match=r"Conv2D\(1, 2, 3\): backward\(\) needs a forward\(\) before it"):
        Conv2D(1, 2, 3).backward(np.zeros((2, 3, 3, 2)))
