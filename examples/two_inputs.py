"""A network of two inputs and two outputs: questions in words about images, answered and counted.

    python examples/two_inputs.py

draws rows of three places, each with a circle, a square or a triangle in red, green or blue, or empty, and asks for
each "which color is left", "which shape is right", and so on. The image goes through convolutions, the words through a
table of vectors, and where the two are joined the network has to look up in one what the other asks for.

First `fit` trains it, with x as a dict of arrays by the names of the inputs. Then it gets a second output, the number
of shapes in the image: two losses are added up in a loop of one's own, which is a few lines.
"""

import time
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from layers import Conv2D, Dense, Embedding, Flatten, Graph, Join, MaxPool2D, ReLU, Sequential
from losses import SoftmaxCrossEntropy
from optimizers import Adam
from training import accuracy, batches, fit, train_test_split

SIDE = 12  # pixels of a place
PLACES = ("left", "middle", "right")
COLORS = {"red": (0.9, 0.2, 0.2), "green": (0.2, 0.7, 0.2), "blue": (0.2, 0.3, 0.9)}
SHAPES = ("circle", "square", "triangle")
WORDS = ("color", "shape", *PLACES)
ANSWERS = (*COLORS, *SHAPES, "nothing")
EPOCHS = 12


def draw(shape, color, rng):
    """Return a place (12, 12, 3) with a shape somewhere near its middle."""
    rows, columns = np.mgrid[:SIDE, :SIDE] - SIDE / 2 + 0.5 - rng.uniform(-1, 1, (2, 1, 1))
    if shape == "circle":
        inside = rows**2 + columns**2 <= 4.1**2
    elif shape == "square":
        inside = np.maximum(np.abs(rows), np.abs(columns)) <= 3.5
    else:
        inside = (rows <= 3.5) & (np.abs(columns) <= 0.6 * (rows + 4.2))
    return inside[..., np.newaxis] * np.array(COLORS[color])


def example(rng):
    """Return an image (12, 36, 3), a question of two words, its answer, and the number of shapes."""
    seen = [(rng.choice(SHAPES), rng.choice(list(COLORS))) if rng.random() < 0.8 else None for _ in PLACES]
    cells = [np.zeros((SIDE, SIDE, 3)) if each is None else draw(*each, rng) for each in seen]
    image = np.concatenate(cells, axis=1) + rng.normal(0, 0.1, (SIDE, 3 * SIDE, 3))
    what, where = rng.integers(2), rng.integers(3)
    answer = "nothing" if seen[where] is None else seen[where][1 if what == 0 else 0]
    question = WORDS.index(("color", "shape")[what]), WORDS.index(PLACES[where])
    return image.astype(np.float32), question, ANSWERS.index(answer), 3 - seen.count(None)


def nodes():
    """Return what the network is made of, up to where the answer comes out."""
    look = [Conv2D(3, 16, 3, padding=1), ReLU(), MaxPool2D(2), Conv2D(16, 24, 3, padding=1), ReLU(), MaxPool2D(2)]
    return {
        "seen": (Sequential([*look, Flatten(), Dense(3 * 9 * 24, 64), ReLU()]), "image"),
        "asked": (Sequential([Embedding(len(WORDS), 8), Flatten(), Dense(16, 64), ReLU()]), "question"),
        "both": (Join(), "seen", "asked"),
        "thought": (Sequential([Dense(128, 64), ReLU()]), "both"),
        "answer": (Dense(64, len(ANSWERS)), "thought"),
    }


def falling(step):
    """Return a learning rate that falls to nothing."""
    return 0.004 * (1 - step / (EPOCHS * 125 + 1))  # of 4,000 examples, 32 at a time


rng = np.random.default_rng(0)
images, questions, answers, counts = map(np.array, zip(*(example(rng) for _ in range(4500)), strict=True))
x, x_held_out, y, y_held_out = train_test_split(
    {"image": images, "question": questions}, np.stack([answers, counts], axis=1), 500, rng=0
)
answers, answers_held_out = y[:, 0], y_held_out[:, 0]

print("one output, trained by fit: x is a dict of arrays by the names of the inputs")
model, start = Graph(nodes(), rng=0), time.perf_counter()
print(model.summary((SIDE, 3 * SIDE, 3), (2,)), "\n")
history = fit(
    model,
    SoftmaxCrossEntropy(),
    Adam(falling),
    x,
    answers,
    epochs=EPOCHS,
    validation=(x_held_out, answers_held_out),
    metrics=accuracy,
    verbose=False,
    rng=0,
)
right = history.validation_accuracy[-1]
print(f"{right:.1%} of 500 other questions answered right, in {time.perf_counter() - start:.1f} s\n")

print("two outputs, two losses: a loop of one's own")
model = Graph({**nodes(), "count": (Dense(64, 4), "seen")}, rng=0)
answer_loss, count_loss, optimizer = SoftmaxCrossEntropy(), SoftmaxCrossEntropy(), Adam(falling)
for epoch in range(1, EPOCHS + 1):
    losses = []
    for x_batch, y_batch in batches(x, y, batch_size=32, rng=rng):
        answer, count = model.forward(x_batch)  # in the order of model.outputs
        losses.append((answer_loss.forward(answer, y_batch[:, 0]), count_loss.forward(count, y_batch[:, 1])))
        model.backward((answer_loss.backward(), count_loss.backward()), input_gradient=False)
        optimizer.step(model)
    if epoch % 4 == 0:
        means = np.mean(losses, axis=0)
        print(f"epoch {epoch:2}   loss of the answer {means[0]:.3f}   of the count {means[1]:.3f} nats")
answer, count = model.predict(x_held_out)
print(f"{np.mean(answer.argmax(axis=1) == answers_held_out):.1%} of 500 other questions answered right")
print(f"{np.mean(count.argmax(axis=1) == y_held_out[:, 1]):.1%} of 500 other images counted right")

figure = Figure(figsize=(8, 4.4), layout="constrained")
axes = figure.subplots(3, 3)
for i, place in enumerate(axes.flat):
    said, true = ANSWERS[answer[i].argmax()], ANSWERS[answers_held_out[i]]
    what, where = (WORDS[k] for k in x_held_out["question"][i])
    place.imshow(np.clip(x_held_out["image"][i], 0, 1))
    place.set(xticks=[], yticks=[], title=f"{what} {where}?   {said}" + ("" if said == true else f"   (no: {true})"))
    place.set_xlabel(f"{count[i].argmax()} of 3 places taken")
path = Path("two_inputs.png").resolve()
figure.savefig(path, dpi=120)
print(f"picture saved to {path}")
