"""How the learning rate and the optimizer shape a training: seven runs on real digits, in one figure.

    python examples/training_curves.py

Every run starts from the same weights and sees the same examples in the same order: only the optimizer differs.
"""

import math
from pathlib import Path

from layers import Dense, ReLU, Sequential
from losses import SoftmaxCrossEntropy
from optimizers import SGD, Adam, OneCycle, RMSprop
from training import accuracy, digits, fit, plot_histories, train_test_split

EPOCHS, BATCH_SIZE = 20, 32
x_train, x_test, y_train, y_test = train_test_split(*digits(), stratify=True, rng=0)
n_steps = EPOCHS * math.ceil(len(x_train) / BATCH_SIZE)

optimizers = {
    "SGD, rate 0.003": SGD(0.003),
    "SGD, rate 0.03": SGD(0.03),
    "SGD, rate 0.3": SGD(0.3),
    "SGD, rate 0.03, momentum 0.9": SGD(0.03, momentum=0.9),
    "SGD, one cycle to 0.3, momentum 0.9": SGD(OneCycle(0.3, n_steps), momentum=0.9),
    "RMSprop, rate 0.001": RMSprop(0.001),
    "Adam, rate 0.001": Adam(0.001),
}
histories = {}
for name, optimizer in optimizers.items():
    model = Sequential([Dense(64, 64), ReLU(), Dense(64, 10)], rng=0)
    histories[name] = history = fit(
        model,
        SoftmaxCrossEntropy(),
        optimizer,
        x_train,
        y_train,
        epochs=EPOCHS,
        batch_size=BATCH_SIZE,
        validation=(x_test, y_test),
        metrics=accuracy,
        rng=0,
        verbose=False,
    )
    best = history.best()
    print(
        f"{name:<36} best in epoch {best['epoch']:2}: validation loss {best['validation_loss']:.4f} nats, "
        f"accuracy {best['validation_accuracy']:6.2%}"
    )

path = Path("training_curves.png").resolve()
plot_histories(histories, log=True).savefig(path, dpi=150)
print(f"the curves are saved to {path}")
