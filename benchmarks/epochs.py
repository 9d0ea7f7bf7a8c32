"""The speed of an epoch of training through `fit`, against PyTorch, scikit-learn and the loop written out.

    python -m pip install -e ".[bench]"
    python benchmarks/epochs.py

An epoch is 60,000 rows of 784 numbers, as many as MNIST has, shuffled, in batches of 128, through 784-128-10, in
float32: forward, the fused loss of softmax and cross-entropy, backward, and a step of SGD with momentum or of Adam.
The rows are random; to the clock they are as good as digits. Peak memory is that of the whole process, libraries too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from contest import Case, Work, contest

N_EXAMPLES, N_FEATURES, N_HIDDEN, N_CLASSES, BATCH = 60_000, 784, 128, 10, 128


@dataclass(frozen=True)
class Epoch(Case):
    """An epoch with this optimizer."""

    optimizer: str = ""

    def data(self) -> tuple[Any, Any]:
        """Return x, y."""
        rng = np.random.default_rng(0)
        return rng.random((N_EXAMPLES, N_FEATURES), np.float32), rng.integers(N_CLASSES, size=N_EXAMPLES)


def network(case: Epoch) -> tuple[Any, Any, Any]:
    """Return the toolkit's model, loss and optimizer."""
    from layers import Dense, ReLU, Sequential
    from losses import SoftmaxCrossEntropy
    from optimizers import SGD, Adam

    model = Sequential([Dense(N_FEATURES, N_HIDDEN), ReLU(), Dense(N_HIDDEN, N_CLASSES)], rng=0)
    return model, SoftmaxCrossEntropy(), SGD(0.01, momentum=0.9) if case.optimizer == "SGD" else Adam(0.001)


def handgrad(case: Epoch) -> Work:
    """`fit`, silent; the seconds are those that its history has for the epoch.

    Before the first epoch `fit` measures the loss of the untrained model, epoch 0, which the others do not do.
    """
    from training import fit

    x, y = case.data()
    model, loss, optimizer = network(case)

    def work() -> float:
        return fit(model, loss, optimizer, x, y, epochs=1, batch_size=BATCH, rng=0, verbose=False).seconds[1]

    return work


def loop(case: Epoch) -> Work:
    """The same written out, with `batches`."""
    from training import batches

    x, y = case.data()
    model, loss, optimizer = network(case)
    rng = np.random.default_rng(0)

    def work() -> None:
        for x_batch, y_batch in batches(x, y, BATCH, rng=rng):
            loss.forward(model.forward(x_batch), y_batch)
            model.backward(loss.backward(), input_gradient=False)
            optimizer.step(model)

    return work


def pytorch(case: Epoch) -> Work:
    """PyTorch in eager mode: tensors that are there, shuffled by indexing, without a DataLoader, which is slower."""
    import torch
    from torch import nn

    x, y = map(torch.from_numpy, case.data())
    model = nn.Sequential(nn.Linear(N_FEATURES, N_HIDDEN), nn.ReLU(), nn.Linear(N_HIDDEN, N_CLASSES))
    loss = nn.CrossEntropyLoss()
    parameters = model.parameters()
    if case.optimizer == "SGD":
        optimizer = torch.optim.SGD(parameters, lr=0.01, momentum=0.9)
    else:
        optimizer = torch.optim.Adam(parameters, lr=0.001)

    def work() -> None:
        for chosen in torch.randperm(N_EXAMPLES).split(BATCH):
            optimizer.zero_grad()
            loss(model(x[chosen]), y[chosen]).backward()
            optimizer.step()

    return work


def sklearn(case: Epoch) -> Work:
    """scikit-learn's MLPClassifier through `partial_fit`: one pass over the shuffled rows, no validation set."""
    from sklearn.neural_network import MLPClassifier

    x, y = case.data()
    model = MLPClassifier(
        hidden_layer_sizes=(N_HIDDEN,),
        solver=case.optimizer.lower(),
        learning_rate_init=0.01 if case.optimizer == "SGD" else 0.001,
        momentum=0.9,
        nesterovs_momentum=False,
        alpha=0,
        batch_size=BATCH,
        random_state=0,
    )
    model.partial_fit(x[:BATCH], y[:BATCH], classes=np.arange(N_CLASSES))
    return lambda: model.partial_fit(x, y)


BARS = {"loop": 1.03, "pytorch": 1.0, "sklearn": 0.8}
CASES = [Epoch("SGD-momentum", optimizer="SGD", bars=BARS), Epoch("Adam", optimizer="Adam", bars=BARS)]

if __name__ == "__main__":
    contestants = {"handgrad": handgrad, "loop": loop, "pytorch": pytorch, "sklearn": sklearn}
    contest(__doc__, contestants, CASES, memory=True)
