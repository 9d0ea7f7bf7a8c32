import numpy as np
import pytest

from layers import Layer
from optimizers import SGD


def trajectory(optimizer, start, gradient, steps):
    """Return the parameters after each of the steps."""
    model = Layer(weights=(len(start),))
    model.weights = start
    path = []
    for _ in range(steps):
        model.gradients = gradient(model.parameters)
        optimizer.step(model)
        path.append(model.parameters.copy())
    return np.array(path)


# ---- by hand, on the loss x² / 2 whose gradient is x -----------------------------------------------------------------


def test_plain_by_hand():
    # x = x - 0.5 * x: 8, 4, 2, 1
    path = trajectory(SGD(0.5), [8.0], lambda x: x, 3)
    np.testing.assert_array_equal(path, [[4], [2], [1]])


def test_momentum_by_hand():
    # velocity = 0.5 * velocity - 0.25 * x, x = x + velocity:
    # -2 -> 6;  -1 - 1.5 = -2.5 -> 3.5;  -1.25 - 0.875 = -2.125 -> 1.375
    path = trajectory(SGD(0.25, momentum=0.5), [8.0], lambda x: x, 3)
    np.testing.assert_array_equal(path, [[6], [3.5], [1.375]])


def test_nesterov_by_hand():
    # velocity = 0.5 * velocity - 0.25 * x, x = x + 0.5 * velocity - 0.25 * x:
    # velocity -2, x = 8 - 1 - 2 = 5;  velocity -1 - 1.25 = -2.25, x = 5 - 1.125 - 1.25 = 2.625
    path = trajectory(SGD(0.25, momentum=0.5, nesterov=True), [8.0], lambda x: x, 2)
    np.testing.assert_array_equal(path, [[5], [2.625]])


def test_weight_decay_by_hand():
    # the gradient is 1 + 0.5 * x: x = 8 - 0.25 * 5 = 6.75, then 6.75 - 0.25 * 4.375 = 5.65625
    path = trajectory(SGD(0.25, weight_decay=0.5), [8.0], np.ones_like, 2)
    np.testing.assert_array_equal(path, [[6.75], [5.65625]])


def test_weight_decay_goes_through_the_velocity():
    # gradient 0.5 * x: velocity -1, x = 7;  velocity = 0.5 * -1 - 0.25 * 3.5 = -1.375, x = 5.625
    path = trajectory(SGD(0.25, momentum=0.5, weight_decay=0.5), [8.0], np.zeros_like, 2)
    np.testing.assert_array_equal(path, [[7], [5.625]])


def test_the_velocity_remembers_the_rate_of_its_time():
    # The rate is inside the velocity, as in the paper: -1 at rate 1; then 0.5 * -1 - 0.5 = -1. (PyTorch would keep a
    # velocity of 1 and then 1.5, and go 0.5 * 1.5 = 0.75.)
    path = trajectory(SGD(lambda step: 1 / (step + 1), momentum=0.5), [0.0], np.ones_like, 2)
    np.testing.assert_array_equal(path, [[-1], [-2]])


# ---- against PyTorch -------------------------------------------------------------------------------------------------

# PyTorch 2.13.0, float64: torch.optim.SGD([x], lr=0.1, ...) on sum(a * x² / 2 + sin(x)), a = (1, 0.3, 4), from
# x = (1, -2, 0.5); x after each of five steps.
TRAJECTORIES = [
    (
        {},
        [
            [0.845969769413186, -1.8983853163452857, 0.2122417438109627],
            [0.6950722313728541, -1.8092576397746576, 0.02958893189452732],
            [0.5487642638486643, -1.7313591345318753, -0.08220286881244417],
            [0.4085708600159304, -1.663430980445326, -0.14898404591782063],
            [0.27594481855745107, -1.6042778285594954, -0.18828266654113007],
        ],
    ),
    (
        {"momentum": 0.9},
        [
            [0.845969769413186, -1.8983853163452857, 0.2122417438109627],
            [0.5564450238447215, -1.717804424485415, -0.22939349867560624],
            [0.1553144396920909, -1.4890995729199865, -0.6324882659021017],
            [-0.3200308238845515, -1.24675280985142, -0.8229341560026743],
            [-0.81076105086189, -1.0230783616012185, -0.7331690924650254],
        ],
    ),
    (
        {"momentum": 0.9, "nesterov": True},
        [
            [0.7073425618850534, -1.8069321010560428, -0.04674068675917085],
            [0.3037656215737491, -1.5771790730839024, -0.4340944443969776],
            [-0.166401247096695, -1.3491318591776091, -0.5521037323802056],
            [-0.632092338393758, -1.1519193261774476, -0.4751050176925816],
            [-1.0106267174588575, -1.0026879863963603, -0.33581212161284646],
        ],
    ),
    (
        {"momentum": 0.9, "weight_decay": 0.05},
        [
            [0.840969769413186, -1.8883853163452857, 0.20974174381096272],
            [0.5428666980992267, -1.6906109117801087, -0.23424456481934575],
            [0.13194980197544767, -1.4414897533987157, -0.6362321899948268],
            [-0.3508608585577749, -1.1797232230976764, -0.8207810335141666],
            [-0.8424577807188988, -0.9409611049544362, -0.7226236690950251],
        ],
    ),
    (
        {"momentum": 0.8, "nesterov": True, "weight_decay": 0.05},
        [
            [0.7137455849437347, -1.7990935694215144, -0.02246486114026712],
            [0.34100361042639216, -1.5735798072918485, -0.37180784294140795],
            [-0.0708473273031522, -1.3620124059265386, -0.4752340859671469],
            [-0.46244851735794534, -1.188543284959728, -0.41751482188543315],
            [-0.7755718685305264, -1.0635866103260223, -0.31435000391122714],
        ],
    ),
]


@pytest.mark.parametrize(("options", "expected"), TRAJECTORIES)
def test_trajectory_against_pytorch(options, expected):
    a = np.array([1.0, 0.3, 4.0])
    path = trajectory(SGD(0.1, **options), [1.0, -2.0, 0.5], lambda x: a * x + np.cos(x), 5)
    np.testing.assert_allclose(path, expected, rtol=1e-12)


# ---- bad input -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bad", [1, 1.0, 1.5])
def test_a_momentum_of_1_or_more_is_refused(bad):
    with pytest.raises(ValueError, match=rf"^SGD: momentum must be in \[0, 1\), got {bad}$"):
        SGD(0.1, momentum=bad)


def test_a_negative_momentum_is_refused():
    with pytest.raises(ValueError, match=r"^SGD: momentum must be in \[0, 1\), got -0\.1$"):
        SGD(0.1, momentum=-0.1)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_momentum_that_is_not_finite_is_refused(bad):
    with pytest.raises(ValueError, match=rf"^SGD: momentum must be in \[0, 1\), got {bad}$"):
        SGD(0.1, momentum=bad)


def test_a_momentum_that_is_no_number_is_refused():
    with pytest.raises(TypeError, match=r"^SGD: momentum must be a number, got '0\.9'$"):
        SGD(0.1, momentum="0.9")


def test_nesterov_needs_a_momentum():
    with pytest.raises(ValueError, match=r"^SGD: nesterov must come with a momentum > 0, got 0$"):
        SGD(0.1, nesterov=True)
