"""A deep network with and without a way around its layers, on real handwritten digits.

    python examples/resnet_digits.py

builds the same chain of 25 convolutions twice: once plain, once cut into blocks of two with x added to what each
block makes of it, out = x + f(x). Everything else is equal: weights, BatchNorm, data, steps. It prints the losses and
accuracies of both and draws them, and how large the gradients of each convolution are at the very first step.

He, Zhang, Ren, Sun (2015), "Deep Residual Learning for Image Recognition", arXiv:1512.03385, figures 1 and 2.
"""

import time
from pathlib import Path

import numpy as np

from layers import BatchNorm, Conv2D, Dense, GlobalAveragePool, ReLU, Residual, Sequential
from losses import SoftmaxCrossEntropy
from optimizers import SGD
from pictures.scales import log_scale
from pictures.style import COLORS, panels
from training import batches, digits

EPOCHS = 5
BATCH = 64
BLOCKS = 6  # for each of two sizes of image
HELD_OUT = 360  # images that training never sees, a fifth


def convolution(n_inputs, n_outputs, kernel_size=3, stride=1):
    """Return a convolution and its norm, whose bias takes the place of the convolution's own."""
    convolution = Conv2D(n_inputs, n_outputs, kernel_size, stride=stride, padding="same", use_bias=False)
    return [convolution, BatchNorm(n_outputs)]


def f(n_inputs, n_outputs, stride):
    """Return the layers of one block."""
    return [*convolution(n_inputs, n_outputs, stride=stride), ReLU(), *convolution(n_outputs, n_outputs)]


def network(residual):
    """Return 8 x 8 x 1 -> 8 x 8 x 8, 6 blocks, -> 4 x 4 x 16, 6 blocks, -> mean of each channel -> 10 logits."""
    layers = [*convolution(1, 8), ReLU()]
    for n_inputs, n_outputs in [(8, 8)] * BLOCKS + [(8, 16)] + [(16, 16)] * (BLOCKS - 1):
        if not residual:
            layers += f(n_inputs, n_outputs, stride=n_outputs // n_inputs)
        elif n_inputs == n_outputs:
            layers.append(Residual(f(n_inputs, n_outputs, stride=1)))
        else:  # the image shrinks, and x has to follow: through a convolution of 1 x 1 pixels
            projection = convolution(n_inputs, n_outputs, kernel_size=1, stride=2)
            layers.append(Residual(f(n_inputs, n_outputs, stride=2), projection=projection))
        layers.append(ReLU())
    return Sequential([*layers, GlobalAveragePool(), Dense(16, 10)], rng=0)


def relative_gradients(model):
    """Return the length of the gradient of each 3 x 3 convolution, divided by that of its weights."""
    convolutions = [layer for _, layer in model.leaves() if isinstance(layer, Conv2D) and len(layer.weights) == 3]
    return [np.linalg.norm(layer.dweights) / np.linalg.norm(layer.weights) for layer in convolutions]


x, y = digits()
x = x.reshape(-1, 8, 8, 1)
order = np.random.default_rng(0).permutation(len(x))
x_held_out, y_held_out = x[order[:HELD_OUT]], y[order[:HELD_OUT]]
x_train, y_train = x[order[HELD_OUT:]], y[order[HELD_OUT:]]

steps = EPOCHS * -(-len(x_train) // BATCH)

figure, (left, right) = panels(1, 2, (9, 4), whole=True)
RUNS = (
    ("out = x + f(x)", True, {"color": COLORS["blue"], "marker": "o"}),
    ("plain, out = f(x)", False, {"color": COLORS["orange"], "marker": "s"}),
)
for name, residual, look in RUNS:
    model = network(residual)
    loss, rng = SoftmaxCrossEntropy(), np.random.default_rng(1)
    optimizer = SGD(learning_rate=lambda step: 0.1 * (1 - step / steps), momentum=0.9)
    print(f"{name}   {model.parameters.size:,} parameters")
    losses, first_gradients = [], None
    start = time.perf_counter()
    for epoch in range(1, EPOCHS + 1):
        total = 0.0
        for x_batch, y_batch in batches(x_train, y_train, batch_size=BATCH, rng=rng):
            total += loss.forward(model.forward(x_batch), y_batch) * len(x_batch)  # the last batch is smaller
            model.backward(loss.backward(), input_gradient=False)
            first_gradients = first_gradients or relative_gradients(model)
            optimizer.step(model)
        losses.append(total / len(x_train))
        held_out = np.mean(model.predict(x_held_out).argmax(axis=1) == y_held_out)
        print(f"epoch {epoch}   loss {losses[-1]:.4f} nats   held-out accuracy {held_out:6.2%}")
    print(f"trained in {time.perf_counter() - start:.1f} s\n")
    left.plot(np.arange(1, EPOCHS + 1), losses, **look, label=f"{name}   {held_out:.1%} right")
    right.plot(np.arange(1, len(first_gradients) + 1), first_gradients, **look, label=name)

left.set(xlabel="epoch", ylabel="training loss (nats)", title=f"the same 25 convolutions, {HELD_OUT} others read")
left.set_xticks(np.arange(1, EPOCHS + 1))
right.set(xlabel="convolution, from the image to the logits", title="gradients at the first step")
right.set_ylabel("length of dweights / length of weights")
for axes in (left, right):
    log_scale(axes)
    axes.legend(fontsize=9)
path = Path("resnet_digits.png").resolve()
figure.savefig(path, dpi=150)
print(f"picture saved to {path}")
