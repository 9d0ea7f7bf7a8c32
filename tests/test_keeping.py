"""Callbacks that write files: checkpoints are in `test_checkpoint`, here is the table of a training."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from layers import Dense, Sequential
from losses import MeanSquaredError
from optimizers import SGD
from training import CallbackError, Checkpoint, CSVLogger, History, fit

X = np.linspace(-1, 1, 10, dtype=np.float32)[:, np.newaxis]
ROOT = Path(__file__).parent.parent


def train(*callbacks, epochs=3, **options):
    model = Sequential([Dense(1, 1)], rng=0)
    options = {"batch_size": 4, "verbose": False, "rng": 0, **options}
    return fit(model, MeanSquaredError(), SGD(0.1), X, 2 * X, epochs=epochs, callbacks=callbacks, **options)


def test_a_row_for_each_epoch_as_soon_as_it_is_over(tmp_path):
    path, seen = tmp_path / "run.csv", []

    class Looks:
        def on_epoch_begin(self, run):
            seen.append(History.from_csv(path).epoch)

    history = train(CSVLogger(path), Looks())
    assert seen == [[0], [0, 1], [0, 1, 2]]
    assert History.from_csv(path) == history
    assert os.listdir(tmp_path) == ["run.csv"]


def test_columns_that_appear_later_are_in_it(tmp_path):
    def adds(run):
        if run.epoch > 1:
            run.record["mine"] = 1.0

    history = train(CSVLogger(tmp_path / "run.csv"), adds)
    assert (tmp_path / "run.csv").read_text().splitlines()[1].endswith(",nan")
    assert History.from_csv(tmp_path / "run.csv") == history


def test_without_a_row_before_training_the_file_of_another_one_is_gone_all_the_same(tmp_path):
    path, seen = tmp_path / "run.csv", []
    path.write_text("epoch,loss\n0,1.0\n")

    class Looks:
        def on_epoch_begin(self, run):
            seen.append(path.read_text())

    train(CSVLogger(path), Looks(), measure_first=False, epochs=1)
    assert seen == [""]
    assert History.from_csv(path).epoch == [1]


@pytest.mark.parametrize("every", [1, 2])
def test_a_resumed_training_has_every_row_once(tmp_path, every):
    path, checkpoint = tmp_path / "run.csv", tmp_path / "run.npz"
    whole = train(epochs=6)
    saved = [CSVLogger(path), Checkpoint(checkpoint, every=every)]

    class Dies:
        def on_batch_end(self, run):
            if run.epoch == 4:
                raise ZeroDivisionError

    with pytest.raises(CallbackError):
        train(*saved, Dies(), epochs=6)
    assert History.from_csv(path).epoch == [0, 1, 2, 3]  # of which the checkpoint may lack one
    with open(path, "a") as file:
        file.write("4,0.1")  # half a row, by whatever
    seen = []

    class Looks:
        def on_epoch_begin(self, run):
            seen.append(History.from_csv(path).epoch)

    shutil.copy(checkpoint, tmp_path / "going.npz")
    train(CSVLogger(path), Looks(), epochs=6, checkpoint=tmp_path / "going.npz", resume=True)
    last = 3 if every == 1 else 2
    assert seen[0] == list(range(last + 1))
    assert History.from_csv(path) == whole


def test_who_kills_the_training_leaves_whole_rows(tmp_path):
    script = """
import sys
import numpy as np
from layers import Dense, Sequential
from losses import MeanSquaredError
from optimizers import SGD
from training import CSVLogger, fit
x = np.ones((4, 1), np.float32)
fit(Sequential([Dense(1, 1)], rng=0), MeanSquaredError(), SGD(0.1), x, x, epochs=100_000, verbose=False,
    callbacks=[CSVLogger("run.csv")])
"""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    for _ in range(3):
        child = subprocess.Popen([sys.executable, "-c", script], cwd=tmp_path, env=environment)
        try:
            deadline = time.monotonic() + 60
            while time.monotonic() < deadline:
                time.sleep(0.05)
                if (tmp_path / "run.csv").exists() and (tmp_path / "run.csv").read_text().count("\n") > 3:
                    break
        finally:
            child.send_signal(signal.SIGKILL)
            child.wait()
        history = History.from_csv(tmp_path / "run.csv")
        assert history.epoch == list(range(len(history)))
        assert len(history) > 2
        assert (tmp_path / "run.csv").read_text().endswith("\n")
        (tmp_path / "run.csv").unlink()


@pytest.mark.parametrize(
    ("path", "error", "message"),
    [
        (3, TypeError, "CSVLogger: path must be a path, got int"),
        ("", ValueError, "CSVLogger: path must be a path, got ''"),
        ("/nowhere/run.csv", FileNotFoundError, "CSVLogger: path must be in a directory that exists"),
    ],
)
def test_where_nothing_can_be_written(tmp_path, path, error, message):
    with pytest.raises(error, match=message):
        CSVLogger(path)
    logger = CSVLogger(tmp_path / "run.csv")
    with pytest.raises(error, match=message):
        logger.path = path
    assert logger.path == str(tmp_path / "run.csv")


def test_the_path_of_a_checkpoint_is_checked_when_it_is_assigned(tmp_path):
    saved = Checkpoint(tmp_path / "run.npz")
    with pytest.raises(FileNotFoundError, match="Checkpoint: path must be in a directory that exists"):
        saved.path = "/nowhere/run.npz"
    (tmp_path / "other.best.npz").mkdir()
    saved.path = tmp_path / "other.npz"
    with pytest.raises(IsADirectoryError, match="Checkpoint: path of the best epoch must be a file"):
        saved.keep_best = True
    saved.path, saved.keep_best = tmp_path / "run.npz", True
    with pytest.raises(IsADirectoryError, match="Checkpoint: path of the best epoch must be a file"):
        saved.path = tmp_path / "other.npz"
    assert (saved.path, saved.keep_best) == (str(tmp_path / "run.npz"), True)
