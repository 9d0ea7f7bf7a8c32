"""One training in several processes: each computes its part of every batch, and all have the same network at the end.

    mpiexec -n 2 python examples/parallel.py

trains a convolutional network on the digits, by MPI, in as many processes as mpiexec starts; on several machines, and
under a scheduler, as `docs/scale.md` says. Begun without mpiexec it is one process. It needs mpi4py and an MPI,
pip install "handgrad[parallel]" mpich; without them it takes two parts in turn.

    rank 0     rows 0 .. 31 of the batch      forward, loss, backward      |  gradients of all are added up, in the
    rank 1     rows 32 .. 63                  forward, loss, backward      |  order of the ranks; each makes the step

Then process 0 trains the same network again by itself, with the same parts one after the other: the parameters are the
same to the last bit. The picture shows both loss curves, and the time of an epoch.
"""

from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from layers import Conv2D, Dense, Dropout, Flatten, MaxPool2D, ReLU, Sequential
from losses import SoftmaxCrossEntropy
from optimizers import Adam
from training import Processes, accuracy, digits, fit, train_test_split

try:
    parts = Processes(blas_threads=1)
    n, rank = parts.n, parts.rank
except ImportError as missing:
    print(missing)
    parts, n, rank = 2, 2, 0

x, y = digits()
x_train, x_test, y_train, y_test = train_test_split(x.reshape(-1, 8, 8, 1), y, test_size=360, rng=0)


def trained(parts, verbose):
    """Return a network, trained for five epochs, and its history."""
    layers = [Conv2D(1, 16, 3, padding=1), ReLU(), MaxPool2D(2), Flatten(), Dropout(0.2), Dense(256, 10)]
    model = Sequential(layers, rng=0)
    history = fit(
        model,
        SoftmaxCrossEntropy(),
        Adam(0.003),
        x_train,
        y_train,
        epochs=5,
        batch_size=64,
        validation=(x_test, y_test),
        metrics=accuracy,
        parts=parts,
        rng=0,
        verbose=verbose,
    )
    return model, history


who = f"{n} process{'es' * (n > 1)}" if isinstance(parts, Processes) else f"{n} parts in turn"
if rank == 0:
    print(who)
model, history = trained(parts, verbose=True)
if rank == 0:  # the others have the same network, and nothing left to do
    other, expected = trained(n, verbose=False)
    same = np.array_equal(model.parameters, other.parameters) and history == expected
    print(f"one process with parts={n}: {'bit-identical' if same else 'different'}")

    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained", width_ratios=(2, 1))
    left.plot(history.epoch, history.loss, "o-", label=f"training, {who}")
    left.plot(history.epoch, history.validation_loss, "s--", label="validation")
    left.plot(expected.epoch, expected.loss, "kx", label=f"training, one process, parts={n}")
    left.set(xlabel="epoch", ylabel="loss, nats", title="the same numbers, whoever computes them")
    left.legend()
    seconds = [np.median(each.seconds[1:]) for each in (history, expected)]
    right.bar([who, f"one process,\nparts={n}"], seconds, color=["C0", "k"], width=0.6)
    right.set(ylabel="seconds", title="an epoch")
    path = Path("parallel.png").resolve()
    figure.savefig(path, dpi=120)
    print(f"picture saved to {path}")
