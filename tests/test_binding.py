"""An optimizer serves one model, and remembers it without keeping it alive."""

import copy
import gc
import pickle
import weakref
from types import SimpleNamespace

import numpy as np
import pytest

from layers import Dense, ReLU, Sequential
from losses import MeanSquaredError
from optimizers import SGD, Adam, CosineDecay
from training import fit, load, save

ANOTHER = r"model must be the one that it has made steps for, got another one; make a new optimizer, or reset\(\) this"


def network(seed=0):
    model = Sequential([Dense(2, 3), ReLU(), Dense(3, 1)], rng=seed)
    model.gradients = np.sin(np.arange(model.gradients.size))
    return model


@pytest.mark.parametrize("make", [lambda: SGD(0.1), lambda: SGD(0.1, momentum=0.9), lambda: Adam(0.1)])
def test_a_second_model_is_refused_and_nothing_changes(make):
    optimizer, first, second = make(), network(), network(1)
    optimizer.step(first)
    state, before = optimizer.state_dict(), second.parameters.copy()
    with pytest.raises(ValueError, match=ANOTHER):
        optimizer.step(second)
    np.testing.assert_array_equal(second.parameters, before)
    for name, value in optimizer.state_dict().items():
        np.testing.assert_array_equal(value, state[name])
    optimizer.step(first)
    assert optimizer.steps == 2


def test_a_model_that_is_no_more_was_one_too():
    optimizer = SGD(0.1)
    optimizer.step(network())
    gc.collect()
    with pytest.raises(ValueError, match=ANOTHER):
        optimizer.step(network())


def test_the_optimizer_does_not_keep_its_model_alive():
    optimizer, model = Adam(0.1), network()
    optimizer.step(model)
    watch = weakref.ref(model)
    del model
    gc.collect()
    assert watch() is None


def test_a_step_that_is_refused_binds_to_nothing():
    optimizer, model = SGD(0.1), network()
    model.gradients[0] = np.nan
    with pytest.raises(ValueError, match="finite"):
        optimizer.step(model)
    optimizer.step(network(1))
    assert optimizer.steps == 1


def test_reset_makes_it_as_new():
    used, new = Adam(CosineDecay(0.1, steps=3), clip_norm=1.0), Adam(CosineDecay(0.1, steps=3), clip_norm=1.0)
    first, second, third = network(), network(1), network(1)
    for _ in range(5):
        used.step(first)
    used.reset()
    assert used.state_dict() == {"steps": 0}
    assert used.gradient_norm is None
    for _ in range(3):
        used.step(second)
        new.step(third)
    np.testing.assert_array_equal(second.parameters, third.parameters)


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda o: pickle.loads(pickle.dumps(o))])
def test_a_copy_serves_the_model_of_its_next_step(copied):
    optimizer, model = SGD(0.1, momentum=0.9), network()
    optimizer.step(model)
    other, twin = copied(optimizer), copy.deepcopy(model)
    other.step(twin)
    optimizer.step(model)
    np.testing.assert_array_equal(twin.parameters, model.parameters)
    with pytest.raises(ValueError, match=ANOTHER):
        other.step(model)


def test_a_loaded_optimizer_serves_the_model_of_its_next_step(tmp_path):
    optimizer, model, other = SGD(0.1, momentum=0.9), network(), network(1)
    optimizer.step(model)
    save(tmp_path / "a.npz", model, optimizer=optimizer)
    load(tmp_path / "a.npz", other, optimizer=optimizer)
    optimizer.step(other)
    assert optimizer.steps == 2


def test_another_object_around_the_same_vector_is_the_same_model():
    optimizer, parameters = SGD(0.1), np.ones(3)
    for _ in range(2):
        optimizer.step(SimpleNamespace(parameters=parameters, gradients=np.ones(3)))
    np.testing.assert_allclose(parameters, 0.8)


def test_a_model_that_knows_no_weak_references_will_do():
    class Slotted:
        __slots__ = ("gradients", "parameters")

        def __init__(self):
            self.parameters, self.gradients = np.ones(3), np.ones(3)

    optimizer, model = SGD(0.1), Slotted()
    optimizer.step(model)
    optimizer.step(model)
    with pytest.raises(ValueError, match=ANOTHER):
        optimizer.step(Slotted())


def test_fit_says_so_before_training():
    x, optimizer, first, second = np.ones((4, 2)), Adam(0.1), network(), network(1)
    y = np.ones((4, 1))
    history = fit(first, MeanSquaredError(), optimizer, x, y, epochs=2, verbose=False)
    assert len(history) == 3
    fit(first, MeanSquaredError(), optimizer, x, y, epochs=2, verbose=False)
    before = second.parameters.copy()
    with pytest.raises(ValueError, match=ANOTHER) as caught:
        fit(second, MeanSquaredError(), optimizer, x, y, epochs=2, verbose=False)
    assert not hasattr(caught.value, "history")  # it had not begun
    np.testing.assert_array_equal(second.parameters, before)
