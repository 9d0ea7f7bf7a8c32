"""Make keras.npz: weights, predictions and losses that Keras has computed, for coming_from_keras.md.

    pip install keras torch
    KERAS_BACKEND=torch python docs/numbers_of_keras.py

It was made with Keras 3.15.1, on PyTorch 2.13.0. Nothing else needs Keras: the page compares with the file.
"""

from pathlib import Path

import keras
import numpy as np
from keras import layers

from training import digits

rng = np.random.default_rng(0)
numbers = {}


def keep(name, model, x):
    """Draw all weights, the moving averages too, and keep them by layer and name, with x and what comes out."""
    for layer in model.layers:
        drawn = [rng.normal(0.0, 0.5, w.shape) for w in layer.get_weights()]
        if isinstance(layer, layers.BatchNormalization):
            drawn[3] = np.abs(drawn[3]) + 0.5
        layer.set_weights(drawn)
        for variable in layer.weights:
            numbers[f"{name}/{layer.name}/{variable.name}"] = np.array(variable.value.tolist(), np.float32)
    numbers[f"{name}/x"] = x
    numbers[f"{name}/out"] = np.asarray(model.predict(x, verbose=0))


image = [
    keras.Input((8, 8, 1)),
    layers.Conv2D(4, 3, padding="same", activation="relu", name="conv"),
    layers.BatchNormalization(name="norm"),
    layers.MaxPooling2D(2),
    layers.Flatten(),
    layers.Dense(10, name="dense"),
]
keep("image", keras.Sequential(image), rng.normal(size=(5, 8, 8, 1)).astype(np.float32))

tokens = rng.integers(0, 9, (5, 6)).astype(np.int32)
for kind in (layers.LSTM, layers.GRU):
    text = [keras.Input((6,)), layers.Embedding(9, 3, name="table"), kind(4, name="rnn"), layers.Dense(2, name="dense")]
    keep(kind.__name__.lower(), keras.Sequential(text), tokens)

# The digits, in their order, from weights that are drawn here.
x, y = digits()
model = keras.Sequential([keras.Input((64,)), layers.Dense(32, activation="relu"), layers.Dense(10)])
first = [rng.normal(0, scale, shape) for scale, shape in ((0.2, (64, 32)), (0, 32), (0.2, (32, 10)), (0, 10))]
model.set_weights(first)
for name, array in zip(("0.weights", "0.bias", "2.weights", "2.bias"), model.get_weights(), strict=True):
    numbers[f"digits/{name}"] = array
loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
model.compile(keras.optimizers.SGD(0.05, momentum=0.9), loss, metrics=["accuracy"])
history = model.fit(x, y, epochs=10, batch_size=32, shuffle=False, verbose=0).history
numbers["digits/loss"], numbers["digits/accuracy"] = history["loss"], history["accuracy"]

np.savez_compressed(Path(__file__).with_name("keras.npz"), **numbers)
print(keras.__version__, keras.backend.backend(), history["loss"], *sorted(numbers), sep="\n")
