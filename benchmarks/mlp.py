"""The speed of a training step of multi-layer perceptrons, against PyTorch and scikit-learn on the CPU.

    python -m pip install -e ".[bench]"
    python benchmarks/mlp.py

A step is forward, the fused loss of softmax and cross-entropy, backward without the dx that nobody reads, and plain
SGD, in float32, on a batch that is ready in memory. The floor is the time of the necessary matrix products alone,
in NumPy: what a step would take if all the rest were free.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from contest import Case, Work, contest

LEARNING_RATE = 0.01


@dataclass(frozen=True)
class Network(Case):
    """A step of a ReLU network of these sizes; the data are as many batches as one call makes steps."""

    sizes: tuple[int, ...] = ()
    batch: int = 32

    def data(self) -> tuple[Any, Any]:
        """Return x, y of all batches."""
        rng = np.random.default_rng(0)
        n = self.steps * self.batch
        return rng.random((n, self.sizes[0]), np.float32), rng.integers(self.sizes[-1], size=n)

    def batches(self) -> list[tuple[Any, Any]]:
        """Return (x, y) of each batch."""
        x, y = self.data()
        return list(zip(np.split(x, self.steps), np.split(y, self.steps), strict=True))


def handgrad(case: Network) -> Work:
    """The toolkit's own loop."""
    from layers import Dense, ReLU, Sequential
    from losses import SoftmaxCrossEntropy
    from optimizers import SGD

    rows = [layer for n, m in pairwise(case.sizes) for layer in (Dense(n, m), ReLU())]
    model = Sequential(rows[:-1], rng=0)
    loss = SoftmaxCrossEntropy()
    optimizer = SGD(learning_rate=LEARNING_RATE)
    batches = case.batches()

    def work() -> None:
        for x, y in batches:
            loss.forward(model.forward(x), y)
            model.backward(loss.backward(), input_gradient=False)
            optimizer.step(model)

    return work


def pytorch(case: Network) -> Work:
    """PyTorch in eager mode, its usual loop. Nobody asks for the gradient of x, so that it is not computed."""
    import torch
    from torch import nn

    rows = [layer for n, m in pairwise(case.sizes) for layer in (nn.Linear(n, m), nn.ReLU())]
    model = nn.Sequential(*rows[:-1])
    loss = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=LEARNING_RATE)
    batches = [(torch.from_numpy(x), torch.from_numpy(y)) for x, y in case.batches()]

    def work() -> None:
        for x, y in batches:
            optimizer.zero_grad()
            loss(model(x), y).backward()
            optimizer.step()

    return work


def sklearn(case: Network) -> Work:
    """scikit-learn's MLPClassifier through `partial_fit`, which makes one step for each batch_size rows it is given.

    Timed is the public call, the only way to train it: the steps, the same as everybody's (no momentum, no decay, no
    shuffling, no validation set, float32 as x is), and its checks of x and y, for all the steps of a call at once.
    Measured, these checks are 1% of the time of the largest network and 5 to 7% of that of the three smallest; the
    times of handgrad and PyTorch contain their checks, too.
    """
    from sklearn.neural_network import MLPClassifier

    x, y = case.data()
    model = MLPClassifier(
        hidden_layer_sizes=case.sizes[1:-1],
        solver="sgd",
        learning_rate_init=LEARNING_RATE,
        momentum=0,
        nesterovs_momentum=False,
        alpha=0,
        batch_size=case.batch,
        shuffle=False,
        early_stopping=False,
        random_state=0,
    )
    model.partial_fit(x, y, classes=np.arange(case.sizes[-1]))
    return lambda: model.partial_fit(x, y)


def floor(case: Network) -> Work:
    """The matrix products of a step, into arrays that exist already: forward, dweights, and dx of all but the first."""
    rng = np.random.default_rng(0)
    weights = [rng.standard_normal(shape, np.float32) for shape in pairwise(case.sizes)]
    dweights = [np.empty_like(array) for array in weights]
    outs = [rng.standard_normal((case.batch, size), np.float32) for size in case.sizes]
    douts = [np.empty_like(array) for array in outs]
    douts[-1] = rng.standard_normal(douts[-1].shape, np.float32)
    last = len(weights) - 1
    batches = [x for x, _ in case.batches()]

    def work() -> None:
        for x in batches:
            outs[0] = x
            for i, array in enumerate(weights):
                np.matmul(outs[i], array, out=outs[i + 1])
            for i in range(last, -1, -1):
                np.matmul(outs[i].T, douts[i + 1], out=dweights[i])
                if i:
                    np.matmul(douts[i + 1], weights[i].T, out=douts[i])

    return work


# So many steps in a call that what scikit-learn does once a call is spread thin, and so few that the data of a call
# stay in the outer cache.
CASES = [
    Network("2-64-3", 1000, (2, 64, 3), 32, bars={"pytorch": 0.30, "sklearn": 0.7}),
    Network("784-128-10", 200, (784, 128, 10), 32, bars={"pytorch": 0.85, "sklearn": 0.7}),
    Network("784-128-10-batch-128", 100, (784, 128, 10), 128, bars={"pytorch": 0.85, "sklearn": 0.7}),
    Network("784-512-512-10", 32, (784, 512, 512, 10), 128, bars={"pytorch": 1.2, "sklearn": 0.7, "floor": 1.35}),
    Network("784-2048-2048-10", 4, (784, 2048, 2048, 10), 256, bars={"pytorch": 1.3, "sklearn": 0.7, "floor": 1.15}),
]

if __name__ == "__main__":
    contest(__doc__, {"handgrad": handgrad, "pytorch": pytorch, "sklearn": sklearn, "floor": floor}, CASES)
