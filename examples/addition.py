"""Sums read letter by letter and answered letter by letter: an LSTM that reads, and one that says what it has read.

    python examples/addition.py --full

learns from 45,000 sums of numbers of up to three digits, such as "535+61", for 30 epochs, a few minutes; without
--full, 4,000 sums of two digits at most, for a first look of a few seconds.

    "16+535 " reversed, one-hot (N, 7, 12) -> LSTM(128) -> LastStep (N, 128) -> Repeat (N, 4, 128) -> LSTM(128) -> Dense

All that the second LSTM knows of the question is the last state of the first, the same at each of its steps. It is the
example "addition_rnn" of Keras, whose page promises 99% of all letters after about 30 epochs, after Sutskever, Vinyals,
Le (2014), "Sequence to Sequence Learning with Neural Networks", arXiv:1409.3215, and Zaremba, Sutskever (2014),
"Learning to Execute", arXiv:1410.4615.
"""

import argparse
import time
from pathlib import Path

import numpy as np

from layers import LSTM, Dense, LastStep, Repeat, Sequential, glorot_uniform
from losses import SoftmaxCrossEntropy
from optimizers import Adam
from pictures.style import COLORS, panels
from training import Vocabulary, batches, one_hot

BATCH = 32


def sums(n_digits, n, rng):
    """Return n different questions, a + b and b + a counting as one, and their answers, padded with spaces."""
    questions, answers, seen = [], [], set()
    while len(questions) < n:
        a, b = (int(rng.integers(10 ** rng.integers(1, n_digits + 1))) for _ in range(2))
        if (pair := (min(a, b), max(a, b))) not in seen:
            seen.add(pair)
            questions.append(f"{a}+{b}".ljust(2 * n_digits + 1))
            answers.append(f"{a + b}".ljust(n_digits + 1))
    return questions, answers


parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--full", action="store_true", help="numbers of up to three digits: 50,000 sums, 30 epochs")
parser.add_argument("--seed", type=int, default=0)
arguments = parser.parse_args()
n_digits, n, n_units, epochs, rate = (3, 50_000, 128, 30, 0.001) if arguments.full else (2, 4_000, 64, 12, 0.005)

rng = np.random.default_rng(arguments.seed)
vocabulary = Vocabulary(" +0123456789")
questions, answers = sums(n_digits, n, rng)
x = one_hot(np.stack([vocabulary.encode(text[::-1]) for text in questions]), len(vocabulary))
y = np.stack([vocabulary.encode(text) for text in answers])
n_learned = n * 9 // 10
print(f"{n:,} sums such as {questions[0].strip()}; {n_learned:,} to learn from")

model = Sequential(
    [
        LSTM(len(vocabulary), n_units),
        LastStep(),
        Repeat(n_digits + 1),
        LSTM(n_units, n_units),
        Dense(n_units, len(vocabulary), initializer=glorot_uniform),
    ],
    rng=rng,
)
loss, optimizer = SoftmaxCrossEntropy(), Adam(rate, epsilon=1e-7)
losses, letters, wholes, start = [], [], [], time.perf_counter()
for epoch in range(1, epochs + 1):
    values = []
    for x_batch, y_batch in batches(x[:n_learned], y[:n_learned], BATCH, rng=rng):
        values.append(loss.forward(model.forward(x_batch), y_batch))
        model.backward(loss.backward(), input_gradient=False)
        optimizer.step(model)
    right = model.predict(x[n_learned:], batch_size=500).argmax(axis=-1) == y[n_learned:]
    losses.append(np.mean(values))
    letters.append(right.mean())
    wholes.append(right.all(axis=1).mean())
    print(
        f"epoch {epoch:2}   loss {losses[-1]:.4f}   of other sums {letters[-1]:.2%} of the letters right, "
        f"{wholes[-1]:.2%} of the answers   {time.perf_counter() - start:.0f} s",
        flush=True,
    )
print(f"best epoch: {max(letters):.2%} of the letters right\n")
said = model.predict(x[n_learned : n_learned + 8]).argmax(axis=-1)
for question, answer, numbers in zip(questions[n_learned:], answers[n_learned:], said, strict=False):
    verdict = "" if vocabulary.decode(numbers) == answer else f"   (no: {answer.strip()})"
    print(f"{question.strip():>{2 * n_digits + 1}} = {vocabulary.decode(numbers).strip()}{verdict}")

figure, (axes,) = panels(1, 1, (7, 4), whole=True)
at = np.arange(1, epochs + 1)
axes.plot(at, letters, "o-", color=COLORS["blue"], label="letters")
axes.plot(at, wholes, "s-.", color=COLORS["green"], label="whole answers")
axes.set(xlabel="epoch", ylabel="share that is right", title=f"sums of numbers of up to {n_digits} digits, held out")
axes.legend()
path = Path("addition.png").resolve()
figure.savefig(path, dpi=120)
print(f"picture saved to {path}")
