"""`fit` is the written-out loop: the same numbers, exact losses, nothing of the caller's changed."""

import math
import os
import signal

import numpy as np
import pytest

from layers import Dense, Dropout, ReLU, Sequential
from losses import MeanSquaredError, SoftmaxCrossEntropy
from optimizers import SGD
from training import CallbackError, accuracy, batches, digits, evaluate, fit, mean_absolute_error

X, Y = digits()
X, Y = X[:250], Y[:250]
QUIET = {"verbose": False, "rng": 0}


def network():
    return Sequential([Dense(64, 16), ReLU(), Dropout(0.1), Dense(16, 10)], rng=0)


def trained(x=X, y=Y, *, model=None, loss=None, optimizer=None, epochs=2, **options):
    model = model or network()
    options = {**QUIET, **options}
    return model, fit(model, loss or SoftmaxCrossEntropy(), optimizer or SGD(0.1), x, y, epochs=epochs, **options)


def test_it_does_what_the_written_out_loop_does():
    model, _ = trained(optimizer=SGD(0.1, momentum=0.9), epochs=3, batch_size=32)
    by_hand, loss, optimizer, rng = network(), SoftmaxCrossEntropy(), SGD(0.1, momentum=0.9), np.random.default_rng(0)
    for _ in range(3):
        for x, y in batches(X, Y, 32, rng=rng):
            loss.forward(by_hand.forward(x), y)
            by_hand.backward(loss.backward(), input_gradient=False)
            optimizer.step(by_hand)
    np.testing.assert_array_equal(model.parameters, by_hand.parameters)


def test_the_loss_of_an_epoch_is_exact_though_the_last_batch_is_ragged():
    for batch_size in (1, 32, 249, 250, 1000):
        model = Sequential([Dense(64, 10)], rng=0)
        _, history = trained(model=model, optimizer=SGD(0.0), epochs=1, batch_size=batch_size)
        expected = SoftmaxCrossEntropy().forward(model.predict(X), Y)
        assert history.loss == pytest.approx([expected, expected], rel=1e-6)


def test_the_weighted_loss_of_an_epoch_is_the_weighted_mean(rng):
    weights = rng.uniform(0, 3, len(X))
    weights[:40] = 0
    model = Sequential([Dense(64, 10)], rng=0)
    _, history = trained(model=model, optimizer=SGD(0.0), epochs=1, sample_weights=weights)
    expected = SoftmaxCrossEntropy().forward(model.predict(X), Y, weights)
    assert history.loss == pytest.approx([expected, expected], rel=1e-6)


def test_a_batch_without_weight_is_left_out():
    weights = np.ones(len(X))
    weights[32:64] = 0
    _, history = trained(sample_weights=weights, shuffle=False, epochs=1)
    assert math.isfinite(history.loss[1])


def test_class_weights_count_too():
    loss = SoftmaxCrossEntropy(class_weights=np.arange(1.0, 11.0))
    model = Sequential([Dense(64, 10)], rng=0)
    _, history = trained(model=model, loss=loss, optimizer=SGD(0.0), epochs=1)
    assert history.loss[1] == pytest.approx(loss.forward(model.predict(X), Y), rel=1e-6)


def test_a_loss_that_is_a_sum_adds_up():
    model = Sequential([Dense(64, 10)], rng=0)
    loss = SoftmaxCrossEntropy(reduction="sum")
    _, history = trained(model=model, loss=loss, optimizer=SGD(0.0), epochs=1)
    assert history.loss[1] == pytest.approx(loss.forward(model.predict(X), Y), rel=1e-6)


def test_epoch_0_is_before_training_and_validation_runs_through_predict():
    model = network()
    before = SoftmaxCrossEntropy().forward(model.predict(X), Y)
    _, history = trained(model=model, validation=(X, Y), epochs=2, metrics=[accuracy])
    after = SoftmaxCrossEntropy().forward(model.predict(X), Y)
    assert history.epoch == [0, 1, 2]
    assert history.loss[0] == history.validation_loss[0] == pytest.approx(before, rel=1e-6)
    assert history.validation_loss[-1] == pytest.approx(after, rel=1e-6)  # no dropout
    assert history.validation_accuracy[-1] == np.mean(model.predict(X).argmax(axis=1) == Y)


def test_the_history_has_the_rate_and_the_seconds():
    _, history = trained(optimizer=SGD(lambda step: 0.1 / (1 + step)), epochs=2, batch_size=125)
    assert history.learning_rate == [0.1, 0.1, 0.1 / 3]
    assert all(seconds >= 0 for seconds in history.seconds)


def test_training_learns():
    _, history = trained(epochs=15, optimizer=SGD(0.1, momentum=0.9), metrics=[accuracy], validation=(X, Y))
    assert history.validation_accuracy[-1] > 0.97
    assert history.loss[-1] < 0.35 < 2.2 < history.loss[0]  # with dropout: 0.15 to 0.34 over twelve seeds


def test_a_custom_metric_sees_the_whole_epoch():
    seen = []

    def size(predictions, y):
        seen.append(len(y))
        return len(predictions)

    _, history = trained(epochs=1, metrics=[size], validation=(X[:70], Y[:70]))
    assert set(seen) == {250, 70}
    assert history.size == [250, 250]
    assert history.validation_size == [70, 70]


def test_the_arrays_of_the_caller_are_not_changed(unchanged):
    with unchanged(X, Y):
        trained(validation=(X, Y))


def test_a_file_larger_than_the_memory_one_would_give_it(tmp_path):
    on_disk = np.memmap(tmp_path / "x", np.float32, "w+", shape=X.shape)
    on_disk[...] = X
    on_disk.flush()
    from_disk, _ = trained(x=np.memmap(tmp_path / "x", np.float32, "r", shape=X.shape))
    from_memory, _ = trained()
    np.testing.assert_array_equal(from_disk.parameters, from_memory.parameters)


def test_arrays_are_not_copied_whole(tmp_path):
    import tracemalloc

    x, y = np.zeros((200_000, 32), np.float32), np.zeros((200_000, 1), np.float32)  # 25.6 MB
    model = Sequential([Dense(32, 1)], rng=0)
    tracemalloc.start()
    trained(x, y, model=model, loss=MeanSquaredError(), epochs=1, batch_size=1000)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8e6  # the order, 1.6 MB, twice, and some batches of 0.13 MB


def test_batches_may_come_from_a_list_or_from_a_function():
    given = list(batches(X, Y, 50, shuffle=False))
    from_list, _ = trained(given, None)
    from_function, _ = trained(lambda: iter(given), None)
    from_arrays, _ = trained(batch_size=50, shuffle=False)
    np.testing.assert_array_equal(from_list.parameters, from_arrays.parameters)
    np.testing.assert_array_equal(from_function.parameters, from_arrays.parameters)


def test_a_generator_does_for_one_epoch():
    _, history = trained(batches(X, Y, 50, shuffle=False), None, epochs=1)
    assert math.isnan(history.loss[0])
    assert math.isfinite(history.loss[1])
    with pytest.raises(ValueError, match="x must give its batches 2 times, but a generator does so once"):
        trained(batches(X, Y, 50), None, epochs=2)


def test_an_exhausted_generator_is_not_an_epoch():
    generator = batches(X, Y, 50)
    list(generator)
    with pytest.raises(ValueError, match="x must give at least one batch, got none"):
        trained(generator, None, epochs=1)


def test_evaluate_does_not_depend_on_the_batch_size():
    model, _ = trained()
    whole = evaluate(model, SoftmaxCrossEntropy(), X, Y, metrics=[accuracy], batch_size=1000)
    assert whole == pytest.approx(
        evaluate(model, SoftmaxCrossEntropy(), X, Y, metrics=[accuracy], batch_size=7), rel=1e-6
    )
    assert whole["loss"] == pytest.approx(SoftmaxCrossEntropy().forward(model.predict(X), Y), rel=1e-6)
    assert whole["accuracy"] == np.mean(model.predict(X).argmax(axis=1) == Y)


def test_evaluate_of_batches():
    model, _ = trained()
    of_batches = evaluate(model, SoftmaxCrossEntropy(), batches(X, Y, 33, shuffle=False))
    assert of_batches == pytest.approx(evaluate(model, SoftmaxCrossEntropy(), X, Y), rel=1e-6)


def test_ctrl_c_returns_the_history_so_far_and_a_usable_model():
    def press(run):
        if run.epoch == 2 and run.batch_index == 3:
            os.kill(os.getpid(), signal.SIGINT)

    class Press:
        on_batch_end = staticmethod(press)

    model, history = trained(epochs=50, callbacks=[Press()])
    assert history.epoch == [0, 1]
    assert np.all(np.isfinite(model.predict(X)))
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    more = fit(model, SoftmaxCrossEntropy(), SGD(0.1), X, Y, epochs=1, **QUIET)
    assert len(more) == 2


def test_a_line_for_each_epoch(capsys):
    trained(epochs=2, verbose=True, validation=(X, Y), metrics=[accuracy])
    lines = capsys.readouterr().out.splitlines()
    assert [line[:9] for line in lines] == ["epoch 0/2", "epoch 1/2", "epoch 2/2"]
    assert all("loss " in line and "validation accuracy " in line and line.endswith(" s") for line in lines)


def test_silent_on_request(capsys):
    trained()
    captured = capsys.readouterr()
    assert captured.out + captured.err == ""


def test_the_progress_bar_needs_tqdm(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "tqdm", None)
    with pytest.raises(ImportError, match="progress=True needs tqdm, which is not installed"):
        trained(progress=True)


def test_the_progress_bar_counts_batches_and_time(monkeypatch):
    bars = []

    class Bar:
        n = 0

        def __init__(self, total, **options):
            self.total, self.said = total, [options["unit"]]
            bars.append(self)

        def update(self):
            self.n += 1

        def set_description(self, text):
            self.said.append(text)

        set_postfix_str = set_description

        def close(self):
            self.said.append("closed")

    module = type("tqdm", (), {"tqdm": Bar})
    monkeypatch.setitem(__import__("sys").modules, "tqdm", module)
    monkeypatch.setitem(__import__("sys").modules, "tqdm.auto", module)  # that of a notebook, or of a terminal
    trained(progress=True, epochs=2, batch_size=100)
    (bar,) = bars
    assert (bar.n, bar.total) == (6, 6)
    assert bar.said[:2] == ["batch", "epoch 1/2"]
    assert bar.said[-1] == "closed"


def test_the_same_seed_gives_the_same_training():
    (first, history), (again, same) = trained(), trained()
    np.testing.assert_array_equal(first.parameters, again.parameters)
    assert history == same


def test_measuring_epoch_0_does_not_change_the_training():
    model, _ = trained(epochs=1)
    once, _ = trained(batches(X, Y, 32, rng=0), None, epochs=1, rng=1)  # no epoch 0
    np.testing.assert_array_equal(model.parameters, once.parameters)


WRONG = [
    ({"epochs": 0}, ValueError, "epochs must be at least 1, got 0"),
    ({"epochs": 1.5}, TypeError, "epochs must be a whole number, got 1.5"),
    ({"batch_size": 0}, ValueError, "batch_size must be at least 1, got 0"),
    (
        {"y": Y[:-1]},
        ValueError,
        r"x and y must have the same length of at least 1, got shapes \(250, 64\) and \(249,\)",
    ),
    ({"x": X[:0], "y": Y[:0]}, ValueError, r"the same length of at least 1, got shapes \(0, 64\)"),
    ({"y": None}, TypeError, "x must come with y, or be an iterable of batches"),
    ({"x": [X, Y], "y": None}, TypeError, r"a batch must be \(x, y\) or \(x, y, sample_weights\), got ndarray"),
    ({"sample_weights": np.ones(3)}, ValueError, "sample_weights must have length 250, as x"),
    ({"sample_weights": -np.ones(250)}, ValueError, "sample_weights must be finite, not negative"),
    ({"sample_weights": np.zeros(250)}, ValueError, "not all zero"),
    (
        {"validation": (X[:, :5], Y)},
        ValueError,
        r"validation: Dense\(64, 16\), layer 0: x must have shape \(N, 64\), got",
    ),
    ({"validation": (X, Y[:5])}, ValueError, "fit: validation: x and y must have the same length"),
    ({"validation": (X,)}, ValueError, r"validation must be \(x, y\) or \(x, y, sample_weights\), got 1 things"),
    ({"validation": batches(X, Y, 10)}, ValueError, "validation must be there after every epoch, but a generator"),
    ({"metrics": ["accuracy"]}, TypeError, "metrics must be callable with .*, got 'accuracy'"),
    ({"metrics": [lambda p, y: 0.0]}, TypeError, "a metric must have a name"),
    ({"metrics": {"loss": accuracy}}, ValueError, "names of metrics must be different and none of .*, got 'loss'"),
    ({"metrics": [accuracy, accuracy]}, ValueError, "names of metrics must be different"),
    ({"callbacks": [3]}, TypeError, "a callback must be a function or have a method such as on_epoch_end, got 3"),
    ({"callbacks": print}, TypeError, "callbacks must be a list, got builtin_function_or_method"),
    ({"resume": True}, ValueError, "resume=True must come with checkpoint=path, got no path"),
    ({"checkpoint": "/"}, IsADirectoryError, "checkpoint must be a file, got the directory '/'"),
    ({"checkpoint": "/nowhere/run.npz"}, FileNotFoundError, "checkpoint must be in a directory that exists"),
]


@pytest.mark.parametrize(("options", "error", "message"), WRONG)
def test_what_does_not_fit_is_refused_before_anything_happens(options, error, message):
    model = network()
    before = model.parameters.copy()
    with pytest.raises(error, match=message):
        trained(**{"model": model, "epochs": 1, **options})
    np.testing.assert_array_equal(model.parameters, before)


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ((SGD(0.1), SoftmaxCrossEntropy(), SGD(0.1)), "model must have forward, backward, predict, got SGD"),
        ((network(), SGD(0.1), SoftmaxCrossEntropy()), "loss must have forward, backward, got SGD"),
        ((network(), SoftmaxCrossEntropy(), 0.1), "optimizer must have step, got float"),
        (
            (network(), SoftmaxCrossEntropy, SGD(0.1)),
            "loss must be an object, got the class SoftmaxCrossEntropy: write",
        ),
    ],
)
def test_parts_that_are_exchanged_or_classes(parts, message):
    with pytest.raises(TypeError, match=f"fit: {message}"):
        fit(*parts, X, Y, epochs=1, **QUIET)
    if "optimizer" not in message:
        with pytest.raises(TypeError, match=f"evaluate: {message}"):
            evaluate(*parts[:2], X, Y)


def test_an_optimizer_needs_nothing_but_a_step():
    class Shrink:
        def step(self, model):
            model.parameters *= 0.5

    model = network()
    before = model.parameters.copy()
    _, history = trained(model=model, optimizer=Shrink(), epochs=1, batch_size=250)
    np.testing.assert_array_equal(model.parameters, 0.5 * before)
    assert all(math.isnan(rate) for rate in history.learning_rate)


def test_a_loss_that_says_nothing_is_a_mean_over_the_examples():
    class Bare:
        def forward(self, predictions, y):
            self.slopes = np.ones_like(predictions) / len(predictions)
            return float(np.mean(predictions.sum(axis=1)))

        def backward(self):
            return self.slopes

    model = Sequential([Dense(64, 10)], rng=0)
    _, history = trained(model=model, loss=Bare(), optimizer=SGD(0.0), epochs=1, batch_size=32)
    assert history.loss == pytest.approx(2 * [np.mean(model.predict(X).sum(axis=1))], rel=1e-5)


def test_a_metric_that_is_no_number():
    with pytest.raises(TypeError, match=r"metric wrong must return a number, got an array of shape \(250,\)"):
        trained(metrics={"wrong": lambda predictions, y: y * 1.0})


def test_divergence_says_where_and_keeps_the_history():
    y = Y[:, np.newaxis].astype(np.float32)
    with np.errstate(all="ignore"), pytest.raises(FloatingPointError, match="training has diverged in epoch") as caught:
        trained(y=y, model=Sequential([Dense(64, 1)], rng=0), loss=MeanSquaredError(), optimizer=SGD(1e5), epochs=20)
    assert caught.value.history.epoch[0] == 0


def test_nan_in_the_data_is_found():
    x = X.copy()
    x[40, 3] = np.nan
    with pytest.raises(ValueError, match=r"logits must be finite|x must be finite, but is not in epoch"):
        trained(x=x)


def test_a_callback_that_raises_is_named_and_the_model_is_usable():
    def broken(run):
        raise KeyError("lost")

    model = network()
    with pytest.raises(
        CallbackError, match="callback broken failed in on_epoch_end, epoch 1: KeyError: 'lost'"
    ) as caught:
        trained(model=model, callbacks=[broken])
    assert isinstance(caught.value.__cause__, KeyError)
    assert caught.value.history.epoch == [0, 1]
    trained(model=model)


def test_regression_metrics_over_the_epoch(rng):
    x = rng.normal(size=(90, 3)).astype(np.float32)
    y = x @ np.array([[1.0], [2.0], [3.0]], np.float32)
    model, history = trained(x, y, model=Sequential([Dense(3, 1)], rng=0), loss=MeanSquaredError(), epochs=30,
                             metrics=[mean_absolute_error], validation=(x, y))  # fmt: skip
    assert history.validation_mean_absolute_error[-1] < 0.05
    np.testing.assert_allclose(model[0].weights[:, 0], [1, 2, 3], atol=0.05)
