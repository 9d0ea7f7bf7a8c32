"""From training to use: a file is written, another process reads it, and answers for one row or for many.

    python examples/production.py

What has to be kept is more than weights: the numbers that the features were scaled by, and the names of the classes,
belong to the model. Here the scaling is put into the first layer, so that whoever loads the file hands in pixels as
they are. The same code builds the network in both processes; the file brings its numbers, and is refused where the two
do not fit. `predict` keeps nothing between calls, and threads may share one model.
"""

import json
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from layers import Dense, ReLU, Sequential, softmax
from losses import SoftmaxCrossEntropy
from optimizers import Adam
from pictures.scales import log_scale
from pictures.style import COLORS, panels
from training import Labels, Standardizer, digits, fit, load, save, train_test_split

WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def network():
    """Return the network, as it is built wherever it is used; the numbers come from the file."""
    return Sequential([Dense(64, 64), ReLU(), Dense(64, 10)], rng=0)


def train(folder):
    """Train, and leave all that is needed in a folder: network.npz and classes.json."""
    x, y = digits()
    labels = Labels([WORDS[k] for k in y])  # names of the classes, in the order of the alphabet
    x_train, _, y_train, _ = train_test_split(x, labels.encode([WORDS[k] for k in y]), stratify=True, rng=0)
    scale = Standardizer().fit(x_train)
    model = network()
    fit(model, SoftmaxCrossEntropy(), Adam(0.002), scale.transform(x_train), y_train, epochs=15, rng=0, verbose=False)
    # ((x - mean) / deviation) @ W + b = x @ (W / deviation) + (b - (mean / deviation) @ W): no scaling is left to do.
    first = model[0]
    first.bias = first.bias - (scale.mean / scale.deviation) @ first.weights
    first.weights = first.weights / scale.deviation[:, np.newaxis]
    save(folder / "network.npz", model)
    (folder / "classes.json").write_text(json.dumps([str(name) for name in labels.names]), encoding="utf-8")


def serve(folder):
    """What the other process does: load once, then answer, one row or many."""
    model, names = network(), json.loads((folder / "classes.json").read_text(encoding="utf-8"))
    load(folder / "network.npz", model)
    x, y = digits()
    one = x[7]  # a row as it comes, (64,)
    probabilities = softmax(model.predict(one[np.newaxis])[0])  # a batch of one, and out of it again
    k = int(probabilities.argmax())
    print(f"one row: {names[k]}, with a probability of {probabilities[k]:.3f}; it is {WORDS[y[7]]}")
    found = np.array(names)[model.predict(x).argmax(axis=1)]
    print(f"all {len(x):,} rows at once: {np.mean(found == np.array(WORDS)[y]):.1%} right")
    alone = np.array([model.predict(row[np.newaxis])[0] for row in x[:300]])
    print(f"row by row, largest difference of a logit {np.abs(alone - model.predict(x[:300])).max():.0e}")
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda row: model.predict(row[np.newaxis])[0], x[:300]))
    print(f"from four threads, the same bits: {np.array_equal(alone, together)}")

    sizes, many = [1, 4, 16, 64, 256, 1024], np.tile(x, (2, 1))
    each = []
    for size in sizes:
        batch, times = many[:size], []
        for _ in range(30):
            start = time.perf_counter()
            model.predict(batch)
            times.append(time.perf_counter() - start)
        each.append(np.median(times) / size * 1e6)
        print(f"{size:5,} rows a call: {each[-1]:6.1f} microseconds a row")
    figure, (axes,) = panels(1, 1, (7, 3.8))
    axes.plot(sizes, each, "o-", color=COLORS["blue"])
    axes.set(xlabel="rows in one call of predict", ylabel="time for a row (microseconds)")
    axes.set_title("many rows at once share what a call costs", fontsize=10)
    log_scale(axes, "x")
    log_scale(axes)
    axes.set_xticks(sizes, [f"{size:,}" for size in sizes])
    axes.minorticks_off()
    path = Path("production.png").resolve()
    figure.savefig(path, dpi=150)
    print(f"picture saved to {path}")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--train"]:
        train(Path(sys.argv[2]))
    else:
        with tempfile.TemporaryDirectory() as name:
            subprocess.run([sys.executable, __file__, "--train", name], check=True)
            serve(Path(name))
