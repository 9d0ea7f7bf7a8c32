"""A dense network on the full MNIST: 60,000 images to learn from, 10,000 to be tested on, and at least 98.3% right.

    python examples/mnist.py --data DIRECTORY

The directory holds the four files of MNIST, or of Fashion-MNIST, gzipped or not. Without --data the same training
runs in seconds on the small digits that come with the toolkit.
"""

import argparse
import sys
from pathlib import Path

from layers import Dense, Dropout, ReLU, Sequential
from losses import SoftmaxCrossEntropy
from optimizers import Adam, OneCycle
from training import accuracy, confusion_matrix, digits, fit, mnist, train_test_split

WHERE = """MNIST does not come with this toolkit. Its four files,
    train-images-idx3-ubyte.gz  train-labels-idx1-ubyte.gz  t10k-images-idx3-ubyte.gz  t10k-labels-idx1-ubyte.gz
are at https://github.com/cvdfoundation/mnist, and those of Fashion-MNIST at
https://github.com/zalandoresearch/fashion-mnist. Put them into one directory, and
    python examples/mnist.py --data DIRECTORY
trains on them. Until then, the same on 1,797 digits of 8 x 8 pixels:
"""


def read():
    """Return x_train, x_test, y_train, y_test of the data that the command line names, and their name."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", metavar="DIRECTORY", help="where the four files of MNIST are")
    directory = parser.parse_args().data
    if directory is None:
        print(WHERE)
        return (*train_test_split(*digits(), stratify=True, rng=0), "digits")
    try:
        (x_train, y_train), (x_test, y_test) = mnist(directory)
    except (OSError, ValueError) as error:
        sys.exit(str(error))
    return x_train, x_test, y_train, y_test, Path(directory).resolve().name


x_train, x_test, y_train, y_test, name = read()
hidden, epochs, batch_size = (128, 15, 32) if name == "digits" else (512, 14, 128)

model = Sequential(
    [
        Dropout(0.1),
        Dense(x_train.shape[1], hidden),
        ReLU(),
        Dropout(0.3),
        Dense(hidden, hidden),
        ReLU(),
        Dropout(0.3),
        Dense(hidden, 10),
    ],
    rng=0,
)
print(model.summary(x_train.shape[1:]))

optimizer = Adam(OneCycle(0.003, steps=epochs * -(-len(x_train) // batch_size)))
history = fit(
    model,
    SoftmaxCrossEntropy(),
    optimizer,
    x_train,
    y_train,
    epochs=epochs,
    batch_size=batch_size,
    validation=(x_test, y_test),
    metrics=accuracy,
    rng=0,
)
# The accuracy after the last epoch, not the best one: to choose by the test images would be to learn from them.
print(f"trained in {sum(history.seconds):.1f} s; test accuracy {history.validation_accuracy[-1]:.2%}")

confusions = confusion_matrix(model.predict(x_test), y_test)
most = max((confusions[i, j], i, j) for i in range(10) for j in range(10) if i != j)
print(f"most common mistake: {most[1]} taken for {most[2]}, {most[0]} of {confusions.sum(axis=1)[most[1]]} images")

path = Path(f"{name}_curves.png").resolve()
figure = history.plot(log=True)
figure.suptitle(f"a dense network on {name}; validation: the {len(x_test):,} test images", fontsize=10)
figure.savefig(path, dpi=150)
print(f"the curves are saved to {path}")
