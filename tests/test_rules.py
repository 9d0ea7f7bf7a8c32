"""What holds for every rule, whatever its formula."""

import copy
import pickle
import tracemalloc
from types import SimpleNamespace

import numpy as np
import pytest

import optimizers
from layers import Dense, Embedding, ReLU, Sequential
from optimizers import SGD, Adadelta, Adagrad, Adam, AdamW, Lion, NAdam, Optimizer, RMSprop, blocks

RULES = [
    SGD(0.1),
    SGD(0.1, momentum=0.9, weight_decay=0.01),
    SGD(0.1, momentum=0.9, nesterov=True),
    Adam(0.1),
    Adam(0.1, amsgrad=True, weight_decay=0.01, clip_norm=3.0),
    AdamW(0.1, clip_value=0.5),
    NAdam(0.1),
    RMSprop(0.1),
    RMSprop(0.1, momentum=0.9, centered=True),
    Adagrad(0.1),
    Adadelta(),
    Lion(0.1, weight_decay=0.01),
]
every_rule = pytest.mark.parametrize("rule", RULES, ids=repr)


def vector(size=50, dtype=np.float64):
    """Return a model that is nothing but a vector of this size."""
    model = Sequential([Embedding(size, 1)], dtype=dtype)
    model.parameters = np.cos(np.arange(size))
    return model


def network():
    model = Sequential([Dense(4, 5), ReLU(), Dense(5, 3)], dtype=np.float64, rng=0)
    model.parameters += 0.5
    return model


def train(optimizer, model, steps):
    """Make this many steps, with gradients that depend on the parameters and on the step."""
    for _ in range(steps):
        model.gradients = np.sin(3 * model.parameters + optimizer.steps + np.arange(model.parameters.size))
        optimizer.step(model)
    return model.parameters.copy()


def fresh(rule):
    return copy.deepcopy(rule)


def test_every_public_rule_is_here():
    public = {thing for thing in vars(optimizers).values() if isinstance(thing, type) and issubclass(thing, Optimizer)}
    missing = {rule.__name__ for rule in public - {Optimizer} - {type(rule) for rule in RULES}}
    assert sorted(missing) == [], "write a row for each in RULES of tests/test_rules.py"


@every_rule
def test_it_makes_a_loss_small(rule):
    # sum(x²) / 2, whose gradient is x; the slowest, Adadelta, starts with steps of 0.001
    model, optimizer = vector(), fresh(rule)
    before = np.sum(model.parameters**2)
    for _ in range(100):
        model.gradients = model.parameters
        optimizer.step(model)
    assert np.sum(model.parameters**2) < 0.9 * before


@every_rule
def test_it_changes_neither_the_gradients_nor_their_memory(rule):
    model, optimizer = vector(), fresh(rule)
    model.gradients = np.arange(50.0)
    model.gradients.setflags(write=False)
    optimizer.step(model)
    np.testing.assert_array_equal(model.gradients, np.arange(50.0))


@every_rule
def test_float32_stays_float32(rule):
    model, optimizer = vector(dtype=np.float32), fresh(rule)
    train(optimizer, model, 3)
    assert model.parameters.dtype == np.float32
    assert {value.dtype for value in optimizer.state_dict().values() if isinstance(value, np.ndarray)} <= {
        np.dtype(np.float32)
    }


@every_rule
def test_blocks_change_no_digit(rule, monkeypatch):
    expected = train(fresh(rule), vector(), 5)
    monkeypatch.setattr(blocks, "BLOCK", 7)  # 50 = 7 * 7 + 1
    optimizer, model = fresh(rule), vector()
    if optimizer.clip_norm:  # the norm is added up block by block, and so differs in its last digits
        np.testing.assert_allclose(train(optimizer, model, 5), expected, rtol=1e-12)
    else:
        np.testing.assert_array_equal(train(optimizer, model, 5), expected)


@every_rule
def test_threads_change_no_digit(rule, monkeypatch):
    monkeypatch.setattr(blocks, "BLOCK", 7)
    expected = train(fresh(rule), vector(), 5)
    monkeypatch.setattr(blocks, "LONG", 0)
    monkeypatch.setattr(blocks, "THREADS", 3)
    np.testing.assert_array_equal(train(fresh(rule), vector(), 5), expected)


@every_rule
def test_a_step_allocates_no_vector_as_long_as_the_parameters(rule, monkeypatch):
    monkeypatch.setattr(blocks, "BLOCK", 1000)
    monkeypatch.setattr("optimizers.optimizer.BLOCK", 1000)
    monkeypatch.setattr("optimizers.ranges.BLOCK", 1000)
    monkeypatch.setattr(blocks, "LONG", 10**9)
    model, optimizer = vector(100_000, np.float32), fresh(rule)
    train(optimizer, model, 1)  # the first step makes the state
    tracemalloc.start()
    try:
        optimizer.step(model)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # Three blocks of scratch, one of them in float64 for the norm: 16 kB. A vector is 400 kB.
    assert peak < 40_000


@every_rule
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_state_goes_on_exactly(rule, dtype):
    expected = train(fresh(rule), vector(dtype=dtype), 12)
    first, model = fresh(rule), vector(dtype=dtype)
    train(first, model, 5)
    second = fresh(rule)
    second.load_state_dict(first.state_dict())
    np.testing.assert_array_equal(train(second, model, 7), expected)


@every_rule
def test_a_copy_goes_on_exactly(rule):
    first, model = fresh(rule), vector()
    train(first, model, 5)
    for second in (copy.deepcopy(first), pickle.loads(pickle.dumps(first))):
        np.testing.assert_array_equal(train(second, copy.deepcopy(model), 3), train(fresh_at(first), twin(model), 3))


def fresh_at(optimizer):
    other = eval(repr(optimizer))
    other.load_state_dict(optimizer.state_dict())
    return other


def twin(model):
    other = vector(model.parameters.size)
    other.parameters = model.parameters
    return other


@every_rule
def test_repr_is_what_one_would_type(rule):
    assert repr(eval(repr(rule))) == repr(rule)
    same = vars(eval(repr(rule)))
    assert all(same[name] == value for name, value in vars(rule).items() if name in same and not name.startswith("_"))


@every_rule
def test_frozen_arrays_stay_with_their_state(rule):
    model, optimizer = network(), fresh(rule)
    optimizer.frozen = ("0", "2.bias")
    before = model.state_dict()
    train(optimizer, model, 3)
    for name, array in model.state_dict().items():
        assert np.array_equal(array, before[name]) == (name != "2.weights")
    for name in optimizer.state_names:
        state = optimizer.state_dict()[name]
        for array, here in model.layout.items():
            assert np.any(state[here]) == (array == "2.weights")


@every_rule
def test_frozen_leaves_the_others_as_if_they_were_alone(rule):
    # parameters 20 to 24 and 40 to 42 of the vector are the two biases
    whole, part, optimizer = network(), vector(3), fresh(rule)
    optimizer.frozen = ("weights", "0")
    part.parameters = whole[2].bias
    alone = fresh(rule)
    for step in range(3):
        whole.gradients = np.cos(np.arange(43.0) + step)
        part.gradients = whole[2].dbias
        optimizer.step(whole)
        alone.step(part)
    np.testing.assert_array_equal(whole[2].bias, part.parameters)


@every_rule
def test_exclude_is_no_weight_decay(rule):
    with_decay, without = fresh(rule), fresh(rule)
    with_decay.weight_decay, without.weight_decay = 0.25, 0.0
    with_decay.exclude = ("2", "bias")
    with_decay.clip_norm = without.clip_norm = None  # the last digit of a norm depends on where the blocks end
    first, second = network(), network()
    for step in range(3):
        for model, optimizer in ((first, with_decay), (second, without)):
            model.gradients = np.cos(np.arange(43.0) + step)  # the same for both
            optimizer.step(model)
    for name, array in first.state_dict().items():
        assert np.array_equal(array, second.state_dict()[name]) == (name != "0.weights")


@every_rule
def test_a_schedule_is_asked_at_each_step(rule):
    # twice the rate, twice the step; at the first step no rule depends on the rates before
    steps = []
    for factor in (1.0, 2.0):
        model, optimizer = vector(), fresh(rule)
        optimizer.weight_decay = 0.0
        optimizer.learning_rate = lambda step, factor=factor: factor * 0.125 / (step + 1)
        before = model.parameters.copy()
        train(optimizer, model, 1)
        steps.append(model.parameters - before)
    np.testing.assert_allclose(steps[1], 2 * steps[0], rtol=1e-9)


@every_rule
def test_an_older_state_goes_on_from_there(rule):
    optimizer, model = fresh(rule), vector()
    train(optimizer, model, 5)
    state, parameters = optimizer.state_dict(), model.parameters.copy()
    expected = train(optimizer, model, 7)
    optimizer.load_state_dict(state)
    model.parameters = parameters
    np.testing.assert_array_equal(train(optimizer, model, 7), expected)


@every_rule
def test_the_state_takes_the_dtype_of_the_model(rule):
    optimizer = fresh(rule)
    train(optimizer, vector(), 2)
    optimizer.load_state_dict(optimizer.state_dict())  # so that it serves another model
    train(optimizer, vector(dtype=np.float32), 1)
    assert {value.dtype for value in optimizer.state_dict().values() if isinstance(value, np.ndarray)} <= {
        np.dtype(np.float32)
    }


@every_rule
def test_a_model_is_two_vectors(rule):
    optimizer, model = fresh(rule), SimpleNamespace(parameters=vector().parameters, gradients=np.zeros(50))
    np.testing.assert_array_equal(train(optimizer, model, 3), train(fresh(rule), vector(), 3))


def test_a_variance_that_is_rounded_below_zero_makes_no_nan():
    # After 100 steps mean_square - mean² of constants is 0 up to rounding, for some of them below.
    model, optimizer = vector(dtype=np.float32), RMSprop(1e-9, rho=0.5, centered=True)
    model.gradients = np.linspace(0.1, 0.9)
    for _ in range(100):
        optimizer.step(model)
    state = optimizer.state_dict()
    assert np.any(state["mean_square"] < state["mean"] ** 2)
    assert np.all(np.isfinite(model.parameters))
