"""A training that is killed goes on as if nothing had happened: bit for bit.

    python examples/resume.py

trains a network without a break, and the same network in a process that is killed in the middle of an epoch; then
resumes that one from its checkpoint and compares. Momentum, the schedule's step, the shuffling and the stream of
Dropout are all in the checkpoint.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from layers import Dense, Dropout, ReLU, Sequential
from losses import SoftmaxCrossEntropy
from optimizers import Adam, CosineDecay
from training import accuracy, digits, fit, train_test_split

EPOCHS = 8
x_train, x_test, y_train, y_test = train_test_split(*digits(), stratify=True, rng=0)


def train(checkpoint=None, callbacks=()):
    """Train, or go on with the training that the checkpoint holds; return the model, the optimizer, the history."""
    model = Sequential([Dense(64, 64), ReLU(), Dropout(0.2), Dense(64, 10)], rng=0)
    optimizer = Adam(CosineDecay(0.005, steps=EPOCHS * 45))
    history = fit(
        model,
        SoftmaxCrossEntropy(),
        optimizer,
        x_train,
        y_train,
        epochs=EPOCHS,
        validation=(x_test, y_test),
        metrics=accuracy,
        callbacks=callbacks,
        rng=0,
        verbose=checkpoint is not None,
        checkpoint=checkpoint,
        resume=checkpoint is not None,
    )
    return model, optimizer, history


class WaitForTheEnd:
    """Stops the clock in the middle of epoch 5: who watches the process can kill it there."""

    def on_batch_end(self, run):
        if (run.epoch, run.batch_index) == (5, 20):
            print(f"in batch {run.batch_index} of epoch {run.epoch}", flush=True)
            time.sleep(60)


def train_and_kill(checkpoint):
    """Run this script as a child, and kill it: it cannot save or tidy up anything."""
    with subprocess.Popen([sys.executable, __file__, checkpoint], stdout=subprocess.PIPE, text=True) as child:
        for line in child.stdout:
            print(f"    {line}", end="")
            if line.startswith("in batch"):
                child.kill()
    print(f"    killed: exit status {child.returncode}")


def main():
    model, optimizer, history = train()
    print(f"{EPOCHS} epochs without a break: validation loss {history.validation_loss[-1]:.17g}\n")
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = str(Path(folder) / "digits.npz")
        print("a child process:")
        train_and_kill(checkpoint)
        print("\nresumed:")
        resumed_model, resumed_optimizer, resumed_history = train(checkpoint)
    print(f"validation loss {resumed_history.validation_loss[-1]:.17g}\n")

    state, resumed_state = optimizer.state_dict(), resumed_optimizer.state_dict()
    same = {
        "parameters": np.array_equal(model.parameters, resumed_model.parameters),
        "optimizer": all(np.array_equal(state[name], resumed_state[name]) for name in state),
        "history": history == resumed_history,  # seconds do not count
    }
    for what, identical in same.items():
        print(f"{what:<12}{'bit-identical' if identical else 'DIFFERENT'}")
    sys.exit(not all(same.values()))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        train(sys.argv[1], callbacks=[WaitForTheEnd()])
    else:
        main()
