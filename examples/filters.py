"""What a convolutional network looks at: its filters, what they make of an image, and which pixels decide.

    python examples/filters.py                    learns the 1,797 small digits that come with the toolkit
    python examples/filters.py --data DIRECTORY   learns MNIST, the directory holds its four files

draws, from the top: the filters of the first layer; what they make of one digit; digits; the gradient of the score of
the right class with respect to each pixel, dx, from one backward; and how much the score falls when a small square is
erased. Gradient and erasing are two ways to ask the same: for small changes, the fall is the sum of x * dx. (There is
no BatchNorm here: in a forward, and so in dx, each image would depend on the others.)

Simonyan, Vedaldi, Zisserman (2013), "Deep Inside Convolutional Networks", arXiv:1312.6034 (the gradient). Zeiler,
Fergus (2013), "Visualizing and Understanding Convolutional Networks", arXiv:1311.2901 (erasing).
"""

import argparse
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from layers import Conv2D, Dense, Flatten, MaxPool2D, ReLU, Sequential
from losses import SoftmaxCrossEntropy
from optimizers import SGD
from pictures.style import SIGNED
from training import batches, digits, mnist, train_test_split

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--data", type=Path, metavar="DIRECTORY", help="where the four files of MNIST are")
arguments = parser.parse_args()

if arguments.data:
    (x_train, y_train), (x_test, y_test) = mnist(arguments.data)
    size, kernel_size, patch, epochs = 28, 5, 5, 2
    print("two epochs of 60,000 images: some minutes")
else:
    x, y = digits()
    x_train, x_test, y_train, y_test = train_test_split(x, y, test_size=360, rng=0)
    size, kernel_size, patch, epochs = 8, 3, 2, 20
x_train, x_test = x_train.reshape(-1, size, size, 1), x_test.reshape(-1, size, size, 1)

N_FILTERS = 8
layers = [Conv2D(1, N_FILTERS, kernel_size, padding="same"), ReLU(), MaxPool2D(2)]
layers += [Conv2D(N_FILTERS, 16, 3, padding="same"), ReLU(), MaxPool2D(2)]
model = Sequential([*layers, Flatten(), Dense((size // 4) ** 2 * 16, 10)], rng=0)
loss, optimizer, rng = SoftmaxCrossEntropy(), SGD(learning_rate=0.05, momentum=0.9), np.random.default_rng(0)
for epoch in range(1, epochs + 1):
    for x_batch, y_batch in batches(x_train, y_train, batch_size=64, rng=rng):
        loss.forward(model.forward(x_batch), y_batch)
        model.backward(loss.backward(), input_gradient=False)
        optimizer.step(model)
    guess = model.predict(x_test, batch_size=500).argmax(axis=1)
    print(f"epoch {epoch:2d}   test accuracy {np.mean(guess == y_test):.2%}")


def score(x, y):
    """Return how far the logit of the right class is above the mean of all: (N,)."""
    logits = model.predict(x)
    return logits[np.arange(len(y)), y] - logits.mean(axis=1)


def score_gradient(x, y):
    """Return dx of the score: of each image, how the score rises with each pixel."""
    logits = model.forward(x)
    dlogits = np.full_like(logits, -1 / logits.shape[1])
    dlogits[np.arange(len(y)), y] += 1
    return model.backward(dlogits)


def squares(side):
    """Yield the square that reaches from each pixel to the right and down, as two slices."""
    for row in range(side - patch + 1):
        for column in range(side - patch + 1):
            yield slice(row, row + patch), slice(column, column + patch)


# One image of each of the classes 0 .. 7 that the network reads right.
chosen = [np.flatnonzero((y_test == k) & (guess == k))[0] for k in range(8)]
x, y = x_test[chosen], y_test[chosen]
dx = score_gradient(x, y)
side = size - patch + 1
falls, predicted = np.zeros((2, len(x), side * side))
for i, (rows, columns) in enumerate(squares(size)):
    erased = x.copy()
    erased[:, rows, columns] = 0
    falls[:, i] = score(x, y) - score(erased, y)
    predicted[:, i] = np.sum((x * dx)[:, rows, columns], axis=(1, 2, 3))
correlation = np.corrcoef(falls.ravel(), predicted.ravel())[0, 1]
print(f"fall of the score when a square of {patch} x {patch} is erased, against the sum of x * dx over it:")
print(f"correlation {correlation:.2f} over {falls.size:,} squares")

filters = np.moveaxis(model[0].weights[:, :, 0], -1, 0)
image = 3
maps = np.moveaxis(model[1].predict(model[0].predict(x[image : image + 1]))[0], -1, 0)
rows = [
    (f"{N_FILTERS} filters\n{kernel_size} x {kernel_size}", filters, SIGNED),
    (f"what they make\nof the {y[image]} below", maps, "gray_r"),
    ("images", x[..., 0], "gray_r"),
    ("dx of the score", dx[..., 0], SIGNED),
    (f"fall when {patch} x {patch}\nare erased", falls.reshape(-1, side, side), SIGNED),
]
figure = Figure(figsize=(8, 5.3), layout="constrained")
axes = figure.subplots(len(rows), 8)
for (name, pictures, colors), line in zip(rows, axes, strict=True):
    line[0].set_ylabel(name, rotation=0, ha="right", va="center")
    for one, place in zip(pictures, line, strict=True):
        reach = np.abs(one).max()
        place.imshow(one, cmap=colors, vmin=-reach if colors == SIGNED else 0, vmax=reach)
        place.set(xticks=[], yticks=[])
figure.suptitle(
    "red is positive, and in the last two rows speaks for the class; blue speaks against it; white is 0\n"
    "each picture has a scale of its own, up to its largest number",
    fontsize=10,
)
path = Path("filters.png").resolve()
figure.savefig(path, dpi=150)
print(f"picture saved to {path}")
