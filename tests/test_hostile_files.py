"""Files are hostile until proven otherwise: a refusal has its text and changed nothing, in bounded memory and time."""

import collections
import json
import os
import re
import time
import tracemalloc

import numpy as np
import pytest
from forgery import Forger, forgeries, npy

from layers import BatchNorm, Dense, Dropout, Sequential, Tanh
from losses import SoftmaxCrossEntropy
from optimizers import Adam
from training import EarlyStopping, ReduceOnPlateau, fit, load, save

ALL = os.environ.get("HANDGRAD_FORGERIES") == "all"
MIB = 1 << 20


def parts(seed=0):
    model = Sequential([Dense(2, 3), BatchNorm(3), Tanh(), Dropout(0.2), Dense(3, 2)], rng=seed)
    return (
        model,
        Adam(0.01),
        [EarlyStopping("loss", patience=100), ReduceOnPlateau("loss")],
        np.random.default_rng(seed),
    )


def trained(seed, epochs, **options):
    model, optimizer, callbacks, rng = parts(seed)
    x = np.random.default_rng(seed).normal(size=(12, 2))
    fit(model, SoftmaxCrossEntropy(), optimizer, x, (x[:, 0] > 0).astype(int), epochs=epochs, batch_size=6, rng=rng,
        callbacks=callbacks, verbose=False, **options)  # fmt: skip
    return model, optimizer, callbacks, rng


def state_of(model, optimizer, callbacks, rng):
    """Return all that a load could change, as text."""
    streams = [generator.bit_generator.state for _, generator in model.generators()]
    states = [callback.state_dict() for callback in callbacks]
    rest = repr((streams, rng.bit_generator.state, optimizer.learning_rate, states))
    arrays = {**model.state_dict(), **{k: np.asarray(v) for k, v in optimizer.state_dict().items()}}
    return rest, {name: array.tobytes() for name, array in arrays.items()}


def verdict(path, content, must, objects, before):
    """Return in one word what happens with a file."""
    path.write_bytes(content())
    model, optimizer, callbacks, rng = objects
    try:
        load(path, model, optimizer=optimizer, callbacks=callbacks, rng=rng)
    except (ValueError, OSError) as error:
        text = str(error)
        if state_of(*objects) != before:
            return f"changed: {text}"
        told = text.startswith(f"load: {str(path)!r}: ") and " must " in text and len(text) < 600
        return "refused" if told else f"not in our words: {text[:300]}"
    except Exception as error:
        return f"another error: {type(error).__name__}: {str(error)[:200]}"
    return "taken in" if must else "could be"


def checkpoint(path, seed, epochs):
    trained(seed, epochs, checkpoint=path)
    return path.read_bytes()


def tally(folder, every=1, seed=0):
    """Return how many forged files end how, and an example of each that should not."""
    counts, examples = collections.Counter(), {}
    for epochs in (4, 20):
        objects = trained(1, 2)
        before = state_of(*objects)
        content = checkpoint(folder / "true.npz", 0, epochs)
        for i, (what, forged, must) in enumerate(forgeries(content, seed)):
            if (i + seed) % every:
                continue
            word = verdict(folder / "forged.npz", forged, must, objects, before)
            counts[word.split(":")[0]] += 1
            examples.setdefault(word.split(":")[0], []).append(f"{what}: {word}")
            if state_of(*objects) != before:
                objects = trained(1, 2)
    return counts, examples


def test_forged_files_are_refused_and_change_nothing(tmp_path):
    counts, examples = tally(tmp_path, every=1 if ALL else 20)
    wrong = {kind: examples[kind][:20] for kind in counts if kind not in ("refused", "could be")}
    assert not wrong, f"{counts}\n" + "\n".join(line for lines in wrong.values() for line in lines)
    assert counts["refused"] > 200
    assert counts["could be"] > 10  # what is refused is so for its own reason


def test_the_true_file_is_taken_in(tmp_path):
    content = checkpoint(tmp_path / "true.npz", 0, 20)
    (tmp_path / "again.npz").write_bytes(Forger(content).file())  # taken apart and put together
    for name in ("true.npz", "again.npz"):
        objects = model, optimizer, callbacks, rng = trained(1, 2)
        history = load(tmp_path / name, model, optimizer=optimizer, callbacks=callbacks, rng=rng)
        assert len(history) == 21
        load(tmp_path / name, model, best=True)  # as training has ended, with the best weights
        assert state_of(*objects) == state_of(*trained(0, 20))


# ---- things that are no files ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["pipe", "device", "directory", "nothing", "loop", "empty", "broken link", "socket"])
def test_what_is_no_file_is_refused_at_once(tmp_path, kind):
    path = tmp_path / "run.npz"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    elif kind == "directory":
        path.mkdir()
    elif kind == "loop":
        path.symlink_to(path)
    elif kind == "empty":
        path.write_bytes(b"")
    elif kind == "broken link":
        path.symlink_to(tmp_path / "nowhere")
    elif kind == "socket":
        socket = pytest.importorskip("socket")
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(str(path))
    start = time.perf_counter()
    with pytest.raises((ValueError, OSError), match=rf"^load: {re.escape(repr(str(path)))}: .*must"):
        load(path, parts()[0])
    assert time.perf_counter() - start < 1


@pytest.mark.parametrize("path", ["", "a\0b", 3, None])
def test_what_is_no_path_is_refused(path):
    with pytest.raises((TypeError, ValueError), match="load: path must be a path, got"):
        load(path, parts()[0])
    with pytest.raises((TypeError, ValueError), match="save: path must be a path, got"):
        save(path, parts()[0])


# ---- memory and time -------------------------------------------------------------------------------------------------


def bombs(forger):
    """Yield (what, how to make it) of files that want much more than they are."""
    zeros, weights = np.zeros(30 * MIB, np.uint8), "model/0.weights"
    yield "zeros, compressed", lambda: forger.file(parts={**forger.parts, "more": npy(zeros)}, method=8)
    yield "a text of lists", lambda: forger.file(first=b"[" + b"[]," * (4 * MIB) + b"[]]")
    yield "a text of dicts", lambda: forger.file(first=b"[" + b"{}," * (4 * MIB) + b"{}]")
    yield "a long string", lambda: forger.file(first=json.dumps({**forger.head, "numpy": "x" * (20 * MIB)}).encode())
    yield "a string of escapes", lambda: forger.file(first=b'{"version": "' + b"\\n" * (5 * MIB) + b'"}')
    yield "a long key", lambda: forger.file(first=json.dumps({**forger.head, "x" * (20 * MIB): 1}).encode())
    yield "long numbers", lambda: forger.file(first=b"[" + b"9" * 4000 + b"," + b"9" * MIB + b"]")
    yield "many entries", lambda: forger.file(parts=[*forger.parts.items(), *((f"{i}", b"") for i in range(20_000))])
    yield "another shape", lambda: forger.file(parts={**forger.parts, weights: npy(np.zeros(5 * MIB))})
    yield "a sparse end", lambda: forger.file()[:-71] + bytes(20 * MIB) + forger.file()[-71:]


@pytest.mark.parametrize("which", range(10))
def test_memory_and_time_are_bounded(tmp_path, which):
    forger = Forger(checkpoint(tmp_path / "true.npz", 0, 4))
    what, make = list(bombs(forger))[which]
    content = make()
    path, objects = tmp_path / "bomb.npz", trained(1, 2)
    path.write_bytes(content)
    size, before = len(content), state_of(*objects)
    del content, forger, make
    model, optimizer, callbacks, rng = objects
    tracemalloc.start()
    start = time.perf_counter()
    try:
        with pytest.raises(ValueError, match=r"^load: .* must ") as caught:
            load(path, model, optimizer=optimizer, callbacks=callbacks, rng=rng)
        seconds, (_, peak) = time.perf_counter() - start, tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(str(caught.value)) < 600, what
    assert state_of(*objects) == before
    assert peak < 2 * size + 40 * MIB, what
    assert seconds < 10, what


def test_a_file_of_terabytes_is_not_read(tmp_path):
    path, start = tmp_path / "run.npz", time.perf_counter()
    content = checkpoint(path, 0, 1)
    with open(path, "r+b") as file:
        file.truncate(1 << 40)  # sparse: it takes no room on the disk
        file.seek(-71, os.SEEK_END)
        file.write(content[-71:])
    with pytest.raises(ValueError, match=r"must have at most [0-9,]+ bytes for what is to be loaded"):
        load(path, parts()[0])
    assert time.perf_counter() - start < 5


@pytest.mark.parametrize("over", [False, True], ids=["fresh", "trained before"])
def test_loading_needs_at_most_twice_the_file(tmp_path, over):
    model, optimizer = Sequential([Dense(1000, 1000)], rng=0), Adam(0.1)
    model.gradients[...] = 1
    optimizer.step(model)
    path = tmp_path / "run.npz"
    save(path, model, optimizer=optimizer)
    if not over:
        model, optimizer = Sequential([Dense(1000, 1000)], rng=1), Adam(0.1)
    tracemalloc.start()
    try:
        load(path, model, optimizer=optimizer)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2 * path.stat().st_size + MIB
