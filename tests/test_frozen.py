"""Layers and arrays that are left as they are."""

import numpy as np
import pytest

from layers import Dense, ReLU, Residual, Sequential
from optimizers import SGD, Adam, AdamW


def network():
    model = Sequential([Dense(3, 4), ReLU(), Residual([Dense(4, 4)]), Dense(4, 2)], dtype=np.float64)
    model.parameters, model.gradients = np.ones(model.parameters.size), np.ones(model.parameters.size)
    return model


def moved(model, optimizer):
    """Return the names of the arrays that a step changes; of a changed array it changes every number."""
    before = model.state_dict()
    optimizer.step(model)
    differ = {name: array != before[name] for name, array in model.state_dict().items()}
    assert all(array.all() or not array.any() for array in differ.values())
    return [name for name, array in differ.items() if array.any()]


@pytest.mark.parametrize(
    ("frozen", "expected"),
    [
        ((), ["0.weights", "0.bias", "2.0.weights", "2.0.bias", "3.weights", "3.bias"]),
        (("0",), ["2.0.weights", "2.0.bias", "3.weights", "3.bias"]),
        (["0", "3"], ["2.0.weights", "2.0.bias"]),
        (("2.0.weights",), ["0.weights", "0.bias", "2.0.bias", "3.weights", "3.bias"]),
        (("2",), ["0.weights", "0.bias", "3.weights", "3.bias"]),
        (("bias",), ["0.weights", "2.0.weights", "3.weights"]),
        (("0.weights", "2.0", "bias"), ["3.weights"]),
        (("weights", "bias"), []),
    ],
)
def test_frozen_by_name_by_layer_or_in_full(frozen, expected):
    assert moved(network(), SGD(0.1, frozen=frozen)) == expected


@pytest.mark.parametrize("optimizer", [SGD(0.1, momentum=0.9, weight_decay=0.5), AdamW(0.1, weight_decay=0.5)])
def test_neither_decay_nor_momentum_moves_what_is_frozen(optimizer):
    model = network()
    assert "0.weights" in moved(model, optimizer)
    optimizer.frozen = ("0",)  # its momentum is under way
    velocity = optimizer.state_dict()[optimizer.state_names[0]]
    for _ in range(3):
        assert moved(model, optimizer) == ["2.0.weights", "2.0.bias", "3.weights", "3.bias"]
    after = optimizer.state_dict()[optimizer.state_names[0]]
    np.testing.assert_array_equal(after[:16], velocity[:16])
    assert np.all(after[16:] != velocity[16:])


def test_unfrozen_it_goes_on_with_the_momentum_that_it_had():
    model, optimizer = network(), SGD(1.0, momentum=0.5)
    optimizer.step(model)  # velocity -1
    optimizer.frozen = ("0",)
    optimizer.step(model)
    optimizer.frozen = ()
    model.gradients = np.zeros(model.gradients.size)
    optimizer.step(model)
    assert np.all(model[0].weights == 1 - 1 - 0.5)
    assert np.all(model[3].weights == 1 - 1 - 1.5 - 0.75)


def test_gradients_of_what_is_frozen_may_be_anything():
    model = network()
    model[0].dweights = np.full((3, 4), np.nan)
    SGD(0.1, momentum=0.9, frozen=("0",)).step(model)
    assert np.all(model[0].weights == 1)
    assert np.all(model[0].bias == 1)
    assert np.all(np.isfinite(model.parameters))


def test_frozen_and_excluded_together():
    model, optimizer = network(), SGD(1.0, weight_decay=0.5, frozen=("2",), exclude=("bias",))
    model.gradients = np.zeros(model.gradients.size)
    assert moved(model, optimizer) == ["0.weights", "3.weights"]


def test_after_a_reset_it_follows_another_model_of_the_same_size():
    optimizer = SGD(1.0, frozen=("bias",))
    for model in (Dense(2, 3), Dense(8, 1)):  # 6 + 3 and 8 + 1 parameters
        model.parameters, model.gradients = np.ones(9), np.ones(9)
        optimizer.reset()
        optimizer.step(model)
        assert np.all(model.weights == 0)
        assert np.all(model.bias == 1)


@pytest.mark.parametrize("option", ["frozen", "exclude"])
@pytest.mark.parametrize("typo", ["1", "4", "0.wieghts", "biass", "", "0.", "2.1", "2.0.weights.0"])
def test_a_name_that_fits_nothing_is_refused_and_nothing_changes(option, typo):
    model, optimizer = network(), Adam(0.1, **{option: ("0", typo)})
    with pytest.raises(
        ValueError, match=rf"^Adam\(.*\): {option} must name arrays among \['0\.weights', .*\], got '{typo}'$"
    ):
        optimizer.step(model)
    assert np.all(model.parameters == 1)
    assert optimizer.state_dict() == {"steps": 0}


def test_a_name_that_fits_nothing_later_on_is_refused_and_nothing_changes():
    model, optimizer = network(), SGD(0.1)
    optimizer.step(model)
    before = model.parameters.copy()
    optimizer.frozen = ("encoder",)
    for _ in range(2):  # and goes on being refused
        with pytest.raises(ValueError, match="frozen must name arrays among"):
            optimizer.step(model)
    np.testing.assert_array_equal(model.parameters, before)
    assert optimizer.steps == 1


@pytest.mark.parametrize("bad", ["bias", "0"])
def test_a_string_is_not_a_tuple_of_names(bad):
    with pytest.raises(TypeError, match=rf"^SGD: frozen must be a tuple of names, got the string '{bad}'$"):
        SGD(0.1, frozen=bad)


@pytest.mark.parametrize("option", ["frozen", "exclude"])
def test_names_are_strings(option):
    optimizer = SGD(0.1, **{option: ("0",)})
    with pytest.raises(TypeError, match=rf"^SGD: {option} must be a tuple of names, got \(0, 1\)$"):
        setattr(optimizer, option, (0, 1))
    assert getattr(optimizer, option) == ("0",)
