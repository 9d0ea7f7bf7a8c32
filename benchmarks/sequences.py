"""The speed of a training step of recurrent layers, against PyTorch on the CPU.

    python -m pip install -e ".[bench]"
    python benchmarks/sequences.py                      the nine layers, about two minutes
    python benchmarks/sequences.py --only lstm-28-28    one of them
    python benchmarks/sequences.py --threads 1          with one thread each

A step is forward, the mean squared error of all outs, backward without the dx that nobody reads, and plain SGD, in
float32, on a batch that is ready in memory. PyTorch's LSTM is one fused kernel, its GRU and RNN are not. A case is
called kind-T-D; each has H units. OPENBLAS_CORETYPE in the environment, where it names an older processor than that of
the machine, slows down this toolkit and not PyTorch; it is printed.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from typing import Any

import numpy as np
from contest import Case, Work, contest

LEARNING_RATE = 0.01


@dataclass(frozen=True)
class Recurrent(Case):
    """A step of one recurrent layer: x (N, T, D), H units."""

    kind: str = "LSTM"
    n: int = 32
    n_steps: int = 28
    n_features: int = 28
    n_units: int = 128

    def data(self) -> tuple[Any, Any]:
        """Return x, y of one batch."""
        rng = np.random.default_rng(0)
        x = rng.normal(size=(self.n, self.n_steps, self.n_features))
        y = rng.uniform(-1, 1, (self.n, self.n_steps, self.n_units))
        return x.astype(np.float32), y.astype(np.float32)


def handgrad(case: Recurrent) -> Work:
    """The toolkit's own loop."""
    import layers
    from losses import MeanSquaredError
    from optimizers import SGD

    model = layers.Sequential([getattr(layers, case.kind)(case.n_features, case.n_units)], rng=0)
    loss, optimizer = MeanSquaredError(), SGD(LEARNING_RATE)
    x, y = case.data()

    def work() -> None:
        loss.forward(model.forward(x), y)
        model.backward(loss.backward(), input_gradient=False)
        optimizer.step(model)

    return work


def pytorch(case: Recurrent) -> Work:
    """PyTorch in eager mode, its usual loop."""
    import torch
    from torch import nn

    kind = {"SimpleRNN": nn.RNN, "LSTM": nn.LSTM, "GRU": nn.GRU}[case.kind]
    model = kind(case.n_features, case.n_units, batch_first=True)
    x, y = (torch.from_numpy(array) for array in case.data())
    loss, optimizer = nn.MSELoss(), torch.optim.SGD(model.parameters(), lr=LEARNING_RATE)

    def work() -> None:
        optimizer.zero_grad()
        loss(model(x)[0], y).backward()
        optimizer.step()

    return work


SIZES = [(32, 28, 28, 128), (32, 64, 128, 256), (64, 128, 64, 512)]
BARS = {"LSTM": (2.0, 2.0, 1.25), "GRU": (1.1, 1.1, 1.1), "SimpleRNN": (1.5, 1.5, 1.5)}
CASES = [
    Recurrent(f"{kind.lower()}-{t}-{d}", kind=kind, n=n, n_steps=t, n_features=d, n_units=h, bars={"pytorch": bar})
    for kind, bars in BARS.items()
    for (n, t, d, h), bar in zip(SIZES, bars, strict=True)
]


if __name__ == "__main__":
    if "OPENBLAS_CORETYPE" in os.environ and "--worker" not in sys.argv:
        print(f"OPENBLAS_CORETYPE={os.environ['OPENBLAS_CORETYPE']}")
    contest(__doc__, {"handgrad": handgrad, "pytorch": pytorch}, CASES, memory=True)
