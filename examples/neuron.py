"""One neuron, then a layer, then the end of a classifier: the lecture notes on backpropagation, executed.

python examples/neuron.py
"""

import numpy as np

from layers import Dense, ReLU, Sequential, Softmax
from losses import SoftmaxCrossEntropy
from optimizers import SGD

np.set_printoptions(precision=4, suppress=True)

print("One neuron: out = relu(x . w + b), three inputs")
neuron = Sequential([Dense(3, 1), ReLU()], dtype=np.float64)
x = np.array([[1.0, -2.0, 3.0]])
neuron[0].weights = [[-3.0], [-1.0], [2.0]]
neuron[0].bias = [1.0]
out = neuron.forward(x)
dx = neuron.backward(np.ones((1, 1)))  # what comes after is unknown, so the notes take dout = 1
print(f"    out {out[0, 0]:.1f}   (notes: 6.0)")
print(f"    dx {dx[0]}   = w, since the ReLU lets the gradient through")
print(f"    dw {neuron[0].dweights[:, 0]}   = x")
print(f"    db {neuron[0].dbias}")

print("\nFive steps against that gradient, to make the output small, at learning rate 0.01")
optimizer = SGD(learning_rate=0.01)
for epoch in range(1, 6):
    before = neuron.forward(x)[0, 0]
    neuron.backward(np.ones((1, 1)))
    optimizer.step(neuron)
    print(f"    epoch {epoch}: {before:.2f} -> {neuron.predict(x)[0, 0]:.2f}")

print("\nA layer: a batch of 3 examples through Dense(4, 3) and ReLU, and dvalues back")
print("(the notes copy the ReLU's output where dvalues belong, so that their dweights are others)")
dense, relu = Dense(4, 3), ReLU()
dense.weights = np.array([[0.2, 0.8, -0.5, 1.0], [0.5, -0.91, 0.26, -0.5], [-0.26, -0.27, 0.17, 0.87]]).T
dense.bias = [1.0, 2.0, 3.0]
inputs = np.array([[1.0, 2.0, 3.0, 2.5], [2.0, 5.0, -1.0, 2.0], [-1.5, 2.7, 3.3, -0.8]])
dvalues = np.array([[1.0, 1.0, 1.0], [2.0, 2.0, 2.0], [3.0, 3.0, 3.0]])
out = relu.forward(dense.forward(inputs))
drelu = relu.backward(
    dvalues
)  # dvalues where the unit is on; the notes copy the ReLU's output here, which is no gradient
dense.backward(drelu)
print(f"out\n{out}\ndvalues through the ReLU\n{drelu}\ndweights\n{dense.dweights}\ndbias {dense.dbias}")
SGD(learning_rate=0.001).step(dense)
print(f"weights after a step at learning rate 0.001\n{dense.weights}\nbias {dense.bias}")

print("\nThe Jacobian of softmax at y_hat = [0.7, 0.1, 0.2]: row i is what backward answers to dout = 1 at output i")
y_hat = np.array([0.7, 0.1, 0.2])
softmax = Softmax()
softmax.forward(np.tile(np.log(y_hat), (3, 1)))  # softmax(log(y_hat)) = y_hat
jacobian = softmax.backward(np.eye(3))
print(jacobian)
print(f"    equal to diag(y_hat) - y_hat y_hatᵀ: {np.allclose(jacobian, np.diag(y_hat) - np.outer(y_hat, y_hat))}")

print("\nSoftmax and categorical cross-entropy in one: the gradient of the logits is y_hat - y")
loss = SoftmaxCrossEntropy(reduction="sum")
value = loss.forward(np.log(y_hat)[np.newaxis], np.array([0]))
print(f"    true class 0: loss {value:.4f} nats = -log(0.7), gradient {loss.backward()[0]} = y_hat - [1, 0, 0]")
