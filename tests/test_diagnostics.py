"""Every warning comes when it should, names the layer, says what to do, and stays away from a healthy training."""

import numpy as np
import pytest

from layers import Dense, Exp, Layer, ReLU, Residual, Sequential, Sigmoid, Softmax, Tanh, normal
from losses import MeanSquaredError, SigmoidBinaryCrossEntropy, SoftmaxCrossEntropy
from optimizers import SGD
from pictures.diagnostics import LABELS
from training import Diagnostics, activations, digits, fit, layer_slices
from training.diagnostics import QUANTITIES

X, Y = digits()
X, Y = X[:640], Y[:640]


def watched(model, optimizer=None, *, loss=None, x=X, y=Y, epochs=2, every=5, diagnostics=None):
    """Train, and return what the diagnostics saw; the error of a training that fails is swallowed."""
    diagnostics = diagnostics or Diagnostics(every=every, verbose=False)
    with np.errstate(all="ignore"):
        try:
            fit(model, loss or SoftmaxCrossEntropy(), optimizer or SGD(0.1), x, y, epochs=epochs, batch_size=32,
                callbacks=[diagnostics], rng=0, verbose=False)  # fmt: skip
        except (ValueError, FloatingPointError) as error:
            diagnostics.error = error
    return diagnostics


def network(*, first=None, second=None, activation=ReLU):
    options = [{} if weights is None else {"initializer": weights} for weights in (first, second)]
    return Sequential([Dense(64, 32, **options[0]), activation(), Dense(32, 10, **options[1])], rng=0)


def test_a_healthy_training_has_no_warnings():
    assert watched(network(), SGD(0.1, momentum=0.9)).warnings == []


def test_the_initial_loss_is_far_above_ln_c():
    (warning,) = (text for text in watched(network(second=normal(10.0))).warnings if "initial loss" in text)
    assert warning.startswith("the initial loss is far above ln 10: ")
    assert "initializer=normal(0.01)" in warning


def test_the_initial_loss_of_two_classes():
    model = Sequential([Dense(64, 1, initializer=normal(50.0))], rng=0)
    y = (Y[:, np.newaxis] > 4).astype(np.float32)
    warnings = watched(model, loss=SigmoidBinaryCrossEntropy(), y=y).warnings
    assert warnings[0].startswith("the initial loss is far above ln 2: ")


def test_small_and_large_updates_are_named_by_layer():
    small = watched(network(), SGD(1e-6)).warnings
    assert [text.split(" are ")[0] for text in small] == [
        "the updates of 0: Dense(64, 32)",
        "the updates of 2: Dense(32, 10)",
    ]
    assert all("are small" in text and "try a larger learning rate" in text for text in small)
    large = watched(network(), SGD(2.0), epochs=1).warnings
    assert any("are large" in text and "try a smaller learning rate" in text for text in large)


def test_more_than_half_of_a_layer_is_dead():
    model = network()
    model[0].bias[:20] = -100.0
    diagnostics = watched(model, SGD(0.01))
    assert diagnostics["dead"]["1"][-1] >= 20 / 32
    (warning,) = (text for text in diagnostics.warnings if "dead" in text)
    assert "% of the units of 1: ReLU() are dead" in warning
    assert "LeakyReLU" in warning


def test_less_than_half_is_no_warning():
    model = network()
    model[0].bias[:10] = -100.0
    diagnostics = watched(model, SGD(0.01))
    assert 10 / 32 <= diagnostics["dead"]["1"][-1] < 0.5
    assert not any("dead" in text for text in diagnostics.warnings)


@pytest.mark.parametrize("activation", [Tanh, Sigmoid])
def test_saturated_units(activation):
    diagnostics = watched(network(first=normal(20.0), activation=activation), SGD(0.01))
    assert diagnostics["saturated"]["1"][0] > 0.5
    assert any(f"of the outputs of 1: {activation.__name__}() are saturated" in text for text in diagnostics.warnings)


def test_softmax_applied_twice():
    model = Sequential([Dense(64, 10), Softmax()], rng=0)
    with pytest.warns(UserWarning, match="fit: softmax is applied twice"):
        warnings = watched(model).warnings
    (warning,) = (text for text in warnings if "twice" in text)
    assert warning == "softmax is applied twice: SoftmaxCrossEntropy() contains it; leave out the Softmax()"


def test_sigmoid_applied_twice():
    model = Sequential([Dense(64, 1), Sigmoid()], rng=0)
    y = (Y[:, np.newaxis] > 4).astype(np.float32)
    with pytest.warns(UserWarning, match="fit: sigmoid is applied twice"):
        warnings = watched(model, loss=SigmoidBinaryCrossEntropy(), y=y).warnings
    assert warnings[0].startswith("sigmoid is applied twice")


class Trap(Layer):
    """out = x, and NaN once it is armed."""

    armed = False

    def forward(self, x):
        self._cache = x
        return x * np.nan if Trap.armed else x

    def backward(self, dout):
        self._recall()
        return dout


def test_nan_is_traced_to_its_first_layer_and_batch(monkeypatch):
    model = Sequential([Dense(64, 16), ReLU(), Residual([Trap()]), Dense(16, 10)], rng=0)
    diagnostics = Diagnostics(verbose=False)

    class Arming:
        def on_batch_begin(self, run):
            monkeypatch.setattr(Trap, "armed", run.batch_index == 7)

    with pytest.raises((ValueError, FloatingPointError)):
        fit(model, SoftmaxCrossEntropy(), SGD(0.1), X, Y, epochs=1, batch_size=32, callbacks=[Arming(), diagnostics],
            rng=0, verbose=False)  # fmt: skip
    assert diagnostics.warnings[-1].startswith("NaN or infinity first comes out of 2.0: Trap() at epoch 1, batch 7")


def test_the_error_of_a_layer_that_refuses_its_x_is_that_of_fit():
    model = Sequential([Dense(64, 16, initializer=normal(100.0)), Exp(), Dense(16, 10)], rng=0)
    with pytest.raises(ValueError, match=r"Exp\(\), layer 1: what forward returns must be at most"):
        fit(model, SoftmaxCrossEntropy(), SGD(0.1), X, Y, epochs=1, callbacks=[Diagnostics()], verbose=False)


def test_nan_in_the_data_is_told_from_nan_in_the_network():
    x = X.copy()
    x[100, 3] = np.nan
    diagnostics = watched(network(), x=x)
    assert isinstance(diagnostics.error, ValueError | FloatingPointError)
    assert diagnostics.warnings[-1].startswith("NaN or infinity in the data: x of epoch 0, batch 3")


class Unchecked(SGD):
    """A rule that looks at nothing, as one from elsewhere may."""

    def step(self, model):
        model.parameters -= self.learning_rate * model.gradients


def test_parameters_that_diverged():
    diagnostics = watched(
        Sequential([Dense(64, 1)], rng=0), Unchecked(1e6), loss=MeanSquaredError(),
        y=Y[:, np.newaxis].astype(np.float32), epochs=20,
    )  # fmt: skip
    assert isinstance(diagnostics.error, ValueError | FloatingPointError)
    assert any(text.startswith("NaN, infinity or numbers above 1e+10") for text in diagnostics.warnings)


def test_every_quantity_is_kept_by_layer_and_step():
    diagnostics = watched(network(activation=Tanh), SGD(0.1), epochs=2, every=8)
    assert diagnostics.steps["gradient_norm"] == [0, 8, 16, 24, 32]
    assert list(diagnostics["gradient_norm"]) == list(diagnostics["update_ratio"]) == ["0", "2"]
    assert list(diagnostics["mean"]) == list(diagnostics["spread"]) == ["0", "1", "2"]
    assert all(len(values) == 5 for values in diagnostics["spread"].values())
    with pytest.raises(KeyError, match=r"there is no 'gradients' among \['gradient_norm'"):
        diagnostics["gradients"]


def test_the_update_ratio_of_plain_descent_is_rate_times_gradient_over_parameters():
    diagnostics = watched(network(), SGD(0.25), epochs=1, every=1)
    for name in ("0", "2"):
        expected = 0.25 * np.array(diagnostics["gradient_norm"][name][1:])
        before = np.array(diagnostics["parameter_norm"][name][:-1])
        np.testing.assert_allclose(np.array(diagnostics["update_ratio"][name][1:]) * before, expected, rtol=1e-3)


def test_activations_are_those_of_the_network():
    model = Sequential([Dense(64, 8), Residual([Tanh()]), Dense(8, 2)], rng=0)
    found = {name: out for name, _, out in activations(model, X)}
    first = X @ model[0].weights + model[0].bias
    np.testing.assert_allclose(found["0"], first, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(found["1.0"], np.tanh(first), rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(found["2"], model.predict(X))
    assert "predict" not in vars(model[0])  # nothing is left behind


def test_layer_slices_cover_nested_layers():
    model = Sequential([Dense(2, 3), Residual([Dense(3, 3), Tanh()]), Dense(3, 1)])
    slices = layer_slices(model)
    assert list(slices) == ["0", "1.0", "2"]
    assert [part.stop - part.start for part in slices.values()] == [9, 12, 4]


def test_watching_does_not_change_the_training():
    alone, together = network(), network()
    fit(alone, SoftmaxCrossEntropy(), SGD(0.1), X, Y, epochs=2, rng=0, verbose=False)
    fit(
        together,
        SoftmaxCrossEntropy(),
        SGD(0.1),
        X,
        Y,
        epochs=2,
        rng=0,
        verbose=False,
        callbacks=[Diagnostics(1, verbose=False)],
    )
    np.testing.assert_array_equal(alone.parameters, together.parameters)


def test_warnings_are_printed_once(capsys):
    diagnostics = Diagnostics(every=5)
    watched(network(second=normal(10.0)), diagnostics=diagnostics, epochs=3)
    assert capsys.readouterr().out.count("diagnostics: the initial loss is far above") == 1


def test_diagnostics_draw_themselves():
    model = network()
    model[0].bias[:10] = -100.0
    figure = watched(model, epochs=1).plot()
    assert [axes.get_ylabel() for axes in figure.axes][-1] == "share of units dead"
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["0 Dense", "1 ReLU", "2 Dense"]


def test_there_is_a_label_for_each_quantity():
    assert tuple(LABELS) == QUANTITIES


def test_every_must_be_a_count():
    with pytest.raises(ValueError, match="Diagnostics: every must be at least 1, got 0"):
        Diagnostics(every=0)
    with pytest.raises(TypeError, match=r"Diagnostics: every must be a whole number, got 2\.5"):
        Diagnostics(every=2.5)
    assert type(Diagnostics(np.int64(3)).every) is int
