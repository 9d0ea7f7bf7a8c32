import numpy as np
import pytest

from layers import Dense, Dropout, ReLU, Sequential
from losses import SoftmaxCrossEntropy
from optimizers import SGD
from training import digits, learning_rate_range_test, overfit_one_batch

X, Y = digits()


def network(**options):
    return Sequential([Dense(64, 64), ReLU(), Dropout(0.0), Dense(64, 10)], rng=0, **options)


class BlindReLU(ReLU):
    """A mistake that shape tests do not see: nothing comes through."""

    def forward(self, x):
        return 0 * super().forward(x)


def test_a_sound_network_learns_one_batch_by_heart():
    verdict = overfit_one_batch(network(), SoftmaxCrossEntropy(), SGD(0.3, momentum=0.9), X[:20], Y[:20])
    assert verdict
    assert verdict.reason.startswith("the loss of one batch fell from 2.")
    assert len(verdict.losses) == 201
    assert verdict.losses[-1] < 0.01


def test_a_broken_network_does_not():
    model = Sequential([Dense(64, 64), BlindReLU(), Dense(64, 10)], rng=0)
    verdict = overfit_one_batch(model, SoftmaxCrossEntropy(), SGD(0.3), X[:20], Y[:20])
    assert not verdict
    assert "look for a mistake in a layer, the loss or the labels" in str(verdict)


def test_a_rate_that_explodes_is_said():
    verdict = overfit_one_batch(network(), SoftmaxCrossEntropy(), SGD(1e9), X[:20], Y[:20])
    assert not verdict
    assert "the learning rate is too large" in verdict.reason


@pytest.mark.parametrize("check", [overfit_one_batch, learning_rate_range_test])
def test_model_and_optimizer_stay_as_they_were(check):
    model, optimizer = network(), SGD(0.3, momentum=0.9)
    model.backward(np.ones_like(model.forward(X[:4])))
    optimizer.step(model)
    parameters, gradients, state = model.parameters.copy(), model.gradients.copy(), optimizer.state_dict()
    check(model, SoftmaxCrossEntropy(), optimizer, X[:200], Y[:200])
    np.testing.assert_array_equal(model.parameters, parameters)
    np.testing.assert_array_equal(model.gradients, gradients)
    assert optimizer.steps == 1
    assert optimizer.learning_rate == 0.3
    np.testing.assert_array_equal(optimizer.state_dict()["velocity"], state["velocity"])


def test_the_suggested_rate_trains_and_the_highest_explodes():
    found = learning_rate_range_test(network(), SoftmaxCrossEntropy(), SGD(1.0, momentum=0.9), X, Y, rng=0)
    assert found
    assert 0.01 < found.suggestion < 1
    assert len(found.rates) == len(found.losses) == len(found.smooth) < 150
    assert found.smooth[-1] > 4 * min(found.smooth) or not np.isfinite(found.losses[-1])
    assert overfit_one_batch(network(), SoftmaxCrossEntropy(), SGD(found.suggestion), X[:20], Y[:20])


def test_the_same_seed_gives_the_same_test():
    first, again = (
        learning_rate_range_test(network(), SoftmaxCrossEntropy(), SGD(1.0), X, Y, steps=60, rng=5) for _ in range(2)
    )
    assert first.losses == again.losses


def test_rates_that_are_all_too_low():
    found = learning_rate_range_test(network(), SoftmaxCrossEntropy(), SGD(1.0), X, Y, low=1e-9, high=1e-7, rng=0)
    assert not found
    assert found.suggestion is None
    assert "never fell by a tenth" in found.reason


def test_a_range_test_draws_itself():
    found = learning_rate_range_test(network(), SoftmaxCrossEntropy(), SGD(1.0), X, Y, rng=0)
    figure = found.plot()
    assert figure.axes[0].get_xscale() == "log"
    assert f"suggested: {found.suggestion:.2g}" in [text.get_text() for text in figure.legends[0].get_texts()]


def test_a_range_test_whose_first_loss_is_infinite_has_a_picture_too():
    model = network()
    model[0].weights[:] = 1e38
    found = learning_rate_range_test(model, SoftmaxCrossEntropy(), SGD(1.0), X, Y, rng=0)
    assert (found.losses, bool(found)) == ([], False)
    assert found.plot().axes[0].get_xlabel() == "learning rate"


@pytest.mark.parametrize(
    ("check", "options", "message"),
    [
        (overfit_one_batch, {"steps": 0}, "overfit_one_batch: steps must be at least 1, got 0"),
        (overfit_one_batch, {"target": 1.0}, r"target must be in \(0, 1\), got 1.0"),
        (learning_rate_range_test, {"steps": 49}, "learning_rate_range_test: steps must be at least 50, got 49"),
        (learning_rate_range_test, {"low": 1.0, "high": 0.1}, "rates must be 0 < low < high, got 1.0 and 0.1"),
        (learning_rate_range_test, {"high": np.inf}, "high must be finite and > 0, got inf"),
        (learning_rate_range_test, {"batch_size": 0}, "learning_rate_range_test: batch_size must be at least 1, got 0"),
        (overfit_one_batch, {"target": np.nan}, "target must be finite, got nan"),
        (learning_rate_range_test, {"low": 0.0}, "low must be finite and > 0, got 0.0"),
    ],
)
def test_wrong_arguments(check, options, message):
    with pytest.raises(ValueError, match=message):
        check(network(), SoftmaxCrossEntropy(), SGD(0.1), X, Y, **options)
