"""A layer of one's own: write it, have it checked, use it.

    python examples/own_layer.py

Swish with a slope that is learned (Ramachandran, Zoph, Le, 2017, arXiv:1710.05941): out = x * sigmoid(beta * x).
"""

import numpy as np

from layers import Dense, GradientError, Layer, Sequential, check_gradients
from losses import SoftmaxCrossEntropy
from optimizers import SGD
from training import spirals


class Swish(Layer):
    """out = x * sigmoid(beta * x), one beta for each feature."""

    def __init__(self, n_features):
        self.n_features = n_features
        super().__init__(beta=(n_features,))  # makes self.beta and self.dbeta, slices of the flat vectors
        self.beta = np.ones(n_features)

    def forward(self, x):
        gate = 1 / (1 + np.exp(-self.beta * x))
        self._cache = x, gate
        return x * gate

    def backward(self, dout, input_gradient=True):
        # d gate / d (beta * x) = gate * (1 - gate), which dbeta multiplies by x and dx by beta
        x, gate = self._recall()
        dgate = dout * x * gate * (1 - gate)
        self.dbeta = np.sum(dgate * x, axis=0)
        return dout * gate + dgate * self.beta if input_gradient else None


class Mistaken(Swish):
    """The same without the second term of dx: a mistake that leaves every shape right."""

    def backward(self, dout, input_gradient=True):
        gate = self._cache[1]
        super().backward(dout)
        return dout * gate if input_gradient else None


rng = np.random.default_rng(0)
print("Checked against finite differences:")
print(check_gradients(Swish(3), rng.normal(size=(5, 3))))

print("\nWith a term of dx forgotten:")
try:
    check_gradients(Mistaken(3), rng.normal(size=(5, 3)))
except GradientError as error:
    print(error)

print("\nIn a network, on three spirals:")
x, y = spirals(rng=rng)
model = Sequential([Dense(2, 32), Swish(32), Dense(32, 3)], rng=rng)
loss, optimizer = SoftmaxCrossEntropy(), SGD(learning_rate=0.5, momentum=0.9)
for step in range(601):
    value = loss.forward(model.forward(x), y)
    model.backward(loss.backward(), input_gradient=False)
    optimizer.step(model)
    if step % 200 == 0:
        print(
            f"step {step:3d}   loss {value:.4f} nats   beta from {model[1].beta.min():.2f} to {model[1].beta.max():.2f}"
        )
print(f"right: {np.mean(model.predict(x).argmax(axis=1) == y):.1%}")
