import re

import numpy as np
import pytest

from layers import ELU, SELU, LeakyReLU, PReLU, ReLU, Sequential

X = np.array([[-3.0, -1.0, -0.5, 0.0, 0.5, 1.0, 3.0]])

# out and d out / d x at X, the kink at 0 among them: torch 2.13.0, float64, 16 digits; backward of ones.
# F.relu, F.leaky_relu, F.prelu, F.elu, F.selu
PYTORCH = [
    (ReLU(), [0, 0, 0, 0, 0.5, 1, 3], [0, 0, 0, 0, 1, 1, 1]),
    (LeakyReLU(), [-0.03, -0.01, -0.005, 0, 0.5, 1, 3], [0.01, 0.01, 0.01, 0.01, 1, 1, 1]),
    (LeakyReLU(0.3), [-0.8999999999999999, -0.3, -0.15, 0, 0.5, 1, 3], [0.3, 0.3, 0.3, 0.3, 1, 1, 1]),
    (PReLU(), [-0.75, -0.25, -0.125, 0, 0.5, 1, 3], [0.25, 0.25, 0.25, 0.25, 1, 1, 1]),
    (
        ELU(),
        [-0.950212931632136, -0.6321205588285577, -0.3934693402873666, 0, 0.5, 1, 3],
        [0.04978706836786394, 0.3678794411714423, 0.6065306597126334, 1, 1, 1, 1],
    ),
    (
        ELU(0.5),
        [-0.475106465816068, -0.3160602794142788, -0.1967346701436833, 0, 0.5, 1, 3],
        [0.02489353418393197, 0.1839397205857212, 0.3032653298563167, 0.5, 1, 1, 1],
    ),
    (
        SELU(),
        [-1.670568728767112, -1.111330737812563, -0.6917581878028713, 0,
         0.5253504936777402, 1.05070098735548, 3.152102962066441],
        [0.08753061208026487, 0.646768603034814, 1.066341153044505, 1.758099340847377,
         1.05070098735548, 1.05070098735548, 1.05070098735548],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("layer", "out", "slope"), [pytest.param(*row, id=repr(row[0])) for row in PYTORCH])
def test_numbers_of_pytorch(layer, out, slope, rng):
    # 1e-14: a few of the last of 16 digits; d ELU is made of alpha + out, which loses one more
    dout = rng.normal(size=X.shape)
    np.testing.assert_allclose(layer.forward(X), [out], rtol=1e-14)
    np.testing.assert_allclose(layer.backward(dout), dout * slope, rtol=1e-14)


def test_prelu_learns_a_slope_for_each_feature():
    # torch 2.13.0: nn.PReLU(2), its weight set to [0.1, -0.5]
    layer = PReLU(2)
    layer.slopes = [0.1, -0.5]
    out = layer.forward(np.array([[-2.0, 3.0], [1.5, -4.0], [-0.5, -1.0]]))
    dx = layer.backward(np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]))
    np.testing.assert_allclose(out, [[-0.2, 3.0], [1.5, 2.0], [-0.05, 0.5]], rtol=1e-15)
    np.testing.assert_allclose(dx, [[0.1, 2.0], [3.0, -2.0], [0.5, -3.0]], rtol=1e-15)
    np.testing.assert_allclose(layer.dslopes, [-4.5, -22.0], rtol=1e-15)  # 1 * -2 + 5 * -0.5, 4 * -4 + 6 * -1


@pytest.mark.parametrize("shape", [(4,), (4, 3), (2, 3, 2)])
def test_prelu_can_share_one_slope(shape, rng):
    layer = PReLU(slope=0.5)
    x, dout = rng.normal(size=(2, *shape))
    np.testing.assert_array_equal(layer.forward(x), np.where(x > 0, x, 0.5 * x))
    np.testing.assert_array_equal(layer.backward(dout), np.where(x > 0, dout, 0.5 * dout))
    np.testing.assert_allclose(layer.dslopes, [np.sum(dout * x * (x < 0))], rtol=1e-13)


def test_prelu_without_the_input_gradient_learns_all_the_same():
    layer = PReLU(2)
    layer.forward(np.array([[-2.0, 3.0]]))
    assert layer.backward(np.array([[1.0, 1.0]]), input_gradient=False) is None
    np.testing.assert_array_equal(layer.dslopes, [-2, 0])


def test_prelu_starts_afresh_from_its_slope():
    layer = PReLU(2, slope=0.1)
    layer.slopes = [1.0, 2.0]
    layer.initialize(0)
    np.testing.assert_array_equal(layer.slopes, [0.1, 0.1])


@pytest.mark.parametrize("shape", [(4, 3), (3,), (4, 3, 1)])
def test_prelu_refuses_another_number_of_features(shape, unchanged):
    layer = PReLU(5)
    message = re.escape(f"PReLU(n_features=5): x must have shape (N, 5), got {shape}")
    with unchanged(layer.parameters), pytest.raises(ValueError, match=message):
        layer.forward(np.ones(shape))
    with pytest.raises(ValueError, match=re.escape(f"PReLU(n_features=5): input_shape must be (..., 5), got {shape}")):
        layer.output_shape(shape)


@pytest.mark.parametrize("make", [LeakyReLU, ELU, lambda slope: PReLU(2, slope)])
def test_a_constant_of_numpy_does_not_promote(make):
    model = Sequential([make(np.float64(0.1))])
    x = np.ones((3, 2), np.float32)
    assert model.forward(x).dtype == model.backward(x).dtype == np.float32


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (LeakyReLU, "LeakyReLU: slope"),
        (ELU, "ELU: alpha"),
        (lambda slope: PReLU(2, slope), "PReLU: slope"),
    ],
)
@pytest.mark.parametrize(
    ("value", "error", "message"),
    [
        (np.nan, ValueError, "must be finite, got nan"),
        (np.inf, ValueError, "must be finite, got inf"),
        ("0.1", TypeError, "must be a number, got '0.1'"),
        (None, TypeError, "must be a number, got None"),
        (True, TypeError, "must be a number, got True"),
    ],
)
def test_a_constant_must_be_a_finite_number(make, name, value, error, message):
    with pytest.raises(error, match=f"{name} {message}"):
        make(value)


@pytest.mark.parametrize(("n", "error"), [(0, ValueError), (1.5, TypeError)])
def test_prelu_needs_features(n, error):
    with pytest.raises(error, match=f"PReLU: n_features must be .*, got {n}"):
        PReLU(n)


@pytest.mark.parametrize(
    ("layer", "text"),
    [
        (LeakyReLU(), "LeakyReLU()"),
        (LeakyReLU(0.2), "LeakyReLU(slope=0.2)"),
        (ELU(), "ELU()"),
        (ELU(2), "ELU(alpha=2)"),
        (PReLU(), "PReLU()"),
        (PReLU(3, slope=0.1), "PReLU(n_features=3, slope=0.1)"),
    ],
)
def test_repr_says_what_is_not_default(layer, text):
    assert repr(layer) == text
