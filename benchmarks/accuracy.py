"""The accuracy of the network of `examples/rows.py`, here and in PyTorch, over several seeds.

    python -m pip install -e ".[bench]"
    python benchmarks/accuracy.py --data DIRECTORY          five seeds, three epochs of MNIST each: half an hour

An LSTM of 128 units reads MNIST a row at a time; Dense answers after the last. For each seed both libraries begin with
the same weights, drawn as this toolkit draws them, and see the same batches in the same order, so that what is left
between them is rounding, which training makes larger. PyTorch keeps two biases for each gate where one is needed: its
second one is 0 and stays so. Prints the test accuracy of each seed, the means, and how far they are apart.
"""

from __future__ import annotations

import argparse
import statistics
from pathlib import Path
from typing import Any

import numpy as np

from layers import LSTM, Dense, LastStep, Sequential
from losses import SoftmaxCrossEntropy
from optimizers import Adam
from training import batches, mnist

N_UNITS, BATCH, RATE = 128, 64, 0.001


def network(seed: int) -> Sequential:
    """Return the network of the example, with its first weights."""
    return Sequential([LSTM(28, N_UNITS), LastStep(), Dense(N_UNITS, 10)], rng=seed)


def handgrad(train: tuple[Any, Any], test: tuple[Any, Any], seed: int, epochs: int) -> float:
    """Return the test accuracy of the toolkit."""
    model, loss, optimizer, rng = network(seed), SoftmaxCrossEntropy(), Adam(RATE), np.random.default_rng(seed)
    for _ in range(epochs):
        for x, y in batches(*train, BATCH, rng=rng):
            loss.forward(model.forward(x), y)
            model.backward(loss.backward(), input_gradient=False)
            optimizer.step(model)
    x, y = test
    return float(np.mean(model.predict(x, batch_size=500).argmax(axis=1) == y))


def pytorch(train: tuple[Any, Any], test: tuple[Any, Any], seed: int, epochs: int) -> float:
    """Return the test accuracy of PyTorch, from the same weights, on the same batches."""
    import torch
    from torch import nn

    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.lstm, self.dense = nn.LSTM(28, N_UNITS, batch_first=True), nn.Linear(N_UNITS, 10)

        def forward(self, x: Any) -> Any:
            return self.dense(self.lstm(x)[0][:, -1])

    lstm, _, dense = network(seed).layers
    model = Network()
    with torch.no_grad():
        model.lstm.weight_ih_l0.copy_(torch.from_numpy(lstm.weights.T.copy()))
        model.lstm.weight_hh_l0.copy_(torch.from_numpy(lstm.recurrent_weights.T.copy()))
        model.lstm.bias_ih_l0.copy_(torch.from_numpy(lstm.bias.copy()))
        model.lstm.bias_hh_l0.zero_()
        model.dense.weight.copy_(torch.from_numpy(dense.weights.T.copy()))
        model.dense.bias.copy_(torch.from_numpy(dense.bias.copy()))
    model.lstm.bias_hh_l0.requires_grad_(False)
    optimizer, loss = torch.optim.Adam(model.parameters(), lr=RATE), nn.CrossEntropyLoss()
    rng = np.random.default_rng(seed)
    for _ in range(epochs):
        for x, y in batches(*train, BATCH, rng=rng):
            optimizer.zero_grad()
            loss(model(torch.from_numpy(x)), torch.from_numpy(y)).backward()
            optimizer.step()
    x, y = test
    with torch.no_grad():
        return float(np.mean(model(torch.from_numpy(x)).argmax(dim=1).numpy() == y))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, metavar="DIRECTORY", help="where the files of MNIST are")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=3)
    arguments = parser.parse_args()
    train, test = mnist(arguments.data)
    train, test = ((x.reshape(-1, 28, 28), np.asarray(y, np.int64)) for x, y in (train, test))
    found: dict[str, list[float]] = {"handgrad": [], "pytorch": []}
    for seed in range(arguments.seeds):
        for name, run in (("handgrad", handgrad), ("pytorch", pytorch)):
            found[name].append(run(train, test, seed, arguments.epochs))
            print(f"seed {seed}   {name:<8}   {found[name][-1]:.2%}", flush=True)
    means = {name: statistics.mean(values) for name, values in found.items()}
    print("   ".join(f"{name} {mean:.3%}" for name, mean in means.items()), end="   ")
    print(f"apart by {100 * abs(means['handgrad'] - means['pytorch']):.2f} points")
