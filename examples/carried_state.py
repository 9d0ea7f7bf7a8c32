"""State that is handed on: a long sequence learned in pieces, saved between two of them, and an encoder with a decoder.

    python examples/carried_state.py

1. Truncated backpropagation. Sixteen endless streams of bits; the target is the bit of eight steps before. Each piece
   is ten steps long and begins with the state in which the piece before it ended, so that the network can know what it
   heard there; gradients end at the edge of a piece. Without the state, the first eight targets are beyond it.
2. A break. After half of the pieces model, optimizer and state are saved, and a new process goes on with them.
3. An encoder reads digits, and a decoder, which begins with its state, says them in reverse. On the way back the
   gradient goes from the decoder to the encoder as dstate.
"""

import tempfile
from pathlib import Path

import numpy as np

from layers import LSTM, Dense, Embedding, Sequential
from losses import SoftmaxCrossEntropy
from optimizers import Adam
from pictures.style import COLORS, GUIDE, panels
from training import load, save

STREAMS, PIECE, BACK, PIECES = 16, 10, 8, 800


def pieces(seed=0):
    """Yield (x, y) of one piece after the other: bits, and those of BACK steps before."""
    rng = np.random.default_rng(seed)
    before = np.zeros((STREAMS, BACK), int)
    for _ in range(PIECES):
        bits = np.concatenate([before, rng.integers(0, 2, (STREAMS, PIECE))], axis=1)
        before = bits[:, -BACK:]
        yield bits[:, BACK:], bits[:, :PIECE]


def listener():
    """Return a network of one memory, and what trains it."""
    return Sequential([Embedding(2, 4), LSTM(4, 48), Dense(48, 2)], rng=0), Adam(0.01), SoftmaxCrossEntropy()


def step(model, optimizer, loss, x, y, state):
    """Learn from one piece; return the loss and the state in which it ended."""
    value = loss.forward(model.forward(x, state=state), y)
    model.backward(loss.backward(), input_gradient=False)
    optimizer.step(model)
    return value, model.state


folder = tempfile.TemporaryDirectory()
half, half_state = Path(folder.name, "half.npz"), Path(folder.name, "half_state.npz")
curves = {}
for name in ("state handed on", "every piece from nothing"):
    model, optimizer, loss = listener()
    state, curves[name] = None, []
    for i, (x, y) in enumerate(pieces()):
        value, state = step(model, optimizer, loss, x, y, state)
        curves[name].append(value)
        if name == "every piece from nothing":
            state = None
        elif i == PIECES // 2 - 1:  # a break: what is needed to go on is the checkpoint and the two arrays of the state
            save(half, model=model, optimizer=optimizer)
            h, c = state[1]
            np.savez(half_state, h=h, c=c)
    print(f"{name:<26} loss of the last 100 pieces {np.mean(curves[name][-100:]):.4f}")
    if name == "state handed on":
        unbroken = model.parameters.copy()
print(f"{'the first 8 of 10 by guess':<26} {np.log(2) * BACK / PIECE:.4f}")

model, optimizer, loss = listener()
load(half, model=model, optimizer=optimizer)
with np.load(half_state) as arrays:
    state = None, (arrays["h"], arrays["c"]), None
for i, (x, y) in enumerate(pieces()):
    if i >= PIECES // 2:
        _, state = step(model, optimizer, loss, x, y, state)
folder.cleanup()
same = "bit-identical" if np.array_equal(model.parameters, unbroken) else "different"
print(f"{'after a break':<26} {same}")

# ---- an encoder and a decoder ----------------------------------------------------------------------------------------

LENGTH, START = 5, 10  # digits 0 to 9, and what the decoder begins with
encoder = Sequential([Embedding(10, 16), LSTM(16, 64)], rng=1)
decoder = Sequential([Embedding(11, 16), LSTM(16, 64), Dense(64, 10)], rng=2)
optimizers, loss = (Adam(0.005), Adam(0.005)), SoftmaxCrossEntropy()
rng = np.random.default_rng(3)
for _ in range(700):
    digits = rng.integers(0, 10, (64, LENGTH))
    reversed_digits = digits[:, ::-1]
    said = np.concatenate([np.full((64, 1), START), reversed_digits[:, :-1]], axis=1)  # each digit after the one before
    read = encoder.forward(digits)
    logits = decoder.forward(said, state=(None, encoder.state[1], None))
    loss.forward(logits, reversed_digits)
    decoder.backward(loss.backward())
    encoder.backward(np.zeros_like(read), dstate=(None, decoder.dstate[1]))
    for optimizer, part in zip(optimizers, (encoder, decoder), strict=True):
        optimizer.step(part)

digits = rng.integers(0, 10, (500, LENGTH))
_, state = encoder.advance(digits)
state, token, answer = (None, state[1], None), np.full((500, 1), START), []
for _ in range(LENGTH):
    logits, state = decoder.advance(token, state)
    token = logits.argmax(axis=-1)
    answer.append(token)
right = np.mean((np.concatenate(answer, axis=1) == digits[:, ::-1]).all(axis=1))
print(f"{'said in reverse':<26} {right:.1%} of 500 new rows of {LENGTH} digits, all of them right")

# ---- the picture -----------------------------------------------------------------------------------------------------

figure, (axes,) = panels(1, 1, (7, 4), whole=True)
for (name, values), color, dash in zip(curves.items(), (COLORS["blue"], COLORS["orange"]), ("-", "-."), strict=True):
    axes.plot(np.convolve(values, np.ones(10) / 10, mode="valid"), dash, color=color, label=name)
axes.axhline(np.log(2) * BACK / PIECE, **GUIDE, linestyle=":", label="all that a piece by itself can know")
axes.axvline(PIECES // 2, **GUIDE, label="saved and read again")
axes.set(
    xlabel="piece",
    ylabel="training loss (nats)",
    title="Repeating what was heard 8 steps ago, in pieces of 10 steps; means of 10",
)
axes.legend()
figure.savefig("carried_state.png", dpi=120)
print("picture:", Path("carried_state.png").resolve())
