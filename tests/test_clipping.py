"""Gradients that are cut to a length, or one by one, before a rule sees them."""

import math

import numpy as np
import pytest

from layers import Dense, Embedding, ReLU, Sequential
from optimizers import SGD, Adam, AdamW, Lion, Optimizer, blocks


def vector(gradients, dtype=np.float64):
    """Return a model of zeros with these gradients."""
    model = Sequential([Embedding(len(gradients), 1)], dtype=dtype)
    model.parameters, model.gradients = np.zeros(len(gradients)), gradients
    return model


def network():
    model = Sequential([Dense(2, 2), ReLU(), Dense(2, 1)], dtype=np.float64)  # 0: 4 + 2 numbers, 2: 2 + 1
    model.parameters, model.gradients = np.zeros(9), np.arange(9.0)
    return model


def step(gradients, dtype=np.float64, **options):
    """Return the change by a step of SGD at a rate of 1, which is minus the gradients, and the optimizer."""
    model, optimizer = vector(gradients, dtype), SGD(1.0, **options)
    optimizer.step(model)
    np.testing.assert_array_equal(model.gradients, np.asarray(gradients, dtype))  # only the rule sees them clipped
    return model.parameters, optimizer


# ---- by norm ---------------------------------------------------------------------------------------------------------


def test_a_longer_gradient_is_shortened_to_the_norm():
    # norm 13, shortened to 6.5: halved
    change, optimizer = step([3.0, -4.0, 12.0], clip_norm=6.5)
    np.testing.assert_array_equal(change, [-1.5, 2.0, -6.0])
    assert optimizer.gradient_norm == 13.0


@pytest.mark.parametrize("clip_norm", [13, 13.5, 1e300])
def test_a_shorter_gradient_is_left_alone(clip_norm):
    change, optimizer = step([3.0, -4.0, 12.0], clip_norm=clip_norm)
    np.testing.assert_array_equal(change, [-3.0, 4.0, -12.0])
    assert optimizer.gradient_norm == 13.0


def test_the_norm_is_that_of_all_arrays_together():
    # 0² + 1² + ... + 8² = 204
    model, optimizer = network(), SGD(1.0, clip_norm=1.0)
    optimizer.step(model)
    assert optimizer.gradient_norm == pytest.approx(204**0.5, rel=1e-15)
    np.testing.assert_allclose(model.parameters, -np.arange(9) / 204**0.5, rtol=1e-15)


def test_frozen_arrays_do_not_count():
    # without 2.weights (6 and 7): 204 - 36 - 49 = 119
    model, optimizer = network(), SGD(1.0, clip_norm=1.0, frozen=("2.weights",))
    model[2].dweights = [[np.nan], [np.inf]]
    optimizer.step(model)
    assert optimizer.gradient_norm == pytest.approx(119**0.5, rel=1e-15)
    np.testing.assert_allclose(model[2].bias, [-8 / 119**0.5], rtol=1e-15)


def test_the_norm_is_none_where_nobody_computes_it():
    optimizer = SGD(1.0)
    assert optimizer.gradient_norm is None
    optimizer.step(vector([1.0, 2.0]))
    assert optimizer.gradient_norm is None


def test_the_norm_is_of_the_last_step():
    model, optimizer = vector([3.0, 4.0]), SGD(1.0, clip_norm=1.0)
    optimizer.step(model)
    model.gradients = [0.0, 2.0]
    optimizer.step(model)
    assert optimizer.gradient_norm == 2.0
    optimizer.clip_norm = None
    optimizer.step(model)
    assert optimizer.gradient_norm is None


def test_zero_gradients_have_the_norm_zero():
    change, optimizer = step([0.0, 0.0], clip_norm=1.0)
    np.testing.assert_array_equal(change, [0, 0])
    assert optimizer.gradient_norm == 0.0


def test_a_model_without_parameters_has_the_norm_zero():
    optimizer = SGD(1.0, clip_norm=1.0)
    optimizer.step(Sequential([ReLU()]))
    assert optimizer.gradient_norm == 0.0


@pytest.mark.parametrize("size", [1e30, 1e-30])
def test_squares_beyond_float32_are_added_up(size):
    # 9e60 and 9e-60 have no place in float32; the rounding of 3e30 to it does: 6e-8
    change, optimizer = step([3 * size, 4 * size], dtype=np.float32, clip_norm=size)
    assert optimizer.gradient_norm == pytest.approx(5 * size, rel=1e-7)
    np.testing.assert_allclose(change, [-0.6 * size, -0.8 * size], rtol=3e-7)


@pytest.mark.parametrize("size", [1e200, 1e-200, 1e-320])
def test_squares_beyond_float64_are_added_up(size):
    change, optimizer = step([3 * size, 4 * size], clip_norm=1e100)
    tolerance = 1e-15 if size > 1e-300 else 1e-3  # below 2e-308 numbers have few digits
    assert optimizer.gradient_norm == pytest.approx(5 * size, rel=tolerance, abs=0)
    if size > 1:
        np.testing.assert_allclose(change, [-6e99, -8e99], rtol=1e-15)


def test_the_norm_of_float32_has_the_digits_of_float64(rng):
    gradients = rng.normal(size=10_000).astype(np.float32)
    exact = math.sqrt(math.fsum(float(gradient) ** 2 for gradient in gradients))
    _, optimizer = step(gradients, dtype=np.float32, clip_norm=1.0)
    assert optimizer.gradient_norm == pytest.approx(exact, rel=1e-14)


def test_the_norm_is_the_same_for_any_number_of_threads(monkeypatch, rng):
    gradients = rng.normal(size=1000)
    monkeypatch.setattr(blocks, "BLOCK", 7)
    alone = step(gradients, clip_norm=1.0)[1].gradient_norm
    monkeypatch.setattr(blocks, "LONG", 0)
    for threads in (2, 3):
        monkeypatch.setattr(blocks, "THREADS", threads)
        assert step(gradients, clip_norm=1.0)[1].gradient_norm == alone


def test_momentum_sees_the_clipped_gradients():
    # clipped to 1: velocity -1, then -0.5 - 1
    model, optimizer = vector([8.0]), SGD(1.0, momentum=0.5, clip_norm=1.0)
    optimizer.step(model)
    optimizer.step(model)
    np.testing.assert_array_equal(model.parameters, [-2.5])


def test_weight_decay_is_added_after_clipping():
    # gradient 8 clipped to 1, and 0.5 * 4: x = 4 - (1 + 2)
    for options in ({"clip_norm": 1.0}, {"clip_value": 1.0}):
        model = vector([8.0])
        model.parameters = [4.0]
        SGD(1.0, weight_decay=0.5, **options).step(model)
        np.testing.assert_array_equal(model.parameters, [1.0])


# ---- by value --------------------------------------------------------------------------------------------------------


def test_each_gradient_is_cut_to_the_value():
    change, optimizer = step([3.0, -4.0, 12.0, -0.5], clip_value=3.5)
    np.testing.assert_array_equal(change, [-3.0, 3.5, -3.5, 0.5])
    assert optimizer.gradient_norm == pytest.approx((9 + 16 + 144 + 0.25) ** 0.5, rel=1e-15)  # before it was cut


def test_the_norm_first_and_then_the_value():
    # norm 13, halved to 1.5, -2, 6, of which one is too large still
    change, _ = step([3.0, -4.0, 12.0], clip_norm=6.5, clip_value=5)
    np.testing.assert_array_equal(change, [-1.5, 2.0, -5.0])


# ---- every rule ------------------------------------------------------------------------------------------------------


def test_lion_and_adam_forget_the_length_of_the_first_gradient():
    # Their first step has the length of the rate, clipped or not; the second tells what was remembered.
    for rule in (Adam, AdamW, Lion):
        model, twin = vector([8.0, -6.0]), vector([0.8, -0.6])
        clipped, plain = rule(0.1, clip_norm=1.0), rule(0.1)
        for gradients in ([8.0, -6.0], [0.1, 0.2]):
            model.gradients = gradients
            twin.gradients = np.array(gradients) / (10 if gradients[0] > 1 else 1)
            clipped.step(model)
            plain.step(twin)
        np.testing.assert_allclose(model.parameters, twin.parameters, rtol=1e-14)


# ---- bad input -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("options", [{"clip_norm": 1.0}, {"clip_value": 1.0}])
def test_gradients_that_are_not_finite_are_refused_and_nothing_changes(bad, options):
    model, optimizer = network(), Adam(0.1, **options)
    optimizer.step(model)
    before, state = model.parameters.copy(), optimizer.state_dict()
    model[2].dweights = [[1.0], [bad]]
    with pytest.raises(
        ValueError,
        match=r"^Adam\(.*\): gradients must be finite, got (nan|inf) in \['2\.weights'\]$",
    ):
        optimizer.step(model)
    np.testing.assert_array_equal(model.parameters, before)
    after = optimizer.state_dict()
    assert after.keys() == state.keys()
    assert all(np.array_equal(after[name], state[name]) for name in state)


@pytest.mark.parametrize("option", ["clip_norm", "clip_value"])
@pytest.mark.parametrize("bad", [0, 0.0, -1, np.nan, np.inf])
def test_a_limit_that_is_not_above_zero_is_refused(option, bad):
    with pytest.raises(ValueError, match=rf"^SGD: {option} must be finite and > 0, got {bad}$"):
        SGD(0.1, **{option: bad})


@pytest.mark.parametrize("option", ["clip_norm", "clip_value"])
@pytest.mark.parametrize("bad", ["1", True, [1.0]])
def test_a_limit_that_is_no_number_is_refused(option, bad):
    with pytest.raises(TypeError, match=rf"^SGD: {option} must be a number, got "):
        SGD(0.1, **{option: bad})


def test_an_option_that_does_not_exist_is_refused():
    with pytest.raises(TypeError, match="unexpected keyword argument 'clipnorm': did you mean clip_norm"):
        Adam(0.1, clipnorm=1.0)


def test_a_rule_of_ones_own_has_all_options():
    class Signs(Optimizer):
        def _update(self, parameters, gradients, rate, scratch):
            parameters -= np.multiply(np.sign(gradients), rate, out=scratch[0])

    model, optimizer = network(), Signs(1.0, clip_norm=1.0, frozen=("0",))
    assert repr(optimizer) == "Signs(1, frozen=('0',), clip_norm=1)"
    optimizer.step(model)
    np.testing.assert_array_equal(model.parameters, [0] * 6 + [-1] * 3)
