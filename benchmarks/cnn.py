"""The speed of a training step of convolutional networks, against PyTorch on the CPU in both of its memory layouts.

    python -m pip install -e ".[bench]"
    python benchmarks/cnn.py

A step is forward, the fused loss of softmax and cross-entropy, backward without the dx that nobody reads, and plain
SGD, in float32, on a batch that is ready in memory in the order of axes that the contestant likes best.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from contest import Case, Work, contest

LEARNING_RATE = 0.01


@dataclass(frozen=True)
class Network(Case):
    """A step of a network: convolutions ("conv", n_outputs, kernel, padding), "pool" by 2, and dense layers.

    Parameters
    ----------
    image : (H, W, C)
    rows : what stands before the flattening; a ReLU follows on every convolution
    sizes : of the dense layers behind it, a ReLU between them
    """

    image: tuple[int, int, int] = (28, 28, 1)
    rows: tuple[tuple[Any, ...], ...] = ()
    sizes: tuple[int, ...] = (10,)
    batch: int = 64

    def data(self) -> tuple[Any, Any]:
        """Return x, y of one batch, channels last."""
        rng = np.random.default_rng(0)
        return rng.random((self.batch, *self.image), np.float32), rng.integers(10, size=self.batch)


def network(case: Network) -> Any:
    """The network of a case."""
    from layers import Conv2D, Dense, Flatten, MaxPool2D, ReLU, Sequential

    rows: list[Any] = []
    shape: Any = case.image
    for kind, *arguments in case.rows:
        if kind == "conv":
            n_outputs, kernel, padding = arguments
            rows += [Conv2D(shape[-1], n_outputs, kernel, padding=padding), ReLU()]
        else:
            rows += [MaxPool2D(2)]
        shape = Sequential([*rows]).output_shape(case.image) if False else _after(rows, case.image)
    n_features = int(np.prod(shape))
    rows += [Flatten()]
    for size in case.sizes:
        rows += [Dense(n_features, size), ReLU()]
        n_features = size
    return Sequential(rows[:-1], rng=0)


def _after(rows: list[Any], shape: Any) -> Any:
    for row in rows:
        shape = row.output_shape(shape)
    return shape


def handgrad(case: Network) -> Work:
    """The toolkit's own loop."""
    from losses import SoftmaxCrossEntropy
    from optimizers import SGD

    model = network(case)
    loss = SoftmaxCrossEntropy()
    optimizer = SGD(learning_rate=LEARNING_RATE)
    x, y = case.data()

    def work() -> None:
        loss.forward(model.forward(x), y)
        model.backward(loss.backward(), input_gradient=False)
        optimizer.step(model)

    return work


def pytorch(case: Network, channels_last: bool = False) -> Work:
    """PyTorch in eager mode, its usual loop, images with the channels before rows and columns."""
    import torch
    from torch import nn

    rows: list[Any] = []
    n_inputs = case.image[-1]
    for kind, *arguments in case.rows:
        if kind == "conv":
            n_outputs, kernel, padding = arguments
            rows += [nn.Conv2d(n_inputs, n_outputs, kernel, padding=padding), nn.ReLU()]
            n_inputs = n_outputs
        else:
            rows += [nn.MaxPool2d(2)]
    rows += [nn.Flatten()]
    x, y = case.data()
    x = torch.from_numpy(np.ascontiguousarray(x.transpose(0, 3, 1, 2)))
    n_features = nn.Sequential(*rows)(x[:1]).shape[1]
    for size in case.sizes:
        rows += [nn.Linear(n_features, size), nn.ReLU()]
        n_features = size
    model = nn.Sequential(*rows[:-1])
    if channels_last:
        model, x = model.to(memory_format=torch.channels_last), x.to(memory_format=torch.channels_last)
    y = torch.from_numpy(y)
    loss = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=LEARNING_RATE)

    def work() -> None:
        optimizer.zero_grad()
        loss(model(x), y).backward()
        optimizer.step()

    return work


def pytorch_channels_last(case: Network) -> Work:
    """The same with memory in the order of axes of this toolkit."""
    return pytorch(case, channels_last=True)


def bars(ratio: float) -> dict[str, float]:
    """Against PyTorch in the better of its two layouts: against both."""
    return {"pytorch": ratio, "pytorch-channels-last": ratio}


CASES = [
    Network("a", rows=(("conv", 8, 3, 1), ("pool",), ("conv", 16, 3, 1), ("pool",)), bars=bars(1.3)),
    Network(
        "b",
        rows=(("conv", 6, 5, 2), ("pool",), ("conv", 16, 5, 0), ("pool",)),
        sizes=(120, 84, 10),
        bars=bars(1.4),
    ),
    Network("c", rows=(("conv", 32, 3, 0), ("conv", 64, 3, 0), ("pool",)), sizes=(128, 10), bars=bars(1.5)),
    Network(
        "d",
        image=(32, 32, 3),
        rows=(("conv", 32, 3, 1), ("conv", 32, 3, 1), ("pool",), ("conv", 64, 3, 1), ("conv", 64, 3, 1), ("pool",)),
        batch=32,
        bars=bars(2.2),
    ),
]

if __name__ == "__main__":
    contestants = {"handgrad": handgrad, "pytorch": pytorch, "pytorch-channels-last": pytorch_channels_last}
    contest(__doc__, contestants, CASES)
