"""What rules do where numbers end, one case a test; `test_scales` draws them by the thousand."""

import copy
import math
import time
from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import pytest

from optimizers import SGD, Adadelta, Adagrad, Adam, AdamW, Lion, NAdam, RMSprop, ranges


def held(parameters, gradients):
    return SimpleNamespace(parameters=parameters, gradients=gradients)


RULES = [SGD(0.1), SGD(0.1, momentum=0.9), Adam(), AdamW(), NAdam(), RMSprop(centered=True), Adagrad(), Adadelta()]
RULES += [Lion(), Lion(weight_decay=0.1), Adam(clip_norm=1.0)]
every_rule = pytest.mark.parametrize("rule", RULES, ids=repr)


def refused(optimizer, model, match, error=ValueError):
    """See that a step is refused, and nothing has changed."""
    before, state, norm = model.parameters.copy(), optimizer.state_dict(), optimizer.gradient_norm
    with pytest.raises(error, match=match):
        optimizer.step(model)
    np.testing.assert_array_equal(model.parameters, before)
    after = optimizer.state_dict()
    assert after.keys() == state.keys()
    assert all(np.array_equal(after[name], state[name]) for name in state)
    assert optimizer.gradient_norm == norm


@every_rule
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("size", [7, 5000, 140_000])
def test_gradients_that_are_not_finite_are_refused(rule, bad, size):
    optimizer, model = copy.deepcopy(rule), held(np.ones(size, np.float32), np.ones(size, np.float32))
    model.layout = {"first": slice(0, 3), "second": slice(3, size)}
    optimizer.step(model)
    model.gradients[-2] = bad
    refused(optimizer, model, r"gradients must be finite, got (nan|inf) in \['second'\]$")
    model.gradients[-2] = 1
    optimizer.step(model)


def test_a_gradient_whose_square_float32_cannot_hold_is_refused_or_clipped():
    model = held(np.zeros(2, np.float32), np.array([1e25, 1.0], np.float32))
    refused(Adam(0.1), model, r"a step must not overflow float32, got gradients of up to 1e\+25, .*clip_norm would")
    Adam(0.1, clip_norm=1.0).step(model)
    np.testing.assert_allclose(model.parameters, [-0.1, -1e-18], rtol=1e-6)
    model.gradients[:] = [1e38, 1.0]
    SGD(1e-30).step(model)  # no square is needed here
    np.testing.assert_allclose(model.parameters[0], -1e8, rtol=1e-6)


@pytest.mark.parametrize(("dtype", "top"), [(np.float32, 3e38), (np.float64, 1e308)])
def test_a_gradient_is_clipped_to_a_length_far_below(dtype, top):
    least = float(np.finfo(dtype).tiny)
    model = held(np.zeros(2, dtype), np.array([-top, top / 2], dtype))
    SGD(1.0, clip_norm=least * 1e3).step(model)
    np.testing.assert_allclose(
        model.parameters / (least * 1e3), [0.8**0.5, -(0.2**0.5)], rtol=50 * float(np.finfo(dtype).eps)
    )


@every_rule
def test_float16_is_refused_by_name(rule):
    model = held(np.zeros(2, np.float16), np.ones(2, np.float16))
    refused(copy.deepcopy(rule), model, "parameters must be float32 or wider, got float16", TypeError)


@every_rule
def test_longdouble_is_as_good(rule):
    wide, plain = (held(np.ones(3, dtype), np.array([0.5, -2, 1e-3], dtype)) for dtype in (np.longdouble, np.float64))
    first, second = copy.deepcopy(rule), copy.deepcopy(rule)
    for _ in range(3):
        first.step(wide), second.step(plain)
    assert wide.parameters.dtype == np.longdouble
    np.testing.assert_allclose(wide.parameters.astype(float), plain.parameters, rtol=1e-14)


@every_rule
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_state_of_any_memory_goes_on_as_its_numbers_do(rule, dtype):
    model = held(np.ones(6, dtype), np.cos(np.arange(6)).astype(dtype))
    optimizer = copy.deepcopy(rule)
    optimizer.step(model)
    state, start = optimizer.state_dict(), model.parameters.copy()
    optimizer.step(model)
    changes = {
        "reversed": lambda v: v[::-1].copy()[::-1],
        "big-endian": lambda v: v.astype(v.dtype.newbyteorder(">")),
        "strided": lambda v: np.repeat(v, 2)[::2],
        "fortran": lambda v: np.asfortranarray(np.stack([v, v]))[0],
        "wide": lambda v: v.astype(np.float64),
    }
    for change in changes.values():
        other, twin = copy.deepcopy(rule), held(start.copy(), model.gradients)
        loaded = {name: change(v) if isinstance(v, np.ndarray) else v for name, v in state.items()}
        for vector in loaded.values():
            if isinstance(vector, np.ndarray):
                vector.setflags(write=False)
        other.load_state_dict(loaded)
        other.step(twin)
        np.testing.assert_array_equal(twin.parameters, model.parameters)
        assert {v.dtype for v in other.state_dict().values() if isinstance(v, np.ndarray)} <= {np.dtype(dtype)}


def test_a_state_that_the_dtype_cannot_hold_is_refused():
    optimizer = Adam()
    with pytest.raises(ValueError, match="square_sum must hold finite numbers, got inf"):
        optimizer.load_state_dict({"steps": 1, "gradient_sum": np.zeros(2), "square_sum": np.array([0, np.inf])})
    optimizer.load_state_dict({"steps": 1, "gradient_sum": np.zeros(2), "square_sum": np.array([0, 1e60])})
    refused(optimizer, held(np.zeros(2, np.float32), np.ones(2, np.float32)), r"square_sum must fit float32, got numb")


@pytest.mark.parametrize("given", [np.float64(0.1), np.float32(0.1), np.array(0.1), 1, np.int64(1)])
def test_whatever_number_a_schedule_gives_float32_stays(given):
    model = held(np.zeros(2, np.float32), np.ones(2, np.float32))
    for rule in (SGD, Adam, NAdam):
        rule(lambda step: given).step(model)
    assert model.parameters.dtype == np.float32


@pytest.mark.parametrize(
    ("rule", "match"),
    [
        (Adam(epsilon=1e-50), "epsilon must be at least 3.1e-16 in float32, got 1e-50"),
        (Adadelta(epsilon=1e-20), "epsilon must be at least .* in float32"),
        (Adam(beta2=1 - 1e-12), "beta2 must be below 1 in float32 too, got 0.99"),
        (SGD(1, clip_norm=1e-50), "clip_norm must be at least 1.2e-38 in float32, got 1e-50"),
    ],
)
def test_an_option_that_float32_cannot_hold_is_refused(rule, match):
    refused(rule, held(np.zeros(2, np.float32), np.ones(2, np.float32)), match)


@pytest.mark.parametrize(
    "options", [{}, {"beta1": 0.99999}, {"beta1": 0.99999, "momentum_decay": 1e-7}, {"beta1": 0.0}]
)
def test_nadam_at_any_step_computes_its_product_at_once(options):
    optimizer, model = NAdam(**options), held(np.zeros(2), np.ones(2))
    state = {"gradient_sum": np.ones(2), "square_sum": np.ones(2)}
    optimizer.load_state_dict({"steps": 20_000_000, **state})
    start = time.perf_counter()
    optimizer.step(model)
    assert time.perf_counter() - start < 0.5
    assert np.isfinite(model.parameters).all()


def test_the_product_of_nadam_is_that_of_its_factors_and_resumes_exactly():
    options = {"beta1": 0.9999, "momentum_decay": 0.5}
    steady, model = NAdam(**options), held(np.zeros(1), np.ones(1))
    product = 1.0
    for t in range(1, 2501):
        product *= 0.9999 * (1 - 0.5 * 0.96 ** (t * 0.5))
        steady.step(model)
        if t in (1000, 1024, 1025, 2500):
            np.testing.assert_allclose(steady._product, (t, product), rtol=1e-12)
            other, twin = NAdam(**options), held(model.parameters.copy(), model.gradients)
            other.load_state_dict(steady.state_dict())
            again = copy.deepcopy(steady)
            again.step(held(model.parameters.copy(), model.gradients))
            other.step(twin)
            assert other._product == again._product


@pytest.mark.parametrize("beta", [0.0, 0.9, 0.999, 1 - 1e-9, 1 - 1e-13])
@pytest.mark.parametrize("t", [1, 2, 1000, 10**9])
def test_bias_corrections_have_all_their_digits(beta, t):
    exact = 1 - Fraction(beta) ** t if t <= 2 else -math.expm1(t * math.log1p(beta - 1)) if beta else 1.0
    assert ranges.weights_of(beta, t) == pytest.approx(float(exact), rel=1e-12 if beta < 0.999999 else 1e-15)
