"""What `test_processes.py` runs in several processes: mpiexec -n 3 python in_processes.py SCENARIO FOLDER.

Each process writes what it has found, as JSON, into a file named for its rank.
"""

import json
import os
import signal
import sys
from pathlib import Path

import numpy as np
from mpi4py import MPI

from layers import (
    LSTM,
    BatchNorm,
    Conv2D,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    Graph,
    Join,
    LastStep,
    Layer,
    LayerNorm,
    Noise,
    Padded,
    ReLU,
    SelfAttention,
    Sequential,
)
from losses import MeanSquaredError, SoftmaxCrossEntropy
from optimizers import SGD, Adam, CosineDecay
from training import (
    Callback,
    Checkpoint,
    Diagnostics,
    EarlyStopping,
    Processes,
    ReduceOnPlateau,
    accuracy,
    evaluate,
    f1,
    fit,
)

PROCESSES = Processes(blas_threads=1)
RANK, N = PROCESSES.rank, PROCESSES.n
X = np.random.default_rng(0).normal(size=(30, 4)).astype(np.float32)
Y = np.arange(30) % 3


def network(*more, seed=0):
    return Sequential([Dense(4, 8), ReLU(), *more, Dense(8, 3)], rng=seed)


def trained(parts, **options):
    """Train X, Y a little, quietly."""
    model = options.pop("model", None) or network()
    given = {"epochs": 3, "batch_size": 10, "rng": 0, "verbose": False, "parts": parts, **options}
    history = fit(model, SoftmaxCrossEntropy(), SGD(0.1), given.pop("x", X), given.pop("y", Y), **given)
    return model, history


# ---- the same bits as in one process ---------------------------------------------------------------------------------


class Own(Layer):
    """A layer of one's own with noise."""

    def __init__(self):
        super().__init__()
        self.noise = Noise(rng=3)

    def forward(self, x):
        self._cache = self.noise.draw(x.shape) + 0.5
        return x * self._cache.astype(x.dtype)

    def backward(self, dout):
        return dout * self._recall().astype(dout.dtype)

    def predict(self, x):
        return x


class Gradients(Callback):
    """Keeps a checksum of what each step was given."""

    def on_train_begin(self, run):
        self.seen = []

    def on_backward_end(self, run):
        self.seen.append([float(np.sum(run.model.gradients, dtype=np.float64)), run.batch_loss, len(run.batch[0])])
        self.seen[-1].append(np.asarray(run.predictions if not isinstance(run.predictions, Padded)
                                        else run.predictions.x).astype(np.float64).sum().item())  # fmt: skip


def drawn(seed):
    """Return what one random training is of: make, x, y, loss, options."""
    rng = np.random.default_rng(seed)
    n, batch = int(rng.integers(1, 40)), int(rng.integers(1, 20))
    dtype = [np.float32, np.float64][seed % 2]
    kind = seed % 5
    y = rng.integers(0, 3, n)
    loss = SoftmaxCrossEntropy(["mean", "sum"][seed % 7 == 0], ignore=-1 if seed % 3 else None)
    if seed % 3 and n > 3:
        y[rng.random(n) < 0.4] = -1
        y[0] = 1
    options = {"metrics": [accuracy]}
    if kind == 0:
        x = rng.normal(size=(n, 4))
        layers = lambda: [Dense(4, 6), LayerNorm(6), ReLU(), Dropout(0.4), Own(), Dense(6, 3)]  # noqa: E731
    elif kind == 1:
        x = rng.normal(size=(n, 5, 5, 2))
        layers = lambda: [Conv2D(2, 3, 3), ReLU(), Flatten(), Dropout(0.2), Dense(27, 3)]  # noqa: E731
    elif kind == 2:  # parts of two at least, for their variance
        n, batch = 8 * N, 4 * N
        x, y = rng.normal(size=(n, 4)), rng.integers(0, 3, n)
        layers = lambda: [Dense(4, 6), BatchNorm(6), ReLU(), Dense(6, 3)]  # noqa: E731
    elif kind == 3:
        x = Padded(rng.integers(0, 9, (n, 6)), rng.integers(0, 7, n))
        layers = lambda: [Embedding(9, 4), LSTM(4, 5), LastStep(), Dense(5, 3)]  # noqa: E731
    else:
        x = {"u": rng.normal(size=(n, 2)), "v": rng.normal(size=(n, 3))}
        nodes = lambda: {"d": (Dropout(0.4), "u"), "j": (Join(), "d", "v"), "o": (Dense(5, 3), "j")}  # noqa: E731
        return lambda: Graph(nodes(), dtype=dtype, rng=seed), x, y, loss, {**options, "batch_size": batch}
    if seed % 4 == 1:
        weights = rng.gamma(1, size=len(y)) * (rng.random(len(y)) < 0.6)
        weights[y == y.max()] = 1.0
        options["sample_weights"] = weights
    return lambda: Sequential(layers(), dtype=dtype, rng=seed), x, y, loss, {**options, "batch_size": batch}


def told(history):
    """Return a history without its seconds, as JSON can say it."""
    return {name: list(map(float, history[name])) for name in history.names if name != "seconds"}


def equal(folder):
    """Random trainings: in all processes at once, and in one that takes the parts in turn."""
    found = []
    for seed in range(40 if N == 2 else 20):
        make, x, y, loss, options = drawn(seed)
        results = []
        for parts in (PROCESSES, N):
            model, gradients = make(), Gradients()
            if parts is PROCESSES and RANK:
                model.initialize(seed + RANK)  # those of process 0 are what counts
            adam = Adam(0.01, clip_norm=0.5)
            held_out = (x, y, options["sample_weights"]) if "sample_weights" in options else (x, y)
            options |= {"callbacks": [gradients, EarlyStopping(patience=9)], "validation": held_out}
            history = fit(model, loss, adam, x, y, epochs=2, rng=seed, verbose=False, parts=parts, **options)
            arrays = {name: array.astype(float).tolist() for name, array in model.state_dict().items()}
            measured = evaluate(model, loss, x, y, batch_size=7, parts=parts, metrics=[accuracy])
            noises = [[noise.step, noise.n_draws] for _, noise in model.noises()]
            results.append(json.dumps([told(history), arrays, gradients.seen, measured, noises]))
        found.append([seed, results[0] == results[1], results[0]])
    return found


def all_of_it(folder):
    """Whatever a training has: schedules, averages, early stopping, plateaus, metrics that need all predictions."""
    results, seconds = [], []
    for parts in (PROCESSES, N):
        model = network(BatchNorm(8), Dropout(0.3), seed=RANK if parts is PROCESSES else 0)
        stopping = EarlyStopping(patience=2, monitor="validation_loss")
        plateau = ReduceOnPlateau(patience=1, factor=0.5)
        history = fit(
            model, SoftmaxCrossEntropy(label_smoothing=0.1), Adam(0.02, weight_decay=0.01, clip_norm=0.3), X, Y,
            epochs=12, batch_size=12, validation=(X[:11], Y[:11]), rng=RANK if parts is PROCESSES else 0,
            metrics={"accuracy": accuracy, "macro f1": f1, "largest": lambda p, y: float(p.max())},
            callbacks=[stopping, plateau], parts=parts, verbose=False,
        )  # fmt: skip
        binary = Sequential([Dense(4, 1)], rng=0)
        scores = evaluate(binary, MeanSquaredError(), X, X[:, :1], parts=parts, batch_size=11)
        cosine = network(seed=0)
        fit(cosine, SoftmaxCrossEntropy(), SGD(CosineDecay(0.1, steps=6), momentum=0.9), X, Y, epochs=2, rng=0,
            parts=parts, verbose=False)  # fmt: skip
        seconds.append(history.seconds)
        results.append([told(history), model.parameters.tolist(), scores, cosine.parameters.tolist()])
    return {"same": results[0] == results[1], "what": results[0], "seconds": seconds[0]}


def nothing_counts(folder):
    """Attention with dropout, and parts in which nothing counts; noise that a layer makes at its first forward."""
    results = []
    for parts in (PROCESSES, N):
        found = []
        x, y = np.random.default_rng(0).normal(size=(4, 2, 4)), np.array([0, 1, -1, -1])
        for options in ({}, {"sample_weights": [0, 0, 1, 1], "y": np.array([0, 1, 1, 0])}):
            y, weights = options.get("y", y), options.get("sample_weights")
            model = Sequential([SelfAttention(4, 2, dropout=0.5), LastStep(), Dense(4, 2)], rng=0)
            fit(model, SoftmaxCrossEntropy(ignore=-1), SGD(0.1), x, y, epochs=2, batch_size=4, shuffle=False,
                sample_weights=weights, parts=parts, verbose=False)  # fmt: skip
            found.append(model.parameters.tolist())
        late = Sequential([SelfAttention(4, 2), LastStep(), Dense(4, 2)], rng=0)
        late[0].dropout = 0.5
        fit(late, SoftmaxCrossEntropy(), SGD(0.1), x[:1], y[:1], epochs=1, parts=parts, verbose=False)
        results.append(found)
    return results[0] == results[1]


def looked_into(folder):
    large = 50 * np.random.default_rng(0).normal(size=(9, 4))
    fit(Sequential([Dense(4, 3)], rng=0), SoftmaxCrossEntropy(), SGD(0.1), large, np.arange(9) % 3, epochs=1,
        callbacks=[Diagnostics()], verbose=False, parts=PROCESSES)  # fmt: skip


def leaves(folder):
    def leave(run):
        if RANK == 0:
            sys.exit("no more room")

    trained(PROCESSES, callbacks=[leave])


def shares(folder):
    """Which rows each process saw in its forward, over one epoch."""
    seen = []

    class Sees(Layer):
        def forward(self, x):
            seen.append(x[:, 0].tolist())
            self._cache = x.shape
            return x

        def backward(self, dout):
            return self._check_dout(dout, self._recall())

        def predict(self, x):
            return x

    x = np.arange(23.0).reshape(23, 1) + np.zeros((1, 4))
    model = Sequential([Sees(), Dense(4, 3)], rng=0)
    trained(PROCESSES, model=model, x=x, y=np.arange(23) % 3, epochs=1, batch_size=8)
    return seen


def written(folder):
    """A training with a checkpoint, lines, and what a callback does of its own; then it goes on, in parts and alone."""

    def note(run):
        if run.rank == 0:
            Path(folder, "noted").write_text(f"{run.parts} parts")

    os.chdir(folder)
    Path(f"at-{RANK}").mkdir()
    os.chdir(f"at-{RANK}")  # as on another machine: process 0 alone has the file
    make = lambda: network(BatchNorm(8), Dropout(0.3), seed=RANK)  # noqa: E731
    saved = Checkpoint("kept.npz", keep_best=True, monitor="loss")
    options = {"checkpoint": "run.npz", "callbacks": [EarlyStopping("loss", patience=9), saved, note]}
    trained(PROCESSES, model=make(), epochs=2, **options)
    options["resume"] = True
    model, history = trained(PROCESSES, model=make(), epochs=4, **options)
    files = sorted(os.listdir("."))
    other, expected = trained(N, model=network(BatchNorm(8), Dropout(0.3), seed=0), epochs=4)
    same = np.array_equal(model.parameters, other.parameters)
    return {"files": files, "same": same and history == expected, "epochs": history.epoch}


# ---- what fails, and is caught ---------------------------------------------------------------------------------------


class Fails(Callback):
    """In one process, in epoch 2, batch 1, does what it is told."""

    def __init__(self, what, rank=N - 1):
        self.what, self.rank = what, rank

    def on_batch_begin(self, run):
        if (run.epoch, run.batch_index, RANK) == (2, 1, self.rank):
            self.what(run)


class Unpicklable(Exception):
    """An error that cannot be made from what it was made with."""

    def __init__(self, a, b):
        super().__init__(f"{a} and {b}")


def raised(error):
    def raises(run):
        raise error

    return raises


class FailsAt(Layer):
    def __init__(self, what):
        super().__init__()
        self.what, self.n = what, 0

    def forward(self, x):
        self._cache, self.n = x.shape, self.n + 1
        if self.what == "forward" and self.n == 4 and RANK == N - 1:
            raise ZeroDivisionError("in forward")
        return x

    def backward(self, dout):
        if self.what == "backward" and self.n == 2 and RANK == N - 1:
            raise MemoryError("in backward")
        return self._check_dout(dout, self._recall())

    def predict(self, x):
        return x


def broken_batches():
    for i in range(4):
        if i == 2 and RANK == N - 1:
            raise OSError("the disk is broken")
        yield X[:10], Y[:10]


def errors(folder):
    """Every error of one process, as all of them meet it; in between, trainings that go well."""

    def put(run, batch):
        run.batch = batch

    def measure(run):
        evaluate(run.model, run.loss, X, Y, parts=PROCESSES)

    def change(run):
        run.model.parameters[2] += 1

    def loss_fails():
        loss = SoftmaxCrossEntropy()
        if RANK == N - 1:
            loss.forward = lambda *given: 1 / 0
        fit(network(), loss, SGD(0.1), X, Y, epochs=1, verbose=False, parts=PROCESSES)

    nan = np.full((10, 4), np.nan)
    cases = {
        "callback": lambda: trained(PROCESSES, callbacks=[Fails(raised(KeyError("lost")))]),
        "unpicklable": lambda: trained(PROCESSES, callbacks=[Fails(raised(Unpicklable(1, 2)))]),
        "forward": lambda: trained(PROCESSES, model=network(FailsAt("forward"))),
        "backward": lambda: trained(PROCESSES, model=network(FailsAt("backward"))),
        "loss": loss_fails,
        "data": lambda: trained(PROCESSES, x=broken_batches, y=None),
        "nan": lambda: trained(PROCESSES, callbacks=[Fails(lambda run: put(run, (nan, run.batch[1])))]),
        "another batch": lambda: trained(PROCESSES, callbacks=[Fails(lambda run: put(run, (X[:3], Y[:3])))]),
        "another order": lambda: trained(PROCESSES, x=lambda: iter([(X[RANK:10 + RANK], Y[:10])]), y=None),
        "elsewhere": lambda: trained(PROCESSES, callbacks=[Fails(measure)]),
        "parameters": lambda: trained(PROCESSES, callbacks=[Fails(change)]),
        "the end": lambda: trained(PROCESSES, callbacks=[AtTheEnd()]),
        "checkpoint": lambda: trained(PROCESSES, checkpoint="/nowhere/run.npz"),
        "all": lambda: trained(PROCESSES, epochs=0),
        "model": lambda: trained(PROCESSES, model=network(*([Dense(8, 8)] * (RANK == N - 1)))),
        "evaluate": lambda: evaluate(network(), SoftmaxCrossEntropy(), X, Y + 3 * (RANK == N - 1), parts=PROCESSES),
        "duck": lambda: fit(Duck(), SoftmaxCrossEntropy(), SGD(0.1), X, Y, epochs=1, verbose=False, parts=PROCESSES),
    }  # fmt: skip
    found = {}
    for name, call in cases.items():
        try:
            call()
            found[name] = None
        except Exception as error:
            found[name] = [type(error).__name__, str(error), len(getattr(error, "history", []))]
        model, _ = trained(PROCESSES)
        found[f"after {name}"] = model.parameters.tolist()
    return found


class AtTheEnd(Callback):
    def on_train_end(self, run):
        if RANK == N - 1:
            raise ValueError("too late")


class Duck:
    """What can be trained, and is no Layer."""

    def __init__(self):
        self.inner = network()

    def __getattr__(self, name):
        return getattr(self.inner, name)


def stopped(folder):
    """Ctrl-C and `run.stop()` in one process end all at the same step."""
    press = Fails(lambda run: os.kill(os.getpid(), signal.SIGINT))
    model, history = trained(PROCESSES, callbacks=[press], epochs=9)
    halt, other = trained(PROCESSES, callbacks=[Fails(lambda run: run.stop())], epochs=9)
    return [history.epoch, model.parameters.tolist(), other.epoch, halt.parameters.tolist()]


def inside(folder):
    """A callback that measures, in all processes, in a training with metrics."""
    seen = []

    def measure(run):
        seen.append(evaluate(run.model, run.loss, X, Y, parts=PROCESSES if run.parts == N and not alone else N)["loss"])

    results = []
    for alone in (False, True):
        model, history = trained(N if alone else PROCESSES, callbacks=[measure], metrics=[accuracy])
        results.append([told(history), model.parameters.tolist(), list(seen)])
        seen.clear()
    return [results[0] == results[1], *results]


def refused(folder):
    """What `Processes` is not made of."""
    found = []
    for call in (
        lambda: Processes("world"),
        lambda: Processes(MPI.COMM_NULL),
        lambda: Processes(4),
        lambda: Processes(blas_threads=0),
        lambda: Processes(blas_threads="two"),
        lambda: PROCESSES.predict(network(), X, batch_size=0),
        lambda: PROCESSES.predict(network(), 3.0),
    ):
        try:
            call()
        except (TypeError, ValueError) as error:
            found.append(f"{type(error).__name__}: {error}")
    return found


def predicted(folder):
    """Predictions for more and fewer batches than processes, of arrays, of padded rows, and of several outputs."""
    model = network(Dropout(0.5), BatchNorm(8))
    reader = Sequential([Embedding(9, 4), LSTM(4, 5)], rng=0)
    padded = Padded(np.arange(60).reshape(10, 6) % 9, np.arange(10) % 7)
    two = Graph({"a": (Dense(4, 2), "x"), "b": (Dense(4, 3), "x")}, rng=0)
    same = []
    for size in (1, 4, 7, 30, 100):
        same.append(np.array_equal(PROCESSES.predict(model, X, batch_size=size), model.predict(X, batch_size=size)))
        found, wanted = PROCESSES.predict(reader, padded, batch_size=size), reader.predict(padded, batch_size=size)
        same.append(np.array_equal(found.x, wanted.x) and np.array_equal(found.lengths, wanted.lengths))
        pairs = zip(PROCESSES.predict(two, X, batch_size=size), two.predict(X, batch_size=size), strict=True)
        same += [np.array_equal(one, other) for one, other in pairs]
    return same


def of_two(folder):
    """Half of the processes, by a communicator of their own."""
    half = MPI.COMM_WORLD.Split(RANK % 2)
    parts = Processes(half, blas_threads=1)
    one, _ = trained(parts)
    other, _ = trained(parts.n)
    return [parts.n, repr(parts), np.array_equal(one.parameters, other.parameters)]


def threads(folder):
    """How many threads a product has, with and without a word about it."""
    from threadpoolctl import threadpool_info

    def now(run=None):
        seen.append([pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"])

    seen = []
    now()
    for parts in (PROCESSES, Processes()):
        trained(parts, callbacks=[now], epochs=1)
    now()
    return seen


# ---- what ends the script --------------------------------------------------------------------------------------------


def uncaught(folder):
    trained(PROCESSES, callbacks=[Fails(raised(KeyError("lost")), rank=N - 1)])


def everywhere(folder):
    trained(PROCESSES, callbacks=[Fails(raised(KeyError("lost")), rank=RANK)])


def script(folder):
    if RANK == N - 1:
        raise ZeroDivisionError("before anything")
    trained(PROCESSES)


def gone(folder):
    if RANK != N - 1:
        trained(PROCESSES)


def killed(folder):
    trained(PROCESSES, callbacks=[Fails(lambda run: os.kill(os.getpid(), signal.SIGKILL))])


def twice(folder):
    def press(run):
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)

    trained(PROCESSES, callbacks=[Fails(press)])


def long(folder):
    model, history = trained(PROCESSES, epochs=100_000, verbose=True)
    return [history.epoch[-1], model.parameters.tolist()]


if __name__ == "__main__":
    name, folder = sys.argv[1:]
    found = globals()[name](folder)
    Path(folder, f"{RANK}.json").write_text(json.dumps(found))
