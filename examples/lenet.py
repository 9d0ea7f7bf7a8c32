"""LeNet-5, the network that read the digits on checks, in its form of today.

    python examples/lenet.py --data DIRECTORY

trains it on the 60,000 images of MNIST for a minute or two, counts its errors on the 10,000 test images, and draws the
curves and the hardest images. The directory holds the four files of MNIST, as they are or gzipped
(train-images-idx3-ubyte.gz and so on). Without --data it learns the 1,797 small digits that come with the toolkit.

LeCun, Bottou, Bengio, Haffner (1998), "Gradient-Based Learning Applied to Document Recognition". There: tanh, trained
subsampling, and distances to stylized digits in the last layer. Here: ReLU, max pooling, and a softmax.
"""

import argparse
import time
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from layers import Conv2D, Dense, Flatten, MaxPool2D, ReLU, Sequential, Softmax
from losses import SoftmaxCrossEntropy
from optimizers import SGD
from pictures.scales import log_scale
from pictures.style import COLORS, TRAINING, VALIDATION, dressed
from training import batches, digits, mnist, train_test_split

EPOCHS = 8


def lenet(size):
    """Return the network for images of this height and width: 28, or 8, where the kernels are smaller."""
    kernel_size, padding = (5, "valid") if size == 28 else (3, "same")
    layers = [
        Conv2D(1, 6, kernel_size, padding="same"),  # 28 x 28 x 6
        MaxPool2D(2),
        ReLU(),  # behind the pooling it gives the same as before it, with a quarter of the work
        Conv2D(6, 16, kernel_size, padding=padding),  # 10 x 10 x 16
        MaxPool2D(2),
        ReLU(),
        Flatten(),  # 5 * 5 * 16 = 400
    ]
    n_features = 400 if size == 28 else 64
    layers += [Dense(n_features, 120), ReLU(), Dense(120, 84), ReLU(), Dense(84, 10)]
    return Sequential(layers, rng=0)


def accuracy(model, x, y):
    return np.mean(model.predict(x, batch_size=500).argmax(axis=1) == y)


parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--data", type=Path, metavar="DIRECTORY", help="where the four files of MNIST are")
arguments = parser.parse_args()

if arguments.data:
    (x_train, y_train), (x_test, y_test) = mnist(arguments.data)
else:
    x, y = digits()
    x_train, x_test, y_train, y_test = train_test_split(x, y, test_size=360, rng=0)
size = int(np.sqrt(x_train.shape[1]))
x_train, x_test = x_train.reshape(-1, size, size, 1), x_test.reshape(-1, size, size, 1)

model = lenet(size)
loss = SoftmaxCrossEntropy()
batch_size, epochs = (64, EPOCHS) if arguments.data else (32, 3 * EPOCHS)
steps = epochs * -(-len(x_train) // batch_size)
optimizer = SGD(lambda step: 0.025 * (1 + np.cos(np.pi * step / steps)), momentum=0.9, weight_decay=5e-4)
print(model.summary((size, size, 1)))
print(f"{len(x_train):,} images of {size} x {size} pixels to learn from, {len(x_test):,} to test\n")

rng = np.random.default_rng(0)
train_losses, test_losses = [], []
start = time.perf_counter()
for epoch in range(1, epochs + 1):
    total = 0.0
    for x_batch, y_batch in batches(x_train, y_train, batch_size=batch_size, rng=rng):
        total += loss.forward(model.forward(x_batch), y_batch) * len(x_batch)  # the last batch is smaller
        model.backward(loss.backward(), input_gradient=False)
        optimizer.step(model)
    train_losses.append(total / len(x_train))
    test_losses.append(loss.forward(model.predict(x_test, batch_size=500), y_test))
    print(
        f"epoch {epoch:2d}   loss {train_losses[-1]:.4f} nats   test loss {test_losses[-1]:.4f}   "
        f"test accuracy {accuracy(model, x_test, y_test):6.2%}   {time.perf_counter() - start:4.0f} s"
    )

y_hat = Softmax().forward(model.predict(x_test, batch_size=500))
guess = y_hat.argmax(axis=1)
n_wrong = np.sum(guess != y_test)
right_class = y_hat[np.arange(len(y_test)), y_test]
hardest = np.argsort(right_class)[:24]
print(f"\n{n_wrong} of {len(x_test):,} test images read wrong, accuracy {1 - n_wrong / len(x_test):.2%}")

figure = Figure(figsize=(10.5, 4.2), layout="constrained")
left, right = figure.subfigures(1, 2, width_ratios=(1, 1.9))
axes = dressed(left.subplots(), whole=True)
axes.plot(np.arange(1, epochs + 1), train_losses, **TRAINING, marker="o", label="training")
axes.plot(np.arange(1, epochs + 1), test_losses, **VALIDATION, marker="s", label="test")
axes.set(xlabel="epoch", ylabel="cross-entropy (nats)", title=f"LeNet-5 on {len(x_train):,} digits")
log_scale(axes)
axes.legend()
right.suptitle(f"{n_wrong} of {len(x_test):,} test images read wrong; the 24 hardest, probability of the right class")
for axes, i in zip(right.subplots(3, 8).flat, hardest, strict=True):
    axes.imshow(x_test[i, :, :, 0], cmap="gray_r")
    wrong = guess[i] != y_test[i]
    said = f"{y_test[i]}: {right_class[i]:.0%}" + (f"\nread {guess[i]}" if wrong else "")
    axes.set_title(said, fontsize=9, color=COLORS["vermillion"] if wrong else "black")
    axes.axis("off")
path = Path("lenet.png").resolve()
figure.savefig(path, dpi=150)
print(f"picture saved to {path}")
