"""A network that has read names and invents new ones: which letter follows three others?

    python examples/names.py --data names.txt

trains 200,000 steps on a file with one name a line (the 32,033 of https://github.com/karpathy/makemore, say), prints
the losses on names that training never saw, invents names, and saves the loss curve and a map of the letters. Without
--data it reads 2,000 names of a made-up language, for a first look of a few seconds.

The network is that of Bengio et al. (2003), "A Neural Probabilistic Language Model", as Karpathy's lectures on makemore
train it, with the BatchNorm whose tensors the notes on backpropagation take apart:

    x (32, 3) letters -> Embedding (32, 3, 10) -> Flatten (32, 30) -> Dense, BatchNorm, Tanh (32, 200) -> Dense (32, 27)
"""

import argparse
import random
import time
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from layers import BatchNorm, Dense, Embedding, Flatten, Sequential, Softmax, Tanh, normal
from losses import SoftmaxCrossEntropy
from optimizers import SGD
from pictures.style import COLORS, GUIDE, SHARES, dressed

CONTEXT = 3  # letters that the network sees
BATCH = 32
LETTERS = ".abcdefghijklmnopqrstuvwxyz"  # the dot begins and ends a name


def made_up_names(n):
    """Return n different names of two to four syllables, after rules that a network can find."""
    draw = random.Random(0)
    names = set()
    while len(names) < n:
        syllables = [draw.choice("bdfklmnrst") + draw.choice("aeiou") for _ in range(draw.randint(2, 4))]
        names.add("".join(syllables) + draw.choice(["", "", "n", "l", "s"]))
    return sorted(names)


def contexts(names):
    """Return x (N, CONTEXT), the letters before, and y (N,), the letter that follows, as numbers."""
    x, y = [], []
    for name in names:
        before = [0] * CONTEXT
        for letter in name + ".":
            x.append(before)
            y.append(LETTERS.index(letter))
            before = [*before[1:], y[-1]]
    return np.array(x), np.array(y)


def invent(model, rng):
    """Draw letter after letter until the name ends."""
    name = ""
    before = [0] * CONTEXT
    while not name.endswith("."):
        y_hat = Softmax().forward(model.predict(np.array([before])).astype(float))[0]
        letter = rng.choice(len(LETTERS), p=y_hat)
        name += LETTERS[letter]
        before = [*before[1:], letter]
    return name[:-1]


parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--data", type=Path, help="a file with one name a line, of the letters a to z")
arguments = parser.parse_args()

names = arguments.data.read_text().split() if arguments.data else made_up_names(2000)
steps = 200_000 if arguments.data else 6_000
for name in names:
    if set(name) - set(LETTERS[1:]):
        parser.error(f"names must be of the letters a to z, got {name!r} in {arguments.data}")
random.seed(42)
random.shuffle(names)
cut1, cut2 = int(0.8 * len(names)), int(0.9 * len(names))
parts = {"training": names[:cut1], "validation": names[cut1:cut2], "test": names[cut2:]}
data = {part: contexts(some) for part, some in parts.items()}
seen = set(parts["training"])  # a name can stand in the file twice, for girls and for boys
data["new names"] = contexts([name for name in parts["validation"] if name not in seen])
print(f"{len(names):,} names; {len(parts['training']):,} to learn from, with {len(data['training'][1]):,} letters\n")

rng = np.random.default_rng(42)
n_letters, hidden = len(LETTERS), 200
model = Sequential(
    [
        Embedding(n_letters, 10),
        Flatten(),
        # (5/3) / sqrt(30) keeps the numbers that enter the tanh at a variance of 1 and a little: no unit is saturated.
        Dense(CONTEXT * 10, hidden, initializer=normal(5 / 3 / np.sqrt(CONTEXT * 10)), use_bias=False),
        BatchNorm(hidden),  # its bias would make that of the Dense pointless
        Tanh(),
        Dense(hidden, n_letters, initializer=normal(0.1)),
    ],
    rng=rng,
)
model[-1].bias = rng.normal(0, 0.1, n_letters)
loss = SoftmaxCrossEntropy()
optimizer = SGD(learning_rate=lambda step: 0.1 if step < steps // 2 else 0.01)
print(model.summary((CONTEXT,)))

x_train, y_train = data["training"]
history = np.zeros(steps)
start = time.perf_counter()
for step in range(steps):
    chosen = rng.integers(0, len(x_train), BATCH)
    history[step] = loss.forward(model.forward(x_train[chosen]), y_train[chosen])
    model.backward(loss.backward(), input_gradient=False)
    optimizer.step(model)
    if (step + 1) % (steps // 10) == 0:
        print(f"step {step + 1:7,}   loss {history[step + 1 - steps // 10 : step + 1].mean():.3f} nats")
seconds = time.perf_counter() - start
print(f"trained in {seconds:.0f} s, {seconds / steps * 1e3:.2f} ms a step\n")

notes = {"new names": "   (names for validation that do not stand among those for training too)"}
for part, (x, y) in data.items():
    print(f"{part:12} loss {loss.forward(model.predict(x), y):.4f} nats a letter{notes.get(part, '')}")
print(f"{'guessing':12} loss {np.log(n_letters):.4f}\n")
print("invented:", ", ".join(invent(model, rng) for _ in range(15)))

figure = Figure(figsize=(10.5, 4.4), layout="constrained")
left, right = figure.subplots(1, 2, width_ratios=(1, 1.2))
means = history[: steps // 200 * 200].reshape(200, -1).mean(axis=1)  # a single batch of 32 says little
dressed(left).plot((np.arange(200) + 0.5) * (steps / 200_000), means)
left.axvline(steps / 2000, **GUIDE, linestyle=":", label="learning rate 0.1, then 0.01")
left.set(xlabel="thousand steps", ylabel="cross-entropy (nats)", title=f"training loss, means of {steps // 200} steps")
left.legend()
# Reading a name it has not seen: what the network expects after each three letters, and in red what comes.
name = next(name for name in parts["validation"] if len(name) > 5 and name not in seen)
x, y = contexts([name])
y_hat = Softmax().forward(model.predict(x))
figure.colorbar(right.imshow(y_hat, cmap=SHARES, vmin=0, aspect="auto"), ax=right, label="probability")
right.plot(y, np.arange(len(y)), "s", color=COLORS["vermillion"], fillstyle="none", markersize=9)
right.set(xticks=range(n_letters), xticklabels=LETTERS, xlabel="next letter (. ends the name)")
right.set(yticks=range(len(y)), yticklabels=["".join(LETTERS[k] for k in row) for row in x], ylabel="letters before")
right.set_title(f"what it expects, reading {name} (squares: what comes)")
path = Path("names.png").resolve()
figure.savefig(path, dpi=150)
print(f"pictures saved to {path}")
