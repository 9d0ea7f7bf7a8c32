"""A file is replaced whole or not at all, by writers that are killed, are two, or meet links in their way."""

import os
import re
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from layers import Dense, Sequential
from losses import MeanSquaredError
from optimizers import SGD
from training import Checkpoint, fit, load, save
from training.replacement import replaced

ROOT = str(Path(__file__).resolve().parent.parent)
PARTIAL = re.compile(r"run\.npz\.[0-9a-f]{16}\.partial")
needs_posix = pytest.mark.skipif(os.name != "posix", reason="permissions and links of POSIX")


def network(value=0.0):
    model = Sequential([Dense(300, 300)], rng=0)
    model.parameters[...] = value
    return model


def mode_of(path):
    return stat.S_IMODE(path.stat().st_mode)


@needs_posix
@pytest.mark.parametrize("mode", [0o600, 0o644, 0o640, 0o664, 0o444])
def test_the_permissions_of_the_old_file_stay(tmp_path, mode):
    path = tmp_path / "run.npz"
    save(path, network())
    path.chmod(mode)
    save(path, network(1.0))
    assert mode_of(path) == mode


@needs_posix
@pytest.mark.parametrize("umask", [0o022, 0o077, 0o002])
def test_a_new_file_has_the_permissions_that_files_get(tmp_path, umask):
    before = os.umask(umask)
    try:
        save(tmp_path / "run.npz", network())
    finally:
        os.umask(before)
    assert mode_of(tmp_path / "run.npz") == 0o666 & ~umask


def test_the_partial_file_has_a_new_name_each_time_and_is_for_nobody_else(tmp_path):
    path, names = tmp_path / "run.npz", set()
    path.write_bytes(b"old")
    path.chmod(0o644)
    for _ in range(3):
        with replaced(str(path)) as file:
            (partial,) = [other for other in tmp_path.iterdir() if other != path]
            assert PARTIAL.fullmatch(partial.name)
            assert os.name != "posix" or mode_of(partial) == 0o600
            names.add(partial.name)
            file.write(b"new")
    assert len(names) == 3
    assert [path.name for path in tmp_path.iterdir()] == ["run.npz"]


@needs_posix
def test_a_link_that_waits_at_the_name_is_not_followed(tmp_path, monkeypatch):
    path, victim = tmp_path / "run.npz", tmp_path / "victim"
    victim.write_text("precious")
    tokens = iter(["0" * 16, "1" * 16, "2" * 16, "3" * 16])
    monkeypatch.setattr("secrets.token_hex", lambda n: next(tokens))
    for digit in "02":  # even if somebody could foresee the digits
        (tmp_path / f"run.npz.{digit * 16}.partial").symlink_to(victim)
    save(path, network())
    assert victim.read_text() == "precious"
    load(path, network())


@needs_posix
def test_links_to_the_file_lead_on_to_it(tmp_path):
    (tmp_path / "inner").mkdir()
    target, link = tmp_path / "inner" / "run.npz", tmp_path / "link.npz"
    link.symlink_to(Path("inner") / "run.npz")  # broken so far
    save(link, network(1.0))
    save(link, network(2.0))
    assert link.is_symlink()
    assert not target.is_symlink()
    model = network()
    load(link, model)
    assert model.parameters[0] == 2
    assert os.listdir(target.parent) == ["run.npz"]


@needs_posix
@pytest.mark.parametrize("kind", ["pipe", "device", "directory"])
def test_what_is_no_file_is_not_replaced(tmp_path, kind):
    path = tmp_path / "run.npz"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/null")
    else:
        path.mkdir()
    before = path.stat()
    x = np.ones((2, 300))
    with pytest.raises(OSError, match="save: path must be a file, got"):
        save(path, network())
    with pytest.raises(OSError, match="Checkpoint: path must be a file, got"):
        Checkpoint(path)
    model = network()
    with pytest.raises(OSError, match="fit: checkpoint must be a file, got"):
        fit(model, MeanSquaredError(), SGD(1.0), x, x, epochs=1, verbose=False, checkpoint=path)
    assert not model.parameters.any()
    assert (path.stat().st_mode, path.stat().st_ino) == (before.st_mode, before.st_ino)


@pytest.mark.parametrize("kind", ["no folder", "a file as folder", "a long name", "best epoch"])
def test_a_path_that_cannot_be_written_is_seen_before_training(tmp_path, kind):
    (tmp_path / "file").write_text("")
    (tmp_path / "run.best.npz").mkdir()
    name = {"no folder": "none/run.npz", "a file as folder": "file/run.npz", "a long name": "n" * 300}
    path = tmp_path / name.get(kind, "run.npz")
    with pytest.raises(OSError, match=r"Checkpoint: path.* must be"):
        Checkpoint(path, keep_best=True)
    if kind != "best epoch":
        model, x = network(), np.ones((2, 300))
        with pytest.raises(OSError, match="fit: checkpoint must be"):
            fit(model, MeanSquaredError(), SGD(1.0), x, x, epochs=1, verbose=False, checkpoint=path)
        assert not model.parameters.any()
    assert sorted(os.listdir(tmp_path)) == ["file", "run.best.npz"]


@needs_posix
def test_a_folder_that_takes_no_file_is_seen_before_training(tmp_path, monkeypatch):
    real = os.open

    def refusing(path, flags, *rest, **options):
        if flags & os.O_CREAT:
            raise PermissionError(13, "Permission denied")
        return real(path, flags, *rest, **options)

    monkeypatch.setattr(os, "open", refusing)  # root may write anywhere
    with pytest.raises(PermissionError, match="Checkpoint: path must be in a directory that can be written, got"):
        Checkpoint(tmp_path / "run.npz")


def test_paths_of_bytes_and_of_any_class_with_fspath(tmp_path):
    class Place:
        def __init__(self, path):
            self.path = path

        def __fspath__(self):
            return self.path

    x, model = np.ones((2, 300)), network(1.0)
    for path in (os.fsencode(tmp_path / "a.npz"), Place(str(tmp_path / "b.npz")), Place(os.fsencode(tmp_path / "c"))):
        save(path, model)
        load(path, network())
        callbacks = [Checkpoint(path, keep_best=True)]
        fit(model, MeanSquaredError(), SGD(0.0), x, x, epochs=2, verbose=False, checkpoint=path, callbacks=callbacks)
        fit(model, MeanSquaredError(), SGD(0.0), x, x, epochs=3, verbose=False, checkpoint=path, resume=True)
        assert load(path, network()).epoch[-1] == 3
    assert sorted(os.listdir(tmp_path)) == ["a.best.npz", "a.npz", "b.best.npz", "b.npz", "c", "c.best"]


def test_a_name_that_is_nearly_too_long(tmp_path):
    path = tmp_path / ("n" * 251 + ".npz")
    save(path, network(3.0))
    save(path, network(4.0))
    assert os.listdir(tmp_path) == [path.name]


# ---- killed writers --------------------------------------------------------------------------------------------------

WRITER = """
import sys
sys.path[:0] = [{root!r}]
from layers import Dense, Sequential
from training import save
model = Sequential([Dense(300, 300)], rng=0)
print("ready", flush=True)
while True:
    model.parameters[...] += {step}
    save({path!r}, model)
"""

STUCK = """
import sys, time
sys.path[:0] = [{root!r}]
from training.replacement import replaced
with replaced({path!r}) as file:
    file.write(b"half")
    file.flush()
    print("ready", flush=True)
    time.sleep(60)
"""


def writer(script, **words):
    process = subprocess.Popen(
        [sys.executable, "-c", script.format(root=ROOT, **words)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "ready\n"
    return process


def kill(process):
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()


def partials(folder):
    return sorted(name for name in os.listdir(folder) if PARTIAL.fullmatch(name))


@needs_posix
def test_leftovers_of_killed_writers_are_removed_and_nothing_else(tmp_path):
    path = tmp_path / "run.npz"
    save(path, network(1.0))
    others = ["run.npz.partial", "other.npz.0123456789abcdef.partial", "run.npz.0123456789abcdef.partial.txt",
              "run.npz.0123456789ABCDEF.partial", "xrun.npz.0123456789abcdef.partial"]  # fmt: skip
    for name in others:
        (tmp_path / name).write_text("not ours")
    killed = writer(STUCK, path=str(path))
    living = writer(STUCK, path=str(path))
    assert len(partials(tmp_path)) == 2
    kill(killed)
    save(path, network(2.0))
    assert len(partials(tmp_path)) == 1  # that of the living one
    kill(living)
    save(path, network(3.0))
    assert sorted(os.listdir(tmp_path)) == sorted([*others, "run.npz"])
    load(path, network())


@needs_posix
def test_two_writers_killed_again_and_again_leave_one_whole_file(tmp_path):
    path, model, draw = tmp_path / "run.npz", network(), np.random.default_rng(0)
    save(path, model)
    for _ in range(5):
        both = [writer(WRITER, path=str(path), step=step) for step in (1, 1000)]
        for process in both:
            end = time.perf_counter() + draw.uniform(0, 0.04)
            while time.perf_counter() < end:
                load(path, model)
                assert np.ptp(model.parameters) < 10  # of one writer
            kill(process)
        load(path, model)
    save(path, model)
    assert os.listdir(tmp_path) == ["run.npz"]
