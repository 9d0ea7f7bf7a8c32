"""Options that are assigned later are held to what the constructor demands."""

import copy
import pickle
from types import SimpleNamespace

import numpy as np
import pytest

from optimizers import SGD, Adadelta, Adagrad, Adam, AdamW, ExponentialMovingAverage, Lion, NAdam, RMSprop

POSITIVE, FRACTION, LEAST_0 = [0, -1], [-0.1, 1, 2], [-1]
NO_NUMBERS = ["0.5", None, [0.5], np.array([0.5, 0.5]), True, 1j]
SHARED = {"learning_rate": LEAST_0, "weight_decay": LEAST_0, "clip_norm": POSITIVE, "clip_value": POSITIVE}
MEANS = {"beta1": FRACTION, "beta2": FRACTION, "epsilon": POSITIVE}
NUMBERS = {
    SGD: SHARED | {"momentum": FRACTION},
    Adam: SHARED | MEANS,
    AdamW: SHARED | MEANS,
    NAdam: SHARED | MEANS | {"momentum_decay": LEAST_0},
    RMSprop: SHARED | {"rho": FRACTION, "epsilon": POSITIVE, "momentum": FRACTION},
    Adagrad: SHARED | {"epsilon": POSITIVE, "initial_squares": LEAST_0},
    Adadelta: SHARED | {"rho": FRACTION, "epsilon": POSITIVE},
    Lion: SHARED | {"beta1": FRACTION, "beta2": FRACTION},
    ExponentialMovingAverage: {"decay": FRACTION},
}
FLAGS = [(SGD, "nesterov"), (Adam, "amsgrad"), (AdamW, "amsgrad"), (RMSprop, "centered")]
FLAGS += [(ExponentialMovingAverage, "bias_correction"), (ExponentialMovingAverage, "warm_up")]


def made(kind, **options):
    return SGD(0.1, **options) if kind is SGD else kind(**options)


def refused(kind, name, bad):
    """See that an option refuses this value in the constructor and, with the same words, afterwards."""
    with pytest.raises((TypeError, ValueError), match=rf"^{kind.__name__}: {name} must ") as first:
        kind(bad) if (kind, name) == (SGD, "learning_rate") else made(kind, **{name: bad})
    thing = made(kind)
    before = vars(thing).copy()
    with pytest.raises((TypeError, ValueError)) as later:
        setattr(thing, name, bad)
    assert str(later.value) == str(first.value)
    assert type(later.value) is type(first.value)
    assert vars(thing) == before


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind, names in NUMBERS.items() for name in names])
def test_a_number_that_is_out_of_range_is_refused_later_too(kind, name):
    for bad in [*NUMBERS[kind][name], *NO_NUMBERS, np.nan, np.inf, -np.inf, 10**400, -(10**400)]:
        if bad is not None or not name.startswith("clip"):
            refused(kind, name, bad)


@pytest.mark.parametrize(("kind", "name"), FLAGS)
def test_a_flag_is_true_or_false(kind, name):
    for bad in ["no", None, 2, 0.0, [], np.array([True])]:
        refused(kind, name, bad)


@pytest.mark.parametrize("name", ["exclude", "frozen"])
def test_names_are_a_tuple_of_strings(name):
    for bad in ["bias", None, 1, [1], (None,)]:
        refused(SGD, name, bad)


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind, names in NUMBERS.items() for name in names])
def test_numbers_of_numpy_become_plain(kind, name):
    thing = made(kind)
    for number in (np.float64(0.25), np.float32(0.25), np.float16(0.25), np.longdouble(0.25)):
        setattr(thing, name, number)
        assert type(getattr(thing, name)) is float
        assert getattr(thing, name) == 0.25


def vector(size=3, dtype=np.float64):
    return SimpleNamespace(parameters=np.zeros(size, dtype), gradients=np.ones(size, dtype))


def test_reading_an_option_asks_nobody():
    assert not any(hasattr(type(vars(SGD)[name]), "__get__") for name in ("momentum", "nesterov"))
    assert vars(SGD(0.1, momentum=0.5))["momentum"] == 0.5


def test_a_momentum_can_come_and_go():
    # without: -1; with 0.5: the velocity -1, then -1.5; without: -1; with: -1 again, from a new velocity
    optimizer, model, moves = SGD(1.0), vector(1), []
    for momentum in (0.0, 0.5, 0.5, 0.0, 0.5):
        optimizer.momentum = momentum
        before = model.parameters.copy()
        optimizer.step(model)
        moves.append(float((model.parameters - before)[0]))
        other = SGD(1.0, momentum=momentum)
        other.load_state_dict(optimizer.state_dict())
    assert moves == [-1, -1, -1.5, -1, -1]


@pytest.mark.parametrize(
    ("kind", "changes"),
    [(RMSprop, {"momentum": 0.5, "centered": True}), (Adam, {"amsgrad": True}), (SGD, {"momentum": 0.9})],
)
def test_state_that_an_option_asks_for_is_made_when_it_is_assigned(kind, changes):
    optimizer, model = made(kind), vector(3, np.float32)
    optimizer.step(model)
    for name, value in changes.items():
        setattr(optimizer, name, value)
    other = made(kind, **changes)
    other.load_state_dict(optimizer.state_dict())
    for each in (optimizer, copy.deepcopy(optimizer), pickle.loads(pickle.dumps(optimizer)), other):
        twin = SimpleNamespace(parameters=model.parameters.copy(), gradients=model.gradients)
        each.load_state_dict(each.state_dict())  # so that it serves another model
        each.step(twin)
        assert {v.dtype.name for v in each.state_dict().values() if isinstance(v, np.ndarray)} == {"float32"}


def test_nesterov_needs_a_momentum_later_too():
    plain, ahead = SGD(0.1), SGD(0.1, momentum=0.9, nesterov=True)
    ahead.step(vector())
    kept = ahead.state_dict()["velocity"]
    for optimizer, name, value in ((plain, "nesterov", True), (ahead, "momentum", 0)):
        with pytest.raises(ValueError, match=r"^SGD: nesterov must come with a momentum > 0, got 0$"):
            setattr(optimizer, name, value)
    assert repr(plain) == "SGD(0.1)"
    assert repr(ahead) == "SGD(0.1, momentum=0.9, nesterov=True)"
    np.testing.assert_array_equal(ahead.state_dict()["velocity"], kept)


def test_bias_correction_and_warm_up_exclude_each_other_later_too():
    ema = ExponentialMovingAverage(warm_up=True)
    with pytest.raises(ValueError, match="bias_correction and warm_up must not both be chosen"):
        ema.bias_correction = True
    assert repr(ema) == "ExponentialMovingAverage(warm_up=True)"
