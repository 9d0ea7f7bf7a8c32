"""A resumed training ends where an uninterrupted one does, bit for bit, and a damaged file changes nothing."""

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import training.archive
from layers import Dense, Dropout, Layer, ReLU, Residual, Sequential
from losses import SoftmaxCrossEntropy
from optimizers import SGD
from training import Checkpoint, EarlyStopping, History, digits, fit, load, save

X, Y = digits()
X, Y = X[:320], Y[:320]


class RunningMean(Layer):
    """out = x - a running mean of x: a layer with state that is not learned."""

    buffers = ("running_mean",)

    def __init__(self, n_features):
        super().__init__()
        self.running_mean = np.zeros(n_features)

    def forward(self, x):
        self.running_mean = 0.9 * self.running_mean + 0.1 * x.mean(axis=0)
        self._cache = x
        return x - self.running_mean

    def backward(self, dout):
        self._recall()
        return dout

    def predict(self, x):
        return x - self.running_mean


def network():
    inner = Residual([Dense(32, 32), Dropout(0.2)])
    return Sequential([RunningMean(64), Dense(64, 32), ReLU(), Dropout(0.3), inner, Dense(32, 10)], rng=0)


def halving(step):
    return 0.2 * 0.5 ** (step / 50)


def parts():
    return network(), SoftmaxCrossEntropy(), SGD(halving, momentum=0.9)


def train(epochs, **options):
    """Train a new network, and return everything that a resumed training must agree in."""
    model, loss, optimizer = parts()
    rng = np.random.default_rng(5)
    early = EarlyStopping("validation_loss", patience=100, restore_best=False)
    callbacks = [early, *options.pop("callbacks", [])]
    history = fit(model, loss, optimizer, X, Y, epochs=epochs, rng=rng, validation=(X[:64], Y[:64]),
                  callbacks=callbacks, verbose=False, **options)  # fmt: skip
    return model, optimizer, history, rng, early


def assert_identical(first, second):
    (model, optimizer, history, rng, early), (model2, optimizer2, history2, rng2, early2) = first, second
    for name, array in model.state_dict().items():
        np.testing.assert_array_equal(array, model2.state_dict()[name], err_msg=name)
    for name, value in optimizer.state_dict().items():
        np.testing.assert_array_equal(value, optimizer2.state_dict()[name], err_msg=name)
    assert history == history2
    assert rng.bit_generator.state == rng2.bit_generator.state
    for (name, stream), (_, stream2) in zip(model.generators(), model2.generators(), strict=True):
        assert stream.bit_generator.state == stream2.bit_generator.state, name
    assert (early.best, early.best_epoch, early.waited) == (early2.best, early2.best_epoch, early2.waited)


def test_five_epochs_and_five_more_are_ten(tmp_path):
    path = tmp_path / "run.npz"
    train(5, checkpoint=path)
    assert_identical(train(10, checkpoint=path, resume=True), train(10))


def test_resuming_again_and_again(tmp_path):
    path = tmp_path / "run.npz"
    for epochs in range(1, 5):
        resumed = train(epochs, checkpoint=path, resume=True)
    assert_identical(resumed, train(4))


def test_resuming_a_finished_training_changes_nothing(tmp_path):
    path = tmp_path / "run.npz"
    finished = train(3, checkpoint=path)
    assert_identical(train(3, checkpoint=path, resume=True), finished)


KILLED = """
import sys
sys.path[:0] = [{tests!r}, {root!r}]
import time
from test_checkpoint import train

class Slow:
    def on_batch_end(self, run):
        if run.epoch == 6 and run.batch_index == 4:
            print("in the middle of epoch 6", flush=True)
            time.sleep(60)

train(10, checkpoint={path!r}, callbacks=[Slow()])
"""


def test_killed_in_the_middle_of_an_epoch_and_resumed(tmp_path):
    path = tmp_path / "run.npz"
    here = Path(__file__).resolve().parent
    script = KILLED.format(tests=str(here), root=str(here.parent), path=str(path))
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "in the middle of epoch 6\n"
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    assert load(path, network()).epoch == [0, 1, 2, 3, 4, 5]
    assert_identical(train(10, checkpoint=path, resume=True), train(10))


def test_killed_while_saving_leaves_a_whole_file(tmp_path):
    path = tmp_path / "run.npz"
    script = f"""
import sys
sys.path[:0] = [{str(Path(__file__).resolve().parent.parent)!r}]
from layers import Dense, Sequential
from training import save
model = Sequential([Dense(400, 400)], rng=0)
while True:
    model.parameters += 1
    save({str(path)!r}, model)
    print("saved", flush=True)
"""
    for delay in (0.0, 0.003, 0.007):
        process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
        assert process.stdout.readline() == "saved\n"
        time.sleep(delay)
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        load(path, Sequential([Dense(400, 400)]))


def saved(tmp_path):
    """Return the path of a checkpoint, and a model and an optimizer that it fits."""
    model, loss, optimizer = parts()
    fit(model, loss, optimizer, X, Y, epochs=1, rng=0, verbose=False, checkpoint=tmp_path / "run.npz")
    return tmp_path / "run.npz", *parts()[::2]


def refuses(path, model, optimizer, message, error=ValueError, **options):
    """Assert that loading raises and changes nothing."""
    before, steps = model.state_dict(), optimizer.steps
    with pytest.raises(error, match=message):
        load(path, model, optimizer=optimizer, **options)
    for name, array in model.state_dict().items():
        np.testing.assert_array_equal(array, before[name])
    assert optimizer.steps == steps


@pytest.mark.parametrize("share", [0.0, 0.001, 0.5, 0.999])
def test_a_truncated_file(tmp_path, share):
    path, model, optimizer = saved(tmp_path)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    refuses(path, model, optimizer, "something else|damaged or truncated")


@pytest.mark.parametrize("share", [0.05, 0.3, 0.6, 0.9, 0.9999])
def test_a_flipped_bit(tmp_path, share):
    path, model, optimizer = saved(tmp_path)
    content = bytearray(path.read_bytes())
    content[int(share * len(content))] ^= 4
    path.write_bytes(content)
    refuses(path, model, optimizer, "damaged or truncated")


def test_a_foreign_file(tmp_path):
    path, model, optimizer = saved(tmp_path)
    np.savez(path, weights=np.zeros(3))
    refuses(path, model, optimizer, "must be a file that handgrad saved, but it is something else")
    path.write_bytes(b"hello")
    refuses(path, model, optimizer, "is something else")


def test_the_number_of_parts_is_a_whole_one(tmp_path):
    _, model, _ = saved(tmp_path)
    for wrong, error in ((0, ValueError), (2.0, TypeError), ("two", TypeError)):
        with pytest.raises(error, match="save: parts must be"):
            save(tmp_path / "parts.npz", model, parts=wrong)
    save(tmp_path / "parts.npz", model, parts=3)
    assert training.archive.read("load", str(tmp_path / "parts.npz"))["parts"] == 3


def test_a_newer_version(tmp_path, monkeypatch):
    monkeypatch.setattr(training.archive, "VERSION", 5)
    path, model, optimizer = saved(tmp_path)
    monkeypatch.undo()
    refuses(path, model, optimizer, "format up to 4, got 5: it was saved by a newer version of handgrad")


def test_no_file_or_a_directory(tmp_path):
    _, model, optimizer = saved(tmp_path)
    refuses(tmp_path / "nothing.npz", model, optimizer, "there is none at", FileNotFoundError)
    refuses(tmp_path, model, optimizer, "must be a file, got the directory", IsADirectoryError)
    with pytest.raises(IsADirectoryError, match="save: path must be a file, got the directory"):
        save(tmp_path, model)


def test_the_first_array_that_does_not_fit_is_named(tmp_path):
    path, _, optimizer = saved(tmp_path)
    inner = Residual([Dense(32, 32), Dropout(0.2)])
    other = Sequential([RunningMean(64), Dense(64, 32), ReLU(), Dropout(0.3), inner, Dense(32, 9)], rng=0)
    refuses(path, other, optimizer, r"run.npz': 5.weights must have shape \(32, 9\), got \(32, 10\)")
    shorter = Sequential([RunningMean(64), Dense(64, 10)], rng=0)
    refuses(path, shorter, optimizer, r"1.weights must have shape \(64, 10\), got \(64, 32\)")
    fewer = Sequential([RunningMean(64), Dense(64, 32)], rng=0)
    refuses(path, fewer, optimizer, "4.0.weights is not in the model")
    noisier = Sequential([RunningMean(64), Dense(64, 32), Dropout(0.1), *network_tail()], rng=0)
    refuses(path, noisier, optimizer, "is missing in the file|is not in")


def network_tail():
    return [ReLU(), Dropout(0.3), Residual([Dense(32, 32), Dropout(0.2)]), Dense(32, 10)]


def test_another_dtype(tmp_path):
    path, _, optimizer = saved(tmp_path)
    wide = Sequential([RunningMean(64), Dense(64, 32), *network_tail()], dtype=np.float64, rng=0)
    refuses(path, wide, optimizer, "0.running_mean must have dtype float64, got float32")


def test_another_optimizer(tmp_path):
    path, model, _ = saved(tmp_path)

    class Other(SGD):
        pass

    refuses(path, model, Other(0.1), "optimizer must be the one that was saved, Other, got SGD")


def test_a_full_disk_leaves_the_old_file(tmp_path, monkeypatch):
    path, model, _ = saved(tmp_path)
    before = path.read_bytes()

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    for function in ("fsync", "replace"):
        monkeypatch.setattr(os, function, full)
        with pytest.raises(
            OSError, match="could not be written, what was there before still is: No space left"
        ) as caught:
            save(path, model)
        assert caught.value.errno == errno.ENOSPC
        monkeypatch.undo()
        assert path.read_bytes() == before
        assert [file.name for file in tmp_path.iterdir()] == ["run.npz"]


def test_a_real_limit_of_the_system_leaves_the_old_file(tmp_path):
    path = tmp_path / "run.npz"
    script = f"""
import resource, signal, sys
sys.path[:0] = [{str(Path(__file__).resolve().parent.parent)!r}]
from layers import Dense, Sequential
from training import load, save
small, large = Sequential([Dense(4, 4)], rng=0), Sequential([Dense(400, 400)], rng=0)
save({str(path)!r}, small)
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
try:
    save({str(path)!r}, large)
except OSError as error:
    print(error)
load({str(path)!r}, small)
print("the old one is whole")
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "could not be written, what was there before still is" in done.stdout
    assert done.stdout.endswith("the old one is whole\n")


def test_there_is_no_pickle_in_the_file(tmp_path):
    path, model, _ = saved(tmp_path)
    with np.load(path, allow_pickle=False) as data:
        assert {f"model/{name}" for name in model.state_dict()} <= set(data.files)
        assert all(data[name].dtype.kind in "fiub" for name in data.files)


def test_a_link_stays_a_link(tmp_path):
    path, model, optimizer = saved(tmp_path)
    link = tmp_path / "link.npz"
    link.symlink_to(path)
    save(link, model, optimizer=optimizer)
    assert link.is_symlink()
    load(path, model, optimizer=optimizer)


def test_save_and_load_without_a_training(tmp_path):
    model, other = network(), network()
    other.parameters += 1
    save(tmp_path / "model.npz", model)
    assert load(tmp_path / "model.npz", other) == History()
    np.testing.assert_array_equal(other.parameters, model.parameters)


def test_checkpoint_keeps_the_last_and_the_best(tmp_path):
    path = tmp_path / "run.npz"
    _, _, history, *_ = train(6, callbacks=[Checkpoint(path, every=4, keep_best=True)])
    assert load(path, network()).epoch[-1] == 4
    assert load(tmp_path / "run.best.npz", network()).epoch[-1] == history.best("validation_loss")["epoch"]


def test_a_checkpoint_of_callbacks_that_are_not_there(tmp_path):
    path = tmp_path / "run.npz"
    train(2, checkpoint=path)
    model, loss, optimizer = parts()
    with pytest.raises(
        ValueError, match=r"callbacks with a state must be those that were saved, \['EarlyStopping'\], got"
    ):
        fit(model, loss, optimizer, X, Y, epochs=3, rng=0, verbose=False, checkpoint=path, resume=True)
    np.testing.assert_array_equal(model.parameters, network().parameters)


def test_state_that_cannot_be_saved(tmp_path):
    class Odd:
        def on_epoch_end(self, run):
            pass

        def state_dict(self):
            return {"thing": object()}

        def load_state_dict(self, state):
            pass

    with pytest.raises(
        TypeError, match=r"callbacks/0/state/thing must be made of numbers, strings, arrays, .*, got object"
    ):
        save(tmp_path / "run.npz", network(), callbacks=[Odd()])
    assert not list(tmp_path.iterdir())
