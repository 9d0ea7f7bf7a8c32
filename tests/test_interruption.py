"""Errors and Ctrl-C leave a whole model, and carry the epochs so far."""

import contextlib
import itertools
import os
import signal
import sys

import numpy as np
import pytest

import training.interruption
from layers import BatchNorm, Dense, Dropout, Layer, ReLU, Sequential
from losses import MeanSquaredError, SoftmaxCrossEntropy
from optimizers import SGD, Adam
from training import Callback, CallbackError, Checkpoint, fit, load

rng = np.random.default_rng(0)
X, Y = rng.normal(size=(24, 3)), rng.integers(2, size=24)
LONG = bool(os.environ.get("HANDGRAD_LONG"))


def network():
    return Sequential([Dense(3, 4), BatchNorm(4), ReLU(), Dropout(0.2), Dense(4, 2)], rng=0)


def train(model, optimizer, **options):
    options = {"epochs": 3, "batch_size": 6, "rng": 0, "verbose": False, **options}
    return fit(model, SoftmaxCrossEntropy(), optimizer, options.pop("x", X), options.pop("y", Y), **options)


class States(Callback):
    """Keeps the state of model and optimizer after each step."""

    def __init__(self):
        self.seen = []

    def on_train_begin(self, run):
        self.on_batch_end(run)

    def on_batch_end(self, run):
        self.seen.append((run.model.state_dict(), run.optimizer.state_dict()))


def undisturbed():
    model, optimizer, states = network(), Adam(0.05), States()
    train(model, optimizer, callbacks=[states])
    return states.seen


def same(a, b):
    return set(a) == set(b) and all(np.array_equal(a[name], b[name]) for name in a)


def is_whole(model, optimizer, seen):
    """Whether model and optimizer are where the undisturbed training was after as many steps."""
    weights, state = seen[optimizer.steps]
    return same(model.state_dict(), weights) and (optimizer.steps == 0 or same(optimizer.state_dict(), state))


# ---- errors at any line ----------------------------------------------------------------------------------------------


class At:
    """Raises, or does something, at the n-th line of our own code that runs."""

    def __init__(self, n, act):
        self.n, self.act, self.count = n, act, 0

    def trace(self, frame, event, argument):
        if "site-packages" in frame.f_code.co_filename or "tests" in frame.f_code.co_filename:
            return None
        if event == "line":
            self.count += 1
            if self.count == self.n:
                sys.settrace(None)
                self.act()
        return self.trace

    @contextlib.contextmanager
    def running(self):
        before = sys.gettrace()
        sys.settrace(self.trace)
        try:
            yield
        finally:
            sys.settrace(before)


def raise_lost():
    raise LookupError("lost")


def press():
    os.kill(os.getpid(), signal.SIGINT)


def n_lines():
    counter = At(0, None)
    with counter.running():
        train(network(), Adam(0.05))
    return counter.count


def test_ctrl_c_at_any_line_leaves_whole_steps_and_the_epochs_so_far(tmp_path):
    seen, total = undisturbed(), n_lines()
    stopped = 0
    for n in np.random.default_rng(1).integers(1, total, 1000 if LONG else 60):
        model, optimizer, at = network(), Adam(0.05), At(n, press)
        try:
            with at.running():
                history = train(model, optimizer)
        except KeyboardInterrupt:
            history = None  # before fit had begun, or when it was over
            assert optimizer.steps in (0, 12)
        assert is_whole(model, optimizer, seen)
        if history is not None and optimizer.steps < 12:
            stopped += 1
            assert len(history) - 1 == optimizer.steps // 4 or (len(history) == optimizer.steps == 0)
    assert stopped > 20


def test_ctrl_c_while_saving_or_resuming_leaves_a_whole_file(tmp_path):
    path, seen = tmp_path / "run.npz", undisturbed()
    train(network(), Adam(0.05), epochs=1, checkpoint=path)
    one = path.read_bytes()
    counter = At(0, None)
    with counter.running():
        train(network(), Adam(0.05), checkpoint=path, resume=True)
    for n in np.random.default_rng(2).integers(1, counter.count, 600 if LONG else 40):
        path.write_bytes(one)
        model, optimizer = network(), Adam(0.05)
        with contextlib.suppress(KeyboardInterrupt), At(n, press).running():
            train(model, optimizer, checkpoint=path, resume=True)
        assert is_whole(model, optimizer, seen)
        saved, state = network(), Adam(0.05)
        history = load(path, saved, optimizer=state)
        assert state.steps == 4 * history.epoch[-1]
        assert is_whole(saved, state, seen)
        assert [each.name for each in tmp_path.iterdir()] == ["run.npz"]


def test_an_error_in_a_step_leaves_the_model_of_the_last_whole_step():
    class Fails(Callback):
        def __init__(self, hook, n):
            self.n = n
            setattr(self, hook, self.fail)

        def fail(self, run):
            self.n -= 1
            if self.n == 0:
                raise LookupError("lost")

    seen = undisturbed()
    for hook, n in itertools.product(("on_batch_begin", "on_backward_end", "on_batch_end"), (1, 2, 5, 12)):
        model, optimizer = network(), Adam(0.05)
        with pytest.raises(CallbackError) as caught:
            train(model, optimizer, callbacks=[Fails(hook, n)])
        assert is_whole(model, optimizer, seen), (hook, n)
        assert optimizer.steps == n - (hook != "on_batch_end")
        assert caught.value.history.epoch == list(range((n - 1) // 4 + 1))


@pytest.mark.parametrize("where", ["x", "y", "weights of the example"])
@pytest.mark.parametrize("parts", [1, 2])
def test_a_batch_with_nan_moves_no_running_mean_and_no_parameter(where, parts):
    x, y, options = X.copy(), np.eye(2)[Y], {}
    if where == "x":
        x[13, 1] = np.nan
    elif where == "y":
        y[13, 1] = np.nan
    else:
        options["sample_weights"] = np.ones(24)
    batches = [(x[i : i + 6], y[i : i + 6], np.ones(6)) for i in range(0, 24, 6)]
    if options:
        batches[2][2][1] = np.nan
    model, optimizer, states = network(), SGD(0.1), States()
    with pytest.raises(ValueError, match=r"finite"):
        fit(model, SoftmaxCrossEntropy(), optimizer, iter(batches), epochs=1, parts=parts, callbacks=[states],
            verbose=False)  # fmt: skip
    assert optimizer.steps == 2
    assert same(model.state_dict(), states.seen[-1][0])


def test_a_batch_norm_alone_does_not_learn_from_nan():
    layer = BatchNorm(2)
    layer.forward(np.array([[1.0, 2.0], [3.0, 5.0]]))
    before = layer.state_dict()
    out = layer.forward(np.array([[1.0, np.nan], [3.0, 5.0]]))
    assert np.isnan(out[:, 1]).all()
    assert np.isfinite(out[:, 0]).all()
    assert same(layer.state_dict(), before)


# ---- the second Ctrl-C -----------------------------------------------------------------------------------------------


class Presses(Callback):
    """Presses Ctrl-C in the second step, so many times."""

    def __init__(self, times):
        self.times, self.steps, self.came_to = times, 0, 0

    def on_backward_end(self, run):
        self.steps += 1
        if self.steps == 2:
            for _ in range(self.times):
                press()
                self.came_to += 1


def test_the_first_ctrl_c_waits_for_the_step(capsys):
    model, optimizer, presses = network(), Adam(0.05), Presses(1)
    history = train(model, optimizer, callbacks=[presses], verbose=True)
    assert (optimizer.steps, presses.came_to, len(history)) == (2, 1, 1)
    assert "stopped by Ctrl-C in epoch 1" in capsys.readouterr().out
    assert is_whole(model, optimizer, undisturbed())


@pytest.mark.parametrize("epoch", [2, 3])
def test_a_ctrl_c_at_the_end_of_an_epoch_is_told_of_too(epoch, capsys):
    def at(run):
        if run.epoch == epoch:
            press()

    history = train(network(), SGD(0.1), callbacks=[at], verbose=True)
    assert history.epoch == list(range(epoch + 1))
    assert "stopped by Ctrl-C in epoch 3" in capsys.readouterr().out


def test_a_second_ctrl_c_ends_it_at_once_and_says_so():
    model, optimizer, presses = network(), Adam(0.05), Presses(2)
    with pytest.raises(
        KeyboardInterrupt, match=r"second Ctrl-C in the middle of a step.*may be half changed"
    ) as caught:
        train(model, optimizer, callbacks=[presses])
    assert (optimizer.steps, presses.came_to) == (1, 1)
    assert caught.value.history.epoch == [0]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_callback_that_saves_is_not_interrupted(tmp_path):
    class PressesWhileSaving(Checkpoint):
        def on_epoch_end(self, run):
            press()
            super().on_epoch_end(run)

    history = train(network(), Adam(0.05), callbacks=[PressesWhileSaving(tmp_path / "a.npz")])
    assert history.epoch == [0, 1]
    assert load(tmp_path / "a.npz", network()).epoch == [0, 1]


# ---- what errors carry -----------------------------------------------------------------------------------------------


class Mute(Exception):
    def __str__(self):
        raise RuntimeError("cannot be shown")

    __repr__ = __str__


class Closed(Exception):
    def __setattr__(self, name, value):
        raise AttributeError("closed")


class Slotted(Exception):
    __slots__ = ()


class Raises(Layer):
    def __init__(self, error):
        super().__init__()
        self.error, self.calls = error, 0

    def forward(self, x):
        self.calls += 1
        if self.calls == 3:
            raise self.error
        self._cache = True
        return x

    def backward(self, dout):
        self._recall()
        return dout

    def predict(self, x):
        return x


ERRORS = [
    Mute(),
    Closed("closed"),
    Slotted("slots"),
    KeyError("key"),
    SystemExit(3),
    GeneratorExit("out"),
    OSError(2, "no"),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_every_error_is_itself_and_carries_the_history(error):
    model = Sequential([Dense(3, 2), Raises(error)], rng=0)
    with pytest.raises(type(error)) as caught:
        train(model, SGD(0.1), batch_size=12)
    assert caught.value is error
    assert caught.value.history.epoch == [0, 1]


@pytest.mark.parametrize("error", ERRORS[:4], ids=lambda error: type(error).__name__)
def test_an_error_of_a_callback_can_be_told_whatever_it_is(error):
    def fails(run):
        raise error

    with pytest.raises(
        CallbackError, match=f"^fit: callback fails failed in on_epoch_end, epoch 1: {type(error).__name__}"
    ):
        train(network(), SGD(0.1), callbacks=[fails])


def test_an_error_of_on_error_carries_the_history_too():
    class Clumsy(Callback):
        def on_backward_end(self, run):
            raise LookupError("first")

        def on_error(self, run):
            assert "first" in str(run.error)
            raise ZeroDivisionError("second")

    with pytest.raises(CallbackError, match="failed in on_error, epoch 1: ZeroDivisionError: second") as caught:
        train(network(), SGD(0.1), callbacks=[Clumsy()])
    assert caught.value.history.epoch == [0]
    assert "first" in str(caught.value.__cause__.__context__)


def test_nan_in_x_is_said_of_x_with_its_row_wherever_it_comes_up():
    x = X.copy()
    x[13, 1] = np.nan
    with pytest.raises(ValueError, match=r"^fit: x must be finite, but is not in epoch 0, batch 2, row 1 \("):
        train(network(), SGD(0.1), x=x)
    with pytest.raises(ValueError, match=r"^fit: x must be .* epoch 1, batch 2, row 1 \("):
        fit(network(), SoftmaxCrossEntropy(), SGD(0.1), ((x[i : i + 6], Y[i : i + 6]) for i in range(0, 24, 6)),
            epochs=1, verbose=False)  # fmt: skip
    with pytest.raises(ValueError, match=r"x must be .* epoch 0, batch 1 of the validation data, row 7 \("):
        train(network(), SGD(0.1), validation=[(X[:6], Y[:6]), (x[6:], Y[6:])])


# ---- seen before training --------------------------------------------------------------------------------------------


def test_a_last_batch_of_one_behind_a_batch_norm_is_seen_before():
    model = network()
    before = model.state_dict()
    message = (
        "every batch must be one to train on, got one of one example left after the others: another batch_size, or "
    )
    with pytest.raises(ValueError, match=message):
        train(model, SGD(0.1), x=X[:13], y=Y[:13])
    assert same(model.state_dict(), before)
    with pytest.raises(ValueError, match=r"got one of one example: a larger batch_size"):
        train(model, SGD(0.1), batch_size=1)
    with pytest.raises(ValueError, match=r"got one of 6 examples in 4 parts"):
        train(model, SGD(0.1), parts=4)
    history = train(model, SGD(0.1), x=X[:13], y=Y[:13], drop_last=True)
    assert len(history) == 4


def test_one_image_has_values_enough_for_a_batch_norm():
    model = Sequential([BatchNorm(2)], rng=0)
    x = rng.normal(size=(5, 3, 3, 2))
    history = fit(model, MeanSquaredError(), SGD(0.1), x, x, epochs=1, batch_size=4, verbose=False)
    assert len(history) == 2


def test_drop_last_leaves_out_what_is_left_and_the_loss_is_that_of_the_others():
    class Sizes(Callback):
        def __init__(self):
            self.sizes, self.n_batches = [], set()

        def on_batch_end(self, run):
            self.sizes.append(len(run.batch[0]))
            self.n_batches.add(run.n_batches)

    sizes, model = Sizes(), Sequential([Dense(3, 2)], rng=0)
    options = {"batch_size": 10, "shuffle": False, "callbacks": [sizes], "drop_last": True, "epochs": 2}
    history = train(model, SGD(0.0), **options)
    assert sizes.sizes == [10, 10] * 2
    assert sizes.n_batches == {2}
    loss = SoftmaxCrossEntropy()
    assert history.loss[1] == pytest.approx(loss.forward(model.predict(X[:20]), Y[:20]), rel=1e-6)
    assert history.loss[0] == pytest.approx(loss.forward(model.predict(X), Y), rel=1e-6)


def test_what_is_dropped_is_another_in_each_shuffled_epoch():
    class Seen(Callback):
        def __init__(self):
            self.rows = []

        def on_epoch_begin(self, run):
            self.rows.append([])

        def on_batch_end(self, run):
            self.rows[-1].extend(run.batch[0][:, 0])

    seen = Seen()
    train(network(), SGD(0.1), batch_size=10, drop_last=True, callbacks=[seen], epochs=4)
    assert [len(set(rows)) for rows in seen.rows] == [20] * 4
    assert len({frozenset(rows) for rows in seen.rows}) > 1


def test_drop_last_resumes_exactly(tmp_path):
    whole, part, options = network(), network(), {"batch_size": 7, "drop_last": True}
    expected = train(whole, Adam(0.05), epochs=4, **options)
    train(part, Adam(0.05), epochs=2, checkpoint=tmp_path / "a.npz", **options)
    history = train(part, Adam(0.05), epochs=4, checkpoint=tmp_path / "a.npz", resume=True, **options)
    assert history.loss == expected.loss
    assert same(part.state_dict(), whole.state_dict())


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"drop_last": 1}, TypeError, "fit: drop_last must be True or False, got 1"),
        ({"drop_last": True, "batch_size": 25}, ValueError, "fit: batch_size must be at most .*, 24, got 25"),
        ({"drop_last": True, "x": [(X, Y)], "y": None}, ValueError, "fit: drop_last must be False where x gives"),
    ],
)
def test_a_drop_last_that_makes_no_sense_is_refused(options, error, message):
    model, optimizer = network(), SGD(0.1)
    before = model.state_dict()
    with pytest.raises(error, match=message):
        train(model, optimizer, **options)
    assert same(model.state_dict(), before)
    assert optimizer.steps == 0


@pytest.mark.parametrize(
    ("validation", "message"),
    [
        ((X[:, :2], Y), r"fit: validation: Dense\(3, 4\), layer 0: x must have shape \(N, 3\), got \(6, 2\)"),
        ((X, Y[:5]), r"fit: validation: x and y must have the same length"),
        ((X, Y + 5), r"fit: validation: SoftmaxCrossEntropy\(\): .* got 5 .. 6"),
    ],
)
def test_validation_that_does_not_fit_is_seen_before(validation, message):
    model, optimizer = network(), SGD(0.1)
    with pytest.raises(ValueError, match=message):
        train(model, optimizer, validation=validation)
    assert optimizer.steps == 0


def test_said_of_what_cannot_be_shown():
    assert training.interruption.said(Mute()) == "Mute"
