"""The checker is checked: every planted mistake must fail it, and the report must name it."""

import re

import numpy as np
import pytest

from layers import Dense, Dropout, GradientError, Layer, Multiply, ReLU, Sequential, Tanh, check_gradients
from losses import MeanSquaredError, SoftmaxCrossEntropy

X = np.random.default_rng(0).normal(size=(5, 4))


class Planted(Dense):
    """A Dense whose backward is then spoiled by a function of (layer, dout, dx)."""

    def __init__(self, n_inputs, n_outputs, spoil):
        super().__init__(n_inputs, n_outputs)
        self.spoil = spoil

    def backward(self, dout, input_gradient=True):
        dx = super().backward(dout)
        spoiled = self.spoil(self, dout, dx)
        return (dx if spoiled is None else spoiled) if input_gradient else None


def flip_weights(layer, dout, dx):
    layer.dweights *= -1


def times_n(layer, dout, dx):
    layer.dweights *= len(dout)


def divided_by_n(layer, dout, dx):
    layer.dbias /= len(dout)


def halved(layer, dout, dx):
    layer.dbias /= 2


def transposed(layer, dout, dx):
    layer.dweights = layer.dweights.T.copy()


def reshaped_instead_of_transposed(layer, dout, dx):
    layer.dweights = layer.dweights.T.reshape(layer.dweights.shape)


def shuffled(layer, dout, dx):
    layer.dweights = np.roll(layer.dweights, 1)


def zero_bias(layer, dout, dx):
    layer.dbias = np.zeros(layer.n_outputs)


def zero_row(layer, dout, dx):
    layer.dweights[1] = 0


def extra_constant(layer, dout, dx):
    layer.dweights += 0.5


def missing_term(layer, dout, dx):
    layer.dweights -= layer.weights


def tiny_error(layer, dout, dx):
    layer.dweights[2, 1] *= 1 + 1e-6


def negative_dx(layer, dout, dx):
    return -dx


def zero_dx(layer, dout, dx):
    return np.zeros_like(dx)


PLANTED = [
    (flip_weights, "dweights is wrong: opposite sign; at "),
    (times_n, "dweights is wrong: off by the constant factor 5, which is N; at "),
    (divided_by_n, r"dbias is wrong: off by the constant factor 0\.2, which is 1/N; at "),
    (halved, r"dbias is wrong: off by the constant factor 0\.5; at "),
    (transposed, "dweights is wrong: transposed; at "),
    (reshaped_instead_of_transposed, "dweights is wrong: transposed; at "),
    (shuffled, "dweights is wrong: the right numbers in the wrong places; at "),
    (zero_bias, "dbias is wrong: it is zero everywhere, where it should not be; at "),
    (zero_row, r"dweights is wrong: it is zero where it should not be; at \[1, "),
    (extra_constant, r"dweights is wrong: off by the same amount everywhere, 0\.5; at "),
    (missing_term, r"dweights is wrong; at .* backward says .*, finite differences say .* \(16 of 16 differ"),
    (tiny_error, r"dweights is wrong; at \[2, 1\] .* \(1 of 16 differ"),
    (negative_dx, "dx is wrong: opposite sign; at "),
    (zero_dx, "dx is wrong: it is zero everywhere, where it should not be; at "),
]


@pytest.mark.parametrize(("spoil", "message"), PLANTED, ids=lambda value: getattr(value, "__name__", ""))
def test_a_planted_mistake_is_found_and_named(spoil, message):
    with pytest.raises(GradientError, match=message) as caught:
        check_gradients(Planted(4, 4, spoil), X)
    assert caught.value.report.largest > 1e-7


@pytest.mark.parametrize(
    "spoil", [flip_weights, times_n, missing_term, zero_bias, negative_dx], ids=lambda f: f.__name__
)
def test_random_directions_find_it_too(spoil):
    with pytest.raises(GradientError, match="along direction"):
        check_gradients(Planted(4, 4, spoil), X, directions=3)


def test_the_message_holds_index_and_both_values():
    def double_one(layer, dout, dx):
        layer.dbias[2] *= 2

    with pytest.raises(GradientError) as caught:
        check_gradients(Planted(4, 4, double_one), X)
    assert "Planted(4, 4, double_one): dbias is wrong; at [2] backward says " in str(caught.value)
    said, found = map(float, re.search(r"says (\S+), finite differences say (\S+) ", str(caught.value)).groups())
    assert said == pytest.approx(2 * found, rel=1e-7)


def test_two_wrong_arrays_are_both_named():
    def both(layer, dout, dx):
        layer.dbias *= -1
        return -dx

    with pytest.raises(GradientError, match=r"(?s)dx is wrong: opposite sign.*dbias is wrong: opposite sign"):
        check_gradients(Planted(4, 4, both), X)


class Faulty(Layer):
    """out = x * factor, with a backward to be replaced."""

    def __init__(self, n_features=4):
        super().__init__(factor=(n_features,))
        self.factor = np.ones(n_features)

    def forward(self, x):
        self._cache = x
        return x * self.factor

    def backward(self, dout, input_gradient=True):
        x = self._recall()
        self.dfactor = (dout * x).sum(axis=0)
        return dout * self.factor if input_gradient else None


def test_the_unspoiled_layer_passes():
    assert check_gradients(Faulty(), X).largest < 1e-7


class AddsUp(Faulty):
    def backward(self, dout, input_gradient=True):
        x = self._recall()
        self.dfactor += (dout * x).sum(axis=0)
        return dout * self.factor if input_gradient else None


class NeverSets(Faulty):
    def backward(self, dout, input_gradient=True):
        self._recall()
        return dout * self.factor if input_gradient else None


class AlwaysDx(Faulty):
    def backward(self, dout, input_gradient=True):
        return super().backward(dout)


class SkipsWithDx(Faulty):
    def backward(self, dout, input_gradient=True):
        x = self._recall()
        if input_gradient:
            self.dfactor = (dout * x).sum(axis=0)
        return dout * self.factor if input_gradient else None


class WrongShape(Faulty):
    def backward(self, dout, input_gradient=True):
        dx = super().backward(dout, input_gradient)
        return None if dx is None else dx[:1]


class NoDx(Faulty):
    def backward(self, dout, input_gradient=True):
        super().backward(dout)


class ChangesX(Faulty):
    def backward(self, dout, input_gradient=True):
        x = self._recall()
        self.dfactor = (dout * x).sum(axis=0)
        x *= 2
        return dout * self.factor if input_gradient else None


class ChangesDout(Faulty):
    def backward(self, dout, input_gradient=True):
        x = self._recall()
        self.dfactor = (dout * x).sum(axis=0)
        dout *= self.factor
        return dout if input_gradient else None


class ChangesXAtOnce(Faulty):
    def forward(self, x):
        x *= 2
        return super().forward(x)


class Fickle(Faulty):
    rng = np.random.default_rng(0)  # on the class, where nobody can rewind it

    def forward(self, x):
        return super().forward(x) * self.rng.random()


class Infinite(Faulty):
    def forward(self, x):
        return super().forward(x) * np.inf


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (AddsUp, "dfactor is added to by backward, which must set it"),
        (NeverSets, "dfactor is never set by backward"),
        (AlwaysDx, "input_gradient=False\\) must return None and set the same gradients"),
        (SkipsWithDx, "input_gradient=False\\) must return None and set the same gradients"),
        (WrongShape, r"dx must have the shape of x, \(5, 4\), got \(1, 4\)"),
        (NoDx, "backward must return dx, got None"),
        (ChangesX, "must not change x or dout"),
        (ChangesDout, "must not change x or dout"),
        (ChangesXAtOnce, "must not change x or dout"),
        (Fickle, "two runs differ"),
        (Infinite, "forward must give finite numbers"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_broken_contract_is_named(kind, message):
    with pytest.raises(GradientError, match=f"{kind.__name__}.*{message}"):
        check_gradients(kind(), X)


def test_points_on_a_kink_are_skipped_and_counted():
    report = check_gradients(ReLU(), np.array([[-1.0, 0.0, 2.0, 0.0, 3.0]]))
    assert (report.checked, report.skipped) == (3, 2)


def test_points_near_a_kink_are_checked():
    report = check_gradients(ReLU(), np.array([[-1e-5, 3e-5, 1e-4, 2.0]]))
    assert (report.checked, report.skipped) == (4, 0)
    assert report.largest < 1e-7


def test_only_kinks_is_no_check():
    with pytest.raises(GradientError, match="most points must be off the kinks, got 4 skipped of 4"):
        check_gradients(ReLU(), np.zeros((2, 2)))


def test_an_array_that_is_all_kinks_is_not_passed_over():
    with pytest.raises(GradientError, match="but da could not be checked at all; choose other inputs"):
        check_gradients(Chosen(), np.zeros(2), np.ones(8))


class Chosen(Multiply):
    """out = max(a, 0) and then b, in one row."""

    def forward(self, a, b):
        self._cache = a
        return np.concatenate([np.maximum(a, 0), b])

    def backward(self, dout):
        a = self._recall()
        return (a > 0) * dout[: a.size], dout[a.size :].copy()


class WrongReLU(ReLU):
    def backward(self, dout):
        return 2 * super().backward(dout)


def test_a_kink_does_not_hide_a_mistake_elsewhere():
    with pytest.raises(GradientError, match=r"off by the constant factor 2; .*\(1 of 3 differ"):
        check_gradients(WrongReLU(), np.array([[-1.0, 0.0, 2.0]]))


def test_noise_is_the_same_in_every_forward():
    assert check_gradients(Dropout(0.5, rng=3), X).largest < 1e-7


def test_the_layer_itself_is_left_alone():
    model = Sequential([Dense(4, 3), Dropout(0.5), Tanh()], rng=0)
    parameters, x = model.parameters.copy(), X.copy()
    model.gradients = np.ones_like(model.gradients)
    check_gradients(model, x)
    np.testing.assert_array_equal(model.parameters, parameters)
    np.testing.assert_array_equal(model.gradients, 1)
    np.testing.assert_array_equal(x, X)
    assert model.parameters.dtype == np.float32
    fresh = Sequential([Dense(4, 3), Dropout(0.5), Tanh()], rng=0)
    np.testing.assert_array_equal(model.forward(x), fresh.forward(x))  # the noise was not drawn from either


def test_parameters_are_drawn_unless_they_are_to_be_kept():
    layer = Dense(2, 1)
    layer.weights = [[0.0], [0.0]]

    def wrong_at_zero_weights_only(layer, dout, dx):
        return dx if np.any(layer.weights) else dx + 1

    planted = Planted(2, 1, wrong_at_zero_weights_only)
    planted.weights = [[0.0], [0.0]]
    check_gradients(planted, X[:, :2])
    with pytest.raises(GradientError, match="dx is wrong"):
        check_gradients(planted, X[:, :2], randomize=False)


def test_a_loss_is_checked():
    class Forgetful(MeanSquaredError):
        def backward(self):
            return super().backward() / 2

    with pytest.raises(GradientError, match=r"dy_hat is wrong: off by the constant factor 0\.5"):
        check_gradients(Forgetful(), X, 2 * X)


def test_a_loss_that_forgets_to_divide_by_n():
    class Undivided(SoftmaxCrossEntropy):
        def backward(self):
            return super().backward() * 5

    with pytest.raises(GradientError, match="dlogits is wrong: off by the constant factor 5, which is N"):
        check_gradients(Undivided(), X, np.array([0, 1, 2, 3, 0]))


def test_a_network_with_its_loss_in_random_directions():
    model = Sequential([Dense(4, 50), Tanh(), Dense(50, 4)])
    report = check_gradients(model, X, loss=SoftmaxCrossEntropy(), y=np.array([0, 1, 2, 3, 0]), directions=4)
    assert list(report.errors) == ["x", "0.weights", "0.bias", "2.weights", "2.bias"]
    assert report.checked == 5 * 4
    assert report.largest < 1e-7


def test_the_report_prints_as_a_table():
    text = str(check_gradients(Dense(4, 3), X))
    assert text.startswith("Dense(4, 3): 35 derivatives checked; largest relative errors\n")
    assert [line.split()[0] for line in text.splitlines()[1:]] == ["dx", "dweights", "dbias"]


@pytest.mark.parametrize(
    ("arguments", "options", "error", "message"),
    [
        ((Dense(2, 2),), {}, TypeError, r"Dense\(2, 2\) must be given the inputs of its forward"),
        ((3, X), {}, TypeError, "layer must have forward and backward, got int"),
        ((Tanh(), X), {"tolerance": -1}, ValueError, "tolerance must be finite and >= 0, got -1"),
        ((Tanh(), X), {"directions": 0}, ValueError, "directions must be at least 1, got 0"),
    ],
)
def test_wrong_arguments(arguments, options, error, message):
    with pytest.raises(error, match=message):
        check_gradients(*arguments, **options)
