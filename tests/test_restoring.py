"""What a load takes over: the same layers, the best weights if asked, files of before, all of it or nothing."""

import os
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from layers import (
    ELU,
    BatchNorm,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    GroupNorm,
    Layer,
    LayerNorm,
    LeakyReLU,
    MaxPool2D,
    PReLU,
    ReLU,
    Residual,
    Sequential,
    Softmax,
    Tanh,
    constant,
)
from losses import MeanSquaredError, SoftmaxCrossEntropy
from optimizers import SGD, Adam, ExponentialMovingAverage
from training import Callback, EarlyStopping, History, ReduceOnPlateau, fit, load, save

HERE = Path(__file__).parent


# ---- files of version 1 ----------------------------------------------------------------------------------------------


def test_a_file_of_version_1_goes_on(tmp_path):
    # written by `fit` before the format had layers in it: 5 epochs, early stopping, Adam
    layers = [Dense(2, 4), BatchNorm(4), Tanh(), Dropout(0.2), Dense(4, 2)]
    model, optimizer, rng = Sequential(layers, rng=9), Adam(0.5), np.random.default_rng(9)
    early, reduce = EarlyStopping("validation_loss", patience=3), ReduceOnPlateau("validation_loss", patience=2)
    history = load(HERE / "version_1.npz", model, optimizer=optimizer, callbacks=[early, reduce], rng=rng)
    with np.load(HERE / "version_1.npz") as data:
        for name, array in model.state_dict().items():
            np.testing.assert_array_equal(array, data[f"model/{name}"])
        for name in optimizer.state_names:
            np.testing.assert_array_equal(optimizer.state_dict()[name], data[f"optimizer/state/{name}"])
    assert round(float(model.parameters.sum()), 5) == 1.33649
    assert (history.epoch, round(history.loss[-1], 4)) == ([0, 1, 2, 3, 4, 5], 0.7997)
    assert (optimizer.steps, optimizer.learning_rate, early.best_epoch, reduce.waited) == (15, 0.01, 5, 0)
    assert rng.bit_generator.state != np.random.default_rng(9).bit_generator.state
    save(tmp_path / "new.npz", model, optimizer=optimizer, history=history, callbacks=[early, reduce], rng=rng)
    again = Sequential([Dense(2, 4), BatchNorm(4), Tanh(), Dropout(0.2), Dense(4, 2)], rng=8)
    assert load(tmp_path / "new.npz", again) == history
    np.testing.assert_array_equal(again.parameters, model.parameters)


def test_a_file_of_version_1_does_not_know_its_layers():
    other = Sequential([Dense(2, 4), BatchNorm(4), ReLU(), Dropout(0.2), Dense(4, 2)], rng=9)
    before = other.parameters.copy()
    load(HERE / "version_1.npz", other)
    assert not np.array_equal(other.parameters, before)


# ---- the same layers -------------------------------------------------------------------------------------------------

DIFFERENT = [
    (Tanh(), ReLU(), "layer 1 must be ReLU\\(\\), got Tanh\\(\\)"),
    (LeakyReLU(0.1), LeakyReLU(0.2), "must be LeakyReLU\\(slope=0.2\\), got LeakyReLU\\(slope=0.1\\)"),
    (ELU(), ELU(2.0), "must be ELU\\(alpha=2\\), got ELU\\(\\)"),
    (LayerNorm(4), LayerNorm(4, epsilon=1e-3), "epsilon=0.001"),
    (BatchNorm(4), BatchNorm(4, epsilon=1e-3), "epsilon=0.001"),
    (GroupNorm(4, 2), GroupNorm(4, 1), "n_groups=1"),
    (Softmax(), Softmax(1), "axis=1"),
    (Residual([Dense(4, 4)]), Sequential([Dense(4, 4)]), "layer 1 must be Sequential\\(\\), got Residual\\(\\)"),
    (Residual([Tanh()]), Residual([ReLU()]), "layer 1.0 must be ReLU"),
    (Tanh(), Dropout(0.2), "must be Dropout\\(\\), got Tanh"),
]
SAME = [
    (Dropout(0.2), Dropout(0.5)),
    (BatchNorm(4, momentum=0.1), BatchNorm(4, momentum=0.5)),
    (PReLU(4, 0.25), PReLU(4, 0.1)),
    (Dense(4, 4), Dense(4, 4, initializer=constant(0.0))),
]


def between(layer):
    return Sequential([Dense(2, 4), layer, Dense(4, 2)], rng=0)


@pytest.mark.parametrize(("one", "other", "message"), DIFFERENT)
def test_weights_of_other_layers_are_refused(tmp_path, one, other, message):
    save(tmp_path / "run.npz", between(one))
    model = between(other)
    model.parameters += 1
    before = model.parameters.copy()
    with pytest.raises(ValueError, match=message):
        load(tmp_path / "run.npz", model)
    np.testing.assert_array_equal(model.parameters, before)


@pytest.mark.parametrize(("one", "other"), SAME)
def test_what_predict_does_not_depend_on_may_differ(tmp_path, one, other):
    saved, taken = between(one), between(other)
    save(tmp_path / "run.npz", saved)
    load(tmp_path / "run.npz", taken)
    np.testing.assert_array_equal(taken.parameters, saved.parameters)


def test_strides_count_and_the_way_of_writing_them_does_not(tmp_path):
    def net(*window, pool=2, **options):
        return Sequential([Conv2D(1, 2, *window, **options), MaxPool2D(pool), Flatten()], rng=0)

    save(tmp_path / "run.npz", net(3))
    for same in (net((3, 3)), net(3, (1, 1), "valid"), net(3, pool=(2, 2)), net(3, 1, ((0, 0), (0, 0)))):
        load(tmp_path / "run.npz", same)
    for other in (net(3, 2), net(3, 1, 1), net(3, pool=3), net(3, dilation=2), net(3, 1, "same")):
        with pytest.raises(ValueError, match=r"layer [01] must be .*, got "):
            load(tmp_path / "run.npz", other)


def test_a_layer_of_ones_own_with_an_object_in_it(tmp_path):
    class Scaled(Layer):
        def __init__(self, how, factor=1):
            self.how, self.factor = how, factor
            super().__init__()

        def forward(self, x):
            return x

    save(tmp_path / "run.npz", between(Scaled(object())))
    load(tmp_path / "run.npz", between(Scaled(object())))  # which says where in memory it is
    with pytest.raises(ValueError, match="factor=2"):
        load(tmp_path / "run.npz", between(Scaled(object(), 2)))


# ---- the best weights ------------------------------------------------------------------------------------------------


def stopped_early(path, **options):
    """Train until it gets worse, with a rate that is too high."""
    model, x = Sequential([Dense(1, 1, initializer=constant(0.5))]), np.ones((4, 1))
    early = EarlyStopping("loss", patience=3, **options)
    history = fit(
        model, MeanSquaredError(), SGD(1.2), x, x, epochs=50, callbacks=[early], verbose=False, checkpoint=path
    )
    return model, early, history


def test_a_checkpoint_has_the_last_weights_and_the_best_ones(tmp_path):
    model, early, history = stopped_early(tmp_path / "run.npz")
    other = Sequential([Dense(1, 1)])
    load(tmp_path / "run.npz", other)
    assert other.parameters.tolist() != model.parameters.tolist()  # the model was given back its best ones
    assert load(tmp_path / "run.npz", other, best=True) == history
    assert other.parameters.tolist() == model.parameters.tolist()
    save(tmp_path / "end.npz", model, history=history, callbacks=[early])
    for best in (False, True):
        load(tmp_path / "end.npz", other, best=best)
        assert other.parameters.tolist() == model.parameters.tolist()


def test_a_file_says_which_weights_it_has(tmp_path):
    model, early, history = stopped_early(tmp_path / "run.npz")
    save(tmp_path / "end.npz", model, history=history, callbacks=[early])
    save(tmp_path / "alone.npz", model)
    last, best = history.epoch[-1], early.best_epoch
    assert last > best
    for name, epochs in (("run", (last, best)), ("end", (best, best)), ("alone", (None, None))):
        with np.load(tmp_path / f"{name}.npz") as data:
            text = data["handgrad"].tobytes().decode()
        words = '"weights": {{"epoch": {}, "best_epoch": {}}}'.format(*epochs).replace("None", "null")
        assert words in text


def test_best_weights_that_are_not_there(tmp_path):
    stopped_early(tmp_path / "run.npz", restore_best=False)
    model = Sequential([Dense(1, 1)])
    with pytest.raises(ValueError, match=r"run.npz': best=True must find the weights that one EarlyStopping"):
        load(tmp_path / "run.npz", model, best=True)
    with pytest.raises(ValueError, match="best=True must come without optimizer, callbacks and rng"):
        load(tmp_path / "run.npz", model, optimizer=SGD(1.2), best=True)


# ---- all or nothing --------------------------------------------------------------------------------------------------


class Counter(Callback):
    """A callback of one's own with a state that grows."""

    def __init__(self):
        self.seen, self.ema = {}, ExponentialMovingAverage(0.5)

    def on_epoch_end(self, run):
        self.seen[str(run.epoch)] = run.record["loss"]
        self.ema.update(run.model)

    def state_dict(self):
        return {"seen": dict(self.seen), "ema": self.ema.state_dict()}

    def load_state_dict(self, state):
        self.seen = dict(state["seen"])
        self.ema.load_state_dict(state["ema"])


def everything(seed, epochs=2, **options):
    model = Sequential([Dense(2, 3), BatchNorm(3), Tanh(), Dropout(0.2), Dense(3, 2)], rng=seed)
    optimizer, rng = Adam(0.01 * (seed + 1)), np.random.default_rng(seed)
    callbacks = [EarlyStopping("loss", patience=100), ReduceOnPlateau("loss"), Counter()]
    x = np.random.default_rng(seed).normal(size=(12, 2))
    fit(model, SoftmaxCrossEntropy(), optimizer, x, (x[:, 0] > 0).astype(int), epochs=epochs, batch_size=6, rng=rng,
        callbacks=callbacks, verbose=False, **options)  # fmt: skip
    return model, optimizer, callbacks, rng


def state_of(model, optimizer, callbacks, rng):
    streams = [generator.bit_generator.state for _, generator in model.generators()]
    states = [callback.state_dict() for callback in callbacks]
    return repr((streams, rng.bit_generator.state, optimizer.learning_rate, states, model.state_dict(),
                 optimizer.state_dict()))  # fmt: skip


def test_states_of_ones_own_go_on(tmp_path):
    everything(0, epochs=4, checkpoint=tmp_path / "run.npz")
    model, optimizer, callbacks, rng = everything(1)
    load(tmp_path / "run.npz", model, optimizer=optimizer, callbacks=callbacks, rng=rng)
    assert list(callbacks[2].seen) == ["1", "2", "3", "4"]
    assert callbacks[2].ema.updates == 4


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError, OSError, ZeroDivisionError])
def test_a_load_in_which_something_comes_up_is_undone(tmp_path, error):
    everything(0, checkpoint=tmp_path / "run.npz")
    model, optimizer, callbacks, rng = objects = everything(1)
    before, calls = state_of(*objects), []

    class Failing(type(callbacks[2])):
        def load_state_dict(self, state):
            super().load_state_dict(state)
            calls.append(state)
            if len(calls) == 1:
                raise error("something")

    Failing.__name__ = "Counter"
    callbacks[2].__class__ = Failing
    with pytest.raises((ValueError, KeyboardInterrupt)) as caught:
        load(tmp_path / "run.npz", model, optimizer=optimizer, callbacks=callbacks, rng=rng)
    assert state_of(*objects) == before
    if error is not KeyboardInterrupt:
        assert f"run.npz': callbacks: 2, Counter must take its state, got {error.__name__}: something" in str(
            caught.value
        )


def test_a_state_that_is_taken_in_part_is_refused(tmp_path):
    everything(0, checkpoint=tmp_path / "run.npz")
    model, optimizer, callbacks, rng = objects = everything(1)

    class Forgetful(type(callbacks[2])):
        def state_dict(self):
            return {**super().state_dict(), "more": 1}

    Forgetful.__name__ = "Counter"
    callbacks[2].__class__ = Forgetful
    before = state_of(*objects)
    with pytest.raises(ValueError, match=r"callbacks: 2, Counter must have the fields .*'more'"):
        load(tmp_path / "run.npz", model, optimizer=optimizer, callbacks=callbacks, rng=rng)
    assert state_of(*objects) == before


RANDOM_INSTANTS = 250 if os.environ.get("HANDGRAD_LONG") else 40


def test_a_load_that_is_interrupted_is_undone(tmp_path):
    everything(0, checkpoint=tmp_path / "run.npz")
    objects = model, optimizer, callbacks, rng = everything(1)
    before, root = state_of(*objects), str(HERE.parent)

    def load_with(tracer):
        threshold = sys.gettrace()
        sys.settrace(tracer)
        try:
            load(tmp_path / "run.npz", model, optimizer=optimizer, callbacks=callbacks, rng=rng)
        finally:
            sys.settrace(threshold)

    def interrupting(n):
        left = [n]

        def line(frame, event, _):
            if event == "line" and frame.f_code.co_name != "load_with":
                left[0] -= 1
                if left[0] == 0:
                    raise KeyboardInterrupt
            return line

        def call(frame, event, _):
            return line if frame.f_code.co_filename.startswith(root) else None

        return call, left

    tracer, left = interrupting(10**9)
    load_with(tracer)
    n_lines, after = 10**9 - left[0], state_of(*objects)
    assert n_lines > 1000
    assert after != before
    model, optimizer, callbacks, rng = objects = everything(1)
    draw, early = np.random.default_rng(0), 0
    for n in sorted({*map(int, draw.integers(1, n_lines, RANDOM_INSTANTS)), *range(n_lines - 60, n_lines)}):
        try:
            load_with(interrupting(n)[0])
        except KeyboardInterrupt:
            early += 1
        assert state_of(*objects) == before, n
    assert early > 50 + RANDOM_INSTANTS // 2


def test_fit_does_not_go_on_from_a_history_without_epochs(tmp_path):
    model, x = Sequential([Dense(1, 1)], rng=0), np.ones((4, 1))
    optimizer, rng, path = SGD(0.1), np.random.default_rng(0), tmp_path / "run.npz"
    save(path, model, optimizer=optimizer, history=History({"loss": [1.0]}), rng=rng)
    model.parameters += 1
    before, options = model.parameters.copy(), {"rng": rng, "verbose": False, "checkpoint": path, "resume": True}
    with pytest.raises(ValueError, match=r"run.npz': history must have the column epoch to go on, got \['loss'\]"):
        fit(model, MeanSquaredError(), optimizer, x, x, epochs=2, **options)
    np.testing.assert_array_equal(model.parameters, before)


@pytest.mark.parametrize("kind", ["MT19937", "Philox", "SFC64", "PCG64", "PCG64DXSM"])
def test_every_stream_of_numpy(tmp_path, kind):
    rng = np.random.Generator(getattr(np.random, kind)(3))
    rng.random(3, dtype=np.float32)
    model, other = Sequential([Dense(1, 1)], rng=0), np.random.Generator(getattr(np.random, kind)(4))
    save(tmp_path / "run.npz", model, rng=rng)
    load(tmp_path / "run.npz", model, rng=other)
    assert rng.random(5).tolist() == other.random(5).tolist()


def test_what_load_would_refuse_is_not_written(tmp_path):
    model, path = Sequential([Dense(2, 2)], rng=0), tmp_path / "run.npz"
    save(path, model)
    before = path.read_bytes()
    model[0].weights[0, 1] = np.nan
    with pytest.raises(ValueError, match=r"save: .*run.npz': 0.weights must be finite, got nan"):
        save(path, model)
    assert path.read_bytes() == before


def test_a_running_extreme_may_be_infinite_as_it_is_at_first(tmp_path):
    class Largest(Layer):
        buffers = ("largest",)

        def __init__(self):
            super().__init__()
            self.largest = np.full(3, -np.inf)

        def forward(self, x):
            return x

    saved, taken = Largest(), Largest()
    saved.largest = [2.0, -np.inf, -np.inf]
    save(tmp_path / "run.npz", saved)
    load(tmp_path / "run.npz", taken)
    np.testing.assert_array_equal(taken.largest, [2.0, -np.inf, -np.inf])


def test_a_save_does_not_cost_more_and_more(tmp_path):
    model, rng = Sequential([Dense(64, 32), ReLU(), Dense(32, 10)], rng=0), np.random.default_rng(0)

    def cost(n):
        names = ("loss", "accuracy", "validation_loss", "validation_accuracy", "learning_rate", "seconds")
        history, best = History({"epoch": range(n), **{name: rng.random(n).tolist() for name in names}}), np.inf
        for _ in range(7):
            start = time.process_time()
            save(tmp_path / "run.npz", model, history=history)
            best = min(best, time.process_time() - start)
        assert load(tmp_path / "run.npz", model) == history
        return best, (tmp_path / "run.npz").stat().st_size

    few, many = cost(100), cost(3000)
    assert many[1] - few[1] < 2900 * 7 * 8 + 200
    assert many[0] - few[0] < 0.02  # 0.003; as text it was 0.04
