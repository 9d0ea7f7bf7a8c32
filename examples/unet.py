"""Which pixel belongs to which shape: a U-Net, whose skip connections bring back what pooling has thrown away.

    python examples/unet.py

draws circles, squares and triangles into noise, and trains a network that labels every pixel. On the way down the
image shrinks twice, so that a pixel sees the whole shape around it; on the way up it grows again. Each size on the way
up is joined with the same size on the way down: what the shape is comes from below, where its edge is from the side.
The same network without the joins is trained beside it. It prints the intersection over union of both on images that
they never saw, and draws some of them.

Ronneberger, Fischer, Brox (2015), "U-Net: Convolutional Networks for Biomedical Image Segmentation", arXiv:1505.04597.
Here the images are small, padded so that they keep their size, and normalized.
"""

import time
from pathlib import Path

import numpy as np
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from layers import BatchNorm, Conv2D, ConvTranspose2D, Graph, Join, MaxPool2D, ReLU, Sequential
from losses import SoftmaxCrossEntropy
from optimizers import Adam
from pictures.style import COLORS
from training import fit

SIZE = 32
CLASSES = ("background", "circle", "square", "triangle")
TRAINING, HELD_OUT = 800, 100  # images
EPOCHS = 8


def draw(rng):
    """Return an image (32, 32, 1) of one or two shapes in noise, and the class of each pixel (32, 32)."""
    rows, columns = np.mgrid[:SIZE, :SIZE]
    image, labels = np.zeros((SIZE, SIZE)), np.zeros((SIZE, SIZE), int)
    for _ in range(rng.integers(1, 3)):
        row, column = rng.uniform(6, SIZE - 6, 2)
        radius = rng.uniform(4.5, 8)
        down, across = rows - row, columns - column
        shape = rng.integers(1, 4)
        if shape == 1:
            inside = down**2 + across**2 <= radius**2
        elif shape == 2:
            inside = np.maximum(np.abs(down), np.abs(across)) <= 0.85 * radius
        else:
            inside = (down <= 0.7 * radius) & (2 * np.abs(across) <= down + 1.1 * radius)
        image[inside] = rng.uniform(0.6, 1.0)  # a later shape covers an earlier one
        labels[inside] = shape
    return (image + rng.normal(0, 0.15, image.shape))[..., np.newaxis].astype(np.float32), labels


def block(n_inputs, n_outputs):
    """Return two convolutions, each with its norm."""
    layers = []
    for n in (n_inputs, n_outputs):
        layers += [Conv2D(n, n_outputs, 3, padding=1, use_bias=False), BatchNorm(n_outputs), ReLU()]
    return Sequential(layers)


def unet():
    """Return the network as the paper draws it: down, across the bottom, and up."""
    return Graph(
        {
            "down1": (block(1, 8), "image"),  # (N, 32, 32, 8)
            "half": (MaxPool2D(2), "down1"),
            "down2": (block(8, 16), "half"),  # (N, 16, 16, 16)
            "quarter": (MaxPool2D(2), "down2"),
            "bottom": (block(16, 32), "quarter"),  # (N, 8, 8, 32)
            "grown2": (ConvTranspose2D(32, 16, 2, stride=2), "bottom"),
            "joined2": (Join(), "grown2", "down2"),
            "up2": (block(32, 16), "joined2"),
            "grown1": (ConvTranspose2D(16, 8, 2, stride=2), "up2"),
            "joined1": (Join(), "grown1", "down1"),
            "up1": (block(16, 8), "joined1"),
            "logits": (Conv2D(8, len(CLASSES), 1), "up1"),
        },
        rng=0,
    )


def hourglass():
    """Return the same without the joins."""
    return Sequential(
        [
            *[block(1, 8), MaxPool2D(2), block(8, 16), MaxPool2D(2), block(16, 32)],
            *[ConvTranspose2D(32, 16, 2, stride=2), block(16, 16), ConvTranspose2D(16, 8, 2, stride=2), block(8, 8)],
            Conv2D(8, len(CLASSES), 1),
        ],
        rng=0,
    )


def intersection_over_union(found, labels):
    """Return, for each shape, the pixels in both over the pixels in either."""
    return [np.sum((found == k) & (labels == k)) / np.sum((found == k) | (labels == k)) for k in (1, 2, 3)]


rng = np.random.default_rng(0)
images, labels = map(np.stack, zip(*(draw(rng) for _ in range(TRAINING + HELD_OUT)), strict=True))
steps = EPOCHS * -(-TRAINING // 16)

print(unet().summary((SIZE, SIZE, 1)), "\n")
found, scores = {}, {}
for name, model in (("U-Net", unet()), ("without the joins", hourglass())):
    start = time.perf_counter()
    optimizer = Adam(learning_rate=lambda step: 0.01 * (1 - step / steps))
    x, y = images[:TRAINING], labels[:TRAINING]
    history = fit(model, SoftmaxCrossEntropy(), optimizer, x, y, epochs=EPOCHS, batch_size=16, rng=1, verbose=False)
    found[name] = model.predict(images[TRAINING:], batch_size=50).argmax(axis=-1)
    each = intersection_over_union(found[name], labels[TRAINING:])
    scores[name] = np.mean(each)
    print(f"{name}: {model.parameters.size:,} parameters, {time.perf_counter() - start:.1f} s")
    print(f"    loss {history.loss[0]:.3f} -> {history.loss[-1]:.3f} nats a pixel")
    print("    " + "   ".join(f"{shape} {score:.3f}" for shape, score in zip(CLASSES[1:], each, strict=True)))
    print(f"    intersection over union {scores[name]:.3f} on {HELD_OUT} other images\n")

colors = ListedColormap(["0.94", COLORS["blue"], COLORS["orange"], COLORS["green"]])
columns = {"image": images[TRAINING:, ..., 0], "truth": labels[TRAINING:], **found}
figure = Figure(figsize=(7.5, 7.7), layout="constrained")
axes = figure.subplots(4, len(columns))
for picture, row in enumerate(axes):
    for place, (name, arrays) in zip(row, columns.items(), strict=True):
        if name == "image":
            place.imshow(arrays[picture], cmap="gray")
        else:
            place.imshow(arrays[picture], cmap=colors, vmin=0, vmax=3, interpolation="nearest")
        place.set(xticks=[], yticks=[])
        if picture == 0:
            place.set_title(name if name not in scores else f"{name}\nIoU {scores[name]:.3f}")
figure.legend(
    handles=[Patch(color=colors(k), label=name) for k, name in enumerate(CLASSES)], loc="outside lower center", ncols=4
)
path = Path("unet.png").resolve()
figure.savefig(path, dpi=120)
print(f"picture saved to {path}")
