import copy
import pickle
import tracemalloc

import numpy as np
import pytest

from layers import Dense, Embedding, ReLU, Sequential
from optimizers import SGD, ExponentialMovingAverage, blocks


def vector(values, dtype=np.float64):
    model = Sequential([Embedding(len(values), 1)], dtype=dtype)
    model.parameters = values
    return model


def averages(values, **options):
    """Return the average after each of these values of a single parameter."""
    ema, model, out = ExponentialMovingAverage(**options), vector([0.0]), []
    for value in values:
        model.parameters = [value]
        ema.update(model)
        out.append(ema.average[0])
    return out


# ---- the average -----------------------------------------------------------------------------------------------------


def test_it_starts_with_a_copy():
    # 8, then 0.75 * 8 + 0.25 * 4, then 0.75 * 7 + 0.25 * 1
    assert averages([8.0, 4.0, 1.0], decay=0.75) == [8.0, 7.0, 5.5]


def test_a_decay_of_zero_remembers_nothing():
    assert averages([8.0, 4.0, 1.0], decay=0.0) == [8.0, 4.0, 1.0]


def test_bias_correction_is_the_weighted_mean_of_all_so_far():
    # weights 1; 0.5, 1; 0.25, 0.5, 1:  (0.5 * 8 + 5) / 1.5 = 6, (0.25 * 8 + 0.5 * 5 + 1) / 1.75 = 5.5 / 1.75
    np.testing.assert_allclose(
        averages([8.0, 5.0, 1.0], decay=0.5, bias_correction=True), [8, 6, 5.5 / 1.75], rtol=1e-15
    )


def test_warm_up_starts_with_a_small_decay():
    # decays 2/11 (a copy instead), 3/12 and 4/13:  0.25 * 8 + 0.75 * 4 = 5, and 4/13 * 5 + 9/13 * 1 = 29/13
    np.testing.assert_allclose(averages([8.0, 4.0, 1.0], decay=0.999, warm_up=True), [8, 5, 29 / 13], rtol=1e-15)


def test_warm_up_ends_at_the_decay():
    # 3/12 is still below 0.3, 4/13 = 0.308 is above
    np.testing.assert_allclose(averages([8.0, 4.0, 1.0], decay=0.3, warm_up=True), [8, 5, 0.3 * 5 + 0.7], rtol=1e-15)


@pytest.mark.parametrize("options", [{}, {"bias_correction": True}, {"warm_up": True}])
def test_the_average_of_a_constant_is_the_constant(options):
    assert averages([3.7] * 50, **options) == [3.7] * 50


def test_it_follows_training(rng):
    model, optimizer, ema = vector(rng.normal(size=4)), SGD(0.1), ExponentialMovingAverage(0.9)
    expected = None
    for _ in range(30):
        model.gradients = rng.normal(size=4)
        optimizer.step(model)
        ema.update(model)
        expected = model.parameters.copy() if expected is None else 0.9 * expected + 0.1 * model.parameters
    np.testing.assert_allclose(ema.average, expected, rtol=1e-13)


def test_blocks_and_threads_change_no_digit(monkeypatch, rng):
    start, end = rng.normal(size=(2, 50))

    def average():
        ema = ExponentialMovingAverage(0.9)
        ema.update(vector(start))
        ema.update(vector(end))
        return ema.average

    expected = average()
    monkeypatch.setattr(blocks, "BLOCK", 7)
    np.testing.assert_array_equal(average(), expected)
    monkeypatch.setattr(blocks, "LONG", 0)
    monkeypatch.setattr(blocks, "THREADS", 3)
    np.testing.assert_array_equal(average(), expected)


def test_float32_stays_float32():
    ema = ExponentialMovingAverage(np.float64(0.9))
    for value in (1.0, 2.0):
        ema.update(vector([value], np.float32))
    assert ema.average.dtype == np.float32


def test_an_update_leaves_the_model_alone_and_allocates_no_vector():
    size = 5_000_000
    model, ema = vector(np.arange(size), np.float32), ExponentialMovingAverage()
    ema.update(model)
    tracemalloc.start()
    try:
        ema.update(model)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 1.5 * blocks.THREADS * blocks.BLOCK * 4 < model.parameters.nbytes / 4
    np.testing.assert_array_equal(model.parameters, np.arange(size))
    assert not np.shares_memory(ema.average, model.parameters)


# ---- applied ---------------------------------------------------------------------------------------------------------


def trained():
    """Return a network, the average of it and of itself doubled, and its parameters."""
    model = Sequential([Dense(3, 4), ReLU(), Dense(4, 2)], rng=0)
    ema = ExponentialMovingAverage(0.75)
    ema.update(model)
    model.parameters *= 2
    ema.update(model)
    return model, ema, model.parameters.copy()


def test_applied_lends_the_average_and_gives_back_the_own(rng):
    model, ema, own = trained()
    memory, x = model.parameters, rng.normal(size=(5, 3))
    before = model.predict(x)
    with ema.applied(model):
        assert model.parameters is memory
        np.testing.assert_array_equal(model.parameters, ema.average)
        np.testing.assert_array_equal(model[0].weights.ravel(), ema.average[:12])
        assert not np.array_equal(model.predict(x), before)
    np.testing.assert_array_equal(model.parameters, own)
    np.testing.assert_array_equal(model.predict(x), before)


def test_applied_gives_back_the_own_after_an_error():
    model, ema, own = trained()
    with pytest.raises(KeyError, match="lost"), ema.applied(model):
        raise KeyError("lost")
    np.testing.assert_array_equal(model.parameters, own)


def test_applied_gives_back_the_own_whatever_was_done_inside():
    model, ema, own = trained()
    average = ema.average.copy()
    with ema.applied(model):
        model.parameters[:] = 7
        model.initialize(3)
    np.testing.assert_array_equal(model.parameters, own)
    np.testing.assert_array_equal(ema.average, average)


def test_applied_twice_over():
    model, ema, own = trained()
    with ema.applied(model):
        with ema.applied(model):
            np.testing.assert_array_equal(model.parameters, ema.average)
        np.testing.assert_array_equal(model.parameters, ema.average)
    np.testing.assert_array_equal(model.parameters, own)


def test_applied_to_another_model_of_the_same_size():
    model, ema, _ = trained()
    other = copy.deepcopy(model)
    other.parameters = np.zeros(other.parameters.size)
    with ema.applied(other):
        np.testing.assert_array_equal(other.parameters, ema.average)
    assert not other.parameters.any()


def test_buffers_are_the_models_own():
    class Running(Embedding):
        buffers = ("mean",)

        def __init__(self):
            super().__init__(2, 1)
            self.mean = np.zeros(1)

    model, ema = Sequential([Running()]), ExponentialMovingAverage(0.5)
    ema.update(model)
    model[0].mean = [5.0]
    with ema.applied(model):
        assert model[0].mean == 5
        model[0].mean = [6.0]
    assert model[0].mean == 6


# ---- state -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{}, {"bias_correction": True}, {"warm_up": True}])
def test_the_state_goes_on_exactly(options, tmp_path):
    values = np.cos(np.arange(12.0))
    first = ExponentialMovingAverage(0.95, **options)
    for value in values[:5]:
        first.update(vector([value], np.float32))
    np.savez(tmp_path / "state.npz", **first.state_dict())
    second = ExponentialMovingAverage(0.95, **options)
    with np.load(tmp_path / "state.npz") as state:
        second.load_state_dict(state)
    for ema in (first, second):
        for value in values[5:]:
            ema.update(vector([value], np.float32))
    assert second.updates == 12
    np.testing.assert_array_equal(second.average, first.average)


def test_the_state_holds_copies():
    _, ema, _ = trained()
    state = ema.state_dict()
    state["average"][:] = 7
    assert not np.any(ema.average == 7)
    ema.load_state_dict(state)
    state["average"][:] = 8
    assert np.all(ema.average == 7)


def test_the_state_before_the_first_update_starts_afresh():
    fresh = ExponentialMovingAverage().state_dict()
    assert fresh == {"updates": 0}
    _, ema, _ = trained()
    ema.load_state_dict(fresh)
    ema.update(vector([4.0]))
    assert ema.average == 4


def test_a_copy_is_independent():
    model, ema, _ = trained()
    for other in (copy.deepcopy(ema), pickle.loads(pickle.dumps(ema))):
        before = ema.average.copy()
        other.update(model)
        np.testing.assert_array_equal(ema.average, before)


@pytest.mark.parametrize(
    ("state", "match"),
    [
        ({}, r"state must have the names \['updates', 'average'\], got \[\]"),
        ({"average": np.zeros(22)}, r"state must have the names"),
        ({"updates": 1, "average": np.zeros(22), "decay": 0.5}, r"state must have the names"),
        ({"updates": 1}, "updates must be a whole number, and above 0 with an average, got 1"),
        ({"updates": 0, "average": np.zeros(22)}, "updates must be a whole number, and above 0 with an average, got 0"),
        ({"updates": 1.5, "average": np.zeros(22)}, "updates must be a whole number"),
        ({"updates": -1, "average": np.zeros(22)}, "updates must be a whole number"),
        (
            {"updates": 1, "average": np.zeros(22, int)},
            r"average must hold floating numbers in shape \(P,\), got int64",
        ),
        ({"updates": 1, "average": np.zeros((22, 1))}, r"average must hold floating numbers in shape \(P,\), got "),
        ({"updates": 1, "average": np.zeros(21)}, "the model must have 26 parameters as before, got 21"),
    ],
)
def test_a_state_that_does_not_fit_is_refused_and_nothing_changes(state, match):
    _, ema, _ = trained()
    before = ema.average.copy()
    with pytest.raises(ValueError, match=rf"^ExponentialMovingAverage\(decay=0\.75\): {match}"):
        ema.load_state_dict(state)
    np.testing.assert_array_equal(ema.average, before)
    assert ema.updates == 2


# ---- bad input -------------------------------------------------------------------------------------------------------


def test_applied_needs_an_update():
    with (
        pytest.raises(
            RuntimeError, match=r"^ExponentialMovingAverage\(\): applied\(\) needs an update\(\) before it, b"
        ),
        ExponentialMovingAverage().applied(vector([1.0])),
    ):
        pass


def test_a_model_of_another_size_is_refused_and_nothing_changes():
    _, ema, _ = trained()
    other, before = vector([1.0, 2.0]), ema.average.copy()
    with pytest.raises(ValueError, match="the model must have 26 parameters as before, got 2"):
        ema.update(other)
    with pytest.raises(ValueError, match="the model must have 26 parameters as before, got 2"), ema.applied(other):
        pass
    np.testing.assert_array_equal(other.parameters, [1, 2])
    np.testing.assert_array_equal(ema.average, before)
    assert ema.updates == 2


@pytest.mark.parametrize("bad", [-0.1, 1])
def test_a_decay_below_0_or_of_1_is_refused(bad):
    with pytest.raises(ValueError, match=rf"^ExponentialMovingAverage: decay must be in \[0, 1\), got {bad}$"):
        ExponentialMovingAverage(bad)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_decay_that_is_not_finite_is_refused(bad):
    with pytest.raises(ValueError, match=rf"^ExponentialMovingAverage: decay must be in \[0, 1\), got {bad}$"):
        ExponentialMovingAverage(bad)


def test_a_decay_that_is_no_number_is_refused():
    with pytest.raises(TypeError, match=r"^ExponentialMovingAverage: decay must be a number, got '0\.9'$"):
        ExponentialMovingAverage("0.9")


def test_one_way_to_begin():
    with pytest.raises(ValueError, match="bias_correction and warm_up must not both be chosen"):
        ExponentialMovingAverage(bias_correction=True, warm_up=True)


@pytest.mark.parametrize("text", ["", "decay=0.99", "decay=0.5, bias_correction=True", "warm_up=True"])
def test_repr_is_what_one_would_type(text):
    text = f"ExponentialMovingAverage({text})"
    assert repr(eval(text)) == text
