"""Handwritten digits, read a row of pixels at a time by an LSTM that remembers the rows above.

    python examples/rows.py --data DIRECTORY

reads the images of MNIST as 28 steps of 28 pixels, for 3 epochs, a minute or two, and counts its errors on the 10,000
test images. The directory holds the four files of MNIST, as they are or gzipped (train-images-idx3-ubyte.gz and so on).
Without --data it reads the 1,797 small digits that come with the toolkit, 8 steps of 8 pixels.

    x (N, 28, 28) -> LSTM(28, 128) -> LastStep (N, 128) -> Dense (N, 10)

After training it is asked after every row, not only after the last: the picture shows how sure it is as it reads on.
"""

import argparse
import time
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from layers import LSTM, Dense, LastStep, Sequential, softmax
from losses import SoftmaxCrossEntropy
from optimizers import Adam
from pictures.style import COLORS, SHARES, dressed
from training import batches, digits, mnist, train_test_split

N_UNITS = 128

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--data", type=Path, metavar="DIRECTORY", help="where the four files of MNIST are")
parser.add_argument("--seed", type=int, default=0)
arguments = parser.parse_args()

if arguments.data:
    (x_train, y_train), (x_test, y_test) = mnist(arguments.data)
    batch_size, epochs, rate = 64, 3, 0.001
else:
    x, y = digits()
    x_train, x_test, y_train, y_test = train_test_split(x, y, test_size=360, rng=0)
    batch_size, epochs, rate = 32, 12, 0.003
size = int(np.sqrt(x_train.shape[1]))
x_train, x_test = x_train.reshape(-1, size, size), x_test.reshape(-1, size, size)  # (N, T, D)

model = Sequential([LSTM(size, N_UNITS), LastStep(), Dense(N_UNITS, 10)], rng=arguments.seed)
print(model.summary((size, size)), "\n")
loss, optimizer, rng = SoftmaxCrossEntropy(), Adam(rate), np.random.default_rng(arguments.seed)
losses, start = [], time.perf_counter()
for epoch in range(1, epochs + 1):
    values = []
    for x_batch, y_batch in batches(x_train, y_train, batch_size, rng=rng):
        values.append(loss.forward(model.forward(x_batch), y_batch))
        model.backward(loss.backward(), input_gradient=False)
        optimizer.step(model)
    losses += values
    accuracy = np.mean(model.predict(x_test, batch_size=500).argmax(axis=1) == y_test)
    seconds = time.perf_counter() - start
    print(
        f"epoch {epoch:2}   loss {np.mean(values):.4f} nats   test accuracy {accuracy:.2%}   {seconds:.0f} s",
        flush=True,
    )

lstm, _, dense = model.layers
after_each = softmax(dense.predict(lstm.predict(x_test)))  # (N, T, 10): Dense works on every step
right = np.mean(after_each.argmax(axis=-1) == y_test[:, np.newaxis], axis=0)
half = size // 2
print(f"\n{right[half - 1]:.1%} right after {half} of {size} rows, {right[-1]:.2%} after all")

figure = Figure(figsize=(9.5, 4), layout="constrained")
left, others = figure.subfigures(1, 2, width_ratios=(1, 1.7))
axes = dressed(left.subplots(), whole=True)
axes.plot(np.arange(1, size + 1), right, "o-", color=COLORS["blue"])
axes.set(xlabel="rows read", ylabel="share of test images right", title=f"{N_UNITS} units, {len(x_test):,} test images")
shown = [np.flatnonzero(y_test == digit)[0] for digit in (2, 4, 7, 9)]
for i, images, axes in zip(shown, *others.subplots(2, 4, height_ratios=(1, 2.2)), strict=True):
    images.imshow(x_test[i], cmap="gray_r")
    images.axis("off")
    axes.imshow(after_each[i], cmap=SHARES, vmin=0, vmax=1, aspect="auto", extent=(-0.5, 9.5, size, 0))
    axes.set(xticks=range(0, 10, 2), xlabel="digit", ylabel="rows read" if i == shown[0] else "")
others.suptitle("the probability of each digit, after each row")
path = Path("rows.png").resolve()
figure.savefig(path, dpi=120)
print(f"picture saved to {path}")
