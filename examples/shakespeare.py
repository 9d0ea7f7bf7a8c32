"""A GPT of 804,096 numbers that reads plays a character at a time, and writes a page in their manner.

    python examples/shakespeare.py --data input.txt

trains nanoGPT's network for the CPU (https://github.com/karpathy/nanoGPT, "I only have a macbook") for 2,000 steps on a
text, such as tiny Shakespeare, and prints the loss on the tenth of it that training never saw: 1.88 there. Without
--data a tenth of the network reads sentences of a small grammar, for a first look of a few seconds.

    token + position -> 4 blocks of attention and dense layers -> LayerNorm -> @ the embedding's own weights

No biases anywhere, GELU by erf, AdamW with a decay of matrices alone, gradients clipped to a norm of 1, and a rate that
rises over 100 steps and falls along a cosine.
"""

import argparse
import math
import random
import time
from pathlib import Path

import numpy as np

from layers import Embedding, LayerNorm, PositionalEmbedding, Tied, TransformerBlock, normal
from losses import SoftmaxCrossEntropy
from optimizers import AdamW
from pictures.style import TRAINING, VALIDATION, panels
from training import generate

BATCH, CONTEXT, HEADS, WARM_UP = 12, 64, 4, 100
HIGH, LOW = 1e-3, 1e-4  # learning rates


def made_up_text(n_sentences):
    """Return sentences of a small grammar."""
    draw = random.Random(0)
    who, whom = ("the king", "a fool", "my lady", "the ghost", "old york"), ("his crown", "the sea", "a rose", "no man")
    does, how = ("sings of", "doth fear", "shall see", "once lost"), ("", " tonight", " with joy", " and weeps")
    sentences = [
        f"{draw.choice(who)} {draw.choice(does)} {draw.choice(whom)}{draw.choice(how)}." for _ in range(n_sentences)
    ]
    return "\n".join(sentence.capitalize() for sentence in sentences)


def gpt(n_tokens, width, n_blocks, seed):
    """Return nanoGPT's network: N(0, 0.02), the two projections into each residual N(0, 0.02 / sqrt(2 blocks))."""
    options = {"causal": True, "use_bias": False, "exact": True, "initializer": normal(0.02)}
    blocks = [TransformerBlock(width, HEADS, **options) for _ in range(n_blocks)]
    body = [PositionalEmbedding(CONTEXT, width), *blocks, LayerNorm(width, use_bias=False)]
    model = Tied(Embedding(n_tokens, width, initializer=normal(0.02)), body, rng=seed)
    for attending, thinking in blocks:
        attending.layers[1].output_weights /= math.sqrt(2 * n_blocks)
        thinking.layers[-1].weights /= math.sqrt(2 * n_blocks)
    return model


def batch(tokens, rng):
    """Return x and y (BATCH, CONTEXT): windows of the text, and the same one token later."""
    starts = rng.integers(len(tokens) - CONTEXT, size=BATCH)
    windows = tokens[starts[:, np.newaxis] + np.arange(CONTEXT + 1)]
    return windows[:, :-1], windows[:, 1:]


def rate(step, n_steps):
    """Return the learning rate: up along a line, down along half a cosine."""
    if step < WARM_UP:
        return HIGH * (step + 1) / (WARM_UP + 1)
    share = (step - WARM_UP) / (n_steps - WARM_UP)
    return LOW + (HIGH - LOW) * (1 + math.cos(math.pi * share)) / 2


def mean_loss(model, loss, tokens, n_batches):
    """Return the loss on random windows, the same ones each time."""
    rng = np.random.default_rng(1)
    pairs = [batch(tokens, rng) for _ in range(n_batches)]
    return float(np.mean([loss.forward(model.predict(x), y) for x, y in pairs]))


parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--data", type=Path, help="a text, of a megabyte or so")
parser.add_argument("--seed", type=int, default=0)
arguments = parser.parse_args()

text = arguments.data.read_text(encoding="utf-8") if arguments.data else made_up_text(2000)
n_steps, width, n_blocks, n_batches = (2000, 128, 4, 200) if arguments.data else (200, 64, 2, 20)
letters = sorted(set(text))
number = {letter: i for i, letter in enumerate(letters)}
tokens = np.array([number[letter] for letter in text])
learned, held_out = np.split(tokens, [len(tokens) * 9 // 10])

model = gpt(len(letters), width, n_blocks, arguments.seed)
loss, rng = SoftmaxCrossEntropy(), np.random.default_rng(arguments.seed)
optimizer = AdamW(
    lambda step: rate(step, n_steps), beta1=0.9, beta2=0.99, weight_decay=0.1, exclude=("gain",), clip_norm=1.0
)
print(f"{len(text):,} characters, {len(letters)} different ones, {model.parameters.size:,} numbers to learn")
losses, checks, start = [], [], time.perf_counter()
for step in range(n_steps):
    if step % (n_steps // 8) == 0:
        checks.append((step, mean_loss(model, loss, held_out, n_batches // 10)))
    x, y = batch(learned, rng)
    losses.append(loss.forward(model.forward(x), y))
    model.backward(loss.backward(), input_gradient=False)
    optimizer.step(model)
    if (step + 1) % (n_steps // 8) == 0:
        took = (time.perf_counter() - start) / (step + 1)
        print(f"step {step + 1:5,}  loss {np.mean(losses[-50:]):.3f}  {took * 1000:.0f} ms a step")
checks.append((n_steps, mean_loss(model, loss, held_out, n_batches)))
print(f"loss on text that was held out: {checks[-1][1]:.4f} nats a character, {n_batches} batches")

written = generate(model, [number["\n"]], 500, temperature=0.8, window=CONTEXT, rng=arguments.seed)
print("".join(letters[token] for token in written))

figure, (axes,) = panels(1, 1, (7, 4), whole=True)
axes.plot(losses, color="0.8", linewidth=0.5, label="a batch of training")
axes.plot(range(19, n_steps), np.convolve(losses, np.ones(20) / 20, mode="valid"), **TRAINING, label="mean of 20")
axes.plot(*zip(*checks, strict=True), **VALIDATION, marker="s", label="held out")
axes.set(xlabel="step", ylabel="loss (nats a character)", title=f"{model.parameters.size:,} numbers, {n_steps:,} steps")
axes.legend()
figure.savefig("shakespeare.png", dpi=120)
print("picture:", Path("shakespeare.png").resolve())
