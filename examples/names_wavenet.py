"""Which letter follows eight others? Read all at once, or two by two, and the twos by two.

    python examples/names_wavenet.py --data names.txt

trains two networks, each 200,000 steps, on a file with one name a line (the 32,033 of
https://github.com/karpathy/makemore, say), and prints the losses on names to learn from and on names held out. Without
--data they read 1,000 names of a made-up language, for a first look of a few seconds.

    flat             8 letters -> (N, 80) -> 200 units -> 27
    hierarchical     8 letters -> (N, 4, 48) -> 128 units -> (N, 2, 256) -> 128 units -> (N, 1, 256) -> 128 units -> 27

"Two neighbours become one" is a `Reshape`: of (N, 8, 24) it makes (N, 4, 48), and the Dense behind it looks at two
letters, at each place with the same weights; after the third of them, one unit has seen all eight. It is the tree of
van den Oord et al. (2016), "WaveNet", arXiv:1609.03499, as in Karpathy's lecture "Building a WaveNet" on makemore.
"""

import argparse
import random
import time
from pathlib import Path

import numpy as np

from layers import BatchNorm, Dense, Embedding, Flatten, Reshape, Sequential, Tanh
from losses import SoftmaxCrossEntropy
from optimizers import SGD
from pictures.style import COLORS, GUIDE, panels
from training import Vocabulary

CONTEXT, BATCH = 8, 32
LETTERS = ".abcdefghijklmnopqrstuvwxyz"  # the dot begins and ends a name


def made_up_names(n):
    """Return n different names whose last syllable repeats the first: what it is stands many letters before."""
    draw, names = random.Random(0), set()
    while len(names) < n:
        syllables = [draw.choice("bdfklmnrst") + draw.choice("aeiou") for _ in range(draw.randint(2, 3))]
        names.add("".join([*syllables, syllables[0]]))
    return sorted(names)


def contexts(names):
    """Return x (N, CONTEXT), the letters before, and y (N,), the letter that follows, as numbers."""
    x, y = [], []
    for name in names:
        letters = vocabulary.encode("." * CONTEXT + name + ".")
        x.append(np.lib.stride_tricks.sliding_window_view(letters[:-1], CONTEXT))
        y.append(letters[CONTEXT:])
    return np.concatenate(x), np.concatenate(y)


def unit(n_inputs, n_units):
    """Return a layer of units; its norm is over rows and steps, and makes the bias of the Dense pointless."""
    return [Dense(n_inputs, n_units, use_bias=False), BatchNorm(n_units), Tanh()]


def flat():
    return [Embedding(len(LETTERS), 10), Flatten(), *unit(CONTEXT * 10, 200), Dense(200, len(LETTERS))]


def hierarchical():
    layers = [Embedding(len(LETTERS), 24)]
    for n_steps, width in ((4, 24), (2, 128), (1, 128)):
        layers += [Reshape((n_steps, 2 * width)), *unit(2 * width, 128)]
    return [*layers, Flatten(), Dense(128, len(LETTERS))]


def train(model, x, y, n_steps, rng):
    """Return the loss of every step."""
    loss, history = SoftmaxCrossEntropy(), np.zeros(n_steps)
    optimizer = SGD(learning_rate=lambda step: 0.1 if step < n_steps * 3 // 4 else 0.01)
    for step in range(n_steps):
        chosen = rng.integers(0, len(x), BATCH)
        history[step] = loss.forward(model.forward(x[chosen]), y[chosen])
        model.backward(loss.backward(), input_gradient=False)
        optimizer.step(model)
    return history


parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--data", type=Path, help="a file with one name a line, of the letters a to z")
arguments = parser.parse_args()

names = arguments.data.read_text(encoding="utf-8").split() if arguments.data else made_up_names(1000)
n_steps = 200_000 if arguments.data else 3_000
vocabulary = Vocabulary(LETTERS)
random.seed(42)
random.shuffle(names)
cut1, cut2 = int(0.8 * len(names)), int(0.9 * len(names))
try:
    data = {"training": contexts(names[:cut1]), "held out": contexts(names[cut1:cut2])}
except ValueError as error:
    parser.error(f"names must be of the letters a to z: {error}")
print(f"{len(names):,} names; {cut1:,} to learn from, with {len(data['training'][1]):,} letters\n")

curves, results = {}, {}
for name, layers in (("flat", flat()), ("hierarchical", hierarchical())):
    model = Sequential(layers, rng=42)
    model[-1].weights *= 0.1  # so that it begins by guessing
    start = time.perf_counter()
    curves[name] = train(model, *data["training"], n_steps, np.random.default_rng(42))
    took = (time.perf_counter() - start) / n_steps
    loss = SoftmaxCrossEntropy()
    results[name] = [loss.forward(model.predict(x, batch_size=10_000), y) for x, y in data.values()]
    learned, held_out = results[name]
    print(
        f"{name:<13} {model.parameters.size:6,} numbers   loss {learned:.4f} on names to learn from, {held_out:.4f} on "
        f"others   {took * 1e3:.2f} ms a step",
        flush=True,
    )
print(f"{'guessing':<13} {'':14}   loss {np.log(len(LETTERS)):.4f}")

figure, (axes,) = panels(1, 1, (7.5, 4.2))
for color, (name, history) in zip((COLORS["blue"], COLORS["orange"]), curves.items(), strict=True):
    means = history.reshape(100, -1).mean(axis=1)  # a single batch of 32 says little
    learned, held_out = results[name]
    axes.plot(
        (np.arange(100) + 0.5) * (n_steps / 100_000), means, color=color, label=f"{name}, {learned:.3f} at the end"
    )
    axes.axhline(held_out, color=color, linestyle="--", linewidth=1, label=f"{name}, held out: {held_out:.3f}")
axes.axvline(n_steps * 0.75 / 1000, **GUIDE, linestyle=":", label="learning rate 0.1, then 0.01")
axes.set(xlabel="thousand steps", ylabel="cross-entropy (nats)", title="eight letters, all at once and two by two")
axes.legend()
path = Path("names_wavenet.png").resolve()
figure.savefig(path, dpi=120)
print(f"picture saved to {path}")
