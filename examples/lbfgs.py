"""An optimizer from elsewhere: the flat vectors of a network, handed to SciPy's L-BFGS.

    python -m pip install scipy
    python examples/lbfgs.py

`model.parameters` and `model.gradients` are one vector each, which is all that `scipy.optimize.minimize` wants.
"""

import sys

import numpy as np

from layers import Dense, Sequential, Tanh
from losses import SoftmaxCrossEntropy
from training import accuracy, digits, evaluate, train_test_split

try:
    from scipy.optimize import minimize
except ImportError:
    print("L-BFGS (Liu, Nocedal, 1989) comes from SciPy here, which is not installed: python -m pip install scipy")
    sys.exit(0)

WEIGHT_DECAY = 0.003
x_train, x_test, y_train, y_test = train_test_split(*digits(), stratify=True, rng=0)
model = Sequential([Dense(64, 32), Tanh(), Dense(32, 10)], dtype=np.float64, rng=0)  # line searches like precision
loss = SoftmaxCrossEntropy()
print(f"{model.parameters.size:,} parameters, {len(x_train):,} digits at each step")


def objective(parameters):
    """Return what is to be minimized, and its gradient."""
    model.parameters = parameters
    value = loss.forward(model.forward(x_train), y_train) + WEIGHT_DECAY / 2 * parameters @ parameters
    model.backward(loss.backward(), input_gradient=False)
    return value, model.gradients + WEIGHT_DECAY * parameters


found = minimize(objective, model.parameters.copy(), jac=True, method="L-BFGS-B", options={"maxiter": 200})
model.parameters = found.x
print(f"{found.nit} iterations, {found.nfev} evaluations, norm of the gradient {np.linalg.norm(found.jac):.1e}")
for name, x, y in (("training", x_train, y_train), ("held out", x_test, y_test)):
    numbers = evaluate(model, loss, x, y, metrics=accuracy)
    print(f"{name}: loss {numbers['loss']:.4f} nats, accuracy {numbers['accuracy']:.2%}")
