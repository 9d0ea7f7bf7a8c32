"""The protocol: what is called when, with what, and what happens when it raises."""

import numpy as np
import pytest

from layers import Dense, Sequential
from losses import MeanSquaredError
from optimizers import SGD
from training import Callback, CallbackError, Checkpoint, EarlyStopping, ReduceOnPlateau, fit
from training.callbacks import HOOKS, Hooks

X = np.linspace(-1, 1, 10, dtype=np.float32)[:, np.newaxis]


def train(*callbacks, epochs=2, model=None, **options):
    model = model or Sequential([Dense(1, 1)], rng=0)
    options = {"batch_size": 4, "verbose": False, "rng": 0, **options}
    return fit(model, MeanSquaredError(), SGD(0.1), X, 2 * X, epochs=epochs, callbacks=callbacks, **options)


class Recorder:
    """Has every hook, without deriving from anything."""

    def __init__(self):
        self.calls = []


for hook in HOOKS:
    setattr(Recorder, hook, lambda self, run, hook=hook: self.calls.append((hook, run.epoch, run.batch_index)))


def test_the_order_of_the_hooks():
    recorder = Recorder()
    train(recorder, epochs=2)
    batch = ["on_batch_begin", "on_backward_end", "on_batch_end"]
    epoch = ["on_epoch_begin", *3 * batch, "on_epoch_end"]
    assert [hook for hook, *_ in recorder.calls] == ["on_train_begin", *epoch, *epoch, "on_train_end"]
    assert [(e, i) for hook, e, i in recorder.calls if hook == "on_batch_end"] == [
        (e, i) for e in (1, 2) for i in range(3)
    ]


def test_what_a_run_knows_at_each_hook():
    class Looks(Callback):
        def on_batch_begin(self, run):
            assert [len(part) for part in run.batch] == [4 if run.batch_index < 2 else 2] * 2
            assert run.n_batches == 3
            self.before = run.model.parameters.copy()

        def on_backward_end(self, run):
            _, y = run.batch
            np.testing.assert_array_equal(run.model.parameters, self.before)
            np.testing.assert_allclose(run.batch_loss, np.mean((run.predictions - y) ** 2), rtol=1e-5)
            np.testing.assert_allclose(run.model[0].dbias, 2 * np.mean(run.predictions - y), rtol=1e-4, atol=1e-6)

        def on_batch_end(self, run):
            np.testing.assert_allclose(
                run.model.parameters, self.before - 0.1 * run.model.gradients, rtol=1e-5, atol=1e-7
            )

        def on_epoch_end(self, run):
            assert run.record == run.history.row(-1)
            assert run.record["epoch"] == run.epoch
            self.epochs = run.epochs

    looks = Looks()
    train(looks)
    assert looks.epochs == 2


def test_a_plain_function_is_called_after_every_epoch():
    seen = []
    train(lambda run: seen.append((run.epoch, run.record["loss"])), epochs=3)
    assert [epoch for epoch, _ in seen] == [1, 2, 3]


def test_a_batch_may_be_replaced():
    class Halves:
        def on_batch_begin(self, run):
            x, y = run.batch
            run.batch = x, 0 * y

    model = Sequential([Dense(1, 1)], rng=0)
    train(Halves(), epochs=60, model=model)
    np.testing.assert_allclose(model.parameters, 0, atol=1e-2)  # it learns the zeros it was given


def test_stop_ends_after_the_epoch():
    def stop(run):
        if run.batch_index == 0 and run.epoch == 2:
            run.stop()

    class Stops:
        on_batch_end = staticmethod(stop)

    recorder = Recorder()
    history = train(Stops(), recorder, epochs=9)
    assert history.epoch == [0, 1, 2]
    assert recorder.calls[-1] == ("on_train_end", 2, 2)


@pytest.mark.parametrize("hook", [hook for hook in HOOKS if hook != "on_error"])
def test_a_hook_that_raises_is_named(hook):
    class Broken(Callback):
        pass

    def fail(self, run):
        raise ZeroDivisionError("oh")

    setattr(Broken, hook, fail)
    recorder = Recorder()
    with pytest.raises(CallbackError, match=f"fit: callback Broken failed in {hook}, epoch .: ZeroDivisionError: oh"):
        train(recorder, Broken())
    assert recorder.calls[-1][0] == "on_error"


def test_a_class_instead_of_an_object():
    with pytest.raises(TypeError, match=r"callbacks must be objects, got the class Recorder: write Recorder\(\)"):
        train(Recorder)


def test_a_monitor_that_does_not_exist(tmp_path):
    with pytest.raises(ValueError, match=r"monitor must be one of \['epoch', 'loss', .*\], got 'validation_loss'"):
        train(Checkpoint(tmp_path / "a.npz", keep_best=True, monitor="validation_loss"))


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"path": "a.npz", "every": 0}, ValueError, "Checkpoint: every must be at least 1, got 0"),
        ({"path": "/nowhere/a.npz"}, FileNotFoundError, "Checkpoint: path must be in a directory that exists"),
        ({"path": "a.npz", "monitor": "speed"}, ValueError, "mode must be 'min' or 'max' for 'speed'"),
    ],
)
def test_wrong_checkpoints(arguments, error, message):
    with pytest.raises(error, match=message):
        Checkpoint(**arguments)


def test_what_a_callback_inherits_is_not_called(monkeypatch):
    class Counts(Callback):
        epochs = 0

        def on_epoch_end(self, run):
            self.epochs += 1

    def fail(self, run):
        raise AssertionError("called for nothing")

    counts = Counts()
    for hook in HOOKS:
        if hook != "on_epoch_end":
            monkeypatch.setattr(Callback, hook, fail)
    train(counts)
    assert counts.epochs == 2


def test_a_hook_may_be_put_on_the_object():
    seen, callback = [], Callback()
    callback.on_epoch_begin = lambda run: seen.append(run.epoch)
    train(callback)
    assert seen == [1, 2]


def test_what_saves_comes_last():
    order = []

    class Saves:
        comes_last = True

        def on_epoch_end(self, run):
            order.append("saves")

    hooks = Hooks([Saves(), lambda run: order.append("acts")])
    hooks.call("on_epoch_end", None)
    assert order == ["acts", "saves"]


@pytest.mark.parametrize(
    ("callback", "expected"),
    [
        (Callback(), "Callback()"),
        (Checkpoint("run.npz"), "Checkpoint('run.npz')"),
        (Checkpoint("run.npz", every=np.int64(2), keep_best=True), "Checkpoint('run.npz', every=2, keep_best=True)"),
        (EarlyStopping(patience=3), "EarlyStopping(patience=3, mode='min')"),
        (ReduceOnPlateau("loss", factor=0.5), "ReduceOnPlateau(monitor='loss', factor=0.5, mode='min')"),
    ],
)
def test_a_callback_prints_as_one_would_type_it(callback, expected):
    assert repr(callback) == expected
