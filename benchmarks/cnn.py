"""The speed of a training step of convolutional networks, against PyTorch on the CPU in both of its memory layouts.

    python -m pip install -e ".[bench]"
    python benchmarks/cnn.py                   the four networks, about two minutes
    python benchmarks/cnn.py --only c          one of them
    python benchmarks/cnn.py --profile         forward and backward, layer by layer, of this toolkit
    python benchmarks/cnn.py --scaling         time and memory as the batch, the image and the channels double

A step is forward, the fused loss of softmax and cross-entropy, backward without the dx that nobody reads, and plain
SGD, in float32, on a batch that is ready in memory, in the order of axes that the contestant takes. PyTorch's memory
has the channels before rows and columns, or last, whichever is faster: a bar holds for both.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from contest import Case, Work, contest

LEARNING_RATE = 0.01


@dataclass(frozen=True)
class Network(Case):
    """A step of a network: convolutions and pools, and dense layers behind them; after each but the last a ReLU.

    Parameters
    ----------
    image : (H, W, C)
    rows : of ("conv", n_outputs, kernel_size, padding) and ("pool",), which is by 2
    sizes : of the dense layers
    """

    image: tuple[int, int, int] = (28, 28, 1)
    rows: tuple[tuple[Any, ...], ...] = ()
    sizes: tuple[int, ...] = (10,)
    batch: int = 64

    def data(self) -> tuple[Any, Any]:
        """Return x, y of one batch, channels last."""
        rng = np.random.default_rng(0)
        return rng.random((self.batch, *self.image), np.float32), rng.integers(10, size=self.batch)

    def convolutions(self) -> Iterator[tuple[int, int, int, int]]:
        """Yield (n_inputs, n_outputs, kernel_size, padding) of each."""
        n_inputs = self.image[-1]
        for kind, *arguments in self.rows:
            if kind == "conv":
                yield n_inputs, *arguments
                n_inputs = arguments[0]


def network(case: Network) -> Any:
    """Return the network of a case."""
    from layers import Conv2D, Dense, Flatten, MaxPool2D, ReLU, Sequential

    convolutions, rows = case.convolutions(), []
    for kind, *_ in case.rows:
        if kind == "conv":
            n_inputs, n_outputs, kernel_size, padding = next(convolutions)
            rows += [Conv2D(n_inputs, n_outputs, kernel_size, padding=padding), ReLU()]
        else:
            rows += [MaxPool2D(2)]
    rows += [Flatten()]
    shape = case.image
    for row in rows:
        shape = row.output_shape(shape)
    for n_inputs, n_outputs in pairwise([shape[0], *case.sizes]):
        rows += [Dense(n_inputs, n_outputs), ReLU()]
    return Sequential(rows[:-1], rng=0)


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

    convolutions, rows = case.convolutions(), []
    for kind, *_ in case.rows:
        if kind == "conv":
            n_inputs, n_outputs, kernel_size, padding = next(convolutions)
            rows += [nn.Conv2d(n_inputs, n_outputs, kernel_size, padding=padding), nn.ReLU()]
        else:
            rows += [nn.MaxPool2d(2)]
    rows += [nn.Flatten()]
    images, labels = case.data()
    x, y = torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2))), torch.from_numpy(labels)
    n_features = nn.Sequential(*rows)(x[:1]).shape[1]
    for n_inputs, n_outputs in pairwise([n_features, *case.sizes]):
        rows += [nn.Linear(n_inputs, n_outputs), nn.ReLU()]
    model = nn.Sequential(*rows[:-1])
    if channels_last:
        model, x = model.to(memory_format=torch.channels_last), x.to(memory_format=torch.channels_last)
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


def scaled(batch: int = 32, side: int = 32, channels: int = 32) -> Network:
    """Two convolutions and a pool of this size."""
    changed = {"batch": batch, "side": side, "channels": channels}
    name = "-".join(f"{what}-{n}" for what, n in changed.items() if n != 32) or "all-32"
    rows = ("conv", channels, 3, 1), ("conv", channels, 3, 1), ("pool",)
    return Network(name, image=(side, side, channels), rows=rows, batch=batch)


SCALING = [
    scaled(),
    *(scaled(batch=n) for n in (64, 128)),
    *(scaled(side=n) for n in (64, 128)),
    *(scaled(channels=n) for n in (64, 128)),
]


def profile(case: Network, steps: int = 30) -> None:
    """Print the milliseconds of forward and backward of each layer, the medians of some steps."""
    from losses import SoftmaxCrossEntropy

    model, loss = network(case), SoftmaxCrossEntropy()
    x, y = case.data()
    times: list[dict[str, list[float]]] = [{"forward": [], "backward": []} for _ in model]

    def timed(i: int, what: str, *arguments: Any, **options: Any) -> Any:
        start = time.perf_counter()
        result = getattr(model[i], what)(*arguments, **options)
        times[i][what].append(time.perf_counter() - start)
        return result

    for _ in range(steps):
        out = x
        for i in range(len(model)):
            out = timed(i, "forward", out)
        loss.forward(out, y)
        dout = loss.backward()
        for i in range(len(model) - 1, 0, -1):
            dout = timed(i, "backward", dout)
        timed(0, "backward", dout, input_gradient=False)
    shape = case.image
    print(f"\n{case.name:<42}{'output shape':<18}{'forward':>10}{'backward':>10}   ms")
    for layer, row in zip(model, times, strict=True):
        shape = layer.output_shape(shape)
        forward, backward = (1e3 * statistics.median(row[what]) for what in ("forward", "backward"))
        print(f"  {layer!r:<40}{shape!s:<18}{forward:>10.3f}{backward:>10.3f}")


if __name__ == "__main__":
    contestants = {"handgrad": handgrad, "pytorch": pytorch, "pytorch-channels-last": pytorch_channels_last}
    contest(__doc__, contestants, CASES, {"scaling": SCALING}, {"profile": profile}, memory=True)
