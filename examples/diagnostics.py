"""A network with bad first weights: the warnings, the pictures, and the cure.

python examples/diagnostics.py
"""

from pathlib import Path

from layers import Dense, ReLU, Sequential, Tanh, glorot_normal, he_normal, normal
from losses import SoftmaxCrossEntropy
from optimizers import SGD
from training import Diagnostics, digits, fit, overfit_one_batch, train_test_split

x_train, x_test, y_train, y_test = train_test_split(*digits(), stratify=True, rng=0)


def network(first, second, last):
    """Three layers, with the initializers given."""
    return Sequential(
        [
            Dense(64, 64, initializer=first),
            Tanh(),
            Dense(64, 64, initializer=second),
            ReLU(),
            Dense(64, 10, initializer=last),
        ],
        rng=0,
    )


def train(name, model, learning_rate):
    """Train under the eyes of the diagnostics, and save their picture."""
    print(f"\n{name}")
    loss, optimizer = SoftmaxCrossEntropy(), SGD(learning_rate, momentum=0.9)
    print(f"one batch by heart: {overfit_one_batch(model, loss, optimizer, x_train[:32], y_train[:32])}")
    diagnostics = Diagnostics(every=10)
    fit(model, loss, optimizer, x_train, y_train, epochs=8, validation=(x_test, y_test), rng=0, callbacks=[diagnostics])
    path = Path(f"diagnostics_{name}.png").resolve()
    diagnostics.plot().savefig(path, dpi=100)
    print(f"{len(diagnostics.warnings)} warnings; pictures saved to {path}")


# Weights with a deviation of 1 for 64 inputs: sums of size 8 saturate the Tanh, and the last layer shouts.
train("sick", network(normal(1.0), normal(0.3), normal(1.0)), learning_rate=0.05)
# The cure is what the warnings say: glorot before a Tanh, he before a ReLU, a last layer that begins by whispering.
train("cured", network(glorot_normal, he_normal, normal(0.01)), learning_rate=0.05)
