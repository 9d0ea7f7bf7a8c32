"""The smallest GPT: one block, 4,192 numbers, that reads names a letter at a time and then invents twenty.

    python examples/microgpt.py --data names.txt

trains 1,000 steps, one name each, and prints losses and names. Every random number comes from `random.seed(42)`, in
the order in which Karpathy's microgpt (2026) draws them, so that with the 32,033 names of
https://github.com/karpathy/makemore all of it comes out as it does there, letter for letter: kamon, ann, karai, ...
There each number of a gradient is an object that remembers where it came from; here it is a derivation, on paper.
Without --data it reads 2,000 names of a made-up language.

    token + position -> RMSNorm -> x + attention(RMSNorm(x)) -> x + dense(relu(dense(RMSNorm(x)))) -> logits

The picture is of the loss, and of what the four heads look at while they read a name.
"""

import argparse
import math
import random
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from layers import Dense, Embedding, PositionalEmbedding, ReLU, Residual, RMSNorm, SelfAttention, Sequential, softmax
from losses import SoftmaxCrossEntropy
from optimizers import Adam
from pictures.style import COLORS, GUIDE, SHARES, dressed

WIDTH, HEADS, POSITIONS, STEPS = 16, 4, 16, 1000
SHOWN = (1, 2, 10, 100, 500, 1000)


def made_up_names(n):
    """Return n different names of two to four syllables."""
    draw = random.Random(0)
    names = {}
    while len(names) < n:
        name = "".join(draw.choice("bdfklmnrst") + draw.choice("aeiou") for _ in range(draw.randint(2, 4)))
        names[name + draw.choice(["", "", "n", "l", "s"])] = None
    return list(names)


def gpt(n_tokens):
    """Return the network: no biases, and norms at rest, whose gain stays 1."""
    attention = SelfAttention(WIDTH, HEADS, causal=True, use_bias=False)
    wide, narrow = Dense(WIDTH, 4 * WIDTH, use_bias=False), Dense(4 * WIDTH, WIDTH, use_bias=False)
    norms = [RMSNorm(WIDTH) for _ in range(3)]
    for norm in norms:
        norm.rest()
    return Sequential(
        [
            Embedding(n_tokens, WIDTH),
            PositionalEmbedding(POSITIONS, WIDTH),
            norms[0],
            Residual([norms[1], attention]),
            Residual([norms[2], wide, ReLU(), narrow]),
            Dense(WIDTH, n_tokens, use_bias=False),
        ],
        dtype=np.float64,
    )


def draw_parameters(model, n_tokens):
    """Draw all weights as microgpt does: number by number, row by row of (out, in), in this order."""

    def drawn(n_outputs, n_inputs):
        return np.array([[random.gauss(0, 0.08) for _ in range(n_inputs)] for _ in range(n_outputs)])

    embedding, positions, _, attending, thinking, logits = model.layers
    attention, wide, narrow = attending.layers[1], thinking.layers[1], thinking.layers[3]
    embedding.weights, positions.weights = drawn(n_tokens, WIDTH), drawn(POSITIONS, WIDTH)
    logits.weights = drawn(n_tokens, WIDTH).T  # ours are (in, out)
    attention.weights = np.concatenate([drawn(WIDTH, WIDTH).T for _ in ("query", "key", "value")], axis=1)
    attention.output_weights = drawn(WIDTH, WIDTH).T
    wide.weights, narrow.weights = drawn(4 * WIDTH, WIDTH).T, drawn(WIDTH, 4 * WIDTH).T


def invent(model, letters, end):
    """Draw letter after letter, at a temperature of 0.5, until the name ends."""
    token, state, name = end, None, ""
    for _ in range(POSITIONS):
        logits, state = model.advance(np.array([[token]]), state)
        probabilities = softmax(logits[0, 0] / 0.5)
        token = random.choices(range(end + 1), weights=probabilities)[0]
        if token == end:
            break
        name += letters[token]
    return name


def attention_of(model, tokens):
    """Return what each head looks at, (H, T, T), with what went into the attention."""
    trace = model.trace(np.array([tokens]))
    x, layer = trace.values["3.0"], model.layers[3].layers[1]
    q, k, _ = np.split((x[0] @ layer.weights).reshape(len(tokens), 3 * HEADS, -1).transpose(1, 0, 2), 3)
    scores = q @ k.transpose(0, 2, 1) / math.sqrt(WIDTH / HEADS)
    return softmax(np.where(np.tri(len(tokens), dtype=bool), scores, -np.inf))


parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--data", type=Path, help="a file with one name a line")
arguments = parser.parse_args()

random.seed(42)
text = arguments.data.read_text(encoding="utf-8").splitlines() if arguments.data else made_up_names(2000)
names = [line.strip() for line in text if line.strip()]
random.shuffle(names)
letters = sorted(set("".join(names)))
end = len(letters)  # the token that begins and ends a name
number = {letter: i for i, letter in enumerate(letters)}

model = gpt(end + 1)
draw_parameters(model, end + 1)
n_learned = model.parameters.size - 3 * WIDTH
print(f"{len(names):,} names, {end + 1} tokens, {n_learned:,} numbers to learn")

loss = SoftmaxCrossEntropy()
optimizer = Adam(lambda step: 0.01 * (1 - step / STEPS), beta1=0.85, beta2=0.99, epsilon=1e-8)
losses = []
for step in range(STEPS):
    tokens = [end, *(number[letter] for letter in names[step % len(names)]), end]
    n = min(POSITIONS, len(tokens) - 1)
    x, y = np.array([tokens[:n]]), np.array([tokens[1 : n + 1]])
    losses.append(loss.forward(model.forward(x), y))
    model.backward(loss.backward(), input_gradient=False)
    optimizer.step(model)
    if step + 1 in SHOWN:
        print(f"step {step + 1:5,}  loss {losses[-1]:.10f}")

invented = [invent(model, letters, end) for _ in range(20)]
print("\n".join(invented))

# ---- the picture -----------------------------------------------------------------------------------------------------

shown = max(invented[:8], key=len)
tokens = [end, *(number[letter] for letter in shown)]
marks = ["·", *shown]
figure = Figure(figsize=(8, 4.2), layout="constrained")
left, right = figure.subfigures(1, 2)
axes = dressed(left.subplots())
axes.plot(losses, ".", color="0.75", markersize=3, label="one name")
axes.plot(
    range(49, STEPS), np.convolve(losses, np.ones(50) / 50, mode="valid"), color=COLORS["blue"], label="mean of 50"
)
axes.axhline(math.log(end + 1), **GUIDE, linestyle=":", label=f"ln {end + 1}, by guess")
axes.set(xlabel="step", ylabel="training loss (nats)")
axes.legend(fontsize=8, loc="upper right")
grid = right.subplots(2, HEADS // 2).flat
right.suptitle(f"what each head looks at, reading “{shown}”", fontsize=10)
for i, (axes, weights) in enumerate(zip(grid, attention_of(model, tokens[:POSITIONS]), strict=True)):
    axes.imshow(weights, cmap=SHARES, vmin=0, vmax=1)
    axes.set_xticks(range(len(weights)), marks[: len(weights)], fontsize=8)
    axes.set_yticks(range(len(weights)), marks[: len(weights)], fontsize=8)
    axes.set_title(f"head {i + 1}", fontsize=9)
figure.savefig("microgpt.png", dpi=120)
print("picture:", Path("microgpt.png").resolve())
